/** Traces, spans, assessments, evaluation datasets and scorers of an MLflow database as rows of Slipway's tables. */
import type { Row } from '../../store/db.ts'
import { inputHash } from '../../evaluation/datasets/records.ts'
import { LOCATION_TAG, NAME_TAG, SPANS_HERE, SPANS_TAG } from '../../traces/context/rows.ts'
import { numberOf } from '../../traces/assessments/wire.ts'
import { SPAN_COLUMNS, summarise } from '../../traces/spans/rows.ts'
import type { SpanData, SpanEvent, SpanLink } from '../../traces/spans/span.ts'
import { mapOf, readValue } from '../../traces/spans/values.ts'
import type { Value, ValueMap } from '../../traces/spans/values.ts'
import type { MlflowRow, MlflowSql } from './sql.ts'
import { movedUri } from './places.ts'
import { marksOf } from './runs.ts'
import type { Rows } from './runs.ts'

const WRAPPED = 'mlflow_wrapped'
const EMPTY: ValueMap = new Map()
const KEPT_IN_COLUMNS = [NAME_TAG, LOCATION_TAG, SPANS_TAG]
const CODES: Record<string, number> = { STATUS_CODE_OK: 1, STATUS_CODE_ERROR: 2, OK: 1, ERROR: 2 }

/** Traces with all that hangs on them, given their ids. */
export async function* traceRows(sql: MlflowSql, ids: readonly string[]): AsyncGenerator<Rows> {
  const marks = marksOf(ids)
  const tags = await sql.all(
    `SELECT request_id AS trace_id, key, COALESCE(value, '') AS value FROM trace_tags WHERE request_id IN ${marks}`,
    ids,
  )
  yield ['traces', await tracesOf(sql, ids, tags)]
  yield ['trace_tags', tags.filter((row) => !KEPT_IN_COLUMNS.includes(String(row['key'])))]
  yield [
    'trace_metadata',
    await sql.all(
      `SELECT request_id AS trace_id, key, COALESCE(value, '') AS value FROM trace_request_metadata WHERE request_id IN ${marks}`,
      ids,
    ),
  ]
  if (await sql.has('entity_associations', 'source_id')) {
    const links = await sql.all(
      `SELECT source_id AS trace_id, destination_type, destination_id AS target FROM entity_associations
       WHERE source_type = 'trace' AND destination_type IN ('run', 'prompt_version') AND source_id IN ${marks}`,
      ids,
    )
    yield [
      'trace_links',
      links.map(({ destination_type, ...row }) => ({ ...row, kind: destination_type === 'run' ? 'run' : 'prompt' })),
    ]
  }
  if (await sql.has('spans', 'content')) yield ['trace_spans', await spansOf(sql, ids)]
  if (await sql.has('assessments', 'assessment_id')) yield ['trace_assessments', await assessmentsOf(sql, ids)]
}

/** The address of the files of traces. */
export async function tracePlaces(sql: MlflowSql, ids: readonly string[]): Promise<string[]> {
  const rows = await sql.all(
    `SELECT value FROM trace_tags WHERE key = '${LOCATION_TAG}' AND request_id IN ${marksOf(ids)}`,
    ids,
  )
  return rows.map((row) => String(row['value'] ?? ''))
}

async function tracesOf(sql: MlflowSql, ids: readonly string[], tags: readonly MlflowRow[]): Promise<Row[]> {
  const tagOf = new Map(tags.map((row) => [`${String(row['trace_id'])} ${String(row['key'])}`, String(row['value'])]))
  const project = (await sql.has('experiments', 'workspace')) ? 'e.workspace' : "'default'"
  const v3 = await sql.has('trace_info', 'request_preview')
  const name = (await sql.has('trace_info', 'trace_name')) ? 't.trace_name' : 'NULL'
  const rows = await sql.all(
    `SELECT t.request_id AS trace_id, CAST(t.experiment_id AS TEXT) AS experiment_id, ${project} AS project, t.status AS state, ${name} AS name,
       t.timestamp_ms AS start_ms, t.execution_time_ms AS duration_ms,
       ${v3 ? 't.client_request_id, t.request_preview, t.response_preview' : 'NULL AS client_request_id, NULL AS request_preview, NULL AS response_preview'}
     FROM trace_info t JOIN experiments e ON e.experiment_id = t.experiment_id WHERE t.request_id IN ${marksOf(ids)}`,
    ids,
  )
  return rows.map((row) => {
    const id = String(row['trace_id'])
    const location = tagOf.get(`${id} ${LOCATION_TAG}`)
    return {
      ...row,
      name: tagOf.get(`${id} ${NAME_TAG}`) ?? row['name'] ?? null,
      artifact_uri:
        location === undefined
          ? `mlflow-artifacts:/${String(row['experiment_id'])}/traces/${id}/artifacts`
          : movedUri(location),
      spans_stored: tagOf.get(`${id} ${SPANS_TAG}`) === SPANS_HERE ? 1 : 0,
      finalized: 1,
    }
  })
}

async function spansOf(sql: MlflowSql, ids: readonly string[]): Promise<Row[]> {
  const rows = await sql.all(
    `SELECT trace_id, span_id, parent_span_id, name, content FROM spans WHERE content <> '' AND trace_id IN ${marksOf(ids)}`,
    ids,
  )
  const summaries = summarise(rows.map(spanOf))
  return summaries.flatMap((summary) =>
    [...summary.rows.values()].map((values) =>
      Object.fromEntries(SPAN_COLUMNS.map((name, at) => [name, values[at] ?? null])),
    ),
  )
}

/** A span from MLflow's JSON of it; the ids are those of the columns, in hex. */
function spanOf(row: MlflowRow): SpanData {
  const map = mapOf(readValue(String(row['content']))) ?? EMPTY
  const status = mapOf(map.get('status')) ?? EMPTY
  return {
    trace_id: String(row['trace_id']).replace(/^tr-/, ''),
    span_id: String(row['span_id']),
    parent_id: row['parent_span_id'] === null ? null : String(row['parent_span_id']),
    name: text(map.get('name')),
    kind: 1,
    start: whole(map.get('start_time_unix_nano')),
    end: whole(map.get('end_time_unix_nano')),
    status: { code: CODES[text(status.get('code'))] ?? 0, message: text(status.get('message')) },
    attributes: mapOf(map.get('attributes')) ?? EMPTY,
    events: mapsOf(map.get('events')).map((event): SpanEvent => ({
      name: text(event.get('name')),
      time: whole(event.get('time_unix_nano')),
      attributes: mapOf(event.get('attributes')) ?? EMPTY,
    })),
    links: mapsOf(map.get('links')).map((link): SpanLink => ({
      trace_id: text(link.get('trace_id')).replace(/^tr-/, ''),
      span_id: text(link.get('span_id')),
      attributes: mapOf(link.get('attributes')) ?? EMPTY,
    })),
    scope: '',
    resource: EMPTY,
  }
}

function text(value: Value | undefined): string {
  return typeof value === 'string' ? value : ''
}

function whole(value: Value | undefined): bigint {
  return typeof value === 'bigint' ? value : 0n
}

function mapsOf(value: Value | undefined): ValueMap[] {
  return Array.isArray(value) ? value.flatMap((one: Value) => mapOf(one) ?? []) : []
}

async function assessmentsOf(sql: MlflowSql, ids: readonly string[]): Promise<Row[]> {
  const rows = await sql.all(
    `SELECT assessment_id, trace_id, assessment_type AS kind, name, source_type, COALESCE(source_id, '') AS source_id, span_id, value,
       error, rationale, assessment_metadata AS metadata, overrides, CAST(valid AS INTEGER) AS valid,
       created_timestamp AS created_ms, last_updated_timestamp AS updated_ms
     FROM assessments WHERE trace_id IN ${marksOf(ids)} ORDER BY trace_id, created_timestamp, assessment_id`,
    ids,
  )
  const positions = new Map<string, number>()
  return rows.map((row) => {
    const trace = String(row['trace_id'])
    const position = (positions.get(trace) ?? 0) + 1
    positions.set(trace, position)
    const value: unknown = JSON.parse(String(row['value']))
    return { ...row, position, value: JSON.stringify(value), number: numberOf(value) }
  })
}

/** Evaluation datasets with their records, and scorers; all of them. */
export async function* evaluationRows(sql: MlflowSql): AsyncGenerator<Rows> {
  if (await sql.has('evaluation_datasets', 'dataset_id')) yield* datasetRows(sql)
  if (!(await sql.has('scorers', 'scorer_id'))) return
  yield [
    'scorers',
    await sql.all(
      `SELECT CAST(s.experiment_id AS TEXT) AS experiment_id, s.scorer_name AS name, s.scorer_id,
         COALESCE((SELECT MAX(v.scorer_version) FROM scorer_versions v WHERE v.scorer_id = s.scorer_id), 0) AS last_version
       FROM scorers s`,
    ),
  ]
  yield [
    'scorer_versions',
    await sql.all(
      `SELECT CAST(s.experiment_id AS TEXT) AS experiment_id, s.scorer_name AS name, v.scorer_version AS version,
         v.serialized_scorer AS serialized, v.creation_time FROM scorer_versions v JOIN scorers s ON s.scorer_id = v.scorer_id`,
    ),
  ]
  if (!(await sql.has('online_scoring_configs', 'filter_string'))) return
  yield [
    'scorer_sampling',
    await sql.all(
      `SELECT CAST(s.experiment_id AS TEXT) AS experiment_id, s.scorer_name AS name, c.online_scoring_config_id AS config_id,
         c.sample_rate, c.filter_string AS filter FROM online_scoring_configs c JOIN scorers s ON s.scorer_id = c.scorer_id
       WHERE c.online_scoring_config_id = (SELECT MIN(o.online_scoring_config_id) FROM online_scoring_configs o
         WHERE o.scorer_id = c.scorer_id)`,
    ),
  ]
}

async function* datasetRows(sql: MlflowSql): AsyncGenerator<Rows> {
  const project = (await sql.has('evaluation_datasets', 'workspace')) ? 'workspace' : "'default'"
  yield [
    'evaluation_datasets',
    await sql.all(
      `SELECT dataset_id, ${project} AS project, name, COALESCE(digest, '') AS digest, schema,
         (SELECT COUNT(*) FROM evaluation_dataset_records r WHERE r.dataset_id = d.dataset_id) AS records,
         created_time, last_update_time, created_by, last_updated_by FROM evaluation_datasets d`,
    ),
  ]
  yield [
    'evaluation_dataset_tags',
    await sql.all("SELECT dataset_id, key, COALESCE(value, '') AS value FROM evaluation_dataset_tags"),
  ]
  yield [
    'evaluation_dataset_experiments',
    await sql.all(
      `SELECT source_id AS dataset_id, destination_id AS experiment_id FROM entity_associations
       WHERE source_type = 'evaluation_dataset' AND destination_type = 'experiment'`,
    ),
  ]
  const records = await sql.all(
    `SELECT dataset_id, dataset_record_id AS record_id, inputs, outputs, expectations, tags, source, source_type,
       source_id, created_time, last_update_time, created_by, last_updated_by FROM evaluation_dataset_records`,
  )
  yield ['evaluation_records', records.map(recordRow)]
}

/** MLflow wraps the outputs of a record, and knows it by a hash of its own text of the inputs. */
function recordRow(row: MlflowRow): Row {
  const inputs = JSON.parse(String(row['inputs'])) as Record<string, unknown>
  const outputs: unknown = row['outputs'] === null ? null : JSON.parse(String(row['outputs']))
  const isWrapped = typeof outputs === 'object' && outputs !== null && WRAPPED in outputs
  const plain = isWrapped ? (outputs as Record<string, unknown>)[WRAPPED] : outputs
  return {
    ...row,
    input_hash: inputHash(inputs),
    outputs: plain === null || plain === undefined ? null : JSON.stringify(plain),
  }
}
