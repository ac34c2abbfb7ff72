/** Partitions: every pipeline that is divided, and how its partitions stand. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import * as read from '../../data/pipelines/partition-queries.ts'
import { saidOf } from '../../data/pipelines/partition-states.ts'
import { ListPage } from '../../parts/page/list-page.tsx'
import { Empty } from '../../parts/page/placeholders.tsx'
import { StateBar } from '../../parts/partitions/state-bar.tsx'
import { DataTable } from '../../parts/table/data-table.tsx'

export function PartitionedPage() {
  return (
    <ListPage
      title="Partitions"
      lead="Pipelines whose runs are each for an hour, a day, a week, a month or a part of a list."
      panel="Pipelines"
      query={useQuery(read.partitioned)}
      empty={
        <Empty
          title="No partitioned pipelines yet"
          commands={['slipway backfill my-project --from 2026-01 --to 2026-03']}
        >
          A pipeline with “partitions” in its section “pipeline” runs for one stretch of time at once, and a backfill
          runs it for each of many.
        </Empty>
      }
    >
      {(items) => (
        <DataTable headings={['Pipeline', 'By', ['Partitions', 'num'], 'How they stand', 'In words']}>
          {items.map(({ project, by, timezone, partitions, states }) => (
            <tr key={project} data-row>
              <td>
                <Link to="/partitions/$project" params={{ project }} className="strong">
                  {project}
                </Link>
              </td>
              <td>{by === null ? 'list' : `${by}, ${timezone ?? 'UTC'}`}</td>
              <td className="num">{partitions}</td>
              <td>
                <StateBar counts={states} wide />
              </td>
              <td className="break">{saidOf(states)}</td>
            </tr>
          ))}
        </DataTable>
      )}
    </ListPage>
  )
}
