/** OTLP's trace export request from its JSON form, where ids are hex and 64-bit numbers are text or digits. */
import { invalid } from '../../mlflow/wire.ts'
import { DEEPEST_VALUE, idText, SPAN_KINDS } from '../spans/span.ts'
import type { Batch, SpanData } from '../spans/span.ts'
import { mapOf } from '../spans/values.ts'
import type { Value, ValueMap } from '../spans/values.ts'

const NONE: ValueMap = new Map()

/** Reads a request. Names may be in camelCase or snake_case. */
export function readExportJson(given: Value): Batch {
  const request = mapOf(given)
  if (request === undefined) throw invalid('Invalid OpenTelemetry format: expected a JSON object')
  const resources = maps(request, 'resourceSpans')
  const spans = resources.flatMap((one) => {
    const resource = attributesOf(mapOf(field(one, 'resource')) ?? NONE)
    return maps(one, 'scopeSpans').flatMap((scoped) => {
      const scope = textAt(mapOf(field(scoped, 'scope')) ?? NONE, 'name')
      return maps(scoped, 'spans').map((span) => ({ ...readSpan(span), scope, resource }))
    })
  })
  return { spans, resources: resources.length }
}

/** One span, where ids are hex. */
export function readSpan(span: ValueMap): Omit<SpanData, 'scope' | 'resource'> {
  const status = mapOf(field(span, 'status')) ?? NONE
  return {
    trace_id: hex(span, 'traceId', 16),
    span_id: hex(span, 'spanId', 8),
    parent_id: hex(span, 'parentSpanId', 8) || null,
    name: textAt(span, 'name'),
    kind: choice(span, 'kind', SPAN_KINDS),
    start: unsigned(span, 'startTimeUnixNano'),
    end: unsigned(span, 'endTimeUnixNano'),
    status: { code: choice(status, 'code', CODES), message: textAt(status, 'message') },
    attributes: attributesOf(span),
    events: maps(span, 'events').map((event) => ({
      name: textAt(event, 'name'),
      time: unsigned(event, 'timeUnixNano'),
      attributes: attributesOf(event),
    })),
    links: maps(span, 'links').map((link) => ({
      trace_id: hex(link, 'traceId', 16),
      span_id: hex(link, 'spanId', 8),
      attributes: attributesOf(link),
    })),
  }
}

const CODES = ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR']

function attributesOf(owner: ValueMap): ValueMap {
  return pairs(maps(owner, 'attributes'), 0)
}

function pairs(given: readonly ValueMap[], depth: number): ValueMap {
  return new Map(given.map((pair) => [textAt(pair, 'key'), anyOf(mapOf(field(pair, 'value')) ?? NONE, depth)]))
}

function anyOf(value: ValueMap, depth: number): Value {
  if (depth > DEEPEST_VALUE)
    throw invalid(`Invalid OpenTelemetry format: an attribute nests deeper than ${DEEPEST_VALUE}`)
  for (const [name, read] of READERS) {
    const given = field(value, name)
    if (given !== undefined && given !== null) return read(given, depth + 1)
  }
  return null
}

const READERS: readonly (readonly [string, (given: Value, depth: number) => Value])[] = [
  ['stringValue', (given) => (typeof given === 'string' ? clean(given) : refuse('stringValue', 'text'))],
  ['boolValue', (given) => (typeof given === 'boolean' ? given : refuse('boolValue', 'true or false'))],
  ['intValue', (given) => BigInt.asIntN(64, integer('intValue', given))],
  ['doubleValue', (given) => double(given)],
  ['arrayValue', (given, depth) => maps(mapOf(given) ?? NONE, 'values').map((one) => anyOf(one, depth))],
  ['kvlistValue', (given, depth) => pairs(maps(mapOf(given) ?? NONE, 'values'), depth)],
  ['bytesValue', (given) => new Uint8Array(Buffer.from(typeof given === 'string' ? given : '', 'base64'))],
]

function field(owner: ValueMap, name: string): Value | undefined {
  return owner.get(name) ?? owner.get(name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
}

function maps(owner: ValueMap, name: string): ValueMap[] {
  const given = field(owner, name) ?? []
  if (!Array.isArray(given)) return refuse(name, 'a list')
  return given.map((one: Value) => mapOf(one) ?? refuse(name, 'a list of objects'))
}

function textAt(owner: ValueMap, name: string): string {
  const given = field(owner, name) ?? ''
  return typeof given === 'string' ? clean(given) : refuse(name, 'text')
}

/** No database keeps the character 0 as text. */
function clean(given: string): string {
  return given.includes('\0') ? given.replaceAll('\0', '\ufffd') : given
}

function hex(owner: ValueMap, name: string, length: number): string {
  const given = field(owner, name) ?? ''
  if (typeof given !== 'string' || !/^(?:[0-9a-fA-F]{2})*$/.test(given)) return refuse(name, 'hex digits')
  return idText(Buffer.from(given, 'hex'), length)
}

function unsigned(owner: ValueMap, name: string): bigint {
  return BigInt.asUintN(64, integer(name, field(owner, name) ?? 0n))
}

function integer(name: string, given: Value): bigint {
  if (typeof given === 'bigint') return given
  if (typeof given === 'string' && /^-?\d{1,20}$/.test(given)) return BigInt(given)
  if (typeof given === 'number' && Number.isInteger(given)) return BigInt(given)
  return refuse(name, 'a whole number')
}

function double(given: Value): number {
  if (typeof given === 'number' || typeof given === 'bigint') return Number(given)
  if (typeof given === 'string' && /^(NaN|-?Infinity|[-+.\deE]+)$/.test(given)) return Number(given)
  return refuse('doubleValue', 'a number')
}

function choice(owner: ValueMap, name: string, names: readonly string[]): number {
  const given = field(owner, name) ?? 0n
  const number = typeof given === 'bigint' || typeof given === 'number' ? Number(given) : Number.NaN
  const at = typeof given === 'string' ? names.indexOf(given) : number
  return Number.isInteger(at) && at >= 0 && at < 2 ** 31 ? at : refuse(name, `one of ${names.join(', ')}`)
}

function refuse(name: string, expected: string): never {
  throw invalid(`Invalid OpenTelemetry format: ${name} is not ${expected}`)
}
