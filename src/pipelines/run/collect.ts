/** Ends an attempt: stores what it made, and writes the end once, with the fence, together with what follows for its step. */
import { Problem } from '../../contract/errors.ts'
import type { Tx } from '../../store/db.ts'
import { faultPoint } from '../../store/fault.ts'
import type { TreeInfo } from '../../store/blobs/trees.ts'
import { stepOf, type Context } from '../context/context.ts'
import type { Exit } from '../drivers/driver.ts'
import { keepCheckpoints, noteState } from '../checkpoints/keep.ts'
import { dropRows } from '../checkpoints/rows.ts'
import { nextPause } from './retry.ts'
import { isStrict, strictFailure } from '../keys/reads.ts'
import { readUnit } from '../context/units.ts'
import { trackingRunOf } from './tracking-run.ts'
import { readRun, type AttemptRow, type RunRow, type RunTree, type StepFailure, type StepRow } from '../context/rows.ts'

/** A failure, or the end of an attempt that was cancelled. */
export type End = Omit<StepFailure, 'class'> & {
  readonly class: StepFailure['class'] | 'cancelled'
  /** Nothing is left of the attempt: neither a process nor its exit file. */
  readonly lost?: true
  /** Of the class `timeout`, which limit of time ended it; absent = how long it may run. */
  readonly limit?: 'starting' | 'running' | 'silent'
}

/** What an attempt used. */
interface Used {
  readonly cpu_seconds: number | null
  readonly max_rss_bytes: number | null
  readonly memory_kib_s: number | null
  readonly wall_ms: number | null
  /** How far that was measured. */
  readonly measured: AttemptRow['measured']
}

interface Facts extends Used {
  readonly finished_at: number
  readonly log: { readonly digest: string; readonly size: number } | undefined
}

/** Collects a finished attempt. Safe to run twice: the second time finds it ended. */
export async function collectAttempt(context: Context, tree: RunTree, attempt: AttemptRow, exit: Exit): Promise<void> {
  const { driver } = context.deps
  const facts: Facts = {
    finished_at: context.deps.clock(),
    cpu_seconds: exit.cpu_seconds,
    max_rss_bytes: exit.max_rss_bytes,
    memory_kib_s: exit.memory_kib_s,
    measured: 'whole',
    wall_ms: Math.max(0, Math.round(exit.finished_at - exit.started_at)),
    log: await driver.storeLog(attempt.id),
  }
  const collected = exit.class === 'ok' ? await collectResult(context, tree, attempt, exit) : (exit as End)
  const result = 'class' in collected ? collected : ((await trackMetrics(context, attempt, exit)) ?? collected)
  faultPoint('pipelines.outputs_stored')
  if ('class' in result) {
    await keepCheckpoints(context, attempt)
    await endAttempt(context, attempt, result, facts)
  } else {
    await noteState(context, attempt)
    if (attempt.tracking_run_id !== null) await context.deps.tracking.finishRun(attempt.tracking_run_id, 'FINISHED')
    await succeed(context, tree, attempt, {
      outputs: result.outputs,
      metrics: finite(exit.metrics),
      reads: exit.reads,
      facts,
    })
  }
  faultPoint('pipelines.attempt_closed')
  await driver.delete(attempt.id)
}

/** Of a run that was deleted just now: the next look finds that nothing is to be kept. */
const GONE = [404, 409]

/** Keeps the metrics in tracking; how the attempt ends where it refuses one, such as by its name. */
async function trackMetrics(
  { deps }: Context,
  { tracking_run_id: run }: AttemptRow,
  { metrics, finished_at }: Exit,
): Promise<End | undefined> {
  if (run === null || Object.keys(metrics).length === 0) return undefined
  const keep = (): Promise<void> => deps.tracking.logMetrics(run, metrics, Math.round(finished_at))
  return refusedAs('a metric', keep, GONE)
}

/** Ends an attempt that did not run or whose process cannot be asked. */
export async function failAttempt(context: Context, attempt: AttemptRow, end: End): Promise<void> {
  const used = await usedBy(context, attempt)
  await context.deps.driver.kill(attempt.id)
  await keepCheckpoints(context, attempt)
  const log = await context.deps.driver.storeLog(attempt.id)
  await endAttempt(context, attempt, end, { finished_at: context.deps.clock(), ...used, log })
  await context.deps.driver.delete(attempt.id)
}

/** What an attempt used that left no exit file: as far as its wrapper or the system told it. One that never began used nothing. */
async function usedBy({ deps }: Context, { id, state }: AttemptRow): Promise<Used> {
  const usage = await deps.driver.usage(id).catch((error: unknown) => {
    // what it costs keeps nobody from its place
    deps.onError(error)
    return undefined
  })
  if (usage === undefined) return { ...NOTHING, measured: state === 'submitting' ? 'whole' : 'not' }
  const { cpu_seconds, max_rss_bytes, memory_kib_s, started_at, at } = usage
  const wall_ms = Math.max(0, Math.round(at - started_at))
  return { cpu_seconds, max_rss_bytes, memory_kib_s, wall_ms, measured: 'partly' }
}

const NOTHING = { cpu_seconds: null, max_rss_bytes: null, memory_kib_s: null, wall_ms: null } as const

/** Ends an attempt of which nothing is left: it is repeated from the budget of our own faults. */
export function loseAttempt(
  context: Context,
  attempt: AttemptRow,
  message = 'the process of the attempt is gone and left no exit file',
): Promise<void> {
  return failAttempt(context, attempt, {
    class: 'infrastructure',
    message,
    traceback: null,
    lost: true,
  })
}

async function collectResult(
  context: Context,
  tree: RunTree,
  ...[attempt, { reads }]: [AttemptRow, Exit]
): Promise<{ outputs: Record<string, TreeInfo> } | End> {
  const spec = await context.spec(tree.run.version_id)
  const step = stepOf(spec, attempt.step)
  const strict = isStrict(spec, tree.run) ? strictFailure(step, reads) : undefined
  if (strict !== undefined) return { class: 'user', message: strict, traceback: null }
  // what other processes have found hurt is known to this one then, and told as mended where it is stored again
  await context.deps.blobs.faulty?.()
  const outputs: Record<string, TreeInfo> = {}
  const refused = await refusedAs('an output', async () => {
    const kept = step.outputs.map(async (name) => [name, await context.deps.driver.collect(attempt.id, name)] as const)
    Object.assign(outputs, Object.fromEntries(await Promise.all(kept)))
  })
  return refused ?? { outputs }
}

/** How an attempt ends of which something is refused for what it is: asked again it would be refused again. */
async function refusedAs(
  what: string,
  keep: () => Promise<void>,
  passing: readonly number[] = [],
): Promise<End | undefined> {
  try {
    await keep()
    return undefined
  } catch (error) {
    if (!(error instanceof Problem) || error.status >= 500 || passing.includes(error.status)) throw error
    return { class: 'user', message: `${what} cannot be kept: ${error.message}`, traceback: null }
  }
}

interface Result {
  readonly outputs: Readonly<Record<string, TreeInfo>>
  readonly metrics: Readonly<Record<string, number>>
  readonly reads: Exit['reads']
  readonly facts: Facts
}

async function succeed(context: Context, tree: RunTree, attempt: AttemptRow, result: Result): Promise<void> {
  const { facts } = result
  const outputs = JSON.stringify(result.outputs)
  const metrics = JSON.stringify(result.metrics)
  const reads = JSON.stringify(result.reads)
  const spec = stepOf(await context.spec(tree.run.version_id), attempt.step)
  await closing(context, attempt, async (t) => {
    if (!(await closeAttempt(t, attempt, { state: 'succeeded', failure: null, facts, limit: null }))) return
    const taken = await t.run(
      `UPDATE pipeline_steps SET state = 'succeeded', outputs = ?, metrics = ?, reads = ?, failure = NULL, finished_at = ?
       WHERE run_id = ? AND name = ? AND state = 'running'`,
      [outputs, metrics, reads, facts.finished_at, attempt.run_id, attempt.step],
    )
    await dropRows(t, attempt)
    if (taken === 0 || spec.cache === 'never' || tree.run.options.reproduces !== null) return
    await keepResult(t, { attempt, outputs, metrics, reads, now: facts.finished_at })
  })
}

interface Kept {
  readonly attempt: AttemptRow
  readonly outputs: string
  readonly metrics: string
  readonly reads: string
  readonly now: number
}

async function keepResult(t: Tx, { attempt, outputs, metrics, reads, now }: Kept): Promise<void> {
  await t.run(
    `INSERT INTO pipeline_cache (project, cache_key, run_id, step, outputs, metrics, reads, tracking_run_id, created_at)
     SELECT project, cache_key, run_id, name, ?, ?, ?, ?, CAST(? AS BIGINT)
     FROM pipeline_steps WHERE run_id = ? AND name = ?
     ON CONFLICT (project, cache_key) DO UPDATE SET run_id = excluded.run_id, outputs = excluded.outputs,
       metrics = excluded.metrics, reads = excluded.reads, tracking_run_id = excluded.tracking_run_id, created_at = excluded.created_at`,
    [outputs, metrics, reads, attempt.tracking_run_id, now, attempt.run_id, attempt.step],
  )
}

async function endAttempt(context: Context, attempt: AttemptRow, end: End, facts: Facts): Promise<void> {
  const { db, tracking, random } = context.deps
  const run = await readRun(db, attempt.run_id)
  const unit = await readUnit(db, attempt.run_id, attempt.step)
  if (run === undefined || unit === undefined) return
  const { step, attempts } = unit
  const wasCancelled = run.desired_state === 'cancel'
  const current = attempts.find((row) => row.id === attempt.id)
  const trackingRun = current?.tracking_run_id ?? trackingRunOf(attempt.id)
  const isOverdue = run.overdue !== null
  await tracking.finishRun(trackingRun, wasCancelled && !isOverdue ? 'KILLED' : 'FAILED')
  const failure = failureOf(end, run)
  // what the limit of the run ends is counted by the run
  const limit = failure?.class === 'timeout' && !isOverdue ? (end.limit ?? 'running') : null
  const own = stepOf(await context.spec(run.version_id), step.name).retries
  await closing(context, attempt, async (t) => {
    const final = wasCancelled && !isOverdue ? 'cancelled' : end.lost === true ? 'lost' : 'failed'
    if (!(await closeAttempt(t, attempt, { state: final, failure, facts, limit }))) return
    const failed = [
      ...attempts.filter((row) => row.id !== attempt.id && row.failure !== null),
      { ...attempt, state: final, failure } as AttemptRow,
    ]
    const pause = failure === null ? undefined : nextPause(failure.class, failed, own, random())
    if (!wasCancelled && pause !== undefined) await retryLater(t, step, failure, facts.finished_at + pause)
    else await endStep(t, step, wasCancelled && !isOverdue ? 'cancelled' : 'failed', failure, facts.finished_at)
  })
}

/** A cancelled end without anyone's wish is the work of something outside. */
function failureOf(end: End, run: RunRow): StepFailure | null {
  if (run.overdue !== null) return { class: 'timeout', message: `the run ${run.overdue}`, traceback: null }
  if (run.desired_state === 'cancel') return null
  if (end.class !== 'cancelled') return { class: end.class, message: end.message, traceback: end.traceback ?? null }
  return { class: 'preempted', message: 'was ended by a signal from outside', traceback: null }
}

/** A transaction in which an attempt ends, and its credentials with it. */
export async function closing(
  { deps }: Context,
  attempts: AttemptRow | readonly AttemptRow[],
  write: (t: Tx) => Promise<void>,
): Promise<void> {
  const forget = await deps.db.tx(async (t) => {
    await write(t)
    const ended = []
    for (const { id } of [attempts].flat()) ended.push(await deps.endAccess(t, id))
    return ended
  })
  for (const done of forget) done()
}

interface Closing {
  readonly state: AttemptRow['state']
  readonly failure: StepFailure | null
  readonly facts: Facts
  /** The limit of time of its step that ended it; null where none did. */
  readonly limit: End['limit'] | null
}

/** Writes the end of an attempt if it has none yet. False when another was first. */
async function closeAttempt(t: Tx, attempt: AttemptRow, { state, failure, facts, limit }: Closing): Promise<boolean> {
  const changed = await t.run(
    `UPDATE pipeline_attempts SET state = ?, failure = ?, ended_as = ?, limit_hit = ?, finished_at = ?, silent = 0, cpu_seconds = ?,
       max_rss_bytes = ?, memory_kib_s = ?, measured = ?, wall_ms = ?, log_digest = ?, log_bytes = ?
     WHERE id = ? AND fence = ? AND state IN ('submitting', 'running')`,
    [
      state,
      failure === null ? null : JSON.stringify(failure),
      failure?.class ?? state,
      limit ?? null,
      facts.finished_at,
      facts.cpu_seconds,
      facts.max_rss_bytes,
      facts.memory_kib_s,
      facts.measured,
      facts.wall_ms,
      facts.log?.digest ?? null,
      facts.log?.size ?? 0,
      attempt.id,
      attempt.fence,
    ],
  )
  return changed === 1
}

async function retryLater(t: Tx, step: StepRow, failure: StepFailure | null, at: number): Promise<void> {
  await t.run(
    `UPDATE pipeline_steps SET state = 'ready', failure = ?, retry_at = ?
     WHERE run_id = ? AND name = ? AND state = 'running'`,
    [failure === null ? null : JSON.stringify(failure), Math.round(at), step.run_id, step.name],
  )
}

async function endStep(
  t: Tx,
  step: StepRow,
  state: 'failed' | 'cancelled',
  ...[failure, at]: [StepFailure | null, number]
): Promise<void> {
  await t.run(
    `UPDATE pipeline_steps SET state = ?, failure = ?, finished_at = ?
     WHERE run_id = ? AND name = ? AND state IN ('running', 'ready')`,
    [state, failure === null ? null : JSON.stringify(failure), at, step.run_id, step.name],
  )
}

/** JSON has no NaN and no infinities; tracking keeps them, the step's row does not. */
function finite(metrics: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value)))
}
