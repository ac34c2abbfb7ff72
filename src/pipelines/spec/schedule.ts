/** The schedule of a project: what its newest version says, kept with the schedules of jobs. */
import { removeSchedule, setSchedule } from '../../jobs/schedule.ts'
import type { Tx } from '../../store/db.ts'
import type { PipelineSpec } from './spec.ts'

/** Kind of the job that is one due time. */
export const SCHEDULED_RUN = 'pipelines.run'

/** Makes the project's schedule what its newest version says. */
export async function syncSchedule(t: Tx, spec: PipelineSpec, now: number): Promise<void> {
  const name = `pipeline:${spec.project}`
  const schedule = spec.schedule ?? undefined
  if (schedule === undefined) await removeSchedule(t, name)
  else await setSchedule(t, { name, kind: SCHEDULED_RUN, payload: { project: spec.project }, ...schedule }, now)
}
