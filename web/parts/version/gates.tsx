/** The gates of a version: outcome, threshold, value, interval, sample, reason; a verdict can be judged again. */
import { useMutation } from '@tanstack/react-query'
import type { registryApi } from '../../../src/contract/registry.ts'
import { call } from '../../data/api.ts'
import { count, figure, interval } from '../../../src/contract/text/format.ts'
import type { Version } from '../../data/queries.ts'
import { Empty } from '../page/placeholders.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'
import { GateCells, WhyCell } from '../table/gate-cells.tsx'

export function Gates({ verdict }: { verdict: Version['verdict'] }) {
  if (verdict === null) {
    return (
      <Empty title="Not evaluated yet">
        Gates are defined in slipway.yaml under the model. They are evaluated when a pipeline registers a version or an
        alias moves.
      </Empty>
    )
  }
  return (
    <>
      <DataTable
        headings={[
          'Gate',
          'Outcome',
          ['Value', 'num'],
          ['Threshold', 'num'],
          ['Interval', 'num'],
          ['Sample', 'num'],
          'Explanation',
        ]}
      >
        {verdict.gates.map((gate) => (
          <tr key={`${gate.name} ${gate.slice}`} data-row>
            <GateCells gate={gate} />
            <td className="num">{figure(gate.value)}</td>
            <td className="num">{figure(gate.threshold)}</td>
            <td className="num">{interval(gate.interval)}</td>
            <td className="num">{count(gate.n)}</td>
            <WhyCell>{gate.reason}</WhyCell>
          </tr>
        ))}
      </DataTable>
      <div style={{ padding: '8px 16px' }}>
        <ReplayVerdict id={verdict.id} />
      </div>
    </>
  )
}

function ReplayVerdict({ id }: { id: string }) {
  const replay = useMutation({
    mutationFn: () => call<typeof registryApi.replayVerdict>('POST', '/v1/verdicts/:id/replay', { params: { id } }),
  })
  if (replay.data !== undefined) {
    const { same, comparable, says } = replay.data
    return (
      <Status
        word="replay"
        tone={same ? 'good' : comparable ? 'bad' : 'idle'}
        label={same ? 'Re-evaluated from the stored inputs: same verdict' : `Re-evaluated: ${says}`}
      />
    )
  }
  return (
    <button type="button" className="button" disabled={replay.isPending} onClick={() => replay.mutate()}>
      {replay.error === null ? 'Re-evaluate from the stored inputs' : 'Re-evaluation failed; try again'}
    </button>
  )
}
