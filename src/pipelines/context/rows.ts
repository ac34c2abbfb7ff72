/** The rows of a run: as they are stored, and as the code reads them. */
import type { Role } from '../../contract/access.ts'
import type { AttemptState, Failure, Measured, Read, RunState, StepState, Trigger } from '../../contract/pipelines.ts'
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
  /** A read that a key does not hold is a failure; runs of before have none. */
  readonly strict?: boolean
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
  readonly registered: RegisteredModel | null
  readonly reproduction: Record<string, unknown> | null
  /** The merge that it was started for; its time in ms. */
  readonly merge_commit: string | null
  readonly merged_at: number | null
}

export interface StepFailure {
  readonly class: Failure
  readonly message: string
  readonly traceback: string | null
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
  readonly tracking_run_id: string | null
  readonly ready_at: number | null
  readonly started_at: number | null
  readonly finished_at: number | null
  readonly retry_at: number | null
}

export interface AttemptRow {
  readonly id: string
  readonly run_id: string
  readonly step: string
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
  readonly cpu_seconds: number | null
  readonly max_rss_bytes: number | null
  /** Memory over time: KiB times seconds. */
  readonly memory_kib_s: number | null
  readonly measured: Measured
  readonly wall_ms: number | null
  readonly log_digest: string | null
  readonly log_bytes: number
  /** What it takes of the machine until it has ended. */
  readonly cpus: number
  readonly memory_bytes: number
}

/** A run with everything below it, steps in the order of the project file, attempts by number. */
export interface RunTree {
  readonly run: RunRow
  readonly steps: readonly StepRow[]
  readonly attempts: readonly AttemptRow[]
}

type Stored = Record<string, unknown>

const RUN_JSON = ['params', 'options', 'registered', 'reproduction']
const STEP_JSON = ['key_parts', 'changes', 'outputs', 'metrics', 'failure', 'reads']

/** Columns of a step without the large key. */
const STEP_COLUMNS = `run_id, name, project, position, state, cache_key, NULL AS key_parts, reason, changes, compared_with,
  from_run, outputs, metrics, reads, failure, tracking_run_id, ready_at, started_at, finished_at, retry_at`

export async function readRun(reader: Reader, id: string): Promise<RunRow | undefined> {
  const row = await reader.get<Stored>('SELECT * FROM pipeline_runs WHERE id = ?', [id])
  return row === undefined ? undefined : (parsed(row, RUN_JSON) as unknown as RunRow)
}

/** The run, its steps (without key_parts) and attempts. */
export async function readState(reader: Reader, id: string): Promise<RunTree | undefined> {
  const run = await readRun(reader, id)
  if (run === undefined) return undefined
  const steps = await reader.all<Stored>(
    `SELECT ${STEP_COLUMNS} FROM pipeline_steps WHERE run_id = ? ORDER BY position`,
    [id],
  )
  const attempts = await reader.all<Stored>(
    'SELECT * FROM pipeline_attempts WHERE run_id = ? ORDER BY queued_at, number',
    [id],
  )
  return {
    run,
    steps: steps.map((row) => parsed(row, STEP_JSON) as unknown as StepRow),
    attempts: attempts.map(parseAttempt),
  }
}

/** A step with its key. */
export async function readStep(reader: Reader, runId: string, name: string): Promise<StepRow | undefined> {
  const row = await reader.get<Stored>('SELECT * FROM pipeline_steps WHERE run_id = ? AND name = ?', [runId, name])
  return row === undefined ? undefined : (parsed(row, STEP_JSON) as unknown as StepRow)
}

export function parseRun(row: Record<string, unknown>): RunRow {
  return parsed(row, RUN_JSON) as unknown as RunRow
}

export function parseAttempt(row: Record<string, unknown>): AttemptRow {
  return parsed(row, ['failure']) as unknown as AttemptRow
}

export const ACTIVE_ATTEMPTS: readonly AttemptState[] = ['submitting', 'running']
export const FINAL_STEPS: readonly StepState[] = ['succeeded', 'cached', 'skipped', 'failed', 'cancelled']
export const FINAL_RUNS: readonly RunState[] = ['succeeded', 'failed', 'cancelled']

export function isActive(attempt: AttemptRow): boolean {
  return ACTIVE_ATTEMPTS.includes(attempt.state)
}

export function isDone(step: StepRow): boolean {
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
