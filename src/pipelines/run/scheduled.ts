/** Runs by the clock: a project's newest version sets its schedule, and each due time is one run. */
import { SYSTEM } from '../../auth/tokens.ts'
import { removeSchedule, setSchedule } from '../../jobs/schedule.ts'
import type { Handler, Worker } from '../../jobs/worker.ts'
import type { Tx } from '../../store/db.ts'
import type { Pipelines } from '../pipelines.ts'
import { FINAL_RUNS, readRun } from '../context/rows.ts'
import type { PipelineSpec } from '../spec/spec.ts'

/** Kind of the job that is one due time. */
export const SCHEDULED_RUN = 'pipelines.run'

/** Between looks at a run whose end the job waits for, ms. */
const LOOK_MS = 2000

/** Makes the project's schedule what its newest version says. */
export async function syncSchedule(t: Tx, spec: PipelineSpec, now: number): Promise<void> {
  const name = `pipeline:${spec.project}`
  const schedule = spec.schedule ?? undefined
  if (schedule === undefined) await removeSchedule(t, name)
  else await setSchedule(t, { name, kind: SCHEDULED_RUN, payload: { project: spec.project }, ...schedule }, now)
}

/** Lets a worker start the runs of due times. */
export function handleSchedules(room: Pipelines, worker: Worker): void {
  worker.register(SCHEDULED_RUN, scheduledRun(room))
}

/**
 * Starts the run, once however often the job is tried since its id comes from the job's, and keeps the job open until the
 * run has ended, so that the schedule's rule for overlaps sees it.
 */
function scheduledRun(room: Pipelines): Handler {
  const { db, clock } = room.context.deps
  return async (job, context) => {
    const { project } = job.payload as { project: string }
    const id = `pr_${job.id}`
    const known = await readRun(db, id)
    if (known === undefined) await room.startRun(SYSTEM, project, { params: {}, options: {}, trigger: 'schedule', id })
    else if (FINAL_RUNS.includes(known.state)) return
    await context.again(clock() + LOOK_MS)
  }
}
