/** Rows as the contract shows them. */
import { addressWarnings } from '../../auth/sealed-monitor.ts'
import type { z } from 'zod'
import type { Attempt, Cache, PipelineRun, PipelineRunRow, PipelineVersion, Step } from '../../contract/pipelines.ts'
import { toTime } from '../../contract/fields.ts'
import { whyUnreadable, type Context } from '../context/context.ts'
import { masked, maskOf } from '../context/mask.ts'
import { criticalPath } from '../spec/graph.ts'
import type { AttemptRow, RegisteredModel, RunRow, RunTree, StepRow } from '../context/rows.ts'
import { flightOf, takesResults } from './flight.ts'
import { doubtful } from './reads.ts'
import { isOutdated, type PipelineSpec, type StepSpec } from '../spec/spec.ts'
import { keptOf } from '../spec/versions.ts'
import type { UnreadableVersion, VersionRow } from '../spec/versions.ts'

export type RunView = z.output<typeof PipelineRun>
export type StepView = z.output<typeof Step>

export async function viewRun(context: Context, tree: RunTree): Promise<RunView> {
  const { run } = tree
  const unreadable = await whyUnreadable(context, run.version_id)
  const declared = unreadable === undefined ? (await context.spec(run.version_id)).steps : []
  const flights = unreadable === undefined ? await readFlights(context, tree) : new Map()
  const steps = tree.steps.map((row) => ({
    ...viewStep(row, run, tree.attempts, declared),
    waits_for: flights.get(row.name) ?? null,
  }))
  const durations = new Map(steps.map((step) => [step.name, step.duration_ms ?? 0]))
  const critical = criticalPath(steps, durations)
  const mask = await maskOf(context, run.project, declared)
  const view: RunView = {
    ...viewHead(run),
    message:
      run.finished_at === null
        ? (context.doing(run.id) ?? unreadable ?? progress(tree, flights, context.deps.clock()))
        : [run.message, unreadable].filter((text) => text !== undefined).join('; '),
    experiment_id: run.experiment_id,
    environment: run.environment,
    params: run.params,
    steps,
    critical_path: critical.path,
    critical_path_ms: critical.ms,
    cpu_seconds: tree.attempts.reduce((sum, attempt) => sum + (attempt.cpu_seconds ?? 0), 0),
    ...notGranted((await keptOf(context.deps.db, run.version_id)) ?? { kept: null }),
    reproduction: run.reproduction as RunView['reproduction'],
    merge:
      run.merge_commit === null || run.merged_at === null
        ? null
        : { commit: run.merge_commit, merged_at: toTime(run.merged_at) },
  }
  return masked(view, mask)
}

type Flights = ReadonlyMap<string, NonNullable<StepView['waits_for']>>

/** What ready steps wait for, by step: others that run with the same key. */
async function readFlights(context: Context, tree: RunTree): Promise<Flights> {
  const found = new Map<string, NonNullable<StepView['waits_for']>>()
  if (tree.run.state !== 'running' || tree.run.desired_state === 'cancel') return found
  for (const step of tree.steps.filter(({ state }) => state === 'ready')) {
    const flight = (await takesResults(context, tree, step)) ? await flightOf(context.deps.db, step) : undefined
    if (flight !== undefined) found.set(step.name, { run: flight.run_id, step: flight.step })
  }
  return found
}

/** A run in a list. */
export function viewRow(
  run: RunRow,
  steps: readonly { name: string; state: string }[],
): z.output<typeof PipelineRunRow> {
  return {
    ...viewHead(run),
    message: run.message,
    steps: Object.fromEntries(steps.map(({ name, state }) => [name, state as StepRow['state']])),
  }
}

/** A version; one that cannot be read says so among its warnings, and has no steps. */
export function viewVersion(row: VersionRow | UnreadableVersion): z.output<typeof PipelineVersion> {
  const spec = 'spec' in row ? row.spec : undefined
  const steps = spec?.steps ?? []
  return {
    id: row.id,
    project: row.project,
    digest: row.digest,
    tree: row.tree,
    created_at: toTime(row.created_at),
    created_by: row.created_by,
    steps: steps.map((step) => ({ name: step.name, entry: entryText(step.entry), needs: [...step.needs] })),
    model: spec?.model?.name ?? null,
    endpoint: spec?.endpoint?.name ?? null,
    ...notGranted(row),
    warnings: 'unreadable' in row ? [row.unreadable] : warningsOf(row.spec),
  }
}

/** What of a version's project file was not taken over. */
function notGranted({ kept }: { readonly kept: string | null }): { not_granted?: string[] } {
  return kept === null ? {} : { not_granted: JSON.parse(kept) as string[] }
}

function warningsOf(spec: PipelineSpec): string[] {
  const outdated = isOutdated(spec) ? [OUTDATED_VERSION] : []
  return [
    ...outdated,
    ...addressWarnings(spec.monitor ?? {}),
    ...(spec.warnings ?? []),
    ...new Set(spec.steps.flatMap((step) => step.code.warnings)),
  ]
}

/** Said of a version that was made before the rules of now. */
const OUTDATED_VERSION = 'its code was read by older rules: it is read anew when it runs next'

/** Why a step ran or did not; null before that is decided. */
export function viewCache(step: StepRow): z.output<typeof Cache> | null {
  if (step.cache_key === null) return null
  return {
    key: step.cache_key,
    hit: step.from_run !== null,
    reason: step.reason,
    changes: [...step.changes],
    from_run: step.from_run,
  }
}

export function entryText(entry: string | readonly unknown[]): string {
  return typeof entry === 'string' ? entry : entry.map(String).join(' ')
}

function viewHead(run: RunRow): Omit<z.output<typeof PipelineRunRow>, 'steps' | 'message'> {
  return {
    id: run.id,
    project: run.project,
    pipeline_version: run.version_id,
    state: run.state,
    outcome: run.outcome,
    trigger: run.trigger_kind,
    created_at: toTime(run.created_at),
    created_by: run.created_by,
    started_at: optionalTime(run.started_at),
    finished_at: optionalTime(run.finished_at),
    duration_ms: run.finished_at === null ? null : run.finished_at - run.created_at,
    registered: run.registered === null ? null : viewRegistered(run.registered),
  }
}

function viewRegistered({ model, version, verdict, detail }: RegisteredModel): NonNullable<RunView['registered']> {
  return { model, version, verdict, detail }
}

/** A step of a run whose project file cannot be read has what its row has. */
function viewStep(
  step: StepRow,
  run: RunRow,
  attempts: readonly AttemptRow[],
  specs: readonly StepSpec[],
): Omit<StepView, 'waits_for'> {
  const declared = specs.find(({ name }) => name === step.name)
  return {
    name: step.name,
    state: step.state,
    entry: declared === undefined ? '' : entryText(declared.entry),
    needs: [...(declared?.needs ?? [])],
    cache: viewCache(step),
    outputs: step.outputs,
    metrics: step.metrics,
    reads: step.reads === null ? null : [...doubtful(declared, step.reads)],
    params: { ...declared?.params, ...run.params[step.name] },
    failure: step.failure,
    tracking_run_id: step.tracking_run_id,
    started_at: optionalTime(step.started_at),
    finished_at: optionalTime(step.finished_at),
    duration_ms: step.finished_at === null || step.ready_at === null ? null : step.finished_at - step.ready_at,
    retry_at: optionalTime(step.retry_at),
    attempts: attempts.filter((attempt) => attempt.step === step.name).map(viewAttempt),
  }
}

function viewAttempt(attempt: AttemptRow): z.output<typeof Attempt> {
  return {
    id: attempt.id,
    number: attempt.number,
    state: attempt.state,
    failure: attempt.failure,
    tracking_run_id: attempt.tracking_run_id,
    queued_at: toTime(attempt.queued_at),
    started_at: optionalTime(attempt.started_at),
    finished_at: optionalTime(attempt.finished_at),
    silent: attempt.silent === 1,
    cpu_seconds: attempt.cpu_seconds,
    max_rss_bytes: attempt.max_rss_bytes,
    measured: attempt.measured,
    wall_ms: attempt.wall_ms,
    log_bytes: attempt.log_bytes,
  }
}

/** What a step waits for, in words. */
function waitText(run: string, step: string): string {
  return `waits for run ${run}, step ${step}, with the same key`
}

/** A step that is ready for longer than this waits for a place, ms. */
const AT_ONCE_MS = 5000

function progress({ run, steps }: RunTree, flights: Flights, now: number): string {
  if (run.desired_state === 'cancel') return 'is being cancelled'
  // what keeps it from going on
  if (run.message !== '') return run.message
  if (run.state === 'waiting') return 'waits for its turn'
  if (run.state === 'preparing') return 'prepares the environment'
  const done = steps.filter((step) => step.state === 'succeeded' || step.state === 'cached').length
  const running = steps.filter((step) => step.state === 'running').map((step) => step.name)
  const going = running.length === 0 ? '' : `; running: ${running.join(', ')}`
  const flying = [...flights].map(([name, { run: of, step }]) => `; ${name} ${waitText(of, step)}`).join('')
  const waiting = steps.filter(
    (step) =>
      step.state === 'ready' && !flights.has(step.name) && now - (step.retry_at ?? step.ready_at ?? now) > AT_ONCE_MS,
  )
  const held = waiting.length === 0 ? '' : `; waiting for a place: ${waiting.map((step) => step.name).join(', ')}`
  return `${done} of ${steps.length} steps done${going}${flying}${held}`
}

function optionalTime(ms: number | null): string | null {
  return ms === null ? null : toTime(ms)
}
