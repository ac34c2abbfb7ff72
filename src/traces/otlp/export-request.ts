/** OTLP's trace export request from protobuf bytes (opentelemetry-proto v1, collector/trace/v1). */
import { DEEPEST_VALUE, idText } from '../spans/span.ts'
import type { Batch, SpanData, SpanEvent, SpanLink } from '../spans/span.ts'
import { doubleOf, eachField, ProtobufError, signed, textOf } from '../../http/protobuf.ts'
import type { WireField } from '../../http/protobuf.ts'
import type { Value, ValueMap } from '../spans/values.ts'

/** Reads ExportTraceServiceRequest. Throws ProtobufError for other bytes. */
export function readExport(message: Uint8Array): Batch {
  const spans: SpanData[] = []
  let resources = 0
  eachField(message, (field) => {
    if (field.number !== 1) return
    resources += 1
    readResourceSpans(bytesOf(field), spans)
  })
  return { spans, resources }
}

function readResourceSpans(message: Uint8Array, spans: SpanData[]): void {
  const scopes: Uint8Array[] = []
  let resource: ValueMap = new Map()
  eachField(message, (field) => {
    if (field.number === 1) resource = readAttributes(bytesOf(field), 1)
    else if (field.number === 2) scopes.push(bytesOf(field))
  })
  for (const scope of scopes) readScopeSpans(scope, resource, spans)
}

function readScopeSpans(message: Uint8Array, resource: ValueMap, spans: SpanData[]): void {
  const found: Uint8Array[] = []
  let scope = ''
  eachField(message, (field) => {
    if (field.number === 1) scope = readScopeName(bytesOf(field))
    else if (field.number === 2) found.push(bytesOf(field))
  })
  for (const bytes of found) spans.push({ ...readSpan(bytes), scope, resource })
}

function readScopeName(message: Uint8Array): string {
  let name = ''
  eachField(message, (field) => {
    if (field.number === 1) name = textOf(bytesOf(field))
  })
  return name
}

/** A span while its fields are read. */
interface Draft {
  trace_id: string
  span_id: string
  parent_id: string | null
  name: string
  kind: number
  start: bigint
  end: bigint
  status: SpanData['status']
  readonly attributes: Map<string, Value>
  readonly events: SpanEvent[]
  readonly links: SpanLink[]
}

function readSpan(message: Uint8Array): Draft {
  const span: Draft = {
    trace_id: '',
    span_id: '',
    parent_id: null,
    name: '',
    kind: 0,
    start: 0n,
    end: 0n,
    status: { code: 0, message: '' },
    attributes: new Map(),
    events: [],
    links: [],
  }
  eachField(message, (field) => readSpanField(span, field))
  return span
}

function readSpanField(span: Draft, field: WireField): void {
  switch (field.number) {
    case 1:
      span.trace_id = idText(bytesOf(field), 16)
      break
    case 2:
      span.span_id = idText(bytesOf(field), 8)
      break
    case 4:
      span.parent_id = idText(bytesOf(field), 8) || null
      break
    case 5:
      span.name = textOf(bytesOf(field))
      break
    case 6:
      span.kind = Number(BigInt.asUintN(31, field.integer))
      break
    case 7:
      span.start = field.integer
      break
    case 8:
      span.end = field.integer
      break
    case 9:
      readPair(bytesOf(field), span.attributes, 0)
      break
    case 11:
      span.events.push(readEvent(bytesOf(field)))
      break
    case 13:
      span.links.push(readLink(bytesOf(field)))
      break
    case 15:
      span.status = readStatus(bytesOf(field))
      break
  }
}

function readEvent(message: Uint8Array): SpanEvent {
  const attributes = new Map<string, Value>()
  const event = { name: '', time: 0n, attributes }
  eachField(message, (field) => {
    if (field.number === 1) event.time = field.integer
    else if (field.number === 2) event.name = textOf(bytesOf(field))
    else if (field.number === 3) readPair(bytesOf(field), attributes, 0)
  })
  return event
}

function readLink(message: Uint8Array): SpanLink {
  const attributes = new Map<string, Value>()
  const link = { trace_id: '', span_id: '', attributes }
  eachField(message, (field) => {
    if (field.number === 1) link.trace_id = idText(bytesOf(field), 16)
    else if (field.number === 2) link.span_id = idText(bytesOf(field), 8)
    else if (field.number === 4) readPair(bytesOf(field), attributes, 0)
  })
  return link
}

function readStatus(message: Uint8Array): SpanData['status'] {
  const status = { code: 0, message: '' }
  eachField(message, (field) => {
    if (field.number === 2) status.message = textOf(bytesOf(field))
    else if (field.number === 3) status.code = Number(BigInt.asUintN(31, field.integer))
  })
  return status
}

/** All fields of a number that are KeyValue messages. */
function readAttributes(message: Uint8Array, number: number, depth = 0): ValueMap {
  const map = new Map<string, Value>()
  eachField(message, (field) => {
    if (field.number === number) readPair(bytesOf(field), map, depth)
  })
  return map
}

function readPair(message: Uint8Array, into: Map<string, Value>, depth: number): void {
  let key = ''
  let value: Value = null
  eachField(message, (field) => {
    if (field.number === 1) key = textOf(bytesOf(field))
    else if (field.number === 2) value = readAny(bytesOf(field), depth)
  })
  into.set(key, value)
}

function readAny(message: Uint8Array, depth: number): Value {
  if (depth > DEEPEST_VALUE) throw new ProtobufError(`an attribute nests deeper than ${DEEPEST_VALUE}`)
  let value: Value = null
  eachField(message, (field) => {
    value = anyOf(field, depth) ?? value
  })
  return value
}

function anyOf(field: WireField, depth: number): Value | undefined {
  switch (field.number) {
    case 1:
      return textOf(bytesOf(field))
    case 2:
      return field.integer !== 0n
    case 3:
      return signed(field.integer)
    case 4:
      return doubleOf(field.integer)
    case 5:
      return readArray(bytesOf(field), depth + 1)
    case 6:
      return readAttributes(bytesOf(field), 1, depth + 1)
    case 7:
      return Uint8Array.from(bytesOf(field))
    default:
      return undefined
  }
}

function readArray(message: Uint8Array, depth: number): Value[] {
  const values: Value[] = []
  eachField(message, (field) => {
    if (field.number === 1) values.push(readAny(bytesOf(field), depth))
  })
  return values
}

function bytesOf(field: WireField): Uint8Array {
  if (field.bytes === undefined) throw new ProtobufError(`field ${field.number} is a number, expected bytes`)
  return field.bytes
}
