/** Params, and batches of metrics, params and tags: all of a batch or nothing of it. */
import type { Param, Tag } from '../context/pairs.ts'
import type { Principal } from '../../contract/access.ts'
import type { Tx } from '../../store/db.ts'
import { takeKey } from './batch-keys.ts'
import { LIMITS, checkBatch, checkKey, checkRunId, cut } from '../../mlflow/limits.ts'
import { queuePoints } from '../metrics/queue.ts'
import { writePoints } from '../metrics/rows.ts'
import { putModelMetrics } from '../models/metrics.ts'
import { checkPoint } from '../context/points.ts'
import type { MetricPoint } from '../context/points.ts'
import { requireActiveRun, writeTags } from '../runs/runs.ts'
import type { Tracking } from '../context/context.ts'
import { fetchAll, inList, insertRows, sql } from '../../store/sql/sql.ts'
import { invalid } from '../../mlflow/wire.ts'

export interface Batch {
  /** Of the request: a batch with a key that the run has had is not written again. */
  readonly key?: string | undefined
  readonly metrics?: readonly MetricPoint[]
  readonly params?: readonly Param[]
  readonly tags?: readonly Tag[]
}

/**
 * Writes a batch in one transaction: at most 1000 metrics, 100 params, 100 tags, 1000 together. Refuses a param that the run
 * has with another value. Values that are too long are cut.
 */
export async function logBatch(room: Tracking, who: Principal, runId: string, batch: Batch): Promise<void> {
  const { metrics = [], params = [], tags = [] } = batch
  checkRunId(runId)
  checkBatch(metrics.length, params, tags.length)
  metrics.forEach(checkPoint)
  for (const [index, param] of params.entries()) checkKey(param.key, `params[${index}].key`, 'Param key')
  for (const [index, tag] of tags.entries()) checkKey(tag.key, `tags[${index}].key`, `tags[${index}].key`)
  if (isPlain(batch)) return queuePoints(room, { who, run_id: runId, points: metrics })
  await room.db.tx(async (t) => {
    const run = await requireActiveRun(t, room, who, runId)
    if (batch.key !== undefined && !(await takeKey(t, room, { runId, key: batch.key, batch }))) return
    const conflicts = await writeParams(t, runId, params)
    if (conflicts.length > 0) throw allChanged(runId, conflicts)
    if (metrics.length > 0) await writePoints(t, [{ run, points: metrics }])
    await putModelMetrics(t, who, runId, metrics)
    await writeTags(t, runId, tags)
  })
}

/** Points of the run and nothing else, which may share a transaction with those of other calls. */
function isPlain({ key, metrics = [], params = [], tags = [] }: Batch): boolean {
  if (key !== undefined || params.length > 0 || tags.length > 0 || metrics.length === 0) return false
  return metrics.every((point) => point.model_id === undefined)
}

/** Logs one param. The same value again is fine. */
export async function logParam(room: Tracking, who: Principal, runId: string, param: Param): Promise<void> {
  checkKey(param.key, 'key', 'Param key')
  await room.db.tx(async (t) => {
    await requireActiveRun(t, room, who, runId)
    const [conflict] = await writeParams(t, runId, [param])
    if (conflict !== undefined) throw changed(runId, conflict)
  })
}

/** A param that the run has with another value. */
interface Conflict {
  readonly key: string
  readonly old: string
  readonly now: string
}

/** Writes params, each key once among them, and returns those that the run has otherwise. */
async function writeParams(t: Tx, runId: string, params: readonly Param[]): Promise<Conflict[]> {
  if (params.length === 0) return []
  const wanted = new Map(params.map(({ key, value }) => [key, cut(value, LIMITS.param)]))
  const rows = [...wanted].sort((left, right) => (left[0] < right[0] ? -1 : 1))
  const added = await insertRows(
    t,
    'INSERT INTO run_params (run_id, key, value)',
    rows.map(([key, value]) => [runId, key, value]),
    'ON CONFLICT DO NOTHING',
  )
  if (added === rows.length) return []
  const keys = inList(rows.map(([key]) => key))
  const found = await fetchAll<Param>(
    t,
    sql`SELECT key, value FROM run_params WHERE run_id = ${runId} AND key IN ${keys}`,
  )
  return found.flatMap(({ key, value: old }) => {
    const now = wanted.get(key)
    return now === undefined || now === old ? [] : [{ key, old, now }]
  })
}

function allChanged(runId: string, conflicts: readonly Conflict[]): Error {
  const each = conflicts.map(({ key, old, now }) => `{'key': '${key}', 'old_value': '${old}', 'new_value': '${now}'}`)
  return invalid(
    `Changing param values is not allowed. Params were already logged='[${each.join(', ')}]' for run ID='${runId}'.`,
  )
}

function changed(runId: string, { key, old, now }: Conflict): Error {
  return invalid(
    `Changing param values is not allowed. Param with key='${key}' was already logged with value='${old}' ` +
      `for run ID='${runId}'. Attempted logging new value '${now}'.`,
  )
}
