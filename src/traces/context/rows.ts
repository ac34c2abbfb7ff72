/** The rows of traces, the tags that have a meaning, and the check that a trace may be seen. */
import type { Principal } from '../../contract/access.ts'
import type { Reader } from '../../store/db.ts'
import { sees } from '../../auth/visibility.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'
import { missing } from '../../mlflow/wire.ts'

export type TraceState = 'STATE_UNSPECIFIED' | 'OK' | 'ERROR' | 'IN_PROGRESS'

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

/** The project of a trace; undefined = there is none of that id. */
export async function projectOfTrace(reader: Reader, traceId: string): Promise<string | undefined> {
  const row = await reader.get<{ project: string }>('SELECT project FROM traces WHERE trace_id = ?', [traceId])
  return row?.project
}

/** The rows of these ids that the principal sees, in the order of the ids. */
export async function seenTraces(reader: Reader, who: Principal, traceIds: readonly string[]): Promise<TraceRow[]> {
  if (traceIds.length === 0) return []
  const found = await fetchAll<TraceRow>(reader, sql`SELECT * FROM traces WHERE trace_id IN ${inList(traceIds)}`)
  const rows = new Map(found.filter((row) => sees(who, row.project)).map((row) => [row.trace_id, row]))
  return [...new Set(traceIds)].flatMap((id) => rows.get(id) ?? [])
}
