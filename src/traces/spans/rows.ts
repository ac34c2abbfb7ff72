/** What spans become in the tables: a row for each, and for each trace what its spans say of it. */
import type { TraceState } from '../context/rows.ts'
import { cut } from '../../mlflow/limits.ts'
import { SERVER_TAGS } from '../context/rows.ts'
import { KEYS, UNKNOWN_TYPE, understood } from './conventions.ts'
import { previewOf } from './preview.ts'
import { statusName, traceIdOf, writeSpan } from './span.ts'
import type { SpanData } from './span.ts'
import { COSTS } from './usage.ts'
import { mapOf, plainValue, writeValue } from './values.ts'
import type { Value, ValueMap } from './values.ts'
import type { SqlValue } from '../../store/db.ts'

/** The columns of trace_spans, in the order of a row's values. */
export const SPAN_COLUMNS = [
  'trace_id',
  'span_id',
  'parent_id',
  'name',
  'type',
  'status',
  'start_us',
  'end_us',
  'model',
  'provider',
  'usage',
  'input_cost',
  'output_cost',
  'total_cost',
  'content',
] as const

/** What the spans of one request say of their trace. Times in ms since 1970. */
export interface SpanSummary {
  readonly trace_id: string
  /** Span id → row. */
  readonly rows: Map<string, readonly SqlValue[]>
  start_ms: number
  end_ms: number | null
  state: TraceState
  name: string | null
  request_preview: string | null
  response_preview: string | null
  /** Whether a span names tokens or costs. */
  counts: boolean
  /** True when the root span is among them. */
  rooted: boolean
  readonly tags: Map<string, string>
  readonly resource: Map<string, string>
  readonly metadata: Map<string, string>
}

const TAG_PREFIX = 'mlflow.traceTag.'
const NAME_TAG = 'mlflow.traceName'
const SERVICE = 'service.name'
const SESSION = 'mlflow.trace.session'
const USER = 'mlflow.trace.user'

/** Longest value of a tag or of metadata; longer ones are cut. */
export const LONGEST_VALUE = 8000
const LONGEST_KEY = 250
const LONGEST_NAME = 1000

/** Sorts spans by trace, in the order of the trace ids: two requests then take their locks in one order. */
export function summarise(spans: readonly SpanData[]): SpanSummary[] {
  const traces = new Map<string, SpanSummary>()
  for (const span of spans) {
    const id = traceIdOf(span.trace_id)
    const trace = traces.get(id) ?? emptySummary(id, span)
    traces.set(id, trace)
    addSpan(trace, span)
  }
  return [...traces.values()].sort((left, right) => (left.trace_id < right.trace_id ? -1 : 1))
}

function emptySummary(trace_id: string, span: SpanData): SpanSummary {
  return {
    trace_id,
    rows: new Map(),
    start_ms: millis(span.start),
    end_ms: null,
    state: 'IN_PROGRESS',
    name: null,
    request_preview: null,
    response_preview: null,
    counts: false,
    rooted: false,
    tags: new Map(),
    resource: new Map(),
    metadata: new Map(),
  }
}

function addSpan(trace: SpanSummary, span: SpanData): void {
  const attributes = understood(span.attributes, trace.trace_id)
  const service = span.resource.get(SERVICE)
  // MLflow's own spans stay exactly what they were; of others the root says which service sent it
  if (span.parent_id === null && service !== undefined && !span.attributes.has(KEYS.traceId)) {
    if (!attributes.has(SERVICE)) attributes.set(SERVICE, service)
  }
  trace.rows.set(span.span_id, spanRow(trace, span, attributes))
  trace.start_ms = Math.min(trace.start_ms, millis(span.start))
  if (span.end > 0n) trace.end_ms = Math.max(trace.end_ms ?? 0, millis(span.end))
  if (span.parent_id === null) addRoot(trace, span, attributes)
  note(trace.metadata, SESSION, attributes.get('session.id') ?? attributes.get('gen_ai.conversation.id'))
  note(trace.metadata, USER, attributes.get('user.id'))
  for (const [key, value] of span.resource) {
    if (!key.startsWith('telemetry.sdk.') && !key.startsWith('mlflow.')) note(trace.resource, key, value)
  }
}

function addRoot(trace: SpanSummary, span: SpanData, attributes: ValueMap): void {
  trace.rooted = true
  trace.state = statusName(span.status.code) === 'ERROR' ? 'ERROR' : 'OK'
  trace.name ??= cut(span.name, LONGEST_NAME)
  trace.request_preview = previewOf(attributes.get(KEYS.inputs), 'user')
  trace.response_preview = previewOf(attributes.get(KEYS.outputs), 'assistant')
  for (const [key, value] of attributes) {
    if (!key.startsWith(TAG_PREFIX)) continue
    const name = key.slice(TAG_PREFIX.length)
    if (name === NAME_TAG) trace.name = cut(asText(value), LONGEST_NAME)
    else if (!SERVER_TAGS.includes(name) && !name.startsWith('mlflow.trace.')) note(trace.tags, name, value)
  }
}

/** The first value that is said counts. */
function note(into: Map<string, string>, key: string, value: Value | undefined): void {
  if (value === undefined || value === null || value === '' || key === '' || into.has(key)) return
  if (key.length <= LONGEST_KEY) into.set(key, cut(asText(value), LONGEST_VALUE))
}

function spanRow(trace: SpanSummary, span: SpanData, attributes: Map<string, Value>): SqlValue[] {
  const { resource: _, ...stored } = span
  const usage = mapOf(attributes.get(KEYS.usage))
  const costs = numbersOf(mapOf(attributes.get(KEYS.cost)))
  const type = attributes.get(KEYS.type)
  if (usage !== undefined || costs !== undefined) trace.counts = true
  return [
    trace.trace_id,
    span.span_id,
    span.parent_id,
    span.name,
    typeof type === 'string' && type !== '' ? type : UNKNOWN_TYPE,
    statusName(span.status.code),
    micros(span.start),
    span.end > 0n ? micros(span.end) : null,
    nameOf(attributes.get(KEYS.model)),
    nameOf(attributes.get(KEYS.provider)),
    usage === undefined ? null : writeValue(usage),
    ...COSTS.map((key) => costs?.[key] ?? null),
    writeSpan({ ...stored, attributes }),
  ]
}

/** The finite numbers of a map; undefined where there is no map. */
export function numbersOf(map: ValueMap | undefined): Record<string, number> | undefined {
  if (map === undefined) return undefined
  const numbers = [...map].map(([key, value]) => [key, typeof value === 'bigint' ? Number(value) : value] as const)
  return Object.fromEntries(numbers.filter((pair): pair is [string, number] => Number.isFinite(pair[1])))
}

function nameOf(value: Value | undefined): string | null {
  return typeof value === 'string' && value !== '' ? value.slice(0, LONGEST_KEY) : null
}

function asText(value: Value): string {
  if (typeof value === 'string') return value
  return typeof value === 'bigint' ? value.toString() : JSON.stringify(plainValue(value))
}

const MOST = BigInt(Number.MAX_SAFE_INTEGER)

function micros(ns: bigint): number {
  const us = ns / 1000n
  return Number(us > MOST ? MOST : us)
}

function millis(ns: bigint): number {
  return Number(ns / 1_000_000n)
}
