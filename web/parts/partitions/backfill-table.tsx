/** Backfills of a pipeline, newest first. */
import { Link } from '@tanstack/react-router'
import type { Backfill } from '../../data/pipelines/partition-queries.ts'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'
import { TimeCell } from '../table/time-cell.tsx'
import { StateBar } from './state-bar.tsx'

export function BackfillTable({ items }: { items: readonly Backfill[] }) {
  return (
    <DataTable headings={['State', 'Backfill', 'Range', 'Partitions', 'Why', ['Started', 'num']]}>
      {items.map((one) => (
        <tr key={one.id} data-row>
          <td>
            <Status word={one.state} />
          </td>
          <td>
            <Link to="/backfills/$id" params={{ id: one.id }}>
              {one.project}
            </Link>{' '}
            <code>{one.id.slice(-6)}</code>
          </td>
          <td>{rangeOf(one)}</td>
          <td>
            <StateBar counts={one.counts} wide />
          </td>
          <td className="break">{one.trouble ?? one.reason}</td>
          <TimeCell at={one.created_at} />
        </tr>
      ))}
    </DataTable>
  )
}

/** For example "2026-01 to 2026-03, failed ones". */
export function rangeOf({ plan: { from, to, only } }: Backfill): string {
  const range = from === null && to === null ? 'all' : `${from ?? 'the first'} to ${to ?? 'the newest'}`
  return only === 'all' ? range : `${range}, ${only} ones`
}
