/** Groups of runs that differ by their seed alone: the mean of each metric with its 95 % interval. */
import { halfWidth } from '../../charts/curves/bands.ts'
import { seriesColour } from '../../data/colours.ts'
import { count, figure } from '../../../src/contract/text/format.ts'
import type { RunRow } from '../../data/queries.ts'
import type { SeedGroup } from '../../data/runs/seeds.ts'
import { Panel } from '../page/page.tsx'
import { DataTable } from '../table/data-table.tsx'

export interface SeedTableProps {
  readonly seed: string
  readonly groups: readonly SeedGroup<RunRow>[]
  readonly metrics: readonly string[]
}

export function SeedTable({ seed, groups, metrics }: SeedTableProps) {
  return (
    <Panel
      title={`Repeats over ${seed}`}
      note="mean of the last values ± half the width of its 95 % interval (Student’s t)"
      flush
    >
      <DataTable
        headings={['Params that differ', ['Runs', 'num'], ...metrics.map((metric) => [metric, 'num'] as const)]}
      >
        {groups.map((group, i) => (
          <tr key={group.label} data-row>
            <td className="break">
              <span className="chip" style={{ whiteSpace: 'normal' }}>
                <i style={{ background: seriesColour(i) }} />
                {group.label}
              </span>
            </td>
            <td className="num">{count(group.runs.length)}</td>
            {metrics.map((metric) => (
              <td key={metric} className="num">
                {meanText(group.runs, metric)}
              </td>
            ))}
          </tr>
        ))}
      </DataTable>
    </Panel>
  )
}

function meanText(runs: readonly RunRow[], metric: string): string {
  const values = runs.flatMap((run) => {
    const value = run.metrics[metric]
    return typeof value === 'number' ? [value] : []
  })
  if (values.length === 0) return '–'
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  if (values.length < 2) return `${figure(mean)} (1 run)`
  return `${figure(mean)} ± ${figure(halfWidth(values, mean), 2)}`
}
