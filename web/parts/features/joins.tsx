/** The joins that were made with a service: what each became, and the values of the columns of one of them. */
import { Link } from '@tanstack/react-router'
import type { FeatureJob } from '../../../src/contract/features/jobs.ts'
import { count, eventTime, fullSentence, NONE, percent, plural } from '../../../src/contract/text/format.ts'
import { presentShare, saidOf } from '../../data/features/statuses.ts'
import { Panel } from '../page/page.tsx'
import { Empty } from '../page/placeholders.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { Status } from '../page/status.tsx'
import { ActionsCell } from '../table/actions-cell.tsx'
import { DataTable } from '../table/data-table.tsx'
import { CancelJob, Took } from './job-state.tsx'
import { StatusBar, StatusLegend } from './status-bar.tsx'

export interface JoinsProps {
  readonly project: string | undefined
  readonly service: string
  readonly jobs: readonly FeatureJob[]
  /** The join whose values are shown, as the address names it; by default the newest that has some. */
  readonly chosen: string | undefined
}

export function Joins({ project, service, jobs, chosen }: JoinsProps) {
  const done = jobs.filter(({ join }) => join !== null)
  const shown = done.find(({ id }) => id === chosen) ?? done[0]
  return (
    <>
      <Panel title="Joins" note={jobs.length === 0 ? undefined : 'the newest first, of every version'} flush>
        {jobs.length === 0 ? (
          <Empty title="No joins yet">
            A join gives each row of a table the features as they were known at its moment: the data set that a model is
            trained on.
          </Empty>
        ) : (
          <JoinTable project={project} service={service} jobs={jobs} shown={shown} />
        )}
      </Panel>
      {shown !== undefined && <JoinValues job={shown} />}
    </>
  )
}

const HEADINGS = [
  'State',
  'Data set',
  ['Rows', 'num'],
  ['Version', 'num'],
  ['Began', 'num'],
  ['Took', 'num'],
  'By',
  'Values',
  ['Cancel', 'sr'],
] as const

interface JoinTableProps extends Omit<JoinsProps, 'chosen'> {
  readonly shown: FeatureJob | undefined
}

function JoinTable({ jobs, ...rest }: JoinTableProps) {
  return (
    <DataTable headings={HEADINGS}>
      {jobs.map((job) => (
        <JoinRows key={job.id} job={job} {...rest} />
      ))}
    </DataTable>
  )
}

function JoinRows({ job, project, service, shown }: Omit<JoinTableProps, 'jobs'> & { job: FeatureJob }) {
  return (
    <>
      <tr data-row className={job.reason === '' ? undefined : 'told'} aria-current={job === shown ? 'true' : undefined}>
        <td>
          <Status word={job.state} />
        </td>
        <td className="key name">{job.join === null ? NONE : <DataSet job={job} join={job.join} />}</td>
        <td className="num">{count(job.join?.rows)}</td>
        <td className="num">{job.version}</td>
        <td className="num">
          <RelativeTime at={job.started_at ?? job.created_at} />
        </td>
        <td className="num">
          <Took job={job} />
        </td>
        <td>{job.created_by}</td>
        <td className="nowrap">
          {job === shown ? (
            'shown below'
          ) : job.join === null ? (
            NONE
          ) : (
            <Link
              to="/features/services/$name"
              params={{ name: service }}
              search={(at) => ({ ...at, project, join: job.id })}
              resetScroll={false}
            >
              show<span className="sr"> those of {job.join.data_set.name}</span>
            </Link>
          )}
        </td>
        <ActionsCell>
          <CancelJob job={job} />
        </ActionsCell>
      </tr>
      {job.reason !== '' && (
        <tr>
          <td colSpan={HEADINGS.length}>
            <div className="reason break bad-text">{fullSentence(job.reason)}</div>
          </td>
        </tr>
      )}
    </>
  )
}

type Join = NonNullable<FeatureJob['join']>

function DataSet({ job: { project }, join: { data_set: set } }: { job: FeatureJob; join: Join }) {
  return (
    <Link to="/data/$name" params={{ name: set.name }} search={{ project, version: String(set.version) }}>
      {set.name}@{set.version}
    </Link>
  )
}

function JoinValues({ job }: { job: FeatureJob }) {
  const { join, sources, views } = job
  if (join === null) return null
  return (
    <Panel
      title="Values by column"
      note={
        <>
          of {plural(join.rows, 'row')} of <DataSet job={job} join={join} />
        </>
      }
      flush
    >
      <DataTable headings={['Column', ['Present', 'num'], 'Statuses', 'In words']} className="values">
        {join.columns.map(({ name, statuses }) => (
          <tr key={name} data-row>
            <td className="key name strong">{name}</td>
            <td className="num">{percent(presentShare(statuses))}</td>
            <td>
              <StatusBar counts={statuses} />
            </td>
            <td className="break small">{saidOf(statuses)}</td>
          </tr>
        ))}
      </DataTable>
      <div className="below">
        <StatusLegend columns={join.columns.map(({ statuses }) => statuses)} />
        <p className="muted small">
          It read {[...views.map(({ name, version }) => `${name}@${version}`), ...sources.map(sourceText)].join('; ')}.
        </p>
      </div>
    </Panel>
  )
}

function sourceText({ name, place, rows, read_at }: FeatureJob['sources'][number]): string {
  const counted = rows === null ? '' : `, ${plural(rows, 'row')}`
  return `source ${name} (${place}${counted}) at ${eventTime(read_at)}`
}
