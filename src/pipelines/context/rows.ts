/** The rows of a run: as they are stored, and as the code reads them. */
import type { Role } from '../../contract/access.ts'
import type { AttemptState, Failure, Measured, RunState, StepState, Trigger } from '../../contract/pipelines.ts'
import type { CheckpointState } from '../../contract/runs/checkpoints.ts'
import type { DriverName } from '../../contract/values/drivers.ts'
import type { Read } from '../../contract/runs/reads.ts'
import type { PinnedSource } from '../../contract/runs/sources.ts'
import { parseNumerals } from '../../contract/values/numerals.ts'
import type { Reader } from '../../store/db.ts'
import type { TreeInfo } from '../../store/blobs/trees.ts'
import type { KeyParts } from '../spec/key.ts'

export interface RunOptions {
  /** Take no cached result for this step and those after it. */
  readonly from: string | null
  readonly force: boolean
  readonly register: boolean
  readonly deploy: boolean
  /** The run that this one proves. */
  readonly reproduces: string | null
  readonly tolerance: number
  /** The run whose succeeded steps are taken over; absent in runs of before. */
  readonly retries?: string | null
  /** The run from whose checkpoints its steps go on; absent in runs of before. */
  readonly resumes?: string | null
  /** A read that a key does not hold is a failure; runs of before have none. */
  readonly strict?: boolean
  /** Where all of its steps run; absent where the project file says it. */
  readonly on?: DriverName
  /** Its priority, where it names one. */
  readonly priority?: number
  /** The key of the partition that it is of; absent where the project file has none. */
  readonly partition?: string
  /** Params of the pipeline that it sets; absent where it sets none. */
  readonly set?: Readonly<Record<string, unknown>>
}

/** What the registry said, with what is needed to know the same model again. */
export interface RegisteredModel {
  readonly model: string
  readonly version: string
  readonly verdict: 'accepted' | 'refused'
  readonly detail: string
  readonly tree: string
  readonly deployed: boolean
}

export interface RunRow {
  readonly id: string
  readonly project: string
  readonly version_id: string
  readonly state: RunState
  readonly desired_state: 'run' | 'cancel'
  readonly outcome: 'succeeded' | 'failed' | 'refused' | 'cancelled' | null
  readonly message: string
  readonly trigger_kind: Trigger
  readonly params: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly options: RunOptions
  readonly experiment_id: string | null
  readonly environment: string | null
  /** What declared sources gave it, by name; null before that is read, and where none is declared. */
  readonly sources: Readonly<Record<string, PinnedSource>> | null
  /** What git said of the folder that its code came from. */
  readonly source_id: string | null
  readonly created_at: number
  readonly created_by: string
  /** Of whoever started it, or of whoever submitted what runs by itself; null where that is not known. */
  readonly role: Role | null
  readonly started_at: number | null
  readonly finished_at: number | null
  /** How often its preparation has thrown. */
  readonly preparation_failures: number
  /** When it is prepared again, ms; null when nothing waits. */
  readonly preparation_retry_at: number | null
  /** How often in a row a fault of the server has kept it from going on. */
  readonly faults: number
  /** When that is tried again, ms; null when nothing waits. */
  readonly fault_retry_at: number | null
  readonly priority: number
  /** Why a limit of time ended it; null where none did. */
  readonly overdue: string | null
  readonly registered: RegisteredModel | null
  readonly reproduction: Record<string, unknown> | null
  /** The merge that it was started for; its time in ms. */
  readonly merge_commit: string | null
  readonly merged_at: number | null
  /** The partition that it is of, and the backfill that it belongs to; null where there is none. */
  readonly partition_key: string | null
  readonly backfill_id: string | null
  /** What a trigger started it for; null where none did. */
  readonly cause: string | null
}

export interface StepFailure {
  readonly class: Failure
  readonly message: string
  readonly traceback: string | null
}

/** What the condition of a step came to. */
export interface StepDecision {
  readonly expression: string
  readonly holds: boolean
  /** The condition with the values that it was decided by. */
  readonly detail: string
}

/** One component of the key that differs. */
export interface KeyChange {
  readonly component: string
  readonly what: string
  readonly before: string | null
  readonly after: string | null
}

export interface StepRow {
  readonly run_id: string
  readonly name: string
  readonly project: string
  readonly position: number
  readonly state: StepState
  readonly cache_key: string | null
  readonly key_parts: KeyParts | null
  readonly reason: string
  readonly changes: readonly KeyChange[]
  readonly compared_with: string | null
  readonly from_run: string | null
  readonly outputs: Readonly<Record<string, TreeInfo>>
  readonly metrics: Readonly<Record<string, number>>
  /** What it read that its key does not hold; null where nobody watched. */
  readonly reads: readonly Read[] | null
  readonly failure: StepFailure | null
  /** Null while its condition is open, and for steps without one. */
  readonly decision: StepDecision | null
  readonly tracking_run_id: string | null
  readonly ready_at: number | null
  readonly started_at: number | null
  readonly finished_at: number | null
  readonly retry_at: number | null
  /** Since when it waits for a place, where that has a limit; null while it does not wait. */
  readonly asked_at: number | null
  readonly pool: string | null
  /** Where it runs, as its run has it; null in runs of before. */
  readonly driver: string | null
  /** Of an item the step that it belongs to, its value and the digest of that; null for steps of the project file. */
  readonly item_of: string | null
  readonly item: unknown
  readonly item_digest: string | null
  /** Of a step with `for_each` once its items are made; null for all others. */
  readonly fan: Fan | null
}

/** How far the items of a step are made. */
export interface Fan {
  readonly count: number
  readonly made: number
}

export interface AttemptRow {
  readonly id: string
  readonly run_id: string
  /** The name of the row: of an item STEP[NUMBER]. */
  readonly step: string
  /** Of an item the step that it belongs to. */
  readonly item_of: string | null
  readonly number: number
  readonly state: AttemptState
  readonly fence: string
  readonly driver: string
  readonly failure: StepFailure | null
  readonly tracking_run_id: string | null
  readonly queued_at: number
  readonly started_at: number | null
  readonly finished_at: number | null
  readonly cancelled_at: number | null
  readonly silent: number
  /** What its cluster could not be asked or told. */
  readonly trouble: string | null
  readonly cpu_seconds: number | null
  readonly max_rss_bytes: number | null
  /** Memory over time: KiB times seconds. */
  readonly memory_kib_s: number | null
  readonly measured: Measured
  readonly wall_ms: number | null
  readonly log_digest: string | null
  readonly log_bytes: number
  /** Since when it is being started, with attempts before it that were lost before they began; null of before. */
  readonly launched_at: number | null
  /** Its first sign of life; null before that. */
  readonly begun_at: number | null
  readonly pool: string | null
  /** How long it waited for its place, ms; null of before. */
  readonly waited_ms: number | null
  /** What it takes of the machine until it has ended. */
  readonly cpus: number
  readonly memory_bytes: number
  /** What it said last of its checkpoints; null where it keeps none. */
  readonly checkpoints: CheckpointState | null
  /** 1 where it may run on a machine that can be taken away. */
  readonly spot: number | null
  /** That on which the local driver runs it; null for clusters, and of before. */
  readonly machine: string | null
  /** What is counted of it: null of before, and until it has ended. */
  readonly project: string | null
  readonly ended_as: string | null
  readonly limit_hit: string | null
  readonly checkpoints_made: number | null
}

/**
 * A run with everything below it, steps in the order of the project file, attempts by number. Of items, of which there may be very many, it
 * has those that are ready and the attempts that go on.
 */
export interface RunTree {
  readonly run: RunRow
  readonly steps: readonly StepRow[]
  readonly items: readonly StepRow[]
  readonly attempts: readonly AttemptRow[]
}

type Stored = Record<string, unknown>

const RUN_JSON = ['params', 'options', 'registered', 'reproduction', 'sources']
const STEP_JSON = ['key_parts', 'changes', 'outputs', 'metrics', 'failure', 'reads', 'decision', 'item', 'fan']

/** Columns of a step without the large key. */
export const STEP_COLUMNS = `run_id, name, project, position, state, cache_key, NULL AS key_parts, reason, changes, compared_with,
  from_run, outputs, metrics, reads, failure, decision, tracking_run_id, ready_at, started_at, finished_at, retry_at,
  asked_at, pool, driver, item_of, item, item_digest, fan`

export async function readRun(reader: Reader, id: string): Promise<RunRow | undefined> {
  const row = await reader.get<Stored>('SELECT * FROM pipeline_runs WHERE id = ?', [id])
  return row === undefined ? undefined : (parsed(row, RUN_JSON) as unknown as RunRow)
}

const READY_ITEMS = `SELECT ${STEP_COLUMNS} FROM pipeline_steps
  WHERE run_id = ? AND state = 'ready' AND item_of IS NOT NULL ORDER BY position, name`
/** Attempts of steps, and those of items that go on; an index finds either. */
const ATTEMPTS = `SELECT * FROM pipeline_attempts WHERE run_id = ? AND item_of IS NULL
  UNION ALL SELECT * FROM pipeline_attempts WHERE run_id = ? AND state IN ('submitting', 'running') AND item_of IS NOT NULL
  ORDER BY queued_at, number`

/** The run, its steps (without key_parts) and attempts. */
export async function readState(reader: Reader, id: string): Promise<RunTree | undefined> {
  const run = await readRun(reader, id)
  if (run === undefined) return undefined
  const steps = await reader.all<Stored>(
    `SELECT ${STEP_COLUMNS} FROM pipeline_steps WHERE run_id = ? AND item_of IS NULL ORDER BY position`,
    [id],
  )
  const fans = steps.some((row) => row['fan'] !== null)
  const items = fans ? await reader.all<Stored>(READY_ITEMS, [id]) : []
  const attempts = await reader.all<Stored>(ATTEMPTS, [id, id])
  return {
    run,
    steps: steps.map(parseStep),
    items: items.map(parseStep),
    attempts: attempts.map(parseAttempt),
  }
}

/** A step with its key. */
export async function readStep(reader: Reader, runId: string, name: string): Promise<StepRow | undefined> {
  const row = await reader.get<Stored>('SELECT * FROM pipeline_steps WHERE run_id = ? AND name = ?', [runId, name])
  return row === undefined ? undefined : parseStep(row)
}

export function parseStep(row: Record<string, unknown>): StepRow {
  return parsed(row, STEP_JSON) as unknown as StepRow
}

export function parseRun(row: Record<string, unknown>): RunRow {
  return parsed(row, RUN_JSON) as unknown as RunRow
}

export function parseAttempt(row: Record<string, unknown>): AttemptRow {
  return parsed(row, ['failure', 'checkpoints']) as unknown as AttemptRow
}

export const ACTIVE_ATTEMPTS: readonly AttemptState[] = ['submitting', 'running']
export const FINAL_STEPS: readonly StepState[] = ['succeeded', 'cached', 'skipped', 'failed', 'cancelled']
export const FINAL_RUNS: readonly RunState[] = ['succeeded', 'failed', 'cancelled']

export function isActive(attempt: AttemptRow): boolean {
  return ACTIVE_ATTEMPTS.includes(attempt.state)
}

export function isDone(step: Pick<StepRow, 'state'>): boolean {
  return step.state === 'succeeded' || step.state === 'cached'
}

function parsed(row: Stored, json: readonly string[]): Stored {
  const copy = { ...row }
  for (const column of json) {
    const text = copy[column]
    copy[column] = typeof text === 'string' ? parseNumerals(text) : null
  }
  return copy
}
