/** Traces with their spans and assessments as an MLflow server says them, as rows of Slipway's tables. */
import type { Row } from '../../store/db.ts'
import { asObject, numberOf, snake } from '../../traces/assessments/wire.ts'
import { readTrace } from '../../traces/requests.ts'
import { LOCATION_TAG, NAME_TAG, SPANS_HERE, SPANS_TAG } from '../../traces/context/rows.ts'
import { readSpan } from '../../traces/otlp/json.ts'
import { readTimestamp } from '../../traces/otlp/time.ts'
import { SPAN_COLUMNS, summarise } from '../../traces/spans/rows.ts'
import type { SpanData } from '../../traces/spans/span.ts'
import type { GivenTrace } from '../../traces/start.ts'
import { mapOf, readValue } from '../../traces/spans/values.ts'
import type { Value, ValueMap } from '../../traces/spans/values.ts'
import { movedUri } from '../mlflow/places.ts'
import type { Rows } from '../mlflow/runs.ts'
import { listOf, textOf } from './calls.ts'
import type { Json, MlflowServer } from './calls.ts'
import type { ServerExperiment } from './listed.ts'

/** Traces whose spans are asked for at once. */
const AT_ONCE = 10
const KEPT_IN_COLUMNS = [NAME_TAG, LOCATION_TAG, SPANS_TAG]

/** A trace as the parts of an import need it. */
export interface ServerTrace {
  readonly id: string
  readonly uri: string
  readonly time: number
  /** Whether the server keeps its spans in its tables; else they lie in a file. */
  readonly stored: boolean
  readonly given: GivenTrace
  readonly wire: Json
}

export function traceOf(wire: Json): ServerTrace {
  const given = readTrace({ trace_info: wire })
  return {
    id: given.trace_id,
    uri: given.tags[LOCATION_TAG] ?? '',
    time: given.start_ms,
    stored: given.tags[SPANS_TAG] === SPANS_HERE,
    given,
    wire,
  }
}

/** Traces of one experiment with all that hangs on them. */
export async function* traceRows(
  server: MlflowServer,
  { id: experiment_id, project }: ServerExperiment,
  traces: readonly ServerTrace[],
): AsyncGenerator<Rows> {
  yield [
    'traces',
    traces.map(({ id, uri, stored, given }) => ({
      trace_id: id,
      experiment_id,
      project,
      name: given.tags[NAME_TAG] ?? null,
      state: given.state,
      client_request_id: given.client_request_id ?? null,
      request_preview: given.request_preview ?? null,
      response_preview: given.response_preview ?? null,
      start_ms: given.start_ms,
      duration_ms: given.duration_ms ?? null,
      artifact_uri: uri === '' ? `mlflow-artifacts:/${experiment_id}/traces/${id}/artifacts` : movedUri(uri),
      spans_stored: stored ? 1 : 0,
      finalized: 1,
    })),
  ]
  const entries = (trace: ServerTrace, what: 'tags' | 'metadata'): Row[] =>
    Object.entries(trace.given[what]).map(([key, value]) => ({ trace_id: trace.id, key, value }))
  const tags = traces.flatMap((trace) => entries(trace, 'tags'))
  yield ['trace_tags', tags.filter(({ key }) => !KEPT_IN_COLUMNS.includes(String(key)))]
  yield ['trace_metadata', traces.flatMap((trace) => entries(trace, 'metadata'))]
  const stored = traces.filter((trace) => trace.stored)
  for (let at = 0; at < stored.length; at += AT_ONCE) {
    yield ['trace_spans', await spanRows(server, stored.slice(at, at + AT_ONCE))]
  }
  yield ['trace_assessments', traces.flatMap(assessmentRows)]
}

async function spanRows(server: MlflowServer, traces: readonly ServerTrace[]): Promise<Row[]> {
  const path = `/api/3.0/mlflow/traces/batchGet?${traces.map(({ id }) => `trace_ids=${encodeURIComponent(id)}`).join('&')}`
  const reply = mapOf(readValue((await server.text(path)) ?? '{}'))
  const spans = mapsOf(reply?.get('traces')).flatMap((trace) => mapsOf(trace.get('spans')))
  return summarise(spans.map(spanOf)).flatMap((summary) =>
    [...summary.rows.values()].map((values) =>
      Object.fromEntries(SPAN_COLUMNS.map((name, at) => [name, values[at] ?? null])),
    ),
  )
}

/** A span from protobuf's JSON, where ids are base64. */
function spanOf(wire: ValueMap): SpanData {
  const span = readSpan(withHexIds({ ...Object.fromEntries(wire), links: mapsOf(wire.get('links')).map(idsOf) }))
  return { ...span, kind: span.kind === 0 ? 1 : span.kind, scope: '', resource: new Map<string, Value>() }
}

function idsOf(link: ValueMap): ValueMap {
  return withHexIds(Object.fromEntries(link))
}

function withHexIds(given: Readonly<Record<string, Value>>): ValueMap {
  const entries = Object.entries(given).map(([name, value]) => {
    const isId = /^(trace|span|parent_span)_id$/.test(name) && typeof value === 'string'
    return [name, isId ? Buffer.from(value, 'base64').toString('hex') : value] as const
  })
  return new Map(entries)
}

function mapsOf(value: Value | undefined): ValueMap[] {
  return Array.isArray(value) ? value.flatMap((one: Value) => mapOf(one) ?? []) : []
}

function assessmentRows({ id, given, wire }: ServerTrace): Row[] {
  const said = listOf(wire['assessments'])
  return given.assessments.map((one, index) => {
    const updated = textOf(snake(asObject(said[index], 'assessment'))['last_update_time'])
    const created_ms = one.created_ms ?? given.start_ms
    return {
      assessment_id: one.assessment_id ?? '',
      trace_id: id,
      position: index + 1,
      kind: one.kind ?? 'feedback',
      name: one.name ?? '',
      source_type: one.source_type,
      source_id: one.source_id,
      span_id: one.span_id ?? null,
      value: JSON.stringify(one.value ?? null),
      number: numberOf(one.value),
      error: one.error === undefined ? null : JSON.stringify(one.error),
      rationale: one.rationale ?? null,
      metadata: one.metadata === undefined ? null : JSON.stringify(one.metadata),
      overrides: one.overrides ?? null,
      valid: one.valid === false ? 0 : 1,
      created_ms,
      updated_ms: updated === undefined ? created_ms : readTimestamp(updated, 'last_update_time'),
    }
  })
}
