/** Triggers: what starts pipelines by itself, and whether each can look. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import * as read from '../../data/pipelines/trigger-queries.ts'
import type { Trigger } from '../../data/pipelines/trigger-queries.ts'
import { ListPage } from '../../parts/page/list-page.tsx'
import { Empty } from '../../parts/page/placeholders.tsx'
import { PipelineRunLink } from '../../parts/page/pipeline-run-link.tsx'
import { RelativeTime } from '../../parts/page/relative-time.tsx'
import { Status } from '../../parts/page/status.tsx'
import { DataTable } from '../../parts/table/data-table.tsx'

export function TriggersPage() {
  return (
    <ListPage
      title="Triggers"
      lead="What starts pipelines by itself besides their schedules, and whether each can look."
      query={useQuery(read.triggers)}
      empty={
        <Empty title="No triggers yet" commands={['slipway triggers']}>
          A trigger under “pipeline.triggers” of slipway.yaml starts a run when data arrives, an alias moves, an
          incident opens, another pipeline ends, a branch is pushed to, or a signed call comes.
        </Empty>
      }
    >
      {(items) => (
        <DataTable headings={['State', 'Trigger', 'Watches', ['Pending', 'num'], 'Last run', 'Noticed']}>
          {items.map((one) => (
            <Row key={`${one.project}/${one.name}`} trigger={one} />
          ))}
        </DataTable>
      )}
    </ListPage>
  )
}

function Row({ trigger }: { trigger: Trigger }) {
  const { project, name, state, watches, trouble, pending, last_run: run, last_event_at: at } = trigger
  return (
    <tr data-row>
      <td>
        <Status word={state} />
      </td>
      <td>
        <Link to="/triggers/$project/$name" params={{ project, name }} className="strong">
          {project}/{name}
        </Link>
      </td>
      <td className="break">
        {watches}
        {trouble !== null && <div className="note">{trouble}</div>}
      </td>
      <td className="num">{pending}</td>
      <td>{run !== null && <PipelineRunLink id={run} of={name} />}</td>
      <td>{at !== null && <RelativeTime at={at} />}</td>
    </tr>
  )
}
