/** The state of a join or a materialisation, and its end where it may be cancelled. */
import type { FeatureJob } from '../../../src/contract/features/jobs.ts'
import type { featureJobsApi } from '../../../src/contract/features/jobs.ts'
import { duration } from '../../../src/contract/text/format.ts'
import { call } from '../../data/api.ts'
import { tookOf } from '../../data/features/job-standing.ts'
import { isUnderWay } from '../../data/features/queries.ts'
import { Confirm } from '../form/confirm.tsx'
import { useNow } from '../page/relative-time.tsx'

/** How long it took, or has taken so far. */
export function Took({ job }: { job: FeatureJob }) {
  const now = useNow()
  return duration(tookOf(job, now))
}

/** Nothing where it has ended. */
export function CancelJob({ job }: { job: FeatureJob }) {
  if (!isUnderWay(job)) return null
  const what = job.kind === 'join' ? 'join' : 'materialisation'
  return (
    <Confirm
      label={`Cancel the ${what}`}
      tone="danger"
      needs={{ verb: 'write', resource: 'artifacts' }}
      preview={
        job.kind === 'join'
          ? 'The join ends without a version of the data set.'
          : 'The materialisation ends; what is read online stays as it is.'
      }
      act={() =>
        call<typeof featureJobsApi.cancelFeatureJob>('POST', '/v1/feature-jobs/:id/cancel', {
          params: { id: job.id },
          body: {},
        })
      }
    />
  )
}
