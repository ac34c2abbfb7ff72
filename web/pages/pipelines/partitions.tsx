/** The partitions of a pipeline by its steps: which are done, which failed, which are missing; and the backfills that run them. */
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { failedIn, saidOf } from '../../data/pipelines/partition-states.ts'
import * as read from '../../data/pipelines/partition-queries.ts'
import type { PartitionMatrix } from '../../data/pipelines/partition-queries.ts'
import { OnePage } from '../../parts/page/one-page.tsx'
import { Panel } from '../../parts/page/page.tsx'
import { Loaded } from '../../parts/page/placeholders.tsx'
import { BackfillTable } from '../../parts/partitions/backfill-table.tsx'
import { Matrix } from '../../parts/partitions/matrix.tsx'
import { RunPartitions } from '../../parts/partitions/run-partitions.tsx'

export function PartitionsPage() {
  const { project } = useParams({ from: '/partitions/$project' })
  return (
    <OnePage
      title="Partitions"
      crumbs={<Link to="/partitions">Partitions</Link>}
      query={useQuery(read.partitionMatrix(project))}
      what="The partitions"
      head={(matrix) => ({
        title: `Partitions of ${project}`,
        lead: leadOf(matrix),
        actions: <Actions matrix={matrix} />,
      })}
    >
      {(matrix) => (
        <>
          <Panel title="By step" note="the newest first; a group opens into its partitions" flush>
            {matrix.groups.length === 0 ? (
              <p className="empty">The first partition has not ended yet.</p>
            ) : (
              <Matrix matrix={matrix} />
            )}
          </Panel>
          <RecentBackfills project={project} />
        </>
      )}
    </OnePage>
  )
}

function leadOf({ by, timezone, partitions, states }: PartitionMatrix): string {
  const kind = by === null ? 'of a list' : `by ${by} of ${timezone ?? 'UTC'}`
  return partitions === 0 ? `Partitions ${kind}.` : `${partitions} ${kind}: ${saidOf(states)}.`
}

function Actions({ matrix: { project, states } }: { matrix: PartitionMatrix }) {
  const failed = failedIn(states)
  const missing = states.missing ?? 0
  return (
    <>
      {failed > 0 && (
        <RunPartitions
          label="Run what failed"
          project={project}
          only="failed"
          what={`the ${failed} partition${failed === 1 ? '' : 's'} whose newest run failed or was cancelled`}
        />
      )}
      {missing > 0 && (
        <RunPartitions
          label="Run what is missing"
          project={project}
          only="missing"
          what="each partition of which no run has succeeded"
        />
      )}
    </>
  )
}

function RecentBackfills({ project }: { project: string }) {
  return (
    <Panel title="Backfills" note="the newest ten" flush>
      <Loaded query={useQuery(read.backfills(project))} what="The backfills" height={120}>
        {({ items }) =>
          items.length === 0 ? <p className="empty">No backfill yet.</p> : <BackfillTable items={items} />
        }
      </Loaded>
    </Panel>
  )
}
