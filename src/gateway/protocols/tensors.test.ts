/** Tensors: bytes of every datatype read against DataView, shapes and datatypes that are refused, rows of tensors and tensors of answers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from '../../stats/prng.ts'
import { listResults, numberResults } from '../../scoring/rows/results.ts'
import type { Tensor } from './tensors.ts'
import { decodeRaw, encodeRaw, missingIn, outputTensor, readDatatype, readShape, rowsOfTensors } from './tensors.ts'
import { FIELDS } from './call.fixture.ts'

type Read = (view: DataView, at: number) => unknown

/** How JavaScript's own DataView reads an element. */
const ORACLE: Readonly<Record<string, readonly [size: number, read: Read]>> = {
  UINT8: [1, (view, at) => view.getUint8(at)],
  UINT16: [2, (view, at) => view.getUint16(at, true)],
  UINT32: [4, (view, at) => view.getUint32(at, true)],
  UINT64: [8, (view, at) => view.getBigUint64(at, true)],
  INT8: [1, (view, at) => view.getInt8(at)],
  INT16: [2, (view, at) => view.getInt16(at, true)],
  INT32: [4, (view, at) => view.getInt32(at, true)],
  INT64: [8, (view, at) => view.getBigInt64(at, true)],
  FP32: [4, (view, at) => view.getFloat32(at, true)],
  FP64: [8, (view, at) => view.getFloat64(at, true)],
  BOOL: [1, (view, at) => view.getUint8(at) !== 0],
}

for (const [datatype, [size, read]] of Object.entries(ORACLE)) {
  test(`bytes of ${datatype} are little-endian, wherever they lie in the body`, () => {
    const random = prng(5)
    // at an odd place, where no typed array could be laid over them
    const body = Buffer.from(Array.from({ length: 1 + 40 * size }, () => random.below(256)))
    const bytes = body.subarray(1)
    const found = decodeRaw('inputs.0', { name: 'x', datatype, shape: [40] }, bytes)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    assert.deepEqual(
      Array.from(found),
      Array.from({ length: 40 }, (_, i) => read(view, i * size)),
    )
    assert.throws(() => decodeRaw('inputs.0', { name: 'x', datatype, shape: [41] }, bytes), {
      code: 'invalid_field',
      data: {
        field: 'inputs.0',
        value: `${40 * size} bytes`,
        expected: `${41 * size} bytes for 41 values of ${datatype}`,
      },
    })
  })
}

test('half precision: the values that IEEE 754 gives its bits', () => {
  const known: readonly (readonly [bits: number, value: number])[] = [
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -24],
    [0x03ff, (1023 / 1024) * 2 ** -14],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3bff, 0.99951171875],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
    [0x7e00, Number.NaN],
  ]
  const bytes = Buffer.from(Uint16Array.from(known, ([bits]) => bits).buffer)
  const found = decodeRaw('f', { name: 'x', datatype: 'FP16', shape: [known.length] }, bytes)
  assert.deepEqual(
    Array.from(found),
    known.map(([, value]) => value),
  )
})

test('bfloat16 is the upper half of a float32', () => {
  const values = [0, -0, 1, -1.5, 3.140625, 2 ** 127, Infinity, Number.NaN]
  const upper = values.map((value) => {
    const view = new DataView(new ArrayBuffer(4))
    view.setFloat32(0, value)
    return view.getUint16(0)
  })
  const bytes = Buffer.from(Uint16Array.from(upper).buffer)
  assert.deepEqual(Array.from(decodeRaw('f', { name: 'x', datatype: 'BF16', shape: [8] }, bytes)), values)
})

test('texts with their lengths: what is written is read again, beyond ASCII too', () => {
  const texts = ['', 'a', 'Grüße', '日本語', '👍🏽', 'a\0b', 'x'.repeat(300)]
  const tensor: Tensor = { name: 't', datatype: 'BYTES', shape: [texts.length], data: texts }
  const bytes = encodeRaw(tensor)
  assert.equal(bytes.readUInt32LE(0), 0)
  assert.deepEqual(decodeRaw('f', tensor, bytes), texts)
})

for (const [what, count, bytes] of [
  ['a length beyond the end', 1, [9, 0, 0, 0, 97]],
  ['a length of 4 GiB', 1, [255, 255, 255, 255, 97]],
  ['a cut length', 2, [1, 0, 0, 0, 97, 1, 0]],
  ['bytes left over', 1, [1, 0, 0, 0, 97, 98]],
  ['more texts than bytes', 1e9, [0, 0, 0, 0]],
  ['no UTF-8', 1, [2, 0, 0, 0, 0xc3, 0x28]],
  ['half of a surrogate pair', 1, [3, 0, 0, 0, 0xed, 0xa0, 0x80]],
] as const) {
  test(`texts are refused: ${what}`, () => {
    const tensor = { name: 't', datatype: 'BYTES', shape: [count] }
    assert.throws(() => decodeRaw('inputs.3', tensor, Buffer.from(bytes)), { code: 'invalid_field' })
  })
}

test('datatypes: JSON has no half precision, bytes have; anything else is refused by name', () => {
  assert.equal(readDatatype('f', 'INT64', true), 'INT64')
  assert.equal(readDatatype('f', 'BYTES', true), 'BYTES')
  assert.equal(readDatatype('f', 'FP16', false), 'FP16')
  for (const wrong of ['FP16', 'BF16', 'fp32', 'STRING', '', 7, null, undefined, 'toString', '__proto__'])
    assert.throws(() => readDatatype('inputs.0.datatype', wrong, true), { code: 'invalid_field' }, String(wrong))
})

test('shapes: whole numbers from 0, whose product a double holds', () => {
  assert.deepEqual(readShape('f', [2, 3]), [2, 3])
  assert.deepEqual(readShape('f', [0]), [0])
  const wrong = [
    [],
    [-1],
    [1.5],
    ['2'],
    [null],
    3,
    undefined,
    [2 ** 53],
    [2 ** 30, 2 ** 30],
    Array.from({ length: 17 }, () => 1),
  ]
  for (const shape of wrong)
    assert.throws(() => readShape('f', shape), { code: 'invalid_field' }, JSON.stringify(shape))
})

function rows(tensors: readonly Tensor[], fields = FIELDS): unknown[][] {
  return rowsOfTensors(tensors, fields).values(fields)
}

test('a tensor an input, by name, in any order, of shape [n] or [n, 1]', () => {
  const found = rows([
    { name: 'c', datatype: 'BYTES', shape: [2], data: ['a', null] },
    { name: 'on', datatype: 'BOOL', shape: [2, 1], data: [true, false] },
    { name: 'x', datatype: 'FP32', shape: [2], data: Float32Array.of(0.5, Number.NaN) },
    { name: 'n', datatype: 'INT64', shape: [2], data: BigInt64Array.of(2n ** 62n, -5n) },
  ])
  assert.deepEqual(found, [
    [0.5, 2n ** 62n, true, 'a'],
    [null, -5, false, undefined],
  ])
})

test('one tensor for all inputs, by place', () => {
  const numbers = ['a', 'b', 'c'].map((name) => ({ name, kind: 'number', required: true, dtype: 'double' }) as const)
  const data = Float64Array.of(1, 2, 3, 4, 5, 6)
  assert.deepEqual(rows([{ name: 'any', datatype: 'FP64', shape: [2, 3], data }], numbers), [
    [1, 2, 3],
    [4, 5, 6],
  ])
  assert.deepEqual(rows([{ name: 'any', datatype: 'FP64', shape: [2, 1, 3], data }], numbers), [
    [1, 2, 3],
    [4, 5, 6],
  ])
  assert.throws(() => rows([{ name: 'any', datatype: 'FP64', shape: [3, 2], data }], numbers), {
    data: { field: 'inputs.0.shape', value: '[3,2]', expected: '[n, 3], or one tensor per input' },
  })
  const big = { name: 'any', datatype: 'FP64', shape: [10_001, 3], data: new Float64Array(30_003) }
  assert.throws(() => rows([big], numbers), { code: 'invalid_field' })
})

const X: Tensor = { name: 'x', datatype: 'FP64', shape: [1], data: [1] }
for (const [what, tensors, field] of [
  ['the same name twice', [X, X], 'inputs.1.name'],
  ['a column that is a matrix', [X, { ...X, name: 'n', shape: [1, 2], data: [1, 2] }], 'inputs.1.shape'],
  [
    'texts for a number',
    [
      { ...X, datatype: 'BYTES', data: ['1'] },
      { ...X, name: 'n' },
    ],
    'inputs.0.datatype',
  ],
  ['fractions for a whole number', [X, { ...X, name: 'n' }], 'inputs.1.datatype'],
  ['numbers for a boolean', [X, { ...X, name: 'on', datatype: 'INT8' }], 'inputs.1.datatype'],
  ['columns of other lengths', [X, { name: 'n', datatype: 'INT64', shape: [2], data: [1, 2] }], 'inputs.n'],
] as const) {
  test(`tensors are refused: ${what}`, () => {
    assert.throws(
      () => rows(tensors),
      (error: { code: string; data: { field: string } }) => {
        assert.deepEqual([error.code, error.data.field], ['invalid_field', field])
        return true
      },
    )
  })
}

test('the datatype of an answer is what all its predictions have in common', () => {
  const of = (...predictions: unknown[]): Tensor => outputTensor('p', listResults(predictions))
  assert.deepEqual(of(1, null), { name: 'p', datatype: 'FP64', shape: [2], data: [1, null] })
  assert.deepEqual(of(true, false), { name: 'p', datatype: 'BOOL', shape: [2], data: [true, false] })
  assert.deepEqual(of(2n ** 60n, 3), { name: 'p', datatype: 'INT64', shape: [2], data: [2n ** 60n, 3] })
  assert.deepEqual(of([1, 2], [3, null]), { name: 'p', datatype: 'FP64', shape: [2, 2], data: [1, 2, 3, null] })
  assert.deepEqual(of('a', 1), { name: 'p', datatype: 'BYTES', shape: [2], data: ['a', '1'] })
  assert.deepEqual(of([1], [2, 3]), { name: 'p', datatype: 'BYTES', shape: [2], data: ['[1]', '[2,3]'] })
  assert.deepEqual(of({ k: 'é' }), { name: 'p', datatype: 'BYTES', shape: [1], data: ['{"k":"é"}'] })
  const numbers = numberResults(2, { data: Float64Array.of(1, 2, 3, 4), width: 2 })
  assert.deepEqual(outputTensor('p', numbers).shape, [2, 2])
})

test('bytes of an answer: null is NaN, whole numbers keep every digit, booleans are 0 and 1', () => {
  const floats = encodeRaw({ name: 'p', datatype: 'FP64', shape: [2], data: [0.1, null] })
  assert.equal(floats.readDoubleLE(0), 0.1)
  assert.ok(Number.isNaN(floats.readDoubleLE(8)))
  const whole = encodeRaw({ name: 'p', datatype: 'INT64', shape: [2], data: [2n ** 63n - 1n, -1] })
  assert.deepEqual([whole.readBigInt64LE(0), whole.readBigInt64LE(8)], [2n ** 63n - 1n, -1n])
  assert.deepEqual([...encodeRaw({ name: 'p', datatype: 'BOOL', shape: [2], data: [true, false] })], [1, 0])
  assert.equal(missingIn({ name: 'p', datatype: 'FP64', shape: [3], data: [null, 1, null] }), 2)
  assert.equal(missingIn({ name: 'p', datatype: 'BYTES', shape: [1], data: ['null'] }), 0)
})
