/** Experiments, runs and logged models of an MLflow database as rows of Slipway's tables. */
import type { Row, SqlValue } from '../../store/db.ts'
import type { MlflowRow, MlflowSql } from './sql.ts'
import { movedLocation, movedUri } from './places.ts'
import { addPoint, latestRows } from '../summary.ts'
import type { Point, Summaries } from '../summary.ts'

/** A table and rows of it. */
export type Rows = readonly [table: string, rows: readonly Row[]]

/** Points read at once. */
const PAGE = 20_000

/** All experiments, with tags and the datasets that were logged in them. */
export async function* experimentRows(sql: MlflowSql): AsyncGenerator<Rows> {
  const project = (await sql.has('experiments', 'workspace')) ? 'workspace' : "'default'"
  const rows = await sql.all(
    `SELECT CAST(experiment_id AS TEXT) AS experiment_id, ${project} AS project, name, artifact_location, lifecycle_stage,
       COALESCE(creation_time, 0) AS creation_time, COALESCE(last_update_time, creation_time, 0) AS last_update_time
     FROM experiments ORDER BY experiments.experiment_id`,
  )
  yield [
    'experiments',
    rows.map((row) => ({
      ...row,
      artifact_location: movedLocation(text(row, 'artifact_location'), String(row['experiment_id'])),
    })),
  ]
  yield [
    'experiment_tags',
    await sql.all(
      "SELECT CAST(experiment_id AS TEXT) AS experiment_id, key, COALESCE(value, '') AS value FROM experiment_tags",
    ),
  ]
  yield [
    'datasets',
    await sql.all(
      `SELECT CAST(experiment_id AS TEXT) AS experiment_id, name, digest, dataset_source_type AS source_type,
         dataset_source AS source, dataset_schema AS schema, dataset_profile AS profile FROM datasets`,
    ),
  ]
}

/** Runs with all that hangs on them, given their ids. */
export async function* runRows(sql: MlflowSql, ids: readonly string[]): AsyncGenerator<Rows> {
  const runs = await runsOf(sql, ids)
  yield ['runs', runs]
  const marks = marksOf(ids)
  yield [
    'run_params',
    await sql.all(`SELECT run_uuid AS run_id, key, value FROM params WHERE run_uuid IN ${marks}`, ids),
  ]
  yield [
    'run_tags',
    await sql.all(
      `SELECT run_uuid AS run_id, key, COALESCE(value, '') AS value FROM tags WHERE run_uuid IN ${marks}`,
      ids,
    ),
  ]
  const experiments = new Map(runs.map((run) => [String(run['run_id']), String(run['experiment_id'])]))
  for (const id of ids) yield* metricRows(sql, id, experiments.get(id) ?? '')
  yield* inputRows(sql, ids)
}

/** The address of the files of runs. */
export async function runPlaces(sql: MlflowSql, ids: readonly string[]): Promise<string[]> {
  const rows = await sql.all(`SELECT artifact_uri FROM runs WHERE run_uuid IN ${marksOf(ids)} ORDER BY run_uuid`, ids)
  return rows.map((row) => text(row, 'artifact_uri') ?? '')
}

async function runsOf(sql: MlflowSql, ids: readonly string[]): Promise<Row[]> {
  const project = (await sql.has('experiments', 'workspace')) ? 'e.workspace' : "'default'"
  const rows = await sql.all(
    `SELECT r.run_uuid AS run_id, CAST(r.experiment_id AS TEXT) AS experiment_id, ${project} AS project,
       COALESCE(r.name, '') AS run_name, COALESCE(r.user_id, '') AS user_id, r.status, COALESCE(r.start_time, 0) AS start_time,
       r.end_time, COALESCE(r.artifact_uri, '') AS artifact_uri, r.lifecycle_stage, r.deleted_time
     FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id WHERE r.run_uuid IN ${marksOf(ids)}`,
    ids,
  )
  return rows.map((row) => ({
    ...row,
    artifact_uri: movedUri(String(row['artifact_uri'])),
    heartbeat_at: row['end_time'] ?? row['start_time'] ?? 0,
  }))
}

/** All points of a run, then what each of its metrics comes to. */
async function* metricRows(sql: MlflowSql, run: string, experiment: string): AsyncGenerator<Rows> {
  const key = 'key, timestamp, step, value, CAST(is_nan AS INTEGER)'
  const summaries: Summaries = new Map()
  let after: SqlValue[] = []
  for (;;) {
    const behind = after.length === 0 ? '' : `AND (${key}) > (?, ?, ?, ?, ?)`
    const page = await sql.all(
      `SELECT key, timestamp, step, value, CAST(is_nan AS INTEGER) AS is_nan FROM metrics WHERE run_uuid = ? ${behind}
       ORDER BY ${key} LIMIT ${PAGE}`,
      [run, ...after],
    )
    const points = page.map((row) => pointOf(row))
    for (const point of points) addPoint(summaries, point)
    if (points.length > 0) yield ['metric_points', points.map((point) => ({ run_id: run, ...point }))]
    const last = page.at(-1)
    if (page.length < PAGE || last === undefined) break
    after = ['key', 'timestamp', 'step', 'value', 'is_nan'].map((name) => last[name] ?? null)
  }
  yield ['latest_metrics', latestRows(summaries, run, experiment)]
}

function pointOf(row: MlflowRow): Point {
  const value = Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, Number(row['value'])))
  const is_nan = Number(row['is_nan'])
  return {
    key: String(row['key']),
    timestamp: Number(row['timestamp']),
    step: Number(row['step']),
    value: is_nan === 1 ? 0 : value,
    is_nan,
  }
}

async function* inputRows(sql: MlflowSql, ids: readonly string[]): AsyncGenerator<Rows> {
  const inputs = await sql.all(
    `SELECT i.destination_id AS run_id, d.name, d.digest, CAST(d.experiment_id AS TEXT) AS experiment_id
     FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id
     WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id IN ${marksOf(ids)}
     ORDER BY i.destination_id, d.name, d.digest`,
    ids,
  )
  yield ['dataset_inputs', inputs.map((row, position) => ({ ...row, position }))]
  const tags = await sql.all(
    `SELECT i.destination_id AS run_id, d.name, d.digest, t.name AS key, t.value
     FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id JOIN input_tags t ON t.input_uuid = i.input_uuid
     WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id IN ${marksOf(ids)}`,
    ids,
  )
  yield ['dataset_input_tags', tags]
  if (!(await sql.has('inputs', 'step'))) return
  const models = await sql.all(
    `SELECT source_id AS run_id, destination_id AS model_id, source_type, step FROM inputs
     WHERE source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id IN ${marksOf(ids)} ORDER BY source_id, destination_id`,
    ids,
  )
  yield [
    'run_models',
    models.map(({ source_type, ...row }, position) => ({
      ...row,
      position,
      role: source_type === 'RUN_INPUT' ? 'input' : 'output',
    })),
  ]
}

/** Logged models with all that hangs on them, given their ids. */
export async function* loggedModelRows(sql: MlflowSql, ids: readonly string[]): AsyncGenerator<Rows> {
  const marks = marksOf(ids)
  const project = (await sql.has('experiments', 'workspace')) ? 'e.workspace' : "'default'"
  const models = await sql.all(
    `SELECT m.model_id, CAST(m.experiment_id AS TEXT) AS experiment_id, ${project} AS project, m.name, m.model_type, m.source_run_id,
       m.artifact_location AS artifact_uri, m.status, m.status_message, m.creation_timestamp_ms AS creation_timestamp,
       m.last_updated_timestamp_ms AS last_updated_timestamp, m.lifecycle_stage
     FROM logged_models m JOIN experiments e ON e.experiment_id = m.experiment_id WHERE m.model_id IN ${marks}`,
    ids,
  )
  const states = ['STATUS_UNSPECIFIED', 'PENDING', 'READY', 'UPLOAD_FAILED']
  yield [
    'logged_models',
    models.map((row) => ({
      ...row,
      artifact_uri: movedUri(String(row['artifact_uri'])),
      status: states[Number(row['status'])] ?? 'STATUS_UNSPECIFIED',
    })),
  ]
  const of = (kind: 'param' | 'tag'): Promise<MlflowRow[]> =>
    sql.all(
      `SELECT model_id, ${kind}_key AS key, ${kind}_value AS value FROM logged_model_${kind}s WHERE model_id IN ${marks}`,
      ids,
    )
  yield ['logged_model_params', await of('param')]
  yield ['logged_model_tags', await of('tag')]
  const metrics = await sql.all(
    `SELECT model_id, metric_name AS key, run_id, COALESCE(dataset_name, '') AS dataset_name,
       COALESCE(dataset_digest, '') AS dataset_digest, metric_value AS value, metric_timestamp_ms AS timestamp, metric_step AS step
     FROM logged_model_metrics WHERE model_id IN ${marks} ORDER BY metric_step, metric_timestamp_ms, metric_value`,
    ids,
  )
  // Slipway keeps each metric's last value of a model; its history is the run's
  const last = new Map<string, Row>()
  for (const row of metrics) {
    const place = ['model_id', 'key', 'run_id', 'dataset_name', 'dataset_digest'].map((name) => row[name])
    last.set(JSON.stringify(place), { ...row, value: row['value'] ?? 0, is_nan: row['value'] === null ? 1 : 0 })
  }
  yield ['logged_model_metrics', [...last.values()]]
}

/** The address of the files of logged models. */
export async function loggedModelPlaces(sql: MlflowSql, ids: readonly string[]): Promise<string[]> {
  const rows = await sql.all(`SELECT artifact_location FROM logged_models WHERE model_id IN ${marksOf(ids)}`, ids)
  return rows.map((row) => text(row, 'artifact_location') ?? '')
}

/** `(?, ?, …)` */
export function marksOf(values: readonly unknown[]): string {
  return `(${values.map(() => '?').join(', ')})`
}

function text(row: MlflowRow, name: string): string | null {
  const value = row[name]
  return typeof value === 'string' ? value : null
}
