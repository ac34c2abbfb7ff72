/** The materialisations of a view: how each stands, what it read and what it left out. */
import type { FeatureJob } from '../../../src/contract/features/jobs.ts'
import { count, eventTime, fullSentence, NONE } from '../../../src/contract/text/format.ts'
import { RelativeTime } from '../page/relative-time.tsx'
import { Status } from '../page/status.tsx'
import { ActionsCell } from '../table/actions-cell.tsx'
import { DataTable } from '../table/data-table.tsx'
import { CancelJob, Took } from './job-state.tsx'

const HEADINGS = [
  'State',
  ['Version', 'num'],
  ['Entities', 'num'],
  ['Later', 'num'],
  ['Without key', 'num'],
  'Until',
  ['Began', 'num'],
  ['Took', 'num'],
  'By',
  ['Cancel', 'sr'],
] as const

export function Materialisations({ jobs }: { jobs: readonly FeatureJob[] }) {
  return (
    <DataTable headings={HEADINGS}>
      {jobs.map((job) => (
        <JobRows key={job.id} job={job} />
      ))}
    </DataTable>
  )
}

function JobRows({ job }: { job: FeatureJob }) {
  const { materialised: made, reason } = job
  return (
    <>
      <tr data-row className={reason === '' ? undefined : 'told'}>
        <td>
          <Status word={job.state} />
        </td>
        <td className="num">{job.version}</td>
        <td className="num">{count(made?.rows)}</td>
        <td className="num">{count(made?.later)}</td>
        <td className="num">{count(made?.without_key)}</td>
        <td className="nowrap">{made === null ? NONE : eventTime(made.until)}</td>
        <td className="num">
          <RelativeTime at={job.started_at ?? job.created_at} />
        </td>
        <td className="num">
          <Took job={job} />
        </td>
        <td>{job.created_by}</td>
        <ActionsCell>
          <CancelJob job={job} />
        </ActionsCell>
      </tr>
      {reason !== '' && (
        <tr>
          <td colSpan={HEADINGS.length}>
            <div className="reason break bad-text">{fullSentence(reason)}</div>
          </td>
        </tr>
      )}
    </>
  )
}
