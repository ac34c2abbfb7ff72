/** Takes spans in: rows upserted, their traces made or widened, whichever of span and trace comes first. */
import { ifFound } from '../../contract/absence/absent.ts'
import type { Principal } from '../../contract/access.ts'
import type { Db, SqlValue, Tx } from '../../store/db.ts'
import { requireActiveExperiment } from '../../tracking/experiments/experiments.ts'
import type { ExperimentRow } from '../../tracking/experiments/experiments.ts'
import { sees } from '../../auth/visibility.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { fetchAll, inList, insertRows, sql } from '../../store/sql/sql.ts'
import { coalesced } from '../../tracking/metrics/coalescing.ts'
import { missing } from '../../mlflow/wire.ts'
import { linkRun } from '../records/links.ts'
import { SPAN_COLUMNS, summarise } from './rows.ts'
import type { SpanSummary } from './rows.ts'
import type { SpanData } from './span.ts'
import { countUsage } from './trace-usage.ts'

/** Where spans belong: an experiment, and the run that made them. */
export interface SpanPlace {
  readonly experiment_id: string
  readonly run_id?: string | undefined
}

const TRACE_COLUMNS =
  'trace_id, experiment_id, project, name, state, client_request_id, request_preview, response_preview, start_ms, duration_ms, artifact_uri, spans_stored, finalized'

const EARLIEST = 'CASE WHEN excluded.start_ms < traces.start_ms THEN excluded.start_ms ELSE traces.start_ms END'
const THEIR_END = '(traces.start_ms + COALESCE(traces.duration_ms, 0))'
const OUR_END = '(excluded.start_ms + COALESCE(excluded.duration_ms, 0))'

/** A trace whose own record was written keeps its times; until then spans widen it. */
const WIDEN = `ON CONFLICT (trace_id) DO UPDATE SET
  name = COALESCE(traces.name, excluded.name),
  state = CASE WHEN traces.state IN ('IN_PROGRESS', 'STATE_UNSPECIFIED') THEN excluded.state ELSE traces.state END,
  request_preview = COALESCE(traces.request_preview, excluded.request_preview),
  response_preview = COALESCE(traces.response_preview, excluded.response_preview),
  start_ms = CASE WHEN traces.finalized = 1 THEN traces.start_ms ELSE ${EARLIEST} END,
  duration_ms = CASE
    WHEN traces.finalized = 1 OR (traces.duration_ms IS NULL AND excluded.duration_ms IS NULL) THEN traces.duration_ms
    ELSE (CASE WHEN ${OUR_END} > ${THEIR_END} THEN ${OUR_END} ELSE ${THEIR_END} END) - (${EARLIEST}) END,
  spans_stored = 1`

const SPAN_HEAD = `INSERT INTO trace_spans (${SPAN_COLUMNS.join(', ')})`
const SPAN_UPDATE = `ON CONFLICT (trace_id, span_id) DO UPDATE SET ${SPAN_COLUMNS.slice(2)
  .map((column) => `${column} = excluded.${column}`)
  .join(', ')}`

/** Spans of one transaction, unless a single call has more. */
const MOST = 512

interface Sent {
  readonly who: Principal
  readonly place: SpanPlace
  readonly spans: number
  readonly traces: readonly SpanSummary[]
}

const queues = new WeakMap<Db, (call: Sent) => Promise<void>>()

/**
 * Stores spans, all or nothing; durable when it resolves. A trace that exists stays in its experiment; a span that exists is replaced.
 * Throws `unprocessable` for a span without an id, RESOURCE_DOES_NOT_EXIST for an experiment or trace that is not seen.
 */
export async function logSpans(
  room: Tracking,
  who: Principal,
  place: SpanPlace,
  spans: readonly SpanData[],
): Promise<void> {
  if (spans.length === 0) return
  let queue = queues.get(room.db)
  if (queue === undefined) {
    queue = coalesced<Sent>({ choose: alike, write: (take) => room.db.tx((t) => write(t, room, take())) })
    queues.set(room.db, queue)
  }
  await queue({ who, place, spans: spans.length, traces: summarise(spans) })
}

/** Where a program of a project writes spans. */
export interface ProjectPlace {
  readonly project: string
  readonly experiment_id: string
}

/**
 * Stores the spans of a program of a project, in a transaction of the caller's; the same again changes nothing. Returns the ids of their traces:
 * none, and nothing is written, where the experiment is deleted, gone or of another project. A trace that another project has is left out.
 */
export async function insertSpans(
  t: Tx,
  room: Tracking,
  { project, experiment_id }: ProjectPlace,
  spans: readonly SpanData[],
): Promise<string[]> {
  const who: Principal = { id: 'gateway', name: 'gateway', role: 'service', project, token_id: null }
  if ((await ifFound(requireActiveExperiment(t, room, who, experiment_id))) === undefined) return []
  const traces = await ownTraces(t, project, summarise(spans))
  await write(t, room, [{ who, place: { experiment_id }, spans: spans.length, traces }])
  return traces.map((trace) => trace.trace_id)
}

/** Calls for the same place by the same caller, no two with spans of one trace: those are written in the order in which they came. */
function alike(calls: readonly Sent[]): number[] {
  const places: number[] = []
  const traces = new Set<string>()
  const [first] = calls
  let spans = 0
  for (const [place, call] of calls.entries()) {
    const same =
      call.who.id === first?.who.id &&
      call.who.project === first.who.project &&
      call.place.experiment_id === first.place.experiment_id &&
      call.place.run_id === first.place.run_id
    const fits = place === 0 || (same && spans + call.spans <= MOST)
    if (fits && call.traces.every(({ trace_id }) => !traces.has(trace_id))) {
      places.push(place)
      spans += call.spans
    }
    for (const { trace_id } of call.traces) traces.add(trace_id)
  }
  return places
}

/** Writes alike calls; what refuses one of them refuses all, and the queue then tries each alone. */
async function write(t: Tx, room: Tracking, calls: readonly Sent[]): Promise<Map<Sent, unknown>> {
  const [first] = calls
  if (first === undefined) return NONE
  const { who, place } = first
  const traces = calls.flatMap((call) => call.traces).sort((left, right) => (left.trace_id < right.trace_id ? -1 : 1))
  const experiment = await requireActiveExperiment(t, room, who, place.experiment_id)
  await insertRows(
    t,
    `INSERT INTO traces (${TRACE_COLUMNS})`,
    traces.map((trace) => traceRow(trace, experiment)),
    WIDEN,
  )
  await refuseForeign(t, who, traces)
  await insertRows(
    t,
    SPAN_HEAD,
    traces.flatMap((trace) => [...trace.rows.values()]),
    SPAN_UPDATE,
  )
  await writePairs(t, traces)
  const counted = traces.filter((trace) => trace.counts).map((trace) => trace.trace_id)
  for (const id of counted) await countUsage(t, id)
  const whole = traces.filter((trace) => trace.rooted).map((trace) => trace.trace_id)
  if (place.run_id !== undefined) await linkRun(t, who, whole, place.run_id)
  return NONE
}

const NONE = new Map<Sent, unknown>()

/** Where a trace's files lie: MLflow's clients ask for it by the tag mlflow.artifactLocation. */
export function artifactUri(experiment: ExperimentRow, traceId: string): string {
  return `${experiment.artifact_location.replace(/\/+$/, '')}/traces/${traceId}/artifacts`
}

function traceRow(trace: SpanSummary, experiment: ExperimentRow): SqlValue[] {
  return [
    trace.trace_id,
    experiment.experiment_id,
    experiment.project,
    trace.name,
    trace.state,
    null,
    trace.request_preview,
    trace.response_preview,
    trace.start_ms,
    trace.end_ms === null ? null : trace.end_ms - trace.start_ms,
    artifactUri(experiment, trace.trace_id),
    1,
    0,
  ]
}

/** The traces without those that another project has. */
async function ownTraces(t: Tx, project: string, traces: readonly SpanSummary[]): Promise<readonly SpanSummary[]> {
  const found = await projectsOf(t, traces)
  return traces.filter(({ trace_id }) => (found.get(trace_id) ?? project) === project)
}

/** Projects of the traces that are there, by id. */
async function projectsOf(t: Tx, traces: readonly SpanSummary[]): Promise<Map<string, string>> {
  const ids = inList(traces.map((trace) => trace.trace_id))
  const found = await fetchAll<{ trace_id: string; project: string }>(
    t,
    sql`SELECT trace_id, project FROM traces WHERE trace_id IN ${ids}`,
  )
  return new Map(found.map((row) => [row.trace_id, row.project]))
}

/** A principal of one project must not add to a trace of another. */
async function refuseForeign(t: Tx, who: Principal, traces: readonly SpanSummary[]): Promise<void> {
  if (who.project === null) return
  const foreign = [...(await projectsOf(t, traces))].find(([, project]) => !sees(who, project))?.[0]
  if (foreign !== undefined) throw missing(`Trace with ID ${foreign} is not found.`, 'trace', foreign)
}

/** Tags and metadata; what is there stays, but for tags that the root span carries. */
async function writePairs(t: Tx, traces: readonly SpanSummary[]): Promise<void> {
  const rows = (of: (trace: SpanSummary) => Map<string, string>) =>
    traces.flatMap((trace) => [...of(trace)].map(([key, value]) => [trace.trace_id, key, value]))
  const tags = 'INSERT INTO trace_tags (trace_id, key, value)'
  await insertRows(
    t,
    tags,
    rows((trace) => trace.tags),
    'ON CONFLICT (trace_id, key) DO UPDATE SET value = excluded.value',
  )
  await insertRows(
    t,
    tags,
    rows((trace) => trace.resource),
    'ON CONFLICT DO NOTHING',
  )
  await insertRows(
    t,
    'INSERT INTO trace_metadata (trace_id, key, value)',
    rows((trace) => trace.metadata),
    'ON CONFLICT DO NOTHING',
  )
}
