/** OTLP's trace export request from protobuf bytes (opentelemetry-proto v1, collector/trace/v1). */
import { problem } from '../../contract/errors.ts'
import { TURN_MS, turnOfLoop } from '../../http/callers/turns.ts'
import { DEEPEST_VALUE, idText } from '../spans/span.ts'
import type { Batch, SpanData, SpanEvent, SpanLink } from '../spans/span.ts'
import { doubleOf, eachField, ProtobufError, signed, textOf } from '../../http/protobuf.ts'
import type { WireField } from '../../http/protobuf.ts'
import type { Value, ValueMap } from '../spans/values.ts'

/** Most spans of one request, and most fields of all its messages, and of one span. */
export const MOST = { spans: 20_000, fields: 1_000_000, 'fields of one span': 100_000 } as const

/**
 * Reads ExportTraceServiceRequest, some spans a turn of the loop, so that other callers are answered in between. Throws ProtobufError
 * for other bytes, `too_many_values` beyond `MOST`.
 */
export async function readExportInTurns(message: Uint8Array): Promise<Batch> {
  const reading = readingOf(message)
  for (let since = performance.now(); ;) {
    const step = reading.next()
    if (step.done === true) return step.value
    if (performance.now() - since < TURN_MS) continue
    await turnOfLoop()
    since = performance.now()
  }
}

/** What may still be read: of the request, and of the message that is read now. Nothing waits while a message is read. */
const left = { fields: 0, of: 'fields' as keyof typeof MOST }

function each(message: Uint8Array, take: (field: WireField) => void): void {
  eachField(message, (field) => {
    if (left.fields-- === 0) throw tooMany(left.of)
    take(field)
  })
}

function tooMany(what: keyof typeof MOST): Error {
  return problem('too_many_values', { what, value: MOST[what] + 1, limit: MOST[what] })
}

/** The same, one step a span. */
export function* readingOf(message: Uint8Array): Generator<undefined, Batch> {
  const spans: SpanData[] = []
  let fields: number = MOST.fields
  const read = <T>(one: () => T): T => {
    left.of = fields < MOST['fields of one span'] ? 'fields' : 'fields of one span'
    const most = Math.min(fields, MOST['fields of one span'])
    left.fields = most
    const value = one()
    fields -= most - left.fields
    return value
  }
  const resources = read(() => partsOf(message, 1))
  for (const one of resources) {
    const { resource, scopes } = read(() => readResource(one))
    for (const bytes of scopes) {
      const scope = read(() => partsOf(bytes, 1).map(readScopeName).at(-1) ?? '')
      for (const span of read(() => partsOf(bytes, 2))) {
        if (spans.length === MOST.spans) throw tooMany('spans')
        spans.push({ ...read(() => readSpan(span)), scope, resource })
        yield
      }
    }
  }
  return { spans, resources: resources.length }
}

/** The messages in the fields of one number. */
function partsOf(message: Uint8Array, number: number): Uint8Array[] {
  const parts: Uint8Array[] = []
  each(message, (field) => {
    if (field.number === number) parts.push(bytesOf(field))
  })
  return parts
}

function readResource(message: Uint8Array): { resource: ValueMap; scopes: Uint8Array[] } {
  const [own] = partsOf(message, 1).slice(-1)
  return { resource: own === undefined ? new Map() : readAttributes(own, 1), scopes: partsOf(message, 2) }
}

function readScopeName(message: Uint8Array): string {
  let name = ''
  each(message, (field) => {
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
  each(message, (field) => readSpanField(span, field))
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
  each(message, (field) => {
    if (field.number === 1) event.time = field.integer
    else if (field.number === 2) event.name = textOf(bytesOf(field))
    else if (field.number === 3) readPair(bytesOf(field), attributes, 0)
  })
  return event
}

function readLink(message: Uint8Array): SpanLink {
  const attributes = new Map<string, Value>()
  const link = { trace_id: '', span_id: '', attributes }
  each(message, (field) => {
    if (field.number === 1) link.trace_id = idText(bytesOf(field), 16)
    else if (field.number === 2) link.span_id = idText(bytesOf(field), 8)
    else if (field.number === 4) readPair(bytesOf(field), attributes, 0)
  })
  return link
}

function readStatus(message: Uint8Array): SpanData['status'] {
  const status = { code: 0, message: '' }
  each(message, (field) => {
    if (field.number === 2) status.message = textOf(bytesOf(field))
    else if (field.number === 3) status.code = Number(BigInt.asUintN(31, field.integer))
  })
  return status
}

/** All fields of a number that are KeyValue messages. */
function readAttributes(message: Uint8Array, number: number, depth = 0): ValueMap {
  const map = new Map<string, Value>()
  each(message, (field) => {
    if (field.number === number) readPair(bytesOf(field), map, depth)
  })
  return map
}

function readPair(message: Uint8Array, into: Map<string, Value>, depth: number): void {
  let key = ''
  let value: Value = null
  each(message, (field) => {
    if (field.number === 1) key = textOf(bytesOf(field))
    else if (field.number === 2) value = readAny(bytesOf(field), depth)
  })
  into.set(key, value)
}

function readAny(message: Uint8Array, depth: number): Value {
  if (depth > DEEPEST_VALUE) throw new ProtobufError(`an attribute nests deeper than ${DEEPEST_VALUE}`)
  let value: Value = null
  each(message, (field) => {
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
  each(message, (field) => {
    if (field.number === 1) values.push(readAny(bytesOf(field), depth))
  })
  return values
}

function bytesOf(field: WireField): Uint8Array {
  if (field.bytes === undefined) throw new ProtobufError(`field ${field.number} is a number, expected bytes`)
  return field.bytes
}
