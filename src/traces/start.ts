/** Writes the record of a trace: at once with everything (V3), or begun and ended (V2). */
import type { Principal } from '../contract/access.ts'
import { visible } from '../auth/visibility.ts'
import type { Tx } from '../store/db.ts'
import { moveTree } from '../tracking/artifacts/artifacts.ts'
import { cut } from '../mlflow/limits.ts'
import { requireActiveExperiment } from '../tracking/experiments/experiments.ts'
import type { ExperimentRow } from '../tracking/experiments/experiments.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { hexId } from '../tracking/context/ids.ts'
import { insertion, run } from '../store/sql/rows.ts'
import { insertRows, sql } from '../store/sql/sql.ts'
import { missing } from '../mlflow/wire.ts'
import type { GivenAssessment } from './assessments/wire.ts'
import { insertAssessments } from './assessments/assessments.ts'
import { NAME_TAG, requireTrace, SERVER_TAGS } from './context/rows.ts'
import { readInfos } from './records/info.ts'
import type { TraceRow } from './context/rows.ts'
import type { TraceInfo } from './records/info.ts'
import { artifactUri } from './spans/ingest.ts'
import { LONGEST_VALUE } from './spans/rows.ts'
import type { TraceState } from './context/rows.ts'

/** The record of a trace as a client gives it; times in ms since 1970. */
export interface GivenTrace {
  readonly trace_id: string
  readonly experiment_id: string
  readonly client_request_id?: string | undefined
  readonly request_preview?: string | undefined
  readonly response_preview?: string | undefined
  readonly start_ms: number
  readonly duration_ms?: number | undefined
  readonly state: TraceState
  readonly metadata: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
  readonly assessments: readonly GivenAssessment[]
}

/** Longest preview that is kept, in characters. */
const LONGEST_PREVIEW = 10_000

/** Over what spans had said of the trace. */
const OVER = `ON CONFLICT (trace_id) DO UPDATE SET experiment_id = excluded.experiment_id, project = excluded.project,
  name = COALESCE(excluded.name, traces.name), state = excluded.state, client_request_id = excluded.client_request_id,
  request_preview = COALESCE(excluded.request_preview, traces.request_preview),
  response_preview = COALESCE(excluded.response_preview, traces.response_preview),
  start_ms = excluded.start_ms, duration_ms = excluded.duration_ms, artifact_uri = excluded.artifact_uri,
  finalized = excluded.finalized`

/** Writes a whole record over what spans had said of the trace. From then on spans no longer move its times. */
export async function startTrace(room: Tracking, who: Principal, given: GivenTrace): Promise<TraceInfo> {
  await room.db.tx(async (t) => {
    const experiment = await requireActiveExperiment(t, room, who, given.experiment_id)
    await insertTrace(t, who, experiment, { ...given, finalized: 1 })
    await insertAssessments(t, room, given.trace_id, given.assessments)
  })
  return readInfo(room, who, given.trace_id)
}

export type BegunTrace = Pick<GivenTrace, 'experiment_id' | 'start_ms' | 'metadata' | 'tags'>

/** Begins a trace and gives it an id (clients of the V2 protocol). */
export async function beginTrace(room: Tracking, who: Principal, given: BegunTrace): Promise<TraceInfo> {
  const trace_id = hexId(room)
  await room.db.tx(async (t) => {
    const experiment = await requireActiveExperiment(t, room, who, given.experiment_id)
    const trace = { ...given, trace_id, state: 'IN_PROGRESS' as const, assessments: [], finalized: 0 }
    await insertTrace(t, who, experiment, trace)
  })
  return readInfo(room, who, trace_id)
}

/** What is said when a trace ends; metadata and tags are added to those it has. */
export interface TraceEnd extends Pick<GivenTrace, 'state' | 'metadata' | 'tags'> {
  readonly end_ms: number
}

/** Ends a trace that was begun. RESOURCE_DOES_NOT_EXIST. */
export async function endTrace(room: Tracking, who: Principal, traceId: string, end: TraceEnd): Promise<TraceInfo> {
  await room.db.tx(async (t) => {
    const row = await requireTrace(t, who, traceId)
    await t.run('UPDATE traces SET state = ?, duration_ms = ?, name = ?, finalized = 1 WHERE trace_id = ?', [
      end.state,
      end.end_ms - row.start_ms,
      end.tags[NAME_TAG] ?? row.name,
      traceId,
    ])
    await writeMaps(t, traceId, end)
  })
  return readInfo(room, who, traceId)
}

/** The record of a trace with all that hangs on it. RESOURCE_DOES_NOT_EXIST. */
export async function readInfo(room: Tracking, who: Principal, traceId: string): Promise<TraceInfo> {
  const [info] = await readInfos(room.db, [await requireTrace(room.db, who, traceId)])
  return info as TraceInfo
}

type NewTrace = GivenTrace & Pick<TraceRow, 'finalized'>

async function insertTrace(t: Tx, who: Principal, experiment: ExperimentRow, given: NewTrace): Promise<void> {
  const old = await t.get<Pick<TraceRow, 'artifact_uri'>>('SELECT artifact_uri FROM traces WHERE trace_id = ?', [
    given.trace_id,
  ])
  const uri = artifactUri(experiment, given.trace_id)
  const row: TraceRow = {
    trace_id: given.trace_id,
    experiment_id: experiment.experiment_id,
    project: experiment.project,
    name: given.tags[NAME_TAG] ?? null,
    state: given.state,
    client_request_id: given.client_request_id ?? null,
    request_preview: given.request_preview?.slice(0, LONGEST_PREVIEW) ?? null,
    response_preview: given.response_preview?.slice(0, LONGEST_PREVIEW) ?? null,
    start_ms: given.start_ms,
    duration_ms: given.duration_ms ?? null,
    artifact_uri: uri,
    spans_stored: 0,
    finalized: given.finalized,
  }
  // a trace of a project that is not seen is not written over
  const written = await run(t, sql`${insertion('traces', { ...row }, OVER)} WHERE ${visible(who, 'traces.project')}`)
  if (written === 0) throw missing(`Trace with ID '${given.trace_id}' not found.`, 'trace', given.trace_id)
  // attachments that came with spans of another experiment go where the trace goes
  if (old !== undefined && old.artifact_uri !== uri) await moveTree(t, old.artifact_uri, uri)
  await writeMaps(t, given.trace_id, given)
}

async function writeMaps(t: Tx, traceId: string, maps: Pick<GivenTrace, 'metadata' | 'tags'>): Promise<void> {
  await upsertPairs(t, 'trace_tags', traceId, maps.tags)
  await upsertPairs(t, 'trace_metadata', traceId, maps.metadata)
}

/** Tags that are columns of the trace, or the server's own, are not rows. */
const NO_ROWS: readonly string[] = [NAME_TAG, ...SERVER_TAGS]

async function upsertPairs(
  t: Tx,
  table: 'trace_tags' | 'trace_metadata',
  traceId: string,
  pairs: Readonly<Record<string, string>>,
): Promise<void> {
  const rows = Object.entries(pairs)
    .filter(([key]) => table !== 'trace_tags' || !NO_ROWS.includes(key))
    .map(([key, value]) => [traceId, key, cut(value, LONGEST_VALUE)])
  const update = 'ON CONFLICT (trace_id, key) DO UPDATE SET value = excluded.value'
  await insertRows(t, `INSERT INTO ${table} (trace_id, key, value)`, rows, update)
}
