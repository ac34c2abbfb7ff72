/** Frames between gateway and scorer: cut anywhere they are the same, and rows and results lie byte by byte where both sides say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InputField } from '../../scoring/rows/fields.ts'
import type { Value } from '../../scoring/rows/rows.ts'
import { CODEC, decodeRows, encodeFrame, encodeRows, FrameReader, jsonFrame, OP } from './frames.ts'

const FIRST = { id: 1, op: OP.PREDICT, codec: CODEC.ROWS, payload: Buffer.from('abc') }
const EMPTY = { id: 0xffffffff, op: OP.DRAIN, codec: CODEC.JSON, payload: Buffer.alloc(0) }
const LONG = { id: 258, op: OP.RESULT, codec: CODEC.ROWS, payload: Buffer.alloc(600, 5) }

test('a frame is its length, id, op and codec, little-endian, and its payload', () => {
  assert.equal(encodeFrame(FIRST).toString('hex'), '03000000010000000300616263')
  assert.equal(encodeFrame(EMPTY).toString('hex'), '00000000ffffffff0602')
  assert.equal(jsonFrame(2, OP.HELLO, { a: 'é' }).toString('hex'), '0a0000000200000001027b2261223a22c3a9227d')
})

test('a stream that is cut in two at any byte has the same frames', () => {
  const stream = Buffer.concat([FIRST, EMPTY, LONG].map(encodeFrame))
  for (let cut = 0; cut <= stream.length; cut++) {
    const reader = new FrameReader()
    const frames = [...reader.push(stream.subarray(0, cut)), ...reader.push(stream.subarray(cut))]
    assert.deepEqual(frames, [FIRST, EMPTY, LONG], `cut at ${cut}`)
  }
})

test('a stream that comes byte by byte gives each frame with its last byte', () => {
  const stream = Buffer.concat([FIRST, EMPTY, LONG].map(encodeFrame))
  const reader = new FrameReader()
  const ends: number[] = []
  for (let at = 0; at < stream.length; at++) {
    if (reader.push(stream.subarray(at, at + 1)).length > 0) ends.push(at + 1)
  }
  assert.deepEqual(ends, [13, 23, 633])
})

test('a length beyond 256 MiB is refused by the head, the length itself is not', () => {
  const head = (length: number) => {
    const bytes = Buffer.alloc(10)
    bytes.writeUInt32LE(length)
    return bytes
  }
  assert.deepEqual(new FrameReader().push(head(256 * 1024 * 1024)), [])
  assert.throws(() => new FrameReader().push(head(256 * 1024 * 1024 + 1)), /a frame of 268435457 bytes/)
  assert.throws(() => new FrameReader().push(head(0xffffffff)), /a frame of 4294967295 bytes/)
  const reader = new FrameReader()
  assert.throws(() => reader.push(Buffer.concat([encodeFrame(FIRST), head(0xffffffff)])), /a frame of/)
})

const field = (name: string, kind: InputField['kind'], dtype: string = kind): InputField => ({
  name,
  kind,
  dtype,
  required: true,
})

/** The parts of a payload of rows, read by the description of its layout. */
function parts(inputs: readonly InputField[], rows: Value[][], params: Record<string, unknown> | null = null) {
  const payload = encodeRows(inputs, rows, params)
  const end = 8 + payload.readUInt32LE(4)
  const numbers: number[] = []
  for (let at = end; at < payload.length; at += 8) numbers.push(payload.readDoubleLE(at))
  return { count: payload.readUInt32LE(0), extra: payload.toString('utf8', 8, end), numbers }
}

test('numbers go column by column; what is missing is NaN, infinities and -0 stay', () => {
  const rows = [
    [1.5, null],
    [-Infinity, Infinity],
    [-0, 5e-324],
  ]
  assert.deepEqual(parts([field('a', 'number'), field('b', 'number')], rows), {
    count: 3,
    extra: '',
    numbers: [1.5, -Infinity, -0, Number.NaN, Infinity, 5e-324],
  })
})

test('texts go as JSON beside the numbers, true and false as 1 and 0, params with them', () => {
  const inputs = [field('t', 'string'), field('n', 'number'), field('on', 'boolean'), field('u', 'string')]
  const rows: Value[][] = [
    ['é"\n', 1, true, null],
    ['', 2, false, 'x'],
    [null, 3, null, 'y'],
  ]
  const { count, extra, numbers } = parts(inputs, rows, { k: [1, 'v'] })
  assert.equal(count, 3)
  assert.deepEqual(JSON.parse(extra), {
    texts: [
      ['é"\n', '', null],
      [null, 'x', 'y'],
    ],
    params: { k: [1, 'v'] },
  })
  assert.deepEqual(numbers, [1, 2, 3, 1, 0, Number.NaN])
})

test('missing texts that are NaN to pandas, or to pandas 3 alone, are marked by place and row', () => {
  const inputs = [field('n', 'number'), field('t', 'string'), field('u', 'string')]
  const rows: Value[][] = [
    [Number.NaN, Number.NaN, null],
    [1, undefined, null],
    [2, 'a', null],
    [3, undefined, null],
  ]
  assert.deepEqual(JSON.parse(parts(inputs, rows).extra), {
    texts: [
      [null, null, 'a', null],
      [null, null, null, null],
    ],
    nan: { 1: [0] },
    beside: { 1: [1, 3] },
  })
})

test('a column with a whole number that a double cannot hold goes with every digit too, by its place', () => {
  const inputs = [field('t', 'string'), field('a', 'integer', 'long'), field('b', 'integer', 'long')]
  const rows: Value[][] = [
    ['x', 5, 2n ** 63n - 1n],
    ['y', null, -7],
  ]
  const { extra } = parts(inputs, rows)
  assert.equal(extra, '{"texts":[["x","y"]],"whole":{"2":[9223372036854775807,-7]}}')
  assert.equal(parts([field('a', 'integer')], [[5]]).extra, '', 'others go as numbers alone')
})

test('no rows, and no inputs, are a payload too', () => {
  assert.deepEqual(parts([field('a', 'number')], []), { count: 0, extra: '', numbers: [] })
  assert.deepEqual(parts([], [[], []]), { count: 2, extra: '', numbers: [] })
})

/** A payload of results: rows, width, and what follows. */
function result(rows: number, width: number, ...rest: Buffer[]): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32LE(rows, 0)
  head.writeUInt32LE(width, 4)
  return Buffer.concat([head, ...rest])
}
const doubles = (...values: number[]): Buffer => Buffer.from(new Float64Array(values).buffer)
const JSON_WIDTH = 0xffffffff
const NAMED = 0xfffffffe

test('results of one number a row, of several, and of JSON', () => {
  assert.deepEqual(decodeRows(result(2, 0, doubles(0.25, Number.NaN)), 2), [
    { prediction: 0.25, score: 0.25 },
    { prediction: null, score: null },
  ])
  assert.deepEqual(decodeRows(result(2, 3, doubles(1, 5, 2, Number.NaN, 1, 0)), 2), [
    { prediction: [1, 5, 2], score: 5 },
    { prediction: [null, 1, 0], score: null },
  ])
  assert.deepEqual(decodeRows(result(1, 1, doubles(4)), 1), [{ prediction: [4], score: 4 }])
  assert.deepEqual(decodeRows(result(3, JSON_WIDTH, Buffer.from('["a",true,9223372036854775807]')), 3), [
    { prediction: 'a', score: null },
    { prediction: true, score: 1 },
    { prediction: 9223372036854775807n, score: 2 ** 63 },
  ])
})

test('names of columns come before a result of any kind', () => {
  const names = Buffer.from('["a","é"]')
  const length = Buffer.alloc(4)
  length.writeUInt32LE(names.length)
  const columns = ['a', 'é']
  assert.deepEqual(decodeRows(result(1, NAMED, length, names, result(1, 2, doubles(3, 4))), 1), [
    { prediction: [3, 4], score: 4, columns },
  ])
  assert.deepEqual(decodeRows(result(1, NAMED, length, names, result(1, JSON_WIDTH, Buffer.from('["t"]'))), 1), [
    { prediction: 't', score: null, columns },
  ])
})

for (const [what, payload] of [
  ['rows of another number', result(1, 0, doubles(1))],
  ['JSON of fewer rows than it says', result(2, JSON_WIDTH, Buffer.from('[1]'))],
  ['JSON that is no list', result(2, JSON_WIDTH, Buffer.from('{"length":2}'))],
  ['JSON that is cut off', result(2, JSON_WIDTH, Buffer.from('[1,'))],
  ['numbers that are cut off', result(2, 0, doubles(1))],
  ['no rows at all', Buffer.alloc(3)],
] as const) {
  test(`a result is refused: ${what}`, () => assert.throws(() => decodeRows(payload, 2), Error))
}
