/** The beginning of a run: its environment is locked and its experiment exists. */
import { Problem } from '../../contract/errors.ts'
import { faultPoint } from '../../store/fault.ts'
import type { Context } from '../context/context.ts'
import { readRun, type RunRow, type StepFailure } from '../context/rows.ts'
import { SourceAway, SourceRefused } from '../data/kinds/asked.ts'
import { keepReads } from '../data/kept.ts'
import { pinSources, type PinnedRead } from '../data/pin.ts'
import { sourcesOfStep } from '../spec/fan-out/items.ts'
import type { StepSpec } from '../spec/spec.ts'
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
    const pinned = await sourcesOf(context, run)
    faultPoint('pipelines.pinned')
    await start(context, run, { environment, experiment, pinned })
    faultPoint('pipelines.prepared')
  } catch (error) {
    if (error instanceof SourceRefused)
      return await fail(context, run, { class: 'user', message: error.message, traceback: null }, { error })
    if (!(error instanceof Problem)) return await failOnce(context, run, error)
    const kind = error.code === 'unprocessable' ? 'environment' : 'infrastructure'
    await fail(context, run, { class: kind, message: error.message, traceback: null }, { error })
  } finally {
    context.say(run.id, undefined)
  }
}

async function environmentOf(context: Context, run: RunRow): Promise<string> {
  if (run.environment !== null) return run.environment
  const { environment } = await context.spec(run.version_id)
  return (await context.deps.envs.resolve(environment, (line) => context.say(run.id, line))).digest
}

/** What declared sources give; undefined where the run has it, as of the run that it repeats, or none is declared. */
async function sourcesOf(context: Context, run: RunRow): Promise<PinnedRead[] | undefined> {
  const { sources } = await context.spec(run.version_id)
  if (sources === undefined || run.sources !== null) return undefined
  const isWanted = async (): Promise<boolean> => (await readRun(context.deps.db, run.id))?.desired_state !== 'cancel'
  return pinSources(context, run, sources, isWanted)
}

interface Prepared {
  readonly environment: string
  readonly experiment: string
  readonly pinned: readonly PinnedRead[] | undefined
}

async function start({ deps }: Context, run: RunRow, { environment, experiment, pinned }: Prepared): Promise<void> {
  const sources =
    pinned === undefined ? run.sources : Object.fromEntries(pinned.map((one) => [one.pinned.name, one.pinned]))
  await deps.db.tx(async (t) => {
    const started = await t.run(
      `UPDATE pipeline_runs SET state = 'running', environment = ?, experiment_id = ?, sources = ?, message = '',
         preparation_retry_at = NULL
       WHERE id = ? AND desired_state = 'run' AND state IN ('waiting', 'preparing')`,
      [environment, experiment, sources === null ? null : JSON.stringify(sources), run.id],
    )
    if (started > 0) await keepReads(t, run.project, pinned ?? [], deps.clock())
  })
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
    return fail(context, run, { class: 'infrastructure', message, traceback: null }, { error, count })
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

/**
 * Ends a run that cannot begin. Of a source the steps that take it carry the fault, and the others are skipped; of anything else the steps that
 * would run first, and the others are skipped by it. `count` is how often that failed.
 */
async function fail(
  context: Context,
  run: RunRow,
  failure: StepFailure,
  { error, count = run.preparation_failures }: { readonly error: unknown; readonly count?: number },
): Promise<void> {
  const { db, clock } = context.deps
  const { steps } = await context.spec(run.version_id)
  const source = error instanceof SourceRefused || error instanceof SourceAway ? error.source : undefined
  const isHit = (step: StepSpec): boolean =>
    source === undefined ? step.needs.length === 0 : sourcesOfStep(step).includes(source)
  await db.tx(async (t) => {
    for (const { name } of steps.filter(isHit)) {
      await t.run(
        `UPDATE pipeline_steps SET state = 'failed', failure = ?, finished_at = ?
         WHERE run_id = ? AND name = ? AND state = 'waiting'`,
        [JSON.stringify(failure), clock(), run.id, name],
      )
    }
    if (source !== undefined) {
      await t.run(
        `UPDATE pipeline_steps SET state = 'skipped', reason = ?, finished_at = ? WHERE run_id = ? AND state = 'waiting'`,
        [`the run could not begin: source "${source}" could not be read`, clock(), run.id],
      )
    }
    await t.run(
      `UPDATE pipeline_runs SET state = 'running', message = '', preparation_failures = ?, preparation_retry_at = NULL
       WHERE id = ? AND state = 'preparing'`,
      [count, run.id],
    )
  })
}
