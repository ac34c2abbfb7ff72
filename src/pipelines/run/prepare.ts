/** The beginning of a run: its environment is locked and its experiment exists. */
import { Problem } from '../../contract/errors.ts'
import { faultPoint } from '../../store/fault.ts'
import type { Context } from '../context/context.ts'
import type { RunRow, StepFailure } from '../context/rows.ts'

/** Brings a run from waiting to running. A fault of the environment ends its first steps and so the run. */
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
    if (!(error instanceof Problem)) throw error
    const kind = error.code === 'unprocessable' || error.data['reason'] === 'network' ? 'environment' : 'infrastructure'
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
      `UPDATE pipeline_runs SET state = 'running', environment = ?, experiment_id = ?
       WHERE id = ? AND state IN ('waiting', 'preparing')`,
      [environment, experiment, run.id],
    ),
  )
}

/** The steps that would run first carry the fault; the others are skipped by it. */
async function fail(context: Context, run: RunRow, failure: StepFailure): Promise<void> {
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
    await t.run("UPDATE pipeline_runs SET state = 'running' WHERE id = ? AND state = 'preparing'", [run.id])
  })
}
