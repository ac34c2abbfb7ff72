/** OTLP's two forms, whole and damaged. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../contract/errors.ts'
import { prng } from '../../stats/prng.ts'
import { otlpRequest } from '../../../test/otlp.ts'
import type { Sent } from '../../../test/otlp.ts'
import { readExport, readExportText } from './export-request.fixture.ts'
import { ProtobufError } from '../../http/protobuf.ts'
import { readSpan, writeSpan } from '../spans/span.ts'
import type { Value } from '../spans/values.ts'

const ATTRIBUTES = { text: 'ü', n: -5n, d: 1, b: false, list: ['a', 1n], map: { k: { deep: 2.5 } }, none: null }

test('a request in protobuf gives its spans, and they survive being kept', () => {
  const bytes = otlpRequest(
    [
      {
        trace: '0a'.repeat(16),
        id: '01',
        parent: '02'.repeat(8),
        name: 'näme',
        start: 18_446_744_073_709_551_615n,
        end: 5n,
        attributes: ATTRIBUTES,
        events: [{ name: 'e', time: 7n, attributes: { a: 'b' } }],
        links: [{ trace: '0b'.repeat(16), id: '03'.repeat(8) }],
        status: 2,
        message: 'no',
      },
    ],
    { 'service.name': 'shop' },
  )
  const { spans, resources } = readExport(bytes)
  assert.equal(resources, 1)
  const [span] = spans
  assert.ok(span)
  assert.deepEqual(
    [span.trace_id, span.span_id, span.parent_id],
    ['0a'.repeat(16), '0'.repeat(14) + '01', '02'.repeat(8)],
  )
  assert.deepEqual([span.name, span.kind, span.start, span.end], ['näme', 1, 18_446_744_073_709_551_615n, 5n])
  assert.deepEqual(span.status, { code: 2, message: 'no' })
  assert.equal(span.attributes.get('n'), -5n)
  assert.equal(span.attributes.get('d'), 1)
  assert.deepEqual(span.attributes.get('map'), new Map([['k', new Map([['deep', 2.5]])]]))
  assert.equal(span.resource.get('service.name'), 'shop')
  const { resource: _, ...stored } = span
  assert.deepEqual(readSpan(writeSpan(stored)), stored)
})

test('JSON and protobuf say the same', () => {
  const json = JSON.stringify({
    resourceSpans: [
      {
        scopeSpans: [
          {
            scope: { name: 'scope' },
            spans: [
              {
                traceId: '0a'.repeat(16),
                spanId: '01'.repeat(8),
                name: 'same',
                kind: 'SPAN_KIND_INTERNAL',
                startTimeUnixNano: '1700000000000000001',
                end_time_unix_nano: 9,
                attributes: Object.entries(ATTRIBUTES).map(([key, value]) => ({ key, value: jsonAny(value) })),
                status: { code: 'STATUS_CODE_OK' },
              },
            ],
          },
        ],
      },
    ],
  })
  const span = { trace: '0a'.repeat(16), id: '01'.repeat(8), name: 'same', start: 1_700_000_000_000_000_001n, end: 9n }
  assert.deepEqual(readExportText(json), readExport(otlpRequest([{ ...span, attributes: ATTRIBUTES, status: 1 }])))
})

function jsonAny(value: Sent): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'bigint') return { intValue: value.toString() }
  if (typeof value === 'number') return { doubleValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (Array.isArray(value)) return { arrayValue: { values: (value as readonly Sent[]).map(jsonAny) } }
  if (value === null) return {}
  const entries = Object.entries(value as Record<string, Sent>)
  return { kvlistValue: { values: entries.map(([key, one]) => ({ key, value: jsonAny(one) })) } }
}

test('characters that no database keeps are replaced', () => {
  const bytes = otlpRequest([{ trace: '01', id: '01', name: 'a\0b', start: 0n, attributes: { 'k\0': 'v\0' } }])
  const span = readExport(bytes).spans[0]
  assert.equal(span?.name, 'a\ufffdb')
  assert.equal(span.attributes.get('k\ufffd'), 'v\ufffd')
})

test('damaged bytes are spans or a refusal, never another fault', () => {
  const random = prng(5)
  const good = otlpRequest([
    { trace: '0a'.repeat(16), id: '01'.repeat(8), name: 'x', start: 1n, attributes: ATTRIBUTES },
  ])
  let refused = 0
  for (let round = 0; round < 5000; round++) {
    const bytes = Buffer.from(good)
    for (let i = 0; i < 3; i++) bytes[Math.floor(random.uniform() * bytes.length)] = Math.floor(random.uniform() * 256)
    try {
      readExport(round % 3 === 0 ? bytes.subarray(0, Math.floor(random.uniform() * bytes.length)) : bytes)
    } catch (error) {
      assert.ok(error instanceof ProtobufError || error instanceof Problem, String(error))
      refused += 1
    }
  }
  assert.ok(refused > 1000, String(refused))
})

test('a value that nests too deeply is refused in both forms', () => {
  let sent: Sent = 'x'
  let json: object = { stringValue: 'x' }
  for (let i = 0; i < 60; i++) {
    sent = [sent]
    json = { arrayValue: { values: [json] } }
  }
  assert.throws(
    () => readExport(otlpRequest([{ trace: '01', id: '01', name: '', start: 0n, attributes: { a: sent } }])),
    /nests deeper/,
  )
  const text = JSON.stringify({ resourceSpans: [{ resource: { attributes: [{ key: 'a', value: json }] } }] })
  assert.throws(() => readExportText(text), /nests deeper/)
})

test('JSON that is none of OTLP is refused by the name of its field', () => {
  const of = (span: object) => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })
  const bad: [object, RegExp][] = [
    [{ traceId: 'xyz' }, /traceId is not hex/],
    [{ name: 5 }, /name is not text/],
    [{ startTimeUnixNano: 'soon' }, /startTimeUnixNano is not a whole number/],
    [{ attributes: {} }, /attributes is not a list/],
    [{ attributes: [{ key: 'a', value: { boolValue: 'yes' } }] }, /boolValue is not true or false/],
    [{ status: { code: 'FINE' } }, /code is not one of/],
  ]
  for (const [span, text] of bad) {
    assert.throws(
      () => readExportText(of(span)),
      (error: Problem) => text.test(String(error.data['detail'])),
      JSON.stringify(span),
    )
  }
})

const NOTHING: Value = null
test('a value without a kind is nothing', () => {
  const text = JSON.stringify({
    resourceSpans: [{ scopeSpans: [{ spans: [{ attributes: [{ key: 'a', value: {} }] }] }] }],
  })
  assert.equal(readExportText(text).spans[0]?.attributes.get('a'), NOTHING)
})
