/** The columns of a version: how the values of each lie. */
import { Histogram } from '../../charts/histogram.tsx'
import { count, figure, fullSentence, percent } from '../../../src/contract/text/format.ts'
import type { DataSetVersion } from '../../data/data-sets.ts'
import { Empty } from '../page/placeholders.tsx'
import { DataTable } from '../table/data-table.tsx'

type Column = DataSetVersion['columns'][number]

export function Columns({ version: { state, reason, columns } }: { version: DataSetVersion }) {
  if (state === 'profiling') return <Empty title="The version is being profiled" />
  if (state === 'unprofiled') return <Empty title="No columns">{fullSentence(reason)}</Empty>
  return (
    <DataTable headings={['Column', 'Type', ['Missing', 'num'], ['Distinct', 'num'], 'Values', 'Shape']}>
      {columns.map((column) => (
        <tr key={column.name} data-row>
          <td className="key strong">{column.name}</td>
          <td>{column.type}</td>
          <td className="num">{percent(column.missing / Math.max(1, column.count + column.missing))}</td>
          <td className="num">
            {column.distinct_exact ? '' : 'about '}
            {count(column.distinct)}
          </td>
          <td className="break">{valuesOf(column)}</td>
          <td>
            <Shape column={column} />
          </td>
        </tr>
      ))}
    </DataTable>
  )
}

function Shape({ column: { name, histogram, top } }: { column: Column }) {
  const counts = histogram === null ? top.map((one) => one.count) : evenly(histogram)
  if (counts.length === 0) return null
  const what = histogram === null ? 'Most frequent values' : 'Histogram'
  return (
    <Histogram counts={counts} said={`${what} of ${name}: ${counts.map((n) => count(Math.round(n))).join(', ')}`} />
  )
}

/** Bins of a profile hold equal shares, so that they say nothing by their counts: rows by width do. */
function evenly({ edges, counts }: NonNullable<Column['histogram']>): number[] {
  const [low = 0, high = 0] = [edges[0], edges.at(-1)]
  if (high <= low) return [...counts]
  const bars = Array.from({ length: 24 }, () => 0)
  for (const [i, n] of counts.entries()) {
    const [from, to] = [edges[i] ?? high, edges[i + 1] ?? high]
    const first = Math.min(23, Math.floor((24 * (from - low)) / (high - low)))
    const last = Math.max(first, Math.min(23, Math.ceil((24 * (to - low)) / (high - low)) - 1))
    for (let bar = first; bar <= last; bar++) bars[bar] = (bars[bar] ?? 0) + n / (last - first + 1)
  }
  return bars
}

function valuesOf({ type, min, max, quantiles, top }: Column): string {
  if (min !== null && max !== null) {
    if (type === 'time') return `${new Date(min).toISOString()} to ${new Date(max).toISOString()}`
    const middle = quantiles.find(({ share }) => share === 0.5)?.value
    return `${figure(min)} to ${figure(max)}, median ${figure(middle)}`
  }
  return top
    .slice(0, 4)
    .map(({ value, count: n }) => `${value} (${count(n)})`)
    .join(', ')
}
