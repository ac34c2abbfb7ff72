/** How many values of a column are there, and why the others are not, as a bar and in words. */
import { count } from '../../../src/contract/text/format.ts'
import { saidOf, STATUSES, tallied } from '../../data/features/statuses.ts'
import type { StatusCounts } from '../../data/features/statuses.ts'

export function StatusBar({ counts }: { counts: StatusCounts }) {
  return (
    <span role="img" className="status-bar" aria-label={saidOf(counts)} title={saidOf(counts)}>
      {tallied(counts).map(([status, rows]) => (
        <span key={status} className={`st-${status}`} style={{ flexGrow: rows }} />
      ))}
    </span>
  )
}

/** What the parts of the bars mean; only those that occur. */
export function StatusLegend({ columns }: { columns: readonly StatusCounts[] }) {
  const totals: Partial<Record<keyof typeof STATUSES, number>> = {}
  for (const counts of columns)
    for (const [status, rows] of tallied(counts)) totals[status] = (totals[status] ?? 0) + rows
  return (
    <ul className="status-legend">
      {tallied(totals).map(([status, rows]) => (
        <li key={status}>
          <i className={`st-${status}`} aria-hidden="true" />
          <span>
            <b>{STATUSES[status].word}</b> {count(rows)}: {STATUSES[status].means}
          </span>
        </li>
      ))}
    </ul>
  )
}
