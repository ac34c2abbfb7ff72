/** Logged models: made, finalised, tagged, deleted, read. */
import type { Principal } from '../../contract/access.ts'
import type { Reader, Tx } from '../../store/db.ts'
import type { Param } from '../context/pairs.ts'
import { requireActiveExperiment } from '../experiments/experiments.ts'
import type { Tag } from '../context/pairs.ts'
import type { Stage } from '../experiments/experiments.ts'
import { LIMITS, checkKey, cut } from '../../mlflow/limits.ts'
import { randomName } from '../runs/names.ts'
import { wireValue } from '../context/points.ts'
import { sees } from '../../auth/visibility.ts'
import { hexId } from '../context/ids.ts'
import type { Tracking } from '../context/context.ts'
import { fetchAll, inList, insertRows, sql } from '../../store/sql/sql.ts'
import { invalid, missing } from '../../mlflow/wire.ts'
import { insertRow } from '../../store/sql/rows.ts'

/** MLflow's enum of states, by its wire names. */
export const MODEL_STATES = {
  LOGGED_MODEL_STATUS_UNSPECIFIED: 0,
  LOGGED_MODEL_PENDING: 1,
  LOGGED_MODEL_READY: 2,
  LOGGED_MODEL_UPLOAD_FAILED: 3,
} as const
export type ModelState = keyof typeof MODEL_STATES

/** A row of the table; times in ms since 1970. `status` is the wire name without `LOGGED_MODEL_`. */
export interface LoggedModelRow {
  readonly model_id: string
  readonly experiment_id: string
  readonly project: string
  readonly name: string
  readonly model_type: string | null
  readonly source_run_id: string | null
  readonly artifact_uri: string
  readonly status: string
  readonly status_message: string | null
  readonly creation_timestamp: number
  readonly last_updated_timestamp: number
  readonly lifecycle_stage: Stage
}

export interface NewLoggedModel {
  readonly experiment_id: string
  readonly name?: string | undefined
  readonly model_type?: string | undefined
  readonly source_run_id?: string | undefined
  readonly params?: readonly Param[]
  readonly tags?: readonly Tag[]
}

/** A logged model in MLflow's shape. */
export interface WireLoggedModel {
  readonly info: Record<string, unknown>
  readonly data: { readonly params: Param[]; readonly metrics: Record<string, unknown>[] }
}

/** Params taken by one call at most. */
const MOST_PARAMS = 100

/** Makes a model in state PENDING, with a place for its artifacts. */
export async function createLoggedModel(
  room: Tracking,
  who: Principal,
  given: NewLoggedModel,
): Promise<WireLoggedModel> {
  checkName(given.name)
  const model_id = `m-${hexId(room)}`
  const now = room.clock()
  const name = given.name || randomName(room.random)
  await room.db.tx(async (t) => {
    const experiment = await requireActiveExperiment(t, room, who, given.experiment_id)
    const location = experiment.artifact_location.replace(/\/+$/, '')
    await insertRow(t, 'logged_models', {
      model_id,
      experiment_id: experiment.experiment_id,
      project: experiment.project,
      name,
      model_type: given.model_type ?? null,
      source_run_id: given.source_run_id ?? null,
      artifact_uri: `${location}/models/${model_id}/artifacts`,
      status: 'PENDING',
      creation_timestamp: now,
      last_updated_timestamp: now,
      lifecycle_stage: 'active',
    })
    await putParams(t, model_id, given.params ?? [])
    await putTags(t, model_id, given.tags ?? [])
  })
  return getLoggedModel(room, who, model_id)
}

/** The model with its data. RESOURCE_DOES_NOT_EXIST, also for a deleted one unless `deleted` is true. */
export async function getLoggedModel(
  room: Tracking,
  who: Principal,
  modelId: string,
  deleted = false,
): Promise<WireLoggedModel> {
  const [model] = await readLoggedModels(room.db, [await requireLoggedModel(room.db, who, modelId, deleted)])
  return model as WireLoggedModel
}

/** Sets the state that an upload ended in. */
export async function finalizeLoggedModel(
  room: Tracking,
  who: Principal,
  modelId: string,
  state: ModelState,
): Promise<WireLoggedModel> {
  await withModel(room, who, modelId, async (t) => {
    await t.run('UPDATE logged_models SET status = ?, last_updated_timestamp = ? WHERE model_id = ?', [
      state.replace('LOGGED_MODEL_', ''),
      room.clock(),
      modelId,
    ])
  })
  return getLoggedModel(room, who, modelId)
}

/** Deletes a model (to the bin). */
export async function deleteLoggedModel(room: Tracking, who: Principal, modelId: string): Promise<void> {
  await withModel(room, who, modelId, async (t, row) => {
    await t.run("UPDATE logged_models SET lifecycle_stage = 'deleted', last_updated_timestamp = ? WHERE model_id = ?", [
      room.clock(),
      modelId,
    ])
    await room.record(t, who, {
      verb: 'write',
      resource: 'runs',
      id: modelId,
      detail: { logged_model: row.name, stage: 'deleted' },
    })
  })
}

/** Adds params; the same value again is fine, another is refused. */
export function logModelParams(
  room: Tracking,
  who: Principal,
  modelId: string,
  params: readonly Param[],
): Promise<void> {
  return withModel(room, who, modelId, (t) => putParams(t, modelId, params))
}

/** Sets tags; the last write wins. */
export function setModelTags(room: Tracking, who: Principal, modelId: string, tags: readonly Tag[]): Promise<void> {
  return withModel(room, who, modelId, (t) => putTags(t, modelId, tags))
}

/** Removes a tag. RESOURCE_DOES_NOT_EXIST when it is not set. */
export async function deleteModelTag(room: Tracking, who: Principal, modelId: string, key: string): Promise<void> {
  await withModel(room, who, modelId, async (t) => {
    const gone = await t.run('DELETE FROM logged_model_tags WHERE model_id = ? AND key = ?', [modelId, key])
    if (gone === 0) throw missing(`No tag with key '${key}' found for model with ID '${modelId}'.`, 'tag', key)
  })
}

/** Changes a model that the principal sees, in one transaction. RESOURCE_DOES_NOT_EXIST. */
function withModel(
  room: Tracking,
  who: Principal,
  modelId: string,
  change: (t: Tx, row: LoggedModelRow) => Promise<void>,
): Promise<void> {
  return room.db.tx(async (t) => change(t, await requireLoggedModel(t, who, modelId)))
}

/** The row of a model that the principal sees. RESOURCE_DOES_NOT_EXIST. */
export async function requireLoggedModel(
  reader: Reader,
  who: Principal,
  modelId: string,
  deleted = false,
): Promise<LoggedModelRow> {
  const row = await reader.get<LoggedModelRow>('SELECT * FROM logged_models WHERE model_id = ?', [modelId])
  const hidden = row === undefined || !sees(who, row.project) || (row.lifecycle_stage === 'deleted' && !deleted)
  if (hidden) throw missing(`Logged model with ID '${modelId}' not found.`, 'logged model', modelId)
  return row
}

/** Fills rows with their params, tags and metrics, in the same order. */
export async function readLoggedModels(reader: Reader, rows: readonly LoggedModelRow[]): Promise<WireLoggedModel[]> {
  if (rows.length === 0) return []
  const ids = inList(rows.map((row) => row.model_id))
  const [params, tags, metrics] = await Promise.all([
    fetchAll<Param & OfModel>(
      reader,
      sql`SELECT model_id, key, value FROM logged_model_params WHERE model_id IN ${ids} ORDER BY key`,
    ),
    fetchAll<Tag & OfModel>(
      reader,
      sql`SELECT model_id, key, value FROM logged_model_tags WHERE model_id IN ${ids} ORDER BY key`,
    ),
    fetchAll<MetricRow>(
      reader,
      sql`SELECT * FROM logged_model_metrics WHERE model_id IN ${ids} ORDER BY key, run_id, dataset_name, dataset_digest`,
    ),
  ])
  const paramsOf = Map.groupBy(params, (row) => row.model_id)
  const tagsOf = Map.groupBy(tags, (row) => row.model_id)
  const metricsOf = Map.groupBy(metrics, (row) => row.model_id)
  return rows.map((row) => ({
    info: modelInfo(row, (tagsOf.get(row.model_id) ?? []).map(plain)),
    data: {
      params: (paramsOf.get(row.model_id) ?? []).map(plain),
      metrics: (metricsOf.get(row.model_id) ?? []).map(wireMetric),
    },
  }))
}

interface OfModel {
  readonly model_id: string
}

interface MetricRow extends OfModel {
  readonly key: string
  readonly run_id: string
  readonly dataset_name: string
  readonly dataset_digest: string
  readonly value: number
  readonly is_nan: number
  readonly timestamp: number
  readonly step: number
}

function plain({ key, value }: Param): Param {
  return { key, value }
}

function wireMetric(row: MetricRow): Record<string, unknown> {
  return {
    key: row.key,
    value: wireValue(row),
    timestamp: row.timestamp,
    step: row.step,
    model_id: row.model_id,
    run_id: row.run_id,
    ...(row.dataset_name !== '' && { dataset_name: row.dataset_name }),
    ...(row.dataset_digest !== '' && { dataset_digest: row.dataset_digest }),
  }
}

function modelInfo(row: LoggedModelRow, tags: readonly Tag[]): Record<string, unknown> {
  return {
    model_id: row.model_id,
    experiment_id: row.experiment_id,
    name: row.name,
    creation_timestamp_ms: row.creation_timestamp,
    last_updated_timestamp_ms: row.last_updated_timestamp,
    artifact_uri: row.artifact_uri,
    status: `LOGGED_MODEL_${row.status}`,
    ...(row.model_type !== null && { model_type: row.model_type }),
    ...(row.source_run_id !== null && { source_run_id: row.source_run_id }),
    ...(row.status_message !== null && { status_message: row.status_message }),
    ...(tags.length > 0 && { tags }),
  }
}

function checkName(name: string | undefined): void {
  if (name === undefined) return
  const bad = ['/', ':', '.', '%', '"', "'"]
  if (name === '' || bad.some((char) => name.includes(char))) {
    throw invalid(
      `Invalid model name ('${name}') provided. Model name must be a non-empty string and cannot contain the following characters: ('/', ':', '.', '%', '"', "'")`,
    )
  }
}

async function putParams(t: Tx, modelId: string, params: readonly Param[]): Promise<void> {
  if (params.length > MOST_PARAMS) {
    throw invalid(`A call can log at most ${MOST_PARAMS} params of a model. Got ${params.length}.`)
  }
  for (const [index, param] of params.entries()) {
    checkKey(param.key, `params[${index}].key`, 'Param key')
    const value = cut(param.value, LIMITS.param)
    const row = { model_id: modelId, key: param.key, value }
    if ((await insertRow(t, 'logged_model_params', row, 'ON CONFLICT DO NOTHING')) > 0) continue
    const old = await t.get<Param>('SELECT key, value FROM logged_model_params WHERE model_id = ? AND key = ?', [
      modelId,
      param.key,
    ])
    if (old !== undefined && old.value !== value) {
      throw invalid(
        `Changing param values is not allowed. Param with key='${param.key}' was already logged with value='${old.value}' ` +
          `for model ID='${modelId}'. Attempted logging new value '${value}'.`,
      )
    }
  }
}

async function putTags(t: Tx, modelId: string, tags: readonly Tag[]): Promise<void> {
  for (const [index, tag] of tags.entries()) checkKey(tag.key, `tags[${index}].key`, 'key')
  const last = new Map(tags.map((tag) => [tag.key, tag.value]))
  await insertRows(
    t,
    'INSERT INTO logged_model_tags (model_id, key, value)',
    [...last].map(([key, value]) => [modelId, key, value]),
    'ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value',
  )
}
