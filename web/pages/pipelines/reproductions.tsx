/** Reproductions: whether each model in production can be made again, what of it has rotted, and how it came out the last time. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { fullSentence } from '../../../src/contract/text/format.ts'
import * as read from '../../data/pipelines/reproduction-queries.ts'
import type { Reproducible } from '../../data/pipelines/reproduction-queries.ts'
import { ListPage } from '../../parts/page/list-page.tsx'
import { Facts, Panel } from '../../parts/page/page.tsx'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'
import { RelativeTime } from '../../parts/page/relative-time.tsx'
import { Status, VersionChip } from '../../parts/page/status.tsx'
import { DataTable } from '../../parts/table/data-table.tsx'

export function ReproductionsPage() {
  const query = useQuery(read.reproducible)
  return (
    <ListPage
      title="Reproductions"
      lead="Whether each model in production can be made again from raw data, and how far it came out the same."
      panel="Models in production"
      {...(query.data?.next_page_token !== undefined && { note: `the first ${read.SHOWN} by name` })}
      query={query}
      above={<Schedule />}
      empty={
        <Empty title="No models in production yet" commands={['slipway reproduce --all --dry-run']}>
          A model stands here once its alias “production” names a version. Those with another alias are told by --alias
          NAME.
        </Empty>
      }
    >
      {(items) => (
        <DataTable headings={['Model', 'Can be made again', 'Grade', 'Last round of the schedule']}>
          {items.map((one) => (
            <Row key={one.model} one={one} />
          ))}
        </DataTable>
      )}
    </ListPage>
  )
}

function Row({ one }: { one: Reproducible }) {
  const { model, version, run, grade, verdict, rot } = one
  return (
    <tr data-row>
      <td>
        <Link to="/models/$name" params={{ name: model }} className="strong">
          {model}
        </Link>
        <div className="row">
          <VersionChip model={model} version={version} />
          {run !== null && (
            <Link to="/pipelines/$id" params={{ id: run }}>
              its run<span className="sr"> of {model}</span>
            </Link>
          )}
        </div>
      </td>
      <td className="break">
        {verdict === 'ready' ? (
          <Status word="ready" tone="good" label="yes" />
        ) : (
          <Status word="rot" tone="bad" label="no" />
        )}
        {rot.map(({ kind, what }) => (
          <div className="note" key={`${kind} ${what}`}>
            {kind}: {what}
          </div>
        ))}
      </td>
      <td>
        {grade ?? <span className="muted">none yet</span>}
        {grade !== null && <div className="muted small">{read.gradeMeaning(grade)}</div>}
      </td>
      <td className="break">
        <LastRound one={one} />
      </td>
    </tr>
  )
}

function LastRound({ one: { model, version, last } }: { one: Reproducible }) {
  if (last === null) return <span className="muted">none yet</span>
  const { state, grade, grade_before: before, fallen, detail, run, at } = last
  const graded = fallen ? `fell from ${before ?? ''} to ${grade ?? ''}` : `graded ${grade ?? ''}`
  return (
    <>
      <div className="row">
        {state === 'graded' ? (
          <Status word={state} tone={fallen ? 'bad' : 'good'} label={graded} />
        ) : (
          <Status word={state} tone={state === 'skipped' ? 'warn' : 'info'} />
        )}
        <RelativeTime at={at} />
        {last.version !== version && <span className="muted">version {last.version}</span>}
        {run !== null && (
          <Link to="/pipelines/$id" params={{ id: run }}>
            proof<span className="sr"> of {model}</span>
          </Link>
        )}
      </div>
      {detail !== '' && <div className="note">{fullSentence(detail)}</div>}
    </>
  )
}

function Schedule() {
  return (
    <Panel title="Schedule">
      <Loaded query={useQuery(read.reproductionSchedule)} what="The schedule" height={60}>
        {({ schedule }) =>
          schedule === null ? (
            <p className="muted">
              Nobody has set one: models are made again when somebody asks. An admin sets one by{' '}
              <code>slipway reproduce --all --schedule "0 3 * * 0"</code>.
            </p>
          ) : (
            <Facts
              items={[
                ['When', <code key="cron">{`${schedule.cron} ${schedule.timezone}`}</code>],
                ['Alias', schedule.alias],
                ['Next', schedule.next_at === null ? 'never' : <RelativeTime key="next" at={schedule.next_at} />],
                ['Last', schedule.last_at === null ? 'not yet' : <RelativeTime key="last" at={schedule.last_at} />],
              ]}
            />
          )
        }
      </Loaded>
    </Panel>
  )
}
