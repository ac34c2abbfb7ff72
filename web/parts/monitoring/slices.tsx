/** Quality by slice over the whole range, the worst first. */
import { useQueries } from '@tanstack/react-query'
import { count, figure, interval, percent } from '../../../src/contract/text/format.ts'
import { METRIC_NAMES } from '../../data/endpoints/metric-names.ts'
import * as read from '../../data/queries.ts'
import type { Performance } from '../../data/queries.ts'
import { Panel } from '../page/page.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'

const MOST = 40

export function SliceTable({
  endpoint,
  slices,
  range,
}: {
  endpoint: string
  slices: readonly string[]
  range: read.Range
}) {
  const all = useQueries({ queries: slices.map((slice) => read.performance(endpoint, range, 'all', slice)) })
  const rows = all
    .flatMap((query) => query.data?.items ?? [])
    .filter((row) => row.slice !== null && (row.metric === 'roc_auc' || row.metric === 'brier'))
    .sort(worstFirst)
  if (rows.length === 0) return null
  return (
    <Panel title="Slices" note={`by ${slices.join(', ')}; the worst first`} flush>
      <DataTable headings={['Slice', 'Metric', ['Estimate', 'num'], ['Interval', 'num'], ['Labelled', 'num'], 'State']}>
        {rows.slice(0, MOST).map((row) => (
          <tr key={`${row.slice} ${row.value} ${row.metric} ${row.version}`} data-row>
            <td className="break">
              {row.slice} = {row.value}
            </td>
            <td>{METRIC_NAMES[row.metric]}</td>
            <td className="num">{figure(row.estimate)}</td>
            <td className="num">{interval(row.interval)}</td>
            <td className="num">
              {count(row.labelled)} ({percent(row.coverage, 0)})
            </td>
            <td>
              {row.estimate === null ? (
                <Status word="not_enough_data" />
              ) : (
                <Status
                  word="final"
                  tone={row.provisional ? 'idle' : 'good'}
                  label={row.provisional ? 'provisional' : 'final'}
                />
              )}
            </td>
          </tr>
        ))}
      </DataTable>
    </Panel>
  )
}

/** Groups by metric; a low AUC and a high Brier score come first; unknown ones last. */
function worstFirst(a: Performance, b: Performance): number {
  if (a.metric !== b.metric) return a.metric === 'roc_auc' ? -1 : 1
  return badness(b) - badness(a)
}

function badness(row: Performance): number {
  if (row.estimate === null) return -Infinity
  return row.metric === 'roc_auc' ? -row.estimate : row.estimate
}
