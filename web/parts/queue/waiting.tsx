/** Steps that wait for a place, in the order of the line: since when, why, and what may be done about it. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { pipelinesApi } from '../../../src/contract/pipelines.ts'
import { call } from '../../data/api.ts'
import { count, duration, fullSentence, plural } from '../../../src/contract/text/format.ts'
import { WAIT_WORDS, waitingSteps } from '../../data/pipelines/queue.ts'
import type { WaitingStep } from '../../data/pipelines/queue.ts'
import { Confirm } from '../form/confirm.tsx'
import { LoadingPanel } from '../page/loading-panel.tsx'
import { Empty } from '../page/placeholders.tsx'
import { Status } from '../page/status.tsx'
import { ActionsCell } from '../table/actions-cell.tsx'
import { DataTable } from '../table/data-table.tsx'
import { FilterablePanel } from '../table/filterable-panel.tsx'
import { ChangePriority } from './priority.tsx'
import { StepCell } from './step-link.tsx'

const TITLE = 'Waiting'

export function WaitingPanel() {
  const query = useQuery(waitingSteps)
  if (query.data === undefined)
    return <LoadingPanel title={TITLE} query={query} what="The line of steps" height={200} />
  const { items, left_out } = query.data
  const behind = left_out === 0 ? {} : { note: `the first ${count(items.length)}; ${count(left_out)} more behind them` }
  return (
    <FilterablePanel
      title={TITLE}
      note={items.length === 0 ? 'for a place' : 'the next one first'}
      {...behind}
      items={items}
      textOf={({ project, run, step, pool, why }) => [project, run, step, pool ?? '', why].join(' ')}
      flush
    >
      {(found) => (items.length === 0 ? <NoneWaits leftOut={left_out} /> : <WaitingTable items={found} />)}
    </FilterablePanel>
  )
}

/** Steps of a project may all stand behind those that are looked at. */
function NoneWaits({ leftOut }: { leftOut: number }) {
  return leftOut === 0 ? (
    <Empty title="Nothing waits">Every step whose turn it is has a place.</Empty>
  ) : (
    <Empty title={`${plural(leftOut, 'step')} far behind in the line`}>
      Only the front of the line is looked at, and it is of other projects.
    </Empty>
  )
}

function WaitingTable({ items }: { items: readonly WaitingStep[] }) {
  return (
    <DataTable
      headings={[
        ['Place', 'num'],
        'Step',
        'Pool',
        ['Priority', 'num'],
        ['Waited', 'num'],
        'What is in its way',
        ['Actions', 'sr'],
      ]}
    >
      {items.map((one) => (
        <tr key={`${one.run} ${one.step}`} data-row>
          <td className="num">{count(one.place)}</td>
          <StepCell {...one} />
          <td>{one.pool !== null && <Link to="/pools">{one.pool}</Link>}</td>
          <td className="num">{one.priority}</td>
          <td className="num">{duration(one.waited_ms)}</td>
          <td className="break" style={{ minWidth: 240 }}>
            <Status word={one.wait} label={WAIT_WORDS[one.wait]} />
            <div className="small">{fullSentence(one.why)}</div>
          </td>
          <ActionsCell>
            <ChangePriority {...one} />
            <CancelRun {...one} />
          </ActionsCell>
        </tr>
      ))}
    </DataTable>
  )
}

function CancelRun({ project, run }: Pick<WaitingStep, 'project' | 'run'>) {
  return (
    <Confirm
      label="Cancel the run"
      needs={{ verb: 'write', resource: 'pipelines' }}
      tone="danger"
      preview={
        <p>
          Ends run <code>{run.slice(-6)}</code> of {project}, not this step alone. Running steps are asked to stop, then
          killed. Results of finished steps stay in the cache.
        </p>
      }
      act={() =>
        call<typeof pipelinesApi.cancelPipelineRun>('POST', '/v1/pipeline-runs/:id/cancel', { params: { id: run } })
      }
    />
  )
}
