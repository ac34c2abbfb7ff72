/** The gates of a rollout now: what was measured on both sides, how sure, and how near to failing. */
import { count, figure, interval, words } from '../format.ts'
import { Scroll } from './page.tsx'
import { Status } from './status.tsx'

export interface GateRow {
  readonly gate: string
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

export function GateStates({ gates }: { gates: readonly GateRow[] }) {
  if (gates.length === 0) return <p className="muted">No gate has been judged yet.</p>
  return (
    <Scroll label="Gates of the rollout">
      <table>
        <thead>
          <tr>
            <th>Gate</th>
            <th>Status</th>
            <th className="num">Candidate</th>
            <th className="num">Stable</th>
            <th className="num">Difference, interval</th>
            <th className="num">Evidence / limit</th>
            <th className="num">Sample</th>
            <th>In words</th>
          </tr>
        </thead>
        <tbody>
          {gates.map((gate) => (
            <tr key={`${gate.gate} ${gate.slice}`}>
              <td>
                {words(gate.gate)}
                {gate.slice !== null && <div className="muted small">{gate.slice}</div>}
              </td>
              <td>
                <Status
                  word={gate.status}
                  tone={gate.status === 'waiting' ? 'idle' : gate.status === 'passing' ? 'good' : 'bad'}
                />
              </td>
              <td className="num">{figure(gate.candidate)}</td>
              <td className="num">{figure(gate.stable)}</td>
              <td className="num">{interval(gate.interval)}</td>
              <td className="num">
                {figure(gate.evidence, 3)} / {figure(gate.boundary, 3)}
              </td>
              <td className="num">
                {gate.n < gate.n_min ? `${count(gate.n)} of ${count(gate.n_min)}` : count(gate.n)}
              </td>
              <td className="break" style={{ minWidth: 220 }}>
                {gate.reason}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}
