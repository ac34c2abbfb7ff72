/** What OTLP's two forms may say and in which order, by bytes and JSON laid out by hand. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Problem } from '../../contract/errors.ts'
import { ProtobufError } from '../../http/protobuf.ts'
import { otlpRequest } from '../../../test/otlp.ts'
import { refuses } from '../bench.cases.ts'
import type { Value } from '../spans/values.ts'
import { readExport, readExportText } from './export-request.fixture.ts'

const TRACE = '0a'.repeat(16)

/** A field of bytes shorter than 128: its tag, its length, the bytes. */
function bytesField(number: number, ...parts: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat(parts)
  assert.ok(number < 16 && bytes.length < 128)
  return Buffer.concat([Uint8Array.of(number * 8 + 2, bytes.length), bytes])
}

const textField = (number: number, text: string) => bytesField(number, Buffer.from(text))
/** A key with a text. */
const pair = (key: string, value: string) => Buffer.concat([textField(1, key), bytesField(2, textField(1, value))])

describe('protobuf', () => {
  test('several resources and scopes: each span has its own, whichever comes first in the bytes', () => {
    const spanOf = (name: string) => bytesField(2, textField(5, name))
    const scoped = (scope: string, ...names: string[]) =>
      bytesField(2, ...names.map(spanOf), bytesField(1, textField(1, scope)))
    const resource = (name: string) => bytesField(1, bytesField(1, pair('service.name', name)))
    const bytes = Buffer.concat([
      bytesField(1, scoped('one', 'a', 'b'), scoped('two', 'c'), resource('shop')),
      bytesField(1, resource('mail'), scoped('', 'd')),
      bytesField(1, resource('silent')),
    ])
    const { spans, resources } = readExport(bytes)
    assert.equal(resources, 3)
    assert.deepEqual(
      spans.map((span) => [span.name, span.scope, span.resource.get('service.name')]),
      [
        ['a', 'one', 'shop'],
        ['b', 'one', 'shop'],
        ['c', 'two', 'shop'],
        ['d', '', 'mail'],
      ],
    )
  })

  test('requests put behind one another are one request', () => {
    const of = (name: string) => otlpRequest([{ trace: TRACE, id: '01', name, start: 1n }], { from: name })
    const { spans, resources } = readExport(Buffer.concat([of('x'), of('y')]))
    assert.deepEqual(
      [resources, spans.map((span) => [span.name, span.resource.get('from')])],
      [
        2,
        [
          ['x', 'x'],
          ['y', 'y'],
        ],
      ],
    )
  })

  test('a span of which nothing is said, and fields that nobody knows', () => {
    const unknown = Buffer.concat([
      bytesField(14, Buffer.from('?')),
      Uint8Array.of(10 * 8, 5),
      Uint8Array.of(12 * 8 + 5, 1, 2, 3, 4),
    ])
    for (const said of [Buffer.alloc(0), unknown]) {
      const { spans } = readExport(bytesField(1, bytesField(2, bytesField(2, said))))
      assert.deepEqual(spans, [
        {
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
          scope: '',
          resource: new Map(),
        },
      ])
    }
    assert.deepEqual(readExport(Buffer.alloc(0)), { spans: [], resources: 0 })
  })

  test('the last of a field that is sent again counts, of attributes by their key', () => {
    const said = Buffer.concat([
      textField(5, 'first'),
      bytesField(9, pair('k', '1')),
      bytesField(15, textField(2, 'no')),
      bytesField(9, pair('l', '2')),
      bytesField(9, pair('k', '3')),
      textField(5, 'last'),
      bytesField(4, Buffer.alloc(0)),
    ])
    const [span] = readExport(bytesField(1, bytesField(2, bytesField(2, said)))).spans
    assert.deepEqual([span?.name, span?.parent_id, span?.status], ['last', null, { code: 0, message: 'no' }])
    assert.deepEqual(
      [...(span?.attributes ?? [])],
      [
        ['k', '3'],
        ['l', '2'],
      ],
    )
  })

  for (const [what, bytes] of [
    ['a number where a message is expected', Uint8Array.of(1 * 8, 5)],
    ['a number where a text is expected', bytesField(1, bytesField(2, bytesField(2, Uint8Array.of(5 * 8, 5))))],
    ['a length beyond the end', Uint8Array.of(1 * 8 + 2, 100, 1)],
    ['half a tag', Uint8Array.of(0x80)],
  ] as const) {
    test(`${what} is no export request`, () => assert.throws(() => readExport(bytes), ProtobufError))
  }
})

describe('JSON', () => {
  const request = (...spans: object[]) => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
  const readOne = (span: object) => readExportText(request(span)).spans[0]
  const valueOf = (value: object | string): Value | undefined => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    const json = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":${text}}]}]}]}]}`
    return readExportText(json).spans[0]?.attributes.get('k')
  }

  const values: readonly (readonly [object | string, Value])[] = [
    [{ stringValue: '' }, ''],
    [{ stringValue: 'a\0b' }, 'a\ufffdb'],
    [{ boolValue: false }, false],
    [{ intValue: '-9223372036854775808' }, -9_223_372_036_854_775_808n],
    ['{"intValue":9007199254740993}', 9_007_199_254_740_993n],
    ['{"intValue":5.0}', 5n],
    ['{"doubleValue":5}', 5],
    [{ doubleValue: 0.1 }, 0.1],
    [{ doubleValue: '-Infinity' }, -Infinity],
    [{ doubleValue: 'NaN' }, Number.NaN],
    [{ doubleValue: '1e-7' }, 1e-7],
    [{ bytesValue: 'AP8=' }, Uint8Array.of(0, 255)],
    [{ arrayValue: {} }, []],
    [{ array_value: { values: [{ int_value: '1' }, {}] } }, [1n, null]],
    [
      { kvlistValue: { values: [{ key: 'a', value: { boolValue: true } }, { key: 'b' }] } },
      new Map<string, Value>([
        ['a', true],
        ['b', null],
      ]),
    ],
    [{ stringValue: null, intValue: '7' }, 7n],
    [{}, null],
  ]
  for (const [sent, value] of values) {
    test(`a value ${typeof sent === 'string' ? sent : JSON.stringify(sent)}`, () =>
      assert.deepEqual(valueOf(sent), value))
  }

  for (const [value, text] of [
    [{ stringValue: 5 }, /stringValue is not text/],
    [{ boolValue: 1 }, /boolValue is not true or false/],
    [{ intValue: '1.5' }, /intValue is not a whole number/],
    [{ intValue: true }, /intValue is not a whole number/],
    [{ intValue: '123456789012345678901' }, /intValue is not a whole number/],
    [{ doubleValue: 'half' }, /doubleValue is not a number/],
    [{ arrayValue: { values: {} } }, /values is not a list/],
    [{ kvlistValue: { values: ['a'] } }, /values is not a list of objects/],
  ] as const) {
    test(`refuses a value ${JSON.stringify(value)}`, () => refuses(() => valueOf(value), text))
  }

  test('ids are hex in either case, short ones filled up, those that are too long refused', () => {
    const span = readOne({ traceId: 'AB'.repeat(16), spanId: '0c', parentSpanId: '' })
    assert.deepEqual([span?.trace_id, span?.span_id, span?.parent_id], ['ab'.repeat(16), '000000000000000c', null])
    assert.equal(readOne({ parent_span_id: 'FF'.repeat(8) })?.parent_id, 'ff'.repeat(8))
    for (const id of ['a', 'zz', 5, '0x01', ' 01'])
      refuses(() => readOne({ spanId: id }), /spanId is not hex digits/, String(id))
    const long = () => readOne({ traceId: 'ab'.repeat(17) })
    assert.throws(
      long,
      (error: Problem) => error.code === 'unprocessable' && /17 bytes, expected 16/.test(String(error.data['detail'])),
    )
  })

  test('kinds and states are said by name or by number', () => {
    const names = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']
    for (const [number, name] of names.entries()) {
      for (const kind of [number, `SPAN_KIND_${name}`]) assert.equal(readOne({ kind })?.kind, number)
    }
    for (const [number, name] of ['UNSET', 'OK', 'ERROR'].entries()) {
      for (const code of [number, `STATUS_CODE_${name}`]) {
        assert.deepEqual(readOne({ status: { code, message: 'm' } })?.status, { code: number, message: 'm' })
      }
    }
    assert.equal(readOne({ kind: 77 })?.kind, 77, 'a kind that is newer than this')
    for (const kind of ['INTERNAL', -1, 1.5, 2 ** 31, true, [], [1], {}])
      refuses(() => readOne({ kind }), /kind is not one of/, JSON.stringify(kind))
  })

  test('times are whole numbers of 64 bits, as text or as digits', () => {
    const span = readOne({ startTimeUnixNano: '18446744073709551615', end_time_unix_nano: 5 })
    assert.deepEqual([span?.start, span?.end], [18_446_744_073_709_551_615n, 5n])
    for (const time of ['', 'now', 0.5, null]) {
      if (time === null) assert.equal(readOne({ startTimeUnixNano: time })?.start, 0n)
      else refuses(() => readOne({ startTimeUnixNano: time }), /startTimeUnixNano is not a whole number/, String(time))
    }
  })

  test('events, links, scopes and resources', () => {
    const attributes = [{ key: 'k', value: { stringValue: 'v' } }]
    const span = {
      name: 'n',
      events: [{ name: 'e', timeUnixNano: '7', attributes }],
      links: [{ traceId: TRACE, spanId: '01', attributes }],
    }
    const { spans, resources } = readExportText(
      JSON.stringify({
        resourceSpans: [
          {
            resource: { attributes },
            scopeSpans: [{ scope: { name: 's' }, spans: [span] }, { spans: [{ name: 'm' }] }],
          },
          {},
        ],
      }),
    )
    const map = new Map([['k', 'v']])
    assert.equal(resources, 2)
    assert.deepEqual(spans[0]?.events, [{ name: 'e', time: 7n, attributes: map }])
    assert.deepEqual(spans[0]?.links, [{ trace_id: TRACE, span_id: `${'0'.repeat(14)}01`, attributes: map }])
    assert.deepEqual(
      spans.map((one) => [one.name, one.scope, one.resource]),
      [
        ['n', 's', map],
        ['m', '', map],
      ],
    )
  })

  for (const text of ['[]', '5', 'null', '"a"']) {
    test(`${text} is no export request`, () => refuses(() => readExportText(text), /expected a JSON object/))
  }
  for (const text of ['{"resourceSpans":5}', '{"resourceSpans":[5]}', '{"resourceSpans":[{"scopeSpans":[null]}]}']) {
    test(`${text} is no export request`, () => refuses(() => readExportText(text), /is not a list/))
  }
})
