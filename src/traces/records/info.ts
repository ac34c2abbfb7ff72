/** The record of a trace, read with its tags, metadata and assessments, in the shapes of MLflow's protocol. */
import { turnOfLoop } from '../../http/callers/turns.ts'
import { LOCATION_TAG, NAME_TAG, SPANS_HERE, SPANS_TAG } from '../context/rows.ts'
import type { TraceRow } from '../context/rows.ts'
import type { Reader } from '../../store/db.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'
import { wireAssessment } from '../assessments/wire.ts'
import type { AssessmentRow } from '../assessments/wire.ts'
import { writeDuration, writeTimestamp } from '../otlp/time.ts'

/** A trace with what hangs on it. */
export interface TraceInfo {
  readonly row: TraceRow
  readonly tags: ReadonlyMap<string, string>
  readonly metadata: ReadonlyMap<string, string>
  readonly assessments: readonly AssessmentRow[]
}

/** Rows asked for by one statement. */
const CHUNK = 256

/** Adds to rows what hangs on them, in the same order. */
export async function readInfos(reader: Reader, rows: readonly TraceRow[]): Promise<TraceInfo[]> {
  const infos: TraceInfo[] = []
  for (let at = 0; at < rows.length; at += CHUNK) {
    if (at > 0) await turnOfLoop()
    infos.push(...(await readChunk(reader, rows.slice(at, at + CHUNK))))
  }
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
