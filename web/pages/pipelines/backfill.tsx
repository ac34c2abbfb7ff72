/** A backfill: how far it is, what failed and why, and how to cancel or retry it. */
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import type { backfillsApi } from '../../../src/contract/pipelines/backfills.ts'
import { call } from '../../data/api.ts'
import { fullSentence } from '../../../src/contract/text/format.ts'
import * as read from '../../data/pipelines/partition-queries.ts'
import type { Backfill } from '../../data/pipelines/partition-queries.ts'
import { Confirm } from '../../parts/form/confirm.tsx'
import { OnePage } from '../../parts/page/one-page.tsx'
import { Facts, Figures, Panel } from '../../parts/page/page.tsx'
import { PipelineRunLink } from '../../parts/page/pipeline-run-link.tsx'
import { Loaded } from '../../parts/page/placeholders.tsx'
import { RelativeTime } from '../../parts/page/relative-time.tsx'
import { Status } from '../../parts/page/status.tsx'
import { rangeOf } from '../../parts/partitions/backfill-table.tsx'
import { StateBar } from '../../parts/partitions/state-bar.tsx'
import { DataTable } from '../../parts/table/data-table.tsx'

export function BackfillPage() {
  const { id } = useParams({ from: '/backfills/$id' })
  return (
    <OnePage
      title="Backfill"
      crumbs={<Link to="/partitions">Partitions</Link>}
      query={useQuery(read.backfill(id))}
      head={(backfill) => ({
        title: `${backfill.project} backfill ${backfill.id.slice(-6)}`,
        lead: <Lead backfill={backfill} />,
        beside: <Status word={backfill.state} />,
        actions: <Actions backfill={backfill} />,
      })}
    >
      {(backfill) => <Body backfill={backfill} />}
    </OnePage>
  )
}

function Lead({ backfill }: { backfill: Backfill }) {
  const { reason, project, created_at, created_by } = backfill
  return (
    <>
      {reason === '' ? '' : `${fullSentence(reason)} `}
      Partitions {rangeOf(backfill)} of{' '}
      <Link to="/partitions/$project" params={{ project }}>
        {project}
      </Link>
      . Started <RelativeTime at={created_at} /> by {created_by}.
    </>
  )
}

const WRITE = { verb: 'write', resource: 'pipelines' } as const

function Actions({ backfill }: { backfill: Backfill }) {
  const params = { id: backfill.id }
  const { failed, cancelled } = backfill.counts
  if (backfill.state === 'running')
    return (
      <Confirm
        label="Cancel the backfill"
        needs={WRITE}
        tone="danger"
        preview={<p>No run begins any more, and those under way are cancelled. It can be retried.</p>}
        act={() => call<typeof backfillsApi.cancelBackfill>('POST', '/v1/backfills/:id/cancel', { params })}
      />
    )
  if (backfill.finished_at === null || failed + cancelled === 0) return null
  return (
    <Confirm
      label="Run what failed"
      needs={WRITE}
      preview={
        <p>
          {failed} failed and {cancelled} cancelled partitions run again, and of their runs what succeeded is taken
          over. For code that was changed since, start a new backfill.
        </p>
      }
      act={() => call<typeof backfillsApi.retryBackfill>('POST', '/v1/backfills/:id/retry', { params })}
    />
  )
}

function Body({ backfill }: { backfill: Backfill }) {
  const { counts, plan, trouble } = backfill
  const all = Object.values(counts).reduce((sum, n) => sum + n, 0)
  return (
    <>
      {trouble !== null && (
        <p className="notice break" role="status">
          It cannot be moved on now, and is tried again. {fullSentence(trouble)}
        </p>
      )}
      <Panel title="Partitions">
        <Figures
          items={[
            ['Succeeded', counts.succeeded, `of ${all}`],
            ['Under way', counts.running, `at most ${plan.at_once}`],
            ['Waiting', counts.waiting],
            ['Failed', counts.failed],
            ['Cancelled', counts.cancelled],
          ]}
        />
        <StateBar counts={counts} wide />
        <Facts
          items={[
            ['Rate', plan.rate_per_minute === null ? 'no limit' : `${plan.rate_per_minute} runs in a minute at most`],
            ['Priority', String(plan.priority)],
            ['Cache', plan.force ? 'nothing is taken from it' : 'what did not change comes from it'],
          ]}
        />
      </Panel>
      {counts.failed > 0 && <Some id={backfill.id} state="failed" title="Failed" all={counts.failed} />}
      {counts.running > 0 && <Some id={backfill.id} state="running" title="Under way" all={counts.running} />}
    </>
  )
}

function Some(props: { id: string; state: 'failed' | 'running'; title: string; all: number }) {
  const { id, state, title, all } = props
  return (
    <Panel title={title} {...(all > 100 && { note: `the first 100 of ${all}` })} flush>
      <Loaded query={useQuery(read.backfilledPartitions(id, state))} what="The partitions" height={120}>
        {({ items }) => (
          <DataTable headings={['Partition', 'Run', 'Why']}>
            {items.map(({ partition, run, message }) => (
              <tr key={partition} data-row>
                <td className="key">{partition}</td>
                <td>{run !== null && <PipelineRunLink id={run} of={partition} />}</td>
                <td className="break">{message}</td>
              </tr>
            ))}
          </DataTable>
        )}
      </Loaded>
    </Panel>
  )
}
