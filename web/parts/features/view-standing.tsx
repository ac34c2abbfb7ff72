/** How a version of a view stands in the online store, where somebody has to know: it is being read, that failed, or it never was. */
import type { FeatureJob } from '../../../src/contract/features/jobs.ts'
import { standingOf } from '../../data/features/job-standing.ts'
import { isUnderWay } from '../../data/features/queries.ts'
import type { ViewDetail } from '../../data/features/queries.ts'
import { RelativeTime } from '../page/relative-time.tsx'
import { Status } from '../page/status.tsx'
import { Took } from './job-state.tsx'

export interface ViewStandingProps {
  readonly view: Pick<ViewDetail, 'name' | 'version' | 'sources' | 'services'>
  /** Newest first. */
  readonly jobs: readonly FeatureJob[]
}

/** Nothing where the newest materialisation of the version is done, or where none is needed. */
export function ViewStanding({ view: { name, version, sources, services }, jobs }: ViewStandingProps) {
  const { newest, done } = standingOf(
    name,
    jobs.filter((job) => job.version === version),
  )
  if (newest === undefined) {
    const readers = services.filter((one) => one.view_version === version)
    if (sources.length === 0 || readers.length === 0) return null
    return (
      <div className="notice" role="status">
        <p>
          Version {version} was not materialised lately, and {readers.map((one) => one.name).join(', ')} reads it from
          the online store.
        </p>
      </div>
    )
  }
  if (newest === done) return null
  return (
    <div className={isUnderWay(newest) ? 'row' : 'notice'} role="status">
      <p className="row">
        <Status word={newest.state} />
        {isUnderWay(newest) ? <Progress job={newest} /> : <Ended job={newest} />}
        {done === undefined ? (
          <span>The online store has nothing of this version from its source.</span>
        ) : (
          <span>
            Its source was read up to <RelativeTime at={done.materialised?.until ?? done.created_at} />.
          </span>
        )}
      </p>
    </div>
  )
}

function Progress({ job }: { job: FeatureJob }) {
  if (job.started_at === null) return <span>Version {job.version} waits to be materialised.</span>
  return (
    <span>
      Version {job.version} is being materialised, <Took job={job} /> so far.
    </span>
  )
}

function Ended({ job }: { job: FeatureJob }) {
  return (
    <span>
      The newest materialisation of version {job.version} {job.state === 'failed' ? 'failed' : 'was canceled'}{' '}
      <RelativeTime at={job.ended_at ?? job.created_at} />.
    </span>
  )
}
