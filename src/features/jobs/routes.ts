/** Routes of joins and materialisations: parse, check whose project it is, call, reply. */
import { projectNamed, sees } from '../../auth/visibility.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { featureJobsApi } from '../../contract/features/jobs.ts'
import { mount, type Mounted } from '../../http/mount.ts'
import type { JobsContext } from './context.ts'
import { cancelJob } from './cancel.ts'
import { findJob, listJobs, viewJob, type JobRow } from './rows.ts'
import type { RunningJobs } from './running.ts'
import { startJoin, startMaterialise } from './start.ts'

export function featureJobRoutes(context: JobsContext, running: RunningJobs): Mounted[] {
  const { db } = context
  return [
    mount(featureJobsApi.joinFeatures, async ({ body, who }) => viewJob(await startJoin(context, who, body))),
    mount(featureJobsApi.materialiseFeatures, async ({ params, body, who }) =>
      viewJob(await startMaterialise(context, who, { ...body, name: params.name })),
    ),
    mount(featureJobsApi.listFeatureJobs, async ({ query: { project, ...query }, who }) => ({
      items: (await listJobs(db, { ...query, project: projectNamed(who, project) })).map(viewJob),
    })),
    mount(featureJobsApi.getFeatureJob, async ({ params, who }) => viewJob(await requireJob(context, who, params.id))),
    mount(featureJobsApi.cancelFeatureJob, async ({ params, who }) => {
      const row = await requireJob(context, who, params.id)
      return viewJob(await cancelJob(context, running, { who, row }))
    }),
  ]
}

/** Throws `not_found`, also for one of a project that the caller does not see. */
async function requireJob({ db }: JobsContext, who: Principal, id: string): Promise<JobRow> {
  const row = await findJob(db, id)
  if (row === undefined || !sees(who, row.project)) throw problem('not_found', { what: 'feature job', id })
  return row
}
