/** The record of a trace, read with its tags, metadata and assessments, in the shapes of MLflow's protocol. */
import type { Principal } from '../../contract/access.ts'
import type { Reader } from '../../store/db.ts'
import { sees } from '../../auth/visibility.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'
import { missing } from '../../mlflow/wire.ts'
import { wireAssessment } from '../assessments/wire.ts'
import type { AssessmentRow } from '../assessments/wire.ts'
import { writeDuration, writeTimestamp } from '../otlp/time.ts'
import type { TraceState } from '../spans/rows.ts'

/** A row of the table; times in ms since 1970. */
export interface TraceRow {
  readonly trace_id: string
  readonly experiment_id: string
  readonly project: string
  readonly name: string | null
  readonly state: TraceState
  readonly client_request_id: string | null
  readonly request_preview: string | null
  readonly response_preview: string | null
  readonly start_ms: number
  readonly duration_ms: number | null
  readonly artifact_uri: string
  readonly spans_stored: number
  readonly finalized: number
}

/** A trace with what hangs on it. */
export interface TraceInfo {
  readonly row: TraceRow
  readonly tags: ReadonlyMap<string, string>
  readonly metadata: ReadonlyMap<string, string>
  readonly assessments: readonly AssessmentRow[]
}

export const NAME_TAG = 'mlflow.traceName'
export const LOCATION_TAG = 'mlflow.artifactLocation'
export const SPANS_TAG = 'mlflow.trace.spansLocation'
export const SPANS_HERE = 'TRACKING_STORE'
export const FAILURE_TAG = 'mlflow.trace.archivalFailure'

/** Tags that only the server sets: where files and spans lie. Sent with a trace they are dropped. */
export const SERVER_TAGS: readonly string[] = [LOCATION_TAG, SPANS_TAG, 'mlflow.trace.archiveLocation', FAILURE_TAG]

/** The row, if the principal sees it. RESOURCE_DOES_NOT_EXIST. */
export async function requireTrace(reader: Reader, who: Principal, traceId: string): Promise<TraceRow> {
  const row = await reader.get<TraceRow>('SELECT * FROM traces WHERE trace_id = ?', [traceId])
  if (row === undefined || !sees(who, row.project)) {
    throw missing(`Trace with ID '${traceId}' not found.`, 'trace', traceId)
  }
  return row
}

/** The rows of these ids that the principal sees, in the order of the ids. */
export async function seenTraces(reader: Reader, who: Principal, traceIds: readonly string[]): Promise<TraceRow[]> {
  if (traceIds.length === 0) return []
  const found = await fetchAll<TraceRow>(reader, sql`SELECT * FROM traces WHERE trace_id IN ${inList(traceIds)}`)
  const rows = new Map(found.filter((row) => sees(who, row.project)).map((row) => [row.trace_id, row]))
  return [...new Set(traceIds)].flatMap((id) => rows.get(id) ?? [])
}

/** Rows asked for by one statement. */
const CHUNK = 256

/** Adds to rows what hangs on them, in the same order. */
export async function readInfos(reader: Reader, rows: readonly TraceRow[]): Promise<TraceInfo[]> {
  const infos: TraceInfo[] = []
  for (let at = 0; at < rows.length; at += CHUNK) infos.push(...(await readChunk(reader, rows.slice(at, at + CHUNK))))
  return infos
}

interface Pair {
  readonly trace_id: string
  readonly key: string
  readonly value: string
}

async function readChunk(reader: Reader, rows: readonly TraceRow[]): Promise<TraceInfo[]> {
  const ids = inList(rows.map((row) => row.trace_id))
  const tags = await fetchAll<Pair>(reader, sql`SELECT * FROM trace_tags WHERE trace_id IN ${ids} ORDER BY key`)
  const metadata = await fetchAll<Pair>(reader, sql`SELECT * FROM trace_metadata WHERE trace_id IN ${ids} ORDER BY key`)
  const assessments = await fetchAll<AssessmentRow>(
    reader,
    sql`SELECT * FROM trace_assessments WHERE trace_id IN ${ids} ORDER BY position`,
  )
  const tagsOf = Map.groupBy(tags, (tag) => tag.trace_id)
  const metadataOf = Map.groupBy(metadata, (one) => one.trace_id)
  const assessmentsOf = Map.groupBy(assessments, (one) => one.trace_id)
  return rows.map((row) => ({
    row,
    tags: new Map([...pairs(tagsOf.get(row.trace_id)), ...ownTags(row)]),
    metadata: new Map(pairs(metadataOf.get(row.trace_id))),
    assessments: assessmentsOf.get(row.trace_id) ?? [],
  }))
}

/** Tags that are columns. */
function ownTags(row: TraceRow): [string, string][] {
  const tags: [string, string][] = [[LOCATION_TAG, row.artifact_uri]]
  if (row.name !== null) tags.push([NAME_TAG, row.name])
  if (row.spans_stored === 1) tags.push([SPANS_TAG, SPANS_HERE])
  return tags
}

function pairs(found: readonly Pair[] | undefined): [string, string][] {
  return (found ?? []).map(({ key, value }) => [key, value])
}

/** MLflow's TraceInfoV3. */
export function wireInfo({ row, tags, metadata, assessments }: TraceInfo): object {
  return {
    trace_id: row.trace_id,
    ...(row.client_request_id !== null && { client_request_id: row.client_request_id }),
    trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: row.experiment_id } },
    ...(row.request_preview !== null && { request_preview: row.request_preview }),
    ...(row.response_preview !== null && { response_preview: row.response_preview }),
    request_time: writeTimestamp(row.start_ms),
    ...(row.duration_ms !== null && { execution_duration: writeDuration(row.duration_ms) }),
    state: row.state,
    trace_metadata: Object.fromEntries(metadata),
    ...(assessments.length > 0 && { assessments: assessments.map(wireAssessment) }),
    tags: Object.fromEntries(tags),
  }
}

/** MLflow's older TraceInfo, with times in ms and lists of pairs. */
export function wireInfoV2({ row, tags, metadata }: TraceInfo): object {
  return {
    request_id: row.trace_id,
    experiment_id: row.experiment_id,
    timestamp_ms: row.start_ms,
    ...(row.duration_ms !== null && { execution_time_ms: row.duration_ms }),
    status: row.state === 'STATE_UNSPECIFIED' ? 'TRACE_STATUS_UNSPECIFIED' : row.state,
    request_metadata: pairList(metadata),
    tags: pairList(tags),
  }
}

function pairList(map: ReadonlyMap<string, string>): object[] {
  return [...map].map(([key, value]) => ({ key, value }))
}
