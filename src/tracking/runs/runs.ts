/** Runs: made, updated, deleted, restored; and the check that a run may be written to. */
import type { Principal } from '../../contract/access.ts'
import type { Problem } from '../../contract/errors.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { requireActiveExperiment } from '../experiments/experiments.ts'
import type { Tag } from '../context/pairs.ts'
import type { Stage } from '../experiments/experiments.ts'
import { beat } from './heartbeat.ts'
import { LIMITS, checkKey, cut } from '../../mlflow/limits.ts'
import { randomName } from './names.ts'
import { sees } from '../../auth/visibility.ts'
import { hexId } from '../context/ids.ts'
import type { Tracking } from '../context/context.ts'
import { insertRows } from '../../store/sql/sql.ts'
import { invalid, missing } from '../../mlflow/wire.ts'

export const STATUSES = { RUNNING: 1, SCHEDULED: 2, FINISHED: 3, FAILED: 4, KILLED: 5 } as const
export type RunStatus = keyof typeof STATUSES

/** A row of the table; times in ms since 1970. `heartbeat_at` is the last sign of life, to within 5 s. */
export interface RunRow {
  readonly run_id: string
  readonly experiment_id: string
  readonly project: string
  readonly run_name: string
  readonly user_id: string
  readonly status: RunStatus
  readonly start_time: number
  readonly end_time: number | null
  readonly artifact_uri: string
  readonly lifecycle_stage: Stage
  readonly deleted_time: number | null
  readonly heartbeat_at: number
  /** When it was found silent and taken for ended; null or absent for a run that lives or ended by itself. */
  readonly lost_at?: number | null
}

const NAME_TAG = 'mlflow.runName'
const USER_TAG = 'mlflow.user'

export interface NewRun {
  /** 32 hex digits, given by a caller that must not make the same run twice: one that is there already stays as it is. Default a new one. */
  readonly run_id?: string
  readonly experiment_id: string
  readonly user_id?: string | undefined
  readonly run_name?: string | undefined
  /** Ms since 1970; now when absent. */
  readonly start_time?: number | undefined
  readonly tags?: readonly Tag[]
}

const BY_ID = 'SELECT * FROM runs WHERE run_id = ?'

/** Makes a run in status RUNNING. The experiment must be active; a run without a name gets one. */
export async function createRun(room: Tracking, who: Principal, given: NewRun): Promise<RunRow> {
  const tags = given.tags ?? []
  for (const [index, tag] of tags.entries()) checkKey(tag.key, `tags[${index}].key`, 'key')
  const tagged = tags.find((tag) => tag.key === NAME_TAG)?.value
  if (given.run_name && tagged && given.run_name !== tagged) {
    throw invalid(
      "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values " +
        `(run_name='${given.run_name}', mlflow.runName='${tagged}').`,
    )
  }
  const run_name = given.run_name || tagged || randomName(room.random)
  const now = room.clock()
  const run_id = given.run_id ?? hexId(room)
  return room.db.tx(async (t) => {
    const experiment = await requireActiveExperiment(t, room, who, given.experiment_id)
    const known = given.run_id === undefined ? undefined : await t.get<RunRow>(BY_ID, [run_id])
    if (known !== undefined) return known
    const row: RunRow = {
      run_id,
      experiment_id: experiment.experiment_id,
      project: experiment.project,
      run_name,
      user_id: given.user_id || tags.find((tag) => tag.key === USER_TAG)?.value || 'unknown',
      status: 'RUNNING',
      start_time: given.start_time ?? now,
      end_time: null,
      artifact_uri: `${experiment.artifact_location.replace(/\/+$/, '')}/${run_id}/artifacts`,
      lifecycle_stage: 'active',
      deleted_time: null,
      heartbeat_at: now,
    }
    await insertRuns(t, [row])
    await putTags(t, run_id, [...tags.filter((tag) => tag.key !== NAME_TAG), { key: NAME_TAG, value: run_name }])
    return row
  })
}

export interface RunChange {
  readonly run_id: string
  readonly status?: RunStatus | undefined
  readonly end_time?: number | undefined
  readonly run_name?: string | undefined
}

/** Changes status, end or name of an active run; a name change also sets the tag mlflow.runName. */
export function updateRun(room: Tracking, who: Principal, change: RunChange): Promise<RunRow> {
  return room.db.tx(async (t) => {
    const row = await requireActiveRun(t, room, who, change.run_id)
    const next: RunRow = {
      ...row,
      status: change.status ?? row.status,
      end_time: change.end_time ?? row.end_time,
      run_name: change.run_name || row.run_name,
      heartbeat_at: room.clock(),
    }
    await t.run('UPDATE runs SET status = ?, end_time = ?, run_name = ?, heartbeat_at = ? WHERE run_id = ?', [
      next.status,
      next.end_time,
      next.run_name,
      next.heartbeat_at,
      row.run_id,
    ])
    if (next.run_name !== row.run_name) await putTags(t, row.run_id, [{ key: NAME_TAG, value: next.run_name }])
    return next
  })
}

/** Ends a run now. For rooms that run steps by themselves. */
export function finishRun(room: Tracking, who: Principal, runId: string, status: RunStatus): Promise<RunRow> {
  return updateRun(room, who, { run_id: runId, status, end_time: room.clock() })
}

/** Deletes (to the bin) or restores a run; nothing happens when it is in that stage already. */
export async function setRunStage(room: Tracking, who: Principal, runId: string, stage: Stage): Promise<void> {
  await room.db.tx(async (t) => {
    const row = await requireRun(t, who, runId)
    if (row.lifecycle_stage === stage) return
    await t.run('UPDATE runs SET lifecycle_stage = ?, deleted_time = ? WHERE run_id = ?', [
      stage,
      stage === 'deleted' ? room.clock() : null,
      runId,
    ])
    await room.record(t, who, { verb: 'write', resource: 'runs', id: runId, detail: { run: row.run_name, stage } })
  })
}

/** Sets a tag; the last write wins. The tag mlflow.runName is the run's name. */
export async function setTag(room: Tracking, who: Principal, runId: string, tag: Tag): Promise<void> {
  checkKey(tag.key, 'key', 'key')
  await room.db.tx(async (t) => {
    await requireActiveRun(t, room, who, runId)
    await writeTags(t, runId, [tag])
  })
}

/** Removes a tag. RESOURCE_DOES_NOT_EXIST when it is not set. */
export async function deleteTag(room: Tracking, who: Principal, runId: string, key: string): Promise<void> {
  await room.db.tx(async (t) => {
    await requireActiveRun(t, room, who, runId)
    const gone = await t.run('DELETE FROM run_tags WHERE run_id = ? AND key = ?', [runId, key])
    if (gone === 0) throw missing(`No tag with name: ${key} in run with id ${runId}`, 'tag', key)
  })
}

/** The project of a run; undefined = there is none of that id. */
export async function projectOfRun(reader: Reader, runId: string): Promise<string | undefined> {
  return (await reader.get<RunRow>(BY_ID, [runId]))?.project
}

/** The row of a run that the principal sees. RESOURCE_DOES_NOT_EXIST. */
export async function requireRun(reader: Reader, who: Principal, runId: string): Promise<RunRow> {
  const row = await reader.get<RunRow>(BY_ID, [runId])
  if (row === undefined || !sees(who, row.project)) throw missing(`Run with id=${runId} not found`, 'run', runId)
  return row
}

/** Why a run may not be written to; undefined where it may. */
export function refusalOf(
  row: Pick<RunRow, 'project' | 'lifecycle_stage'> | undefined,
  who: Principal,
  runId: string,
): Problem | undefined {
  if (row === undefined || !sees(who, row.project)) return missing(`Run with id=${runId} not found`, 'run', runId)
  if (row.lifecycle_stage === 'active') return undefined
  return invalid(`The run ${runId} must be in the 'active' state. Current state is ${row.lifecycle_stage}.`)
}

/** The row of a run that may be written to; notes a sign of life now and then, which opens a lost run again. INVALID_PARAMETER_VALUE for a deleted one. */
export async function requireActiveRun(t: Tx, room: Tracking, who: Principal, runId: string): Promise<RunRow> {
  const row = await requireRun(t, who, runId)
  const refusal = refusalOf(row, who, runId)
  if (refusal !== undefined) throw refusal
  return (await beat(t, room.clock(), [row])) ? requireRun(t, who, runId) : row
}

/** Writes tags of a run, cut to `limit` characters, and its name where one is mlflow.runName. Keys must have been checked. */
export async function writeTags(t: Tx, runId: string, tags: readonly Tag[], limit: number = LIMITS.tag): Promise<void> {
  const name = tags.findLast((tag) => tag.key === NAME_TAG)
  if (name !== undefined) await t.run('UPDATE runs SET run_name = ? WHERE run_id = ?', [name.value, runId])
  await putTags(t, runId, tags, limit)
}

async function putTags(t: Tx, runId: string, tags: readonly Tag[], limit: number = LIMITS.tag): Promise<void> {
  const last = new Map(tags.map((tag) => [tag.key, cut(tag.value, limit)]))
  const rows = [...last].sort(byKey).map(([key, value]) => [runId, key, value])
  await insertRows(
    t,
    'INSERT INTO run_tags (run_id, key, value)',
    rows,
    'ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value',
  )
}

function byKey(left: readonly [string, unknown], right: readonly [string, unknown]): number {
  return left[0] < right[0] ? -1 : 1
}

const COLUMNS = [
  'run_id',
  'experiment_id',
  'project',
  'run_name',
  'user_id',
  'status',
  'start_time',
  'end_time',
  'artifact_uri',
  'lifecycle_stage',
  'deleted_time',
  'heartbeat_at',
] as const satisfies readonly (keyof RunRow)[]

/** Writes new runs as they are, without tags; for imports and generated data. */
export async function insertRuns(t: Tx, rows: readonly RunRow[]): Promise<void> {
  const values = rows.map((row) => COLUMNS.map((column) => row[column]))
  await insertRows(t, `INSERT INTO runs (${COLUMNS.join(', ')})`, values)
}
