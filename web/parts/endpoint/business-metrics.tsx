/** The metrics of the business by side: what each version reached, and the difference with its interval, valid whenever one looks. */
import { count, figure, interval, words } from '../../../src/contract/text/format.ts'
import type { Rollout } from '../../data/queries.ts'
import { Scroll } from '../page/page.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'

const [WIDTH, HEIGHT] = [160, 20]

export function BusinessMetrics({ rollout }: { rollout: Rollout }) {
  const metrics = (rollout.plan.metrics ?? []).flatMap(({ name }) =>
    rollout.gates.filter(({ metric }) => metric === name).map((gate) => ({ name, gate })),
  )
  if (metrics.length === 0) return null
  const deciding = rollout.plan.ab?.metric
  return (
    <>
      <h3>Metrics by version</h3>
      <Scroll label="Metrics by version">
        <DataTable
          headings={[
            'Metric',
            [`Version ${rollout.version}`, 'num'],
            [`Version ${rollout.stable_version}`, 'num'],
            ['Difference', 'num'],
            'Interval against 0',
            ['Values per version', 'num'],
          ]}
        >
          {metrics.map(({ name, gate }) => (
            <tr key={name}>
              <td>
                {words(name)}
                {name === deciding && <div className="muted small">decides the rollout</div>}
              </td>
              <td className="num">{figure(gate.candidate)}</td>
              <td className="num">{figure(gate.stable)}</td>
              <td className="num">{interval(gate.interval)}</td>
              <td>{gate.interval === null ? <Status word="no_data" /> : <Bar bounds={gate.interval} />}</td>
              <td className="num">{count(gate.n)}</td>
            </tr>
          ))}
        </DataTable>
      </Scroll>
    </>
  )
}

/** The interval on a line through 0: which side of it, and how surely. */
function Bar({ bounds: [from, to] }: { bounds: readonly [number, number] }) {
  const reach = Math.max(Math.abs(from), Math.abs(to), 1e-12)
  const x = (value: number): number => WIDTH / 2 + (value / reach) * (WIDTH / 2 - 4)
  const said = from > 0 ? 'above 0' : to < 0 ? 'below 0' : 'includes 0'
  return (
    <svg width={WIDTH} height={HEIGHT} role="img" aria-label={`interval ${said}`}>
      <line x1={WIDTH / 2} x2={WIDTH / 2} y1={2} y2={HEIGHT - 2} stroke="var(--line-strong, var(--muted))" />
      <line x1={x(from)} x2={x(to)} y1={HEIGHT / 2} y2={HEIGHT / 2} stroke="currentColor" strokeWidth={3} />
      {[from, to].map((end) => (
        <line key={end} x1={x(end)} x2={x(end)} y1={5} y2={HEIGHT - 5} stroke="currentColor" strokeWidth={2} />
      ))}
    </svg>
  )
}
