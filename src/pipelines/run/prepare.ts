/** The beginning of a run: its environment is locked and its experiment exists. */
import { Problem } from '../../contract/errors.ts'
import { faultPoint } from '../../store/fault.ts'
import type { Context } from '../context/context.ts'
import type { RunRow, StepFailure } from '../context/rows.ts'
import { reasonOf } from './faults.ts'
import { BUDGETS, pauseAfter } from './retry.ts'

/** A preparation that throws is one of our own faults. */
const REPEATS = BUDGETS.infrastructure

/**
 * Brings a run from waiting to running. A refusal, such as an environment that cannot be had, ends its first steps and so the run;
 * what is thrown besides, as by a folder that cannot be made, is tried again after growing pauses, and ends the run when it stays.
 */
export async function prepareRun(context: Context, run: RunRow): Promise<void> {
  const { db, clock, tracking } = context.deps
  await db.tx((t) =>
    t.run(
      `UPDATE pipeline_runs SET state = 'preparing', started_at = coalesce(started_at, ?)
       WHERE id = ? AND state = 'waiting'`,
      [clock(), run.id],
    ),
  )
  try {
    const spec = await context.spec(run.version_id)
    const environment = await environmentOf(context, run)
    const experiment = await tracking.ensureExperiment(run.project, spec.project)
    await start(context, run, environment, experiment)
    faultPoint('pipelines.prepared')
  } catch (error) {
    if (!(error instanceof Problem)) return await failOnce(context, run, error)
    const kind = error.code === 'unprocessable' ? 'environment' : 'infrastructure'
    await fail(context, run, { class: kind, message: error.message, traceback: null })
  } finally {
    context.say(run.id, undefined)
  }
}

async function environmentOf(context: Context, run: RunRow): Promise<string> {
  if (run.environment !== null) return run.environment
  const { environment } = await context.spec(run.version_id)
  return (await context.deps.envs.resolve(environment, (line) => context.say(run.id, line))).digest
}

async function start(context: Context, run: RunRow, environment: string, experiment: string): Promise<void> {
  await context.deps.db.tx((t) =>
    t.run(
      `UPDATE pipeline_runs SET state = 'running', environment = ?, experiment_id = ?, message = '',
         preparation_retry_at = NULL
       WHERE id = ? AND state IN ('waiting', 'preparing')`,
      [environment, experiment, run.id],
    ),
  )
}

/** Counts a preparation that threw: there is a next one, or the fault is the end of the run. */
async function failOnce(context: Context, run: RunRow, error: unknown): Promise<void> {
  const { db, clock, random, onError } = context.deps
  onError(error)
  const reason = reasonOf(error)
  const count = run.preparation_failures + 1
  const pause = pauseAfter(count, REPEATS, random())
  if (pause === undefined) {
    const message = `the run could not be prepared in ${count} tries: ${reason}`
    return fail(context, run, { class: 'infrastructure', message, traceback: null }, count)
  }
  await db.tx((t) =>
    t.run(
      `UPDATE pipeline_runs SET message = ?, preparation_failures = ?, preparation_retry_at = ?
       WHERE id = ? AND state = 'preparing'`,
      [
        `could not be prepared, and is tried again (try ${count} of ${REPEATS + 1}): ${reason}`,
        count,
        Math.round(clock() + pause),
        run.id,
      ],
    ),
  )
}

/** The steps that would run first carry the fault; the others are skipped by it. `failures` are those of the preparation. */
async function fail(
  context: Context,
  run: RunRow,
  failure: StepFailure,
  failures: number = run.preparation_failures,
): Promise<void> {
  const { db, clock } = context.deps
  const { steps } = await context.spec(run.version_id)
  const first = steps.filter((step) => step.needs.length === 0).map((step) => step.name)
  await db.tx(async (t) => {
    for (const name of first) {
      await t.run(
        `UPDATE pipeline_steps SET state = 'failed', failure = ?, finished_at = ?
         WHERE run_id = ? AND name = ? AND state = 'waiting'`,
        [JSON.stringify(failure), clock(), run.id, name],
      )
    }
    await t.run(
      `UPDATE pipeline_runs SET state = 'running', message = '', preparation_failures = ?, preparation_retry_at = NULL
       WHERE id = ? AND state = 'preparing'`,
      [failures, run.id],
    )
  })
}
