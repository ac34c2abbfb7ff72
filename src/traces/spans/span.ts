/** A span: what arrives over OTLP, and the JSON in which it is kept. */
import { problem } from '../../contract/errors.ts'
import { mapOf, readValue, writeValue } from './values.ts'
import type { Value, ValueMap } from './values.ts'

/** Deepest nesting of an attribute's value. */
export const DEEPEST_VALUE = 32

export interface SpanEvent {
  readonly name: string
  /** Ns since 1970. */
  readonly time: bigint
  readonly attributes: ValueMap
}

export interface SpanLink {
  /** Hex. */
  readonly trace_id: string
  readonly span_id: string
  readonly attributes: ValueMap
}

/** A span as it arrived. Ids in hex (32 and 16 digits), '' where none was sent; times in ns since 1970, 0 = none. */
export interface SpanData {
  readonly trace_id: string
  readonly span_id: string
  readonly parent_id: string | null
  readonly name: string
  /** OTLP's number: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number
  readonly start: bigint
  readonly end: bigint
  /** OTLP's code: 0 unset, 1 ok, 2 error. */
  readonly status: { readonly code: number; readonly message: string }
  readonly attributes: ValueMap
  readonly events: readonly SpanEvent[]
  readonly links: readonly SpanLink[]
  readonly scope: string
  readonly resource: ValueMap
}

/** The spans of one request and how many resources they came from. */
export interface Batch {
  readonly spans: readonly SpanData[]
  readonly resources: number
}

/** A span as it is kept: without its resource, which becomes tags of the trace. */
export type StoredSpan = Omit<SpanData, 'resource'>

/** OTLP's names of its numbers of kinds. */
export const SPAN_KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map(
  (kind) => `SPAN_KIND_${kind}`,
)

export type StatusCode = 'UNSET' | 'OK' | 'ERROR'

/** Name of a status code; an unknown one counts as unset. */
export function statusName(code: number): StatusCode {
  if (code === 1) return 'OK'
  return code === 2 ? 'ERROR' : 'UNSET'
}

/** An id as hex; '' for none. `unprocessable` for one that is longer than OTLP allows. */
export function idText(bytes: Uint8Array, length: number): string {
  if (bytes.length > length) {
    throw problem('unprocessable', { detail: `an id of a span has ${bytes.length} bytes, expected ${length}` })
  }
  return bytes.length === 0
    ? ''
    : Buffer.from(bytes)
        .toString('hex')
        .padStart(2 * length, '0')
}

/** MLflow's id of a trace, from the hex id of OTLP. */
export function traceIdOf(hex: string): string {
  return `tr-${hex}`
}

/** JSON of a span, in which searches look for words too: no key but those below and the attributes' own. */
export function writeSpan(span: StoredSpan): string {
  const parent = span.parent_id === null ? 'null' : `"${span.parent_id}"`
  const status = `{"code":${span.status.code},"message":${JSON.stringify(span.status.message)}}`
  const events = span.events.map(
    (one) => `{"name":${JSON.stringify(one.name)},"time":${one.time},"attributes":${writeValue(one.attributes)}}`,
  )
  const links = span.links.map(
    (one) => `{"trace_id":"${one.trace_id}","span_id":"${one.span_id}","attributes":${writeValue(one.attributes)}}`,
  )
  return `{"trace_id":"${span.trace_id}","span_id":"${span.span_id}","parent_id":${parent},"name":${JSON.stringify(
    span.name,
  )},"kind":${span.kind},"start":${span.start},"end":${span.end},"status":${status},"attributes":${writeValue(
    span.attributes,
  )},"events":[${events.join(',')}],"links":[${links.join(',')}],"scope":${JSON.stringify(span.scope)}}`
}

/** A span from its JSON. */
export function readSpan(content: string): StoredSpan {
  const map = mapOf(readValue(content)) ?? EMPTY
  const status = mapOf(map.get('status')) ?? EMPTY
  return {
    trace_id: text(map.get('trace_id')),
    span_id: text(map.get('span_id')),
    parent_id: map.get('parent_id') === null ? null : text(map.get('parent_id')),
    name: text(map.get('name')),
    kind: Number(whole(map.get('kind'))),
    start: whole(map.get('start')),
    end: whole(map.get('end')),
    status: { code: Number(whole(status.get('code'))), message: text(status.get('message')) },
    attributes: mapOf(map.get('attributes')) ?? EMPTY,
    events: maps(map.get('events')).map((event) => ({
      name: text(event.get('name')),
      time: whole(event.get('time')),
      attributes: mapOf(event.get('attributes')) ?? EMPTY,
    })),
    links: maps(map.get('links')).map((link) => ({
      trace_id: text(link.get('trace_id')),
      span_id: text(link.get('span_id')),
      attributes: mapOf(link.get('attributes')) ?? EMPTY,
    })),
    scope: text(map.get('scope')),
  }
}

const EMPTY: ValueMap = new Map()

function text(value: Value | undefined): string {
  return typeof value === 'string' ? value : ''
}

function whole(value: Value | undefined): bigint {
  return typeof value === 'bigint' ? value : 0n
}

function maps(value: Value | undefined): ValueMap[] {
  return Array.isArray(value) ? value.map((one: Value) => mapOf(one) ?? EMPTY) : []
}
