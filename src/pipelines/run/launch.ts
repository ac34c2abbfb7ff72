/** Starts an attempt of a step that is ready. */
import { randomBytes } from 'node:crypto'
import { Problem, problem } from '../../contract/errors.ts'
import type { Failure } from '../../contract/pipelines.ts'
import { faultPoint } from '../../store/fault.ts'
import { keptFileInputs } from '../fan/from-source.ts'
import { inputDigests } from '../keys/judge.ts'
import { checkpointsFor } from '../checkpoints/resume.ts'
import { paramsOf, stepOf, type Context } from '../context/context.ts'
import type { Resources } from '../context/deps.ts'
import type { AttemptSpec } from '../drivers/driver.ts'
import { filled } from '../../contract/values/handed.ts'
import { failAttempt, type End } from './collect.ts'
import { turnOf } from './flight.ts'
import { unheldFiles } from '../keys/reads.ts'
import { maskOf } from '../context/mask.ts'
import { recordOf } from './record.ts'
import { demandOf, elsewhere, hasPlace, memoryFor, placed, PLACES } from '../line/places.ts'
import { hasPoolPlace } from '../pools/pools.ts'
import { mayBeSpot } from './retry.ts'
import { readRun, type AttemptRow, type RunTree, type StepRow } from '../context/rows.ts'
import { attemptsOf, requireUnit } from '../context/units.ts'
import { scopeOf } from '../context/secrets.ts'
import type { StepSpec } from '../spec/spec.ts'
import { trackingRunOf } from './tracking-run.ts'

/** Between the request to stop and the kill, ms. */
export const GRACE_MS = 10_000
/** Bytes of log that an attempt may keep. */
export const LOG_BYTES = 64 * 1024 * 1024

/**
 * Writes the attempt's row before anything starts, so that a crash finds it. Undefined when the step is no longer ready, no place is free,
 * or another with the same key runs or has left a result.
 */
export async function openAttempt(context: Context, tree: RunTree, step: StepRow): Promise<AttemptRow | undefined> {
  const { db, clock, ids } = context.deps
  const earlier = await attemptsOf(db, tree, step)
  const spec = placed(tree.run.options, stepOf(await context.spec(tree.run.version_id), step.name))
  const driver = elsewhere(spec) ?? context.deps.driver.name
  const demand = demandOf(context.deps, spec, earlier)
  const spot = mayBeSpot(spec, earlier) ? 1 : 0
  const machine = elsewhere(spec) === undefined ? (context.deps.machine?.id ?? null) : null
  const now = clock()
  const id = ids('att')
  const number = earlier.length + 1
  const fence = randomBytes(12).toString('hex')
  const launched_at = startingSince(earlier.at(-1)) ?? now
  const due = step.retry_at ?? step.ready_at
  const waited_ms = due === null ? null : Math.max(0, now - due)
  const isTurn = await turnOf(context, tree, step)
  return db.tx(async (t) => {
    await t.lock(PLACES)
    if (!(await isTurn(t)) || !(await hasPlace(t, context.deps, demand))) return undefined
    if (!(await hasPoolPlace(t, step.pool, step.project))) return undefined
    const taken = await t.run(
      `UPDATE pipeline_steps SET state = 'running', started_at = coalesce(started_at, ?), retry_at = NULL, asked_at = NULL
       WHERE run_id = ? AND name = ? AND state = 'ready'`,
      [now, step.run_id, step.name],
    )
    if (taken === 0) return undefined
    await t.run(
      `INSERT INTO pipeline_attempts (id, run_id, step, item_of, number, state, fence, driver, queued_at, silent, log_bytes,
         cpus, memory_bytes, pool, launched_at, spot, machine, project, waited_ms)
       VALUES (?, ?, ?, ?, ?, 'submitting', ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        id,
        step.run_id,
        step.name,
        step.item_of,
        number,
        fence,
        driver,
        now,
        demand.cpus,
        demand.memory_bytes,
        step.pool,
        launched_at,
        spot,
        machine,
        step.project,
        waited_ms,
      ],
    )
    const { run_id, name, item_of, pool, project } = step
    const at = { queued_at: now, launched_at, waited_ms }
    const opened = { id, run_id, step: name, item_of, number, fence, driver, pool, spot, machine, project, ...at }
    return { ...BLANK, ...opened, ...demand }
  })
}

/** Since when an attempt was being started that was lost before it began: the next one goes on with that. */
function startingSince(before: AttemptRow | undefined): number | null {
  return before?.state === 'lost' && before.begun_at === null ? before.launched_at : null
}

/**
 * Builds the environment if need be and submits. Whatever fails ends the attempt with its class; it throws only when that end cannot be
 * written. `signal` is aborted when the run is to end: a build is not waited for then, and goes on for whoever asks next.
 */
export async function launchAttempt(
  context: Context,
  tree: RunTree,
  attempt: AttemptRow,
  signal: AbortSignal,
): Promise<void> {
  try {
    const python = await unlessAborted(pythonOf(context, tree, attempt), signal)
    if (python === undefined) return await failAttempt(context, attempt, endOf(signal))
    const spec = await attemptSpec(context, tree, attempt, python)
    const run = await readRun(context.deps.db, attempt.run_id)
    if (run?.desired_state === 'cancel') return await failAttempt(context, attempt, cancelled())
    faultPoint('pipelines.attempt_opened')
    await context.deps.driver.submit(spec)
    faultPoint('pipelines.submitted')
    const now = context.deps.clock()
    await context.deps.db.tx((t) =>
      t.run(
        `UPDATE pipeline_attempts SET state = 'running', started_at = ?, begun_at = ? WHERE id = ? AND state = 'submitting'`,
        // here its process exists; elsewhere a machine has yet to take it up
        [now, attempt.driver === context.deps.driver.name ? now : null, attempt.id],
      ),
    )
  } catch (error) {
    await failAttempt(context, attempt, { class: classOf(error), message: (error as Error).message, traceback: null })
    if (!(error instanceof Problem)) context.deps.onError(error)
  } finally {
    context.say(attempt.run_id, undefined)
  }
}

const BLANK: Omit<
  AttemptRow,
  | 'id'
  | 'run_id'
  | 'step'
  | 'item_of'
  | 'number'
  | 'fence'
  | 'driver'
  | 'queued_at'
  | 'pool'
  | 'launched_at'
  | 'waited_ms'
  | 'project'
  | 'spot'
  | 'machine'
  | keyof Resources
> = {
  state: 'submitting',
  failure: null,
  tracking_run_id: null,
  started_at: null,
  begun_at: null,
  finished_at: null,
  cancelled_at: null,
  silent: 0,
  trouble: null,
  ended_as: null,
  limit_hit: null,
  checkpoints_made: null,
  cpu_seconds: null,
  max_rss_bytes: null,
  memory_kib_s: null,
  measured: 'whole',
  wall_ms: null,
  log_digest: null,
  log_bytes: 0,
  checkpoints: null,
}

/** Why a start is not waited for: what the signal was given, else a cancel. */
function endOf({ reason }: AbortSignal): End {
  const given = reason as Partial<End> | undefined
  return given?.class === 'timeout' ? (given as End) : cancelled()
}

function cancelled(): { class: 'cancelled'; message: string; traceback: null } {
  return { class: 'cancelled', message: 'was cancelled before it began', traceback: null }
}

/** What a promise resolves to; undefined as soon as the signal aborts. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>()
  const stop = (): void => resolve(undefined)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', stop))
}

/** The interpreter on this machine, or the lock from which another builds its own. */
async function pythonOf(
  context: Context,
  { run }: RunTree,
  { driver }: AttemptRow,
): Promise<Pick<AttemptSpec, 'python' | 'environment'>> {
  if (driver !== context.deps.driver.name)
    return { python: '', environment: await context.deps.envs.lock(run.environment ?? '') }
  const say = (line: string): void => context.say(run.id, `building the environment: ${line}`)
  return { python: await context.deps.envs.python(run.environment ?? '', say) }
}

async function attemptSpec(
  context: Context,
  tree: RunTree,
  attempt: AttemptRow,
  python: Pick<AttemptSpec, 'python' | 'environment'>,
): Promise<AttemptSpec> {
  const { run } = tree
  const pipeline = await context.spec(run.version_id)
  const step = stepOf(pipeline, attempt.step)
  const unit = await requireUnit(context.deps.db, attempt.run_id, attempt.step)
  const params = paramsOf(run, step, unit.step)
  const on = placed(run.options, step).on ?? 'local'
  const trackingRun = await openTracking(context, tree, attempt, { step, params })
  const { uri, token } = await context.deps.stepAccess(run.project, attempt.id, on)
  const ofItem = await keptFileInputs(context.deps.blobs, step, unit.step)
  const inputs = { ...inputDigests(step, tree), ...ofItem }
  const leftOut = Object.keys(step.inputs).filter((name) => !Object.hasOwn(inputs, name))
  const secrets = await secretsOf(context, run.project, step)
  const earlier = unit.attempts.filter((other) => other.id !== attempt.id)
  return {
    attempt: attempt.id,
    fence: attempt.fence,
    ...python,
    ...(elsewhere(placed(run.options, step)) !== undefined && {
      on,
      of: { project: run.project, run: run.id, step: attempt.step },
      cpus: step.cpus,
      gpus: step.gpus ?? 0,
      ...(step.image !== undefined && { image: step.image }),
    }),
    entry:
      typeof step.entry === 'string' ? step.entry : step.entry.map((part) => filled(String(part), params, leftOut)),
    code: pipeline.tree,
    inputs,
    outputs: step.outputs,
    params,
    env: {
      ...threads(step),
      PYTHONHASHSEED: String(step.seed),
      SLIPWAY_SEED: String(step.seed),
      GIT_PYTHON_REFRESH: 'quiet',
      MLFLOW_TRACKING_URI: uri,
      MLFLOW_RUN_ID: trackingRun,
      ...(run.experiment_id !== null && { MLFLOW_EXPERIMENT_ID: run.experiment_id }),
      ...step.env,
    },
    secrets: { ...secrets, ...(token !== null && { MLFLOW_TRACKING_TOKEN: token }) },
    timeout_ms: step.timeout_ms,
    grace_ms: GRACE_MS,
    memory_bytes: memoryFor(step.memory_bytes ?? context.deps.stepMemory ?? null, earlier),
    log_bytes: LOG_BYTES,
    unheld: await unheldFiles(context, pipeline, step),
    checkpoints: await checkpointsFor(context, tree, step, [unit, attempt]),
    ...machineOf(context, attempt),
  }
}

/** What concerns a machine that can be taken away. */
function machineOf({ deps: { notice } }: Context, { spot }: AttemptRow): Pick<AttemptSpec, 'notice' | 'spot'> {
  return { ...(notice !== undefined && { notice }), ...(spot === 1 && { spot: true }) }
}

interface Handed {
  readonly step: StepSpec
  readonly params: Readonly<Record<string, unknown>>
}

/** The attempt's run in tracking, with the record of where it comes from. Params are tags there, so that they never collide with what the code logs itself. */
async function openTracking(
  context: Context,
  tree: RunTree,
  attempt: AttemptRow,
  { step, params: handed }: Handed,
): Promise<string> {
  const { run } = tree
  const record = await recordOf(context, tree, step)
  const mask = await maskOf(context, run.project, (await context.spec(run.version_id)).steps)
  const params = Object.entries(handed).map(([name, value]) => [
    `slipway.param.${name}`,
    mask(typeof value === 'string' ? value : JSON.stringify(value)).slice(0, 4000),
  ])
  const run_id = trackingRunOf(attempt.id)
  await context.deps.tracking.createRun({
    run_id,
    project: run.project,
    experiment_id: run.experiment_id ?? '',
    name: attempt.step,
    tags: {
      'mlflow.user': run.created_by,
      'slipway.pipeline_run': run.id,
      'slipway.step': step.name,
      ...(attempt.item_of !== null && { 'slipway.item': attempt.step }),
      'slipway.attempt': attempt.id,
      ...(Object.fromEntries(params) as Record<string, string>),
      ...record.tags,
    },
    files: record.files,
  })
  faultPoint('pipelines.tracked')
  await context.deps.db.tx(async (t) => {
    await t.run('UPDATE pipeline_attempts SET tracking_run_id = ? WHERE id = ?', [run_id, attempt.id])
    await t.run('UPDATE pipeline_steps SET tracking_run_id = ? WHERE run_id = ? AND name = ?', [
      run_id,
      run.id,
      attempt.step,
    ])
  })
  return run_id
}

async function secretsOf(context: Context, project: string, step: StepSpec): Promise<Record<string, string>> {
  const secrets: Record<string, string> = {}
  for (const name of step.secrets) {
    const value = await context.deps.secret(project, name)
    if (value === undefined) {
      const variables = `SLIPWAY_SECRET_${name} where the server runs, or SLIPWAY_SECRET_${scopeOf(project)}_${name}`
      const detail = `the secret "${name}" of step "${step.name}" is not set; set ${variables} for this project alone`
      throw problem('unprocessable', { detail, reason: 'secret' })
    }
    secrets[name] = value
  }
  return secrets
}

/** Numeric libraries read how many threads to use before they start. */
function threads(step: StepSpec): Record<string, string> {
  if (step.cpus === null) return {}
  const names = ['OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'NUMEXPR_MAX_THREADS']
  return Object.fromEntries(names.map((name) => [name, String(step.cpus)]))
}

function classOf(error: unknown): Failure {
  if (!(error instanceof Problem)) return 'infrastructure'
  if (error.code === 'unprocessable') return 'environment'
  return 'infrastructure'
}
