/** Faults of the server that keep a run from going on: tried again after growing pauses, and in the end what they keep from going on ends. */
import { isActive, type RunRow, type RunTree, type StepRow } from '../context/rows.ts'
import { stepOf, type Context } from '../context/context.ts'
import type { StepSpec } from '../spec/spec.ts'
import { keyStep } from '../keys/judge.ts'
import { beginFan } from '../fan/begin.ts'
import { moveFan } from '../fan/move.ts'
import { closing } from './collect.ts'
import { finishRun } from './finish.ts'
import { BUDGETS, isDue, pauseAfter } from './retry.ts'
import { takeOver } from './take-over.ts'
import { trackingRunOf } from './tracking-run.ts'

/** Such a fault is one of our own. */
const REPEATS = BUDGETS.infrastructure

/** Work that such a fault may keep from being done; `spent` is told the reason when its last try has failed. */
interface Work {
  /** What it does, as in "the run could not be closed". */
  readonly what: string
  readonly run: () => Promise<void>
  readonly spent: (message: string) => Promise<void>
}

/** Is there a spec with the steps of the run? A run without one cannot go on; the end of its tries ends it. */
export async function tryRead(context: Context, tree: RunTree): Promise<boolean> {
  try {
    const spec = await context.spec(tree.run.version_id)
    for (const { name } of tree.steps) stepOf(spec, name)
    return true
  } catch (error) {
    await countFault(context, tree.run, error, {
      what: 'its project file could not be read',
      spent: (message) => abandonRun(context, tree, message),
    })
    return false
  }
}

/** Decides a step; the end of its tries is the end of that step. True when the run has changed. */
export function tryKey(context: Context, tree: RunTree, step: StepSpec): Promise<boolean> {
  return withPauses(context, tree.run, {
    what: 'it could not be decided whether it has to run',
    run: async () => {
      if (step.for_each !== undefined) await beginFan(context, tree, step)
      else if (!(await takeOver(context, tree, step))) await keyStep(context, tree, step)
    },
    spent: (message) => failWaiting(context, tree.run, step.name, message),
  })
}

/** Moves the items of a step on; the end of its tries is the end of the run. True when the run has changed. */
export async function tryItems(context: Context, tree: RunTree, row: StepRow, step: StepSpec): Promise<boolean> {
  let moved = false
  const isDone = await withPauses(context, tree.run, {
    what: `the items of step "${step.name}" could not be moved on`,
    run: async () => void (moved = await moveFan(context, tree, row, step)),
    spent: (message) => abandonRun(context, tree, message),
  })
  return isDone && moved
}

/** Ends a run whose steps have ended. True when it has. */
export function tryFinish(context: Context, tree: RunTree): Promise<boolean> {
  return withPauses(context, tree.run, {
    what: 'the run could not be closed',
    run: () => finishRun(context, tree),
    spent: (message) => abandonRun(context, tree, message),
  })
}

/** Does work of a run unless that waits for its next try. What it throws is told and counted. True when the run has changed. */
async function withPauses(context: Context, run: RunRow, work: Work): Promise<boolean> {
  if (!isNext(context, run)) return false
  try {
    await work.run()
    if (run.faults > 0) await note(context, run, { message: '', faults: 0, at: null })
    return true
  } catch (error) {
    return countFault(context, run, error, work)
  }
}

/** A run that is being cancelled waits for nothing, and has one try. */
function isNext({ deps }: Context, run: RunRow): boolean {
  return run.desired_state === 'cancel' || isDue(run.fault_retry_at, deps.clock())
}

/** Counts a fault: there is a next try, or it was the last one. True when it was. */
async function countFault(
  context: Context,
  run: RunRow,
  error: unknown,
  { what, spent }: Omit<Work, 'run'>,
): Promise<boolean> {
  const { clock, random, onError } = context.deps
  if (!isNext(context, run)) return false
  onError(error)
  const faults = run.faults + 1
  const pause = run.desired_state === 'cancel' ? undefined : pauseAfter(faults, REPEATS, random())
  if (pause !== undefined) {
    const message = `${what}, and is tried again (try ${faults} of ${REPEATS + 1}): ${reasonOf(error)}`
    await note(context, run, { message, faults, at: Math.round(clock() + pause) })
    context.tell(run.id)
    return false
  }
  await spent(`${what} in ${faults} tries: ${reasonOf(error)}`)
  await note(context, run, { message: '', faults: 0, at: null })
  context.tell(run.id)
  return true
}

/** What an error says. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

interface Note {
  readonly message: string
  readonly faults: number
  readonly at: number | null
}

async function note({ deps }: Context, run: RunRow, { message, faults, at }: Note): Promise<void> {
  await deps.db.tx((t) =>
    t.run(
      `UPDATE pipeline_runs SET message = ?, faults = ?, fault_retry_at = ?
       WHERE id = ? AND state IN ('waiting', 'preparing', 'running')`,
      [message, faults, at, run.id],
    ),
  )
}

/** Ends a step that waits by a fault that stays. */
async function failWaiting({ deps }: Context, run: RunRow, step: string, message: string): Promise<void> {
  await deps.db.tx((t) =>
    t.run(
      `UPDATE pipeline_steps SET state = 'failed', failure = ?, finished_at = ?
       WHERE run_id = ? AND name = ? AND state = 'waiting'`,
      [failureOf(message), deps.clock(), run.id, step],
    ),
  )
}

/** Ends a run from its rows alone, whatever else cannot be read: what runs of it is killed, what waits is skipped. */
async function abandonRun(context: Context, tree: RunTree, message: string): Promise<void> {
  const { deps } = context
  const { driver, tracking } = deps
  const { desired_state, overdue } = tree.run
  const isCancelled = desired_state === 'cancel' && overdue === null
  const [state, said] = isCancelled ? ['cancelled', 'was cancelled'] : ['failed', overdue ?? message]
  const failure = isCancelled ? null : failureOf(overdue ?? message)
  const active = tree.attempts.filter(isActive)
  for (const { id, tracking_run_id: tracked } of active) {
    await driver.kill(id)
    await tracking.finishRun(tracked ?? trackingRunOf(id), isCancelled ? 'KILLED' : 'FAILED')
  }
  const now = deps.clock()
  await closing(context, active, async (t) => {
    await t.run(
      `UPDATE pipeline_attempts SET state = ?, failure = ?, ended_as = ?, finished_at = ?, silent = 0
       WHERE run_id = ? AND state IN ('submitting', 'running')`,
      [state, failure, isCancelled ? 'cancelled' : 'infrastructure', now, tree.run.id],
    )
    await t.run(
      `UPDATE pipeline_steps SET state = ?, failure = ?, finished_at = ? WHERE run_id = ? AND state = 'running'`,
      [state, failure, now, tree.run.id],
    )
    await t.run(
      `UPDATE pipeline_steps SET state = ?, reason = ?, finished_at = ? WHERE run_id = ? AND state IN ('waiting', 'ready')`,
      [isCancelled ? 'cancelled' : 'skipped', isCancelled ? '' : 'the run could not go on', now, tree.run.id],
    )
    await t.run(
      `UPDATE pipeline_runs SET state = ?, outcome = ?, message = ?, finished_at = ?
       WHERE id = ? AND state IN ('waiting', 'preparing', 'running')`,
      [state, state, said, now, tree.run.id],
    )
  })
  for (const { id } of active) await driver.delete(id)
}

function failureOf(message: string): string {
  return JSON.stringify({ class: 'infrastructure', message, traceback: null })
}
