/** The gates of a rollout now: what was compared, both figures, how sure, and how near to failing. */
import { count, figure, interval, words } from '../../../src/contract/text/format.ts'
import { comparisonText, failingFirst, foldSlices, gateFigure, nearness } from '../../data/endpoints/gates.ts'
import { Scroll } from '../page/page.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'

export interface GateRow {
  readonly gate: string
  /** The metric of the plan that it compares; absent where it is another kind. */
  readonly metric?: string | undefined
  readonly slice: string | null
  readonly status: string
  readonly evidence: number
  readonly boundary: number
  readonly n: number
  readonly n_min: number
  readonly candidate: number | null
  readonly stable: number | null
  readonly interval: readonly [number, number] | null
  readonly reason: string
}

export interface GateStatesProps {
  readonly gates: readonly GateRow[]
  /** Names the table among others of its page. */
  readonly label?: string
}

export function GateStates({ gates, label = 'Gates of the rollout' }: GateStatesProps) {
  if (gates.length === 0) return <p className="muted">No gate has been evaluated yet.</p>
  const [shown, folded] = foldSlices(failingFirst(gates), (gate) => gate.status === 'failing')
  return (
    <>
      <Table gates={shown} label={label} />
      {folded.length > 0 && (
        <details>
          <summary className="small">
            {folded.length} more {folded.length === 1 ? 'slice' : 'slices'}, none failing
          </summary>
          <Table gates={folded} label={`${label}, slices`} />
        </details>
      )}
    </>
  )
}

function Table({ gates, label }: { gates: readonly GateRow[]; label: string }) {
  return (
    <Scroll label={label}>
      <DataTable
        headings={[
          'Gate',
          'Status',
          ['Candidate', 'num'],
          ['Stable', 'num'],
          ['Difference (interval)', 'num'],
          ['E-value / limit', 'num'],
          ['Sample', 'num'],
          'Explanation',
        ]}
      >
        {gates.map((gate) => (
          <Row key={`${gate.gate} ${gate.slice}`} gate={gate} />
        ))}
      </DataTable>
    </Scroll>
  )
}

function Row({ gate }: { gate: GateRow }) {
  const fails = gate.status === 'failing'
  return (
    <tr>
      <td style={{ minWidth: 170 }}>
        {words(gate.gate)}
        {gate.slice !== null && <div className="small">{gate.slice}</div>}
        <div className="muted small">{comparisonText(gate)}</div>
      </td>
      <td>
        <Status
          word={gate.status}
          tone={gate.status === 'waiting' ? 'idle' : gate.status === 'passing' ? 'good' : 'bad'}
        />
      </td>
      <td className="num">{gateFigure(gate.gate, gate.candidate)}</td>
      <td className="num">{gateFigure(gate.gate, gate.stable)}</td>
      <td className="num">{interval(gate.interval)}</td>
      <td className="num">
        {figure(gate.evidence, 3)} / {figure(gate.boundary, 3)}
        <div className="bar" aria-hidden="true">
          <i style={{ width: `${nearness(gate) * 100}%`, ...(fails && { background: 'var(--bad)' }) }} />
        </div>
      </td>
      <td className="num">{gate.n < gate.n_min ? `${count(gate.n)} of ${count(gate.n_min)}` : count(gate.n)}</td>
      <td className="break" style={{ minWidth: 180 }}>
        {gate.reason}
      </td>
    </tr>
  )
}
