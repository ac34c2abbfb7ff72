/** Runs by the clock: each due time of a project's schedule is one run. */
import { SYSTEM } from '../../auth/tokens.ts'
import type { Principal } from '../../contract/access.ts'
import type { Clock } from '../../contract/ids.ts'
import type { Handler } from '../../jobs/worker.ts'
import type { Reader } from '../../store/db.ts'
import { FINAL_RUNS, readRun } from '../context/rows.ts'
import type { NewRun } from './runs.ts'

/** Between looks at a run whose end the job waits for, ms. */
const LOOK_MS = 2000

/** What a due time needs: the rows of runs, and a way to start the newest version of a project. */
export interface ScheduleDeps {
  readonly db: Reader
  readonly clock: Clock
  readonly startRun: (who: Principal, project: string, run: Omit<NewRun, 'version'>) => Promise<string>
}

/**
 * Starts the run, once however often the job is tried since its id comes from the job's, and keeps the job open until the
 * run has ended, so that the schedule's rule for overlaps sees it.
 */
export function scheduledRun({ db, clock, startRun }: ScheduleDeps): Handler {
  return async (job, context) => {
    const { project } = job.payload as { project: string }
    const id = `pr_${job.id}`
    const known = await readRun(db, id)
    if (known === undefined) await startRun(SYSTEM, project, { params: {}, options: {}, trigger: 'schedule', id })
    else if (FINAL_RUNS.includes(known.state)) return
    await context.again(clock() + LOOK_MS)
  }
}
