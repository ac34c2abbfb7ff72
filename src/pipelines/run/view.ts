/** Rows as the contract shows them. */
import { repetitionOf } from './named.ts'
import { addressWarnings } from '../../auth/sealed-monitor.ts'
import type { z } from 'zod'
import type { Attempt, Cache, PipelineRun, PipelineRunRow, PipelineVersion, Step } from '../../contract/pipelines.ts'
import { toTime } from '../../contract/fields.ts'
import type { DriverName } from '../../contract/values/drivers.ts'
import { whyUnreadable, type Context } from '../context/context.ts'
import { viewCheckpoints, viewState } from '../checkpoints/view.ts'
import { masked, maskOf } from '../context/mask.ts'
import { countItems, sumOf } from '../fan/counts.ts'
import { neededOf } from '../spec/fan-out/items.ts'
import { beforeOf, criticalPath } from '../spec/graph.ts'
import {
  FINAL_STEPS,
  type AttemptRow,
  type RegisteredModel,
  type RunRow,
  type RunTree,
  type StepRow,
} from '../context/rows.ts'
import { clusterWaits } from '../drivers/remote/rows.ts'
import { runLimit, stepLimits } from '../limits/view.ts'
import { notRaised } from '../limits/priority.ts'
import { readWaits } from '../line/why.ts'
import { flightOf, takesResults } from './flight.ts'
import { doubtful } from '../keys/reads.ts'
import { isOutdated, type PipelineSpec, type StepSpec } from '../spec/spec.ts'
import { valuesOf } from '../spec/params.ts'
import { keptOf } from '../spec/versions.ts'
import type { UnreadableVersion, VersionRow } from '../spec/versions.ts'

export type RunView = z.output<typeof PipelineRun>
export type StepView = z.output<typeof Step>

export async function viewRun(context: Context, tree: RunTree): Promise<RunView> {
  const { run } = tree
  const unreadable = await whyUnreadable(context, run.version_id)
  const spec = unreadable === undefined ? await context.spec(run.version_id) : undefined
  const declared = spec?.steps ?? []
  const flights = unreadable === undefined ? await readFlights(context, tree) : new Map()
  const fans = await countFans(context, tree, declared)
  const now = context.deps.clock()
  const waits = await readWaits(context, waitingOf(tree, flights, now))
  const steps = tree.steps.map((row) => ({
    ...viewStep(row, run, tree.attempts, declared),
    waits_for: flights.get(row.name) ?? null,
    ...waits.get(row.name),
    ...stepLimits(
      now,
      row,
      declared.find(({ name }) => name === row.name),
      tree.attempts,
    ),
    ...fans.get(row.name),
  }))
  const durations = new Map(steps.map((step) => [step.name, step.duration_ms ?? 0]))
  const critical = criticalPath(steps, durations)
  const mask = await maskOf(context, run.project, declared)
  const again = await repetitionOf(context.deps.db, run)
  const view: RunView = {
    ...viewHead(run),
    message:
      run.finished_at === null
        ? (context.doing(run.id) ??
          unreadable ??
          progress({ tree, flights, fans, clusters: await clusterWaits(context.deps.db, run.id) }, now))
        : [run.message, unreadable].filter((text) => text !== undefined).join('; '),
    experiment_id: run.experiment_id,
    environment: run.environment,
    params: run.params,
    ...(spec?.params !== undefined && { set: valuesOf(spec, run.options.set) }),
    ...originOf(run),
    ...declaredSources(spec, run),
    steps,
    critical_path: critical.path,
    critical_path_ms: critical.ms,
    cpu_seconds: await cpuSeconds(context, tree, fans.size > 0),
    ...notGranted(
      (await keptOf(context.deps.db, run.version_id)) ?? { kept: null },
      notRaised(run.options.priority, spec?.priority, run.priority),
    ),
    reproduction: run.reproduction as RunView['reproduction'],
    ...(again !== undefined && { repeated_as: again }),
    priority: run.priority,
    ...runLimit(context, run, spec),
    merge:
      run.merge_commit === null || run.merged_at === null
        ? null
        : { commit: run.merge_commit, merged_at: toTime(run.merged_at) },
  }
  return masked(view, mask)
}

/** What it was started for. */
function originOf({ backfill_id, cause }: RunRow): Pick<RunView, 'backfill' | 'cause'> {
  return { ...(backfill_id !== null && { backfill: backfill_id }), ...(cause !== null && { cause }) }
}

type Fans = ReadonlyMap<string, Pick<StepView, 'items'>>

/** How the items of steps stand that have begun. */
async function countFans({ deps }: Context, { steps }: RunTree, specs: readonly StepSpec[]): Promise<Fans> {
  const counted = steps.map(async (row): Promise<[string, Pick<StepView, 'items'>][]> => {
    if (row.fan === null) return []
    const each = specs.find(({ name }) => name === row.name)?.for_each
    const { count } = row.fan
    const needed = each === undefined ? count : neededOf(each, count)
    return [[row.name, { items: { count, states: await countItems(deps.db, row), needed } }]]
  })
  return new Map((await Promise.all(counted)).flat())
}

/** What all attempts used; those of items are not in the tree. */
async function cpuSeconds({ deps }: Context, { run, attempts }: RunTree, hasItems: boolean): Promise<number> {
  const own = attempts.filter(({ item_of }) => item_of === null)
  const sum = own.reduce((total, attempt) => total + (attempt.cpu_seconds ?? 0), 0)
  if (!hasItems) return sum
  const items = await deps.db.get<{ cpu: number | null }>(
    'SELECT sum(cpu_seconds) AS cpu FROM pipeline_attempts WHERE run_id = ? AND item_of IS NOT NULL',
    [run.id],
  )
  return sum + (items?.cpu ?? 0)
}

/** What its sources gave, where it declares some. */
function declaredSources(spec: PipelineSpec | undefined, run: RunRow): Pick<RunView, 'sources'> {
  return spec?.sources === undefined ? {} : { sources: Object.values(run.sources ?? {}) }
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
    steps: steps.map((step) => ({ name: step.name, entry: entryText(step.entry), needs: beforeOf(step) })),
    ...(spec?.params !== undefined && {
      params: Object.entries(spec.params).map(([name, one]) => ({ name, ...one })),
    }),
    model: spec?.model?.name ?? null,
    endpoint: spec?.endpoint?.name ?? null,
    ...notGranted(row),
    warnings: 'unreadable' in row ? [row.unreadable] : warningsOf(row.spec),
  }
}

/** What of a version's project file was not taken over. */
function notGranted({ kept }: { readonly kept: string | null }, more?: string): { not_granted?: string[] } {
  const all = [...(kept === null ? [] : (JSON.parse(kept) as string[])), ...(more === undefined ? [] : [more])]
  return all.length === 0 ? {} : { not_granted: all }
}

/** What a reader of a pipeline's code should know. */
export function warningsOf(spec: PipelineSpec): string[] {
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
    ...(run.partition_key !== null && { partition: run.partition_key }),
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
    ...viewResult(step, attempts),
    entry: declared === undefined ? '' : entryText(declared.entry),
    needs: declared === undefined ? [] : beforeOf(declared),
    ...(declared?.when !== undefined && {
      when: {
        condition: declared.when.text,
        holds: step.decision?.holds ?? null,
        detail: step.decision?.detail ?? null,
      },
    }),
    reads: step.reads === null ? null : [...doubtful(declared, step.reads)],
    params: { ...declared?.params, ...run.params[step.name] },
  }
}

/** What a step and an item show alike. */
export function viewResult(
  step: StepRow,
  attempts: readonly AttemptRow[],
): Pick<
  StepView,
  | 'state'
  | 'skipped'
  | 'cache'
  | 'metrics'
  | 'failure'
  | 'tracking_run_id'
  | 'retry_at'
  | 'due_at'
  | 'attempts'
  | 'checkpoints'
> &
  Pick<StepView, 'started_at' | 'finished_at' | 'duration_ms'> & { outputs: StepView['outputs'] } {
  const own = attempts.filter((attempt) => attempt.step === step.name)
  return {
    state: step.state,
    ...(step.state === 'skipped' && { skipped: step.reason }),
    cache: viewCache(step),
    outputs: step.outputs,
    metrics: step.metrics,
    failure: step.failure,
    tracking_run_id: step.tracking_run_id,
    started_at: optionalTime(step.started_at),
    finished_at: optionalTime(step.finished_at),
    duration_ms: step.finished_at === null || step.ready_at === null ? null : step.finished_at - step.ready_at,
    retry_at: optionalTime(step.retry_at),
    ...dueOf(step),
    attempts: own.map(viewAttempt),
    ...viewCheckpoints(own),
  }
}

/** Of a step that is ready: since when, or when its pause before a retry ends. */
function dueOf({ state, retry_at, ready_at }: StepRow): Pick<StepView, 'due_at'> {
  const due = retry_at ?? ready_at
  return state !== 'ready' || due === null ? {} : { due_at: toTime(due) }
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
    ...(attempt.trouble !== null && { trouble: attempt.trouble }),
    driver: attempt.driver as DriverName,
    ...(attempt.waited_ms !== null && { waited_ms: attempt.waited_ms }),
    ...(attempt.begun_at !== null && { begun_at: toTime(attempt.begun_at) }),
    cpu_seconds: attempt.cpu_seconds,
    max_rss_bytes: attempt.max_rss_bytes,
    measured: attempt.measured,
    wall_ms: attempt.wall_ms,
    log_bytes: attempt.log_bytes,
    ...(attempt.checkpoints !== null && { checkpoints: viewState(attempt.checkpoints) }),
    ...(attempt.spot === 1 && { spot: true as const }),
  }
}

/** What a step waits for, in words. */
function waitText(run: string, step: string): string {
  return `waits for run ${run}, step ${step}, with the same key`
}

/** How far the items of a step are, in words; empty for a step that runs once. */
function partText(fans: Fans, name: string): string {
  const { items } = fans.get(name) ?? {}
  return items === undefined ? '' : ` (${sumOf(items.states, FINAL_STEPS)} of ${items.count} items ended)`
}

/** A step that is ready for longer than this waits for a place, ms. */
const AT_ONCE_MS = 5000

interface Progress {
  /** What clusters say that attempts wait for, by step or item. */
  readonly clusters: ReadonlyMap<string, string>
  readonly tree: RunTree
  readonly flights: Flights
  readonly fans: Fans
}

/** Steps and items that wait for a place. */
function waitingOf({ run, steps, items }: Omit<RunTree, 'attempts'>, flights: Flights, now: number): StepRow[] {
  if (run.state !== 'running' || run.desired_state === 'cancel') return []
  return [...steps, ...items].filter(
    (step) =>
      step.state === 'ready' && !flights.has(step.name) && now - (step.retry_at ?? step.ready_at ?? now) > AT_ONCE_MS,
  )
}

function progress({ tree: { run, steps, items }, flights, fans, clusters }: Progress, now: number): string {
  if (run.desired_state === 'cancel')
    return run.overdue === null ? 'is being cancelled' : `is being ended: it ${run.overdue}`
  // what keeps it from going on
  if (run.message !== '') return run.message
  if (run.state === 'waiting') return 'waits for its turn'
  if (run.state === 'preparing') return 'prepares the environment'
  const done = steps.filter((step) => step.state === 'succeeded' || step.state === 'cached').length
  const running = steps.filter((step) => step.state === 'running').map(({ name }) => `${name}${partText(fans, name)}`)
  const going = running.length === 0 ? '' : `; running: ${running.join(', ')}`
  const flying = [...flights].map(([name, { run: of, step }]) => `; ${name} ${waitText(of, step)}`).join('')
  const waiting = waitingOf({ run, steps, items }, flights, now)
  const held = waiting.length === 0 ? '' : `; waiting for a place: ${waiting.map((step) => step.name).join(', ')}`
  const [first, ...more] = [...clusters].map(([name, words]) => `; ${name}: ${words}`)
  const away = first === undefined ? '' : `${first}${more.length === 0 ? '' : `; and ${more.length} more wait so`}`
  return `${done} of ${steps.length} steps done${going}${flying}${held}${away}`
}

function optionalTime(ms: number | null): string | null {
  return ms === null ? null : toTime(ms)
}
