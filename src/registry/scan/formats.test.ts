/** Formats that hold no code: what each file of them must be to the last byte, and where one could hide code or read a foreign file. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isNpy, readNpy } from './npy.ts'
import { readOnnx } from './onnx.ts'
import { safetensorsFault, safetensorsHeader } from './safetensors.ts'
import { ubjKeys } from './ubj.ts'

describe('safetensors', () => {
  const file = (header: unknown, data: number): Buffer => {
    const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
    const size = Buffer.alloc(8)
    size.writeBigUInt64LE(BigInt(text.length))
    return Buffer.concat([size, text, Buffer.alloc(data)])
  }
  const tensor = (start: number, end: number, more: object = {}) => ({
    dtype: 'U8',
    shape: [end - start],
    data_offsets: [start, end],
    ...more,
  })
  const UNDESCRIBED = 'its tensor "w" is not described as the format asks'
  const CASES: readonly (readonly [string, unknown, number, string | null])[] = [
    ['nothing', {}, 0, null],
    ['two tensors in any order', { b: tensor(4, 6), a: tensor(0, 4) }, 6, null],
    ['a scalar and an empty tensor', { a: tensor(0, 1, { shape: [] }), b: tensor(1, 1, { shape: [0, 9] }) }, 1, null],
    ['a tensor of wide numbers', { w: tensor(0, 48, { dtype: 'F64', shape: [2, 3] }) }, 48, null],
    ['a note', { __metadata__: { format: 'pt' } }, 0, null],
    ['a gap', { a: tensor(0, 2), b: tensor(3, 4) }, 4, 'its tensors do not lie one after another'],
    ['a beginning that belongs to none', { a: tensor(1, 2) }, 2, 'its tensors do not lie one after another'],
    ['an overlap', { a: tensor(0, 3), b: tensor(2, 4) }, 4, 'its tensors do not lie one after another'],
    ['an end that belongs to none', { a: tensor(0, 3) }, 4, '1 bytes belong to no tensor'],
    ['a tensor beyond the end', { a: tensor(0, 3) }, 2, '-1 bytes belong to no tensor'],
    ['a shape of another size', { w: tensor(0, 4, { shape: [3] }) }, 4, UNDESCRIBED],
    ['an unknown type', { w: tensor(0, 4, { dtype: 'object' }) }, 4, UNDESCRIBED],
    ['a side that is negative', { w: tensor(0, 4, { shape: [-2, -2] }) }, 4, UNDESCRIBED],
    ['a side that is no whole number', { w: tensor(0, 4, { shape: [0.5, 8] }) }, 4, UNDESCRIBED],
    ['one offset', { w: tensor(0, 4, { data_offsets: [0] }) }, 4, UNDESCRIBED],
    ['a negative offset', { w: tensor(-4, 0) }, 0, UNDESCRIBED],
    ['a tensor that is none', { w: 7 }, 0, UNDESCRIBED],
    ['a list', [], 0, 'its header is no JSON object'],
    ['no JSON', '{"a": }', 0, 'its header is no JSON'],
  ]
  for (const [name, header, data, wanted] of CASES)
    test(name, () => {
      const bytes = file(header, data)
      assert.equal(safetensorsFault(bytes, bytes.length), wanted)
    })

  test('is known by its length and its first bracket, when the header fits', () => {
    const bytes = file({}, 3)
    assert.equal(safetensorsHeader(bytes, bytes.length), 10)
    assert.equal(safetensorsHeader(bytes.subarray(0, 10), 10), 10)
    assert.equal(safetensorsHeader(bytes.subarray(0, 9), 9), undefined)
    assert.equal(safetensorsHeader(bytes, 9), undefined)
    assert.equal(safetensorsHeader(file('[]', 0), 10), undefined)
  })
})

describe('NumPy files', () => {
  const npy = (header: string, version = 1, data = 'data'): Buffer => {
    const length = Buffer.alloc(version === 1 ? 2 : 4)
    if (version === 1) length.writeUInt16LE(header.length)
    else length.writeUInt32LE(header.length)
    return Buffer.concat([
      Buffer.from(`\x93NUMPY${String.fromCharCode(version)}\0`, 'latin1'),
      length,
      Buffer.from(header + data),
    ])
  }
  const of = (descr: string): string => `{'descr': ${descr}, 'fortran_order': False, 'shape': (3,), }`
  /** Whether NumPy may make Python objects of it; undefined for a header that is refused. */
  const objects = (header: string, version = 1): boolean | undefined => readNpy(npy(header, version))?.objects

  test('numbers, texts, times and structures of them hold no objects', () => {
    for (const descr of [
      "'<f8'",
      "'|b1'",
      "'|u1'",
      "'>i4'",
      "'<c16'",
      "'<U10'",
      "'|S5'",
      "'|V16'",
      "'<M8[ns]'",
      "'<m8[s]'",
    ])
      assert.equal(objects(of(descr)), false, descr)
    for (const descr of ["[('a', '<f8')]", "[('a', '<f8'), ('b', '|u1', (2, 3)), ('O', '<U3')]"])
      assert.equal(objects(of(descr)), false, descr)
  })

  test('objects are found by whatever name NumPy knows them, alone and in structures', () => {
    const types = ['|O', 'O', '<O8', 'object', 'object_', 'i4,O', '<f8,object', 'O,i4', 'i4, (2)O']
    for (const type of types) {
      assert.equal(objects(of(`'${type}'`)), true, type)
      assert.equal(objects(of(`[('a', '<f8'), ('b', '${type}')]`)), true, `structure of ${type}`)
      assert.equal(objects(of(`[('a', [('b', '${type}')])]`)), true, `structure in a structure of ${type}`)
    }
    assert.equal(objects(of(`[(('title', 'a'), '|O')]`)), true)
  })

  test('a header that is read in two ways, or not at all, is refused', () => {
    const twice = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), 'descr': '|O'}"
    for (const header of [twice, of(String.raw`'|\x4f'`), of('"|O"'), of("('O', (2,))"), '{}', '', "{'descr': '<f8'}"])
      assert.equal(objects(header), undefined, header)
    assert.equal(readNpy(npy(of("'<f8'")).subarray(0, 40)), undefined)
    assert.equal(readNpy(Buffer.from('\x93NUMPY\x02\0\0\0\0', 'latin1')), undefined)
  })

  test('the data begin behind the header, whose length is wider from version 2 on', () => {
    const header = of("'<f8'")
    assert.deepEqual(readNpy(npy(header)), { start: 10 + header.length, objects: false })
    for (const version of [2, 3])
      assert.deepEqual(readNpy(npy(header, version)), { start: 12 + header.length, objects: false })
    assert.deepEqual(
      [isNpy(npy(header)), isNpy(Buffer.from('\x93NUMPY\x01\0\0', 'latin1')), isNpy(Buffer.from('NUMPY'.repeat(4)))],
      [true, false, false],
    )
  })
})

const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)])
/** A field of protobuf that holds bytes: a text, or fields in it. */
const field = (number: number, ...parts: readonly (Uint8Array | string)[]): Buffer => {
  const bytes = Buffer.concat(parts.map((one) => Buffer.from(one)))
  return Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes])
}

describe('ONNX', () => {
  const IR = Buffer.from([8, 9])
  /** A tensor whose numbers lie in a file of that name; the field numbers are those of onnx.proto. */
  const outside = (...entry: readonly Buffer[]): Buffer => field(13, ...entry)
  const at = (path: string): Buffer => outside(field(1, 'location'), field(2, path))
  const read = (...fields: readonly Buffer[]) => readOnnx(Buffer.concat([IR, ...fields]))
  const PLACES: readonly (readonly [string, Buffer])[] = [
    ['an initializer', field(7, field(5, at('w')))],
    ['a sparse initializer’s values', field(7, field(15, field(1, at('w'))))],
    ['a sparse initializer’s indices', field(7, field(15, field(2, at('w'))))],
    ['a tensor of a node', field(7, field(1, field(5, field(5, at('w')))))],
    ['one of a node’s tensors', field(7, field(1, field(5, field(10, at('w')))))],
    ['a sparse tensor of a node', field(7, field(1, field(5, field(22, field(1, at('w'))))))],
    ['one of a node’s sparse tensors', field(7, field(1, field(5, field(23, field(2, at('w'))))))],
    ['a graph in a node', field(7, field(1, field(5, field(6, field(5, at('w'))))))],
    ['one of the graphs in a node', field(7, field(1, field(5, field(11, field(5, at('w'))))))],
    ['a function', field(25, field(7, field(5, field(5, at('w')))))],
    ['a graph in a function', field(25, field(7, field(5, field(6, field(5, at('w'))))))],
    ['the graph that training begins with', field(20, field(1, field(5, at('w'))))],
    ['the graph of the training', field(20, field(2, field(1, field(5, field(5, at('w'))))))],
  ]
  for (const [place, model] of PLACES)
    test(`a file is named by ${place}`, () => assert.deepEqual(read(field(7), model)?.external, ['w']))

  test('of a key or a path that comes twice the last counts, as it does for protobuf', () => {
    const twice = outside(field(1, 'x'), field(2, 'safe'), field(1, 'location'), field(2, '../../etc/passwd'))
    assert.deepEqual(read(field(7, field(5, twice)))?.external, ['../../etc/passwd'])
    const other = outside(field(1, 'location'), field(2, 'w'), field(1, 'offset'), field(2, '4096'))
    assert.deepEqual(read(field(7, field(5, other)))?.external, [])
  })

  test('operators are named by the model and by its functions', () => {
    const opset = (number: number, domain: string): Buffer => field(number, field(1, domain), Buffer.from([16, 17]))
    const model = read(field(7), opset(8, ''), opset(8, 'ai.onnx.ml'), field(25, opset(9, 'evil.ops')))
    assert.deepEqual(model?.domains, ['', 'ai.onnx.ml', 'evil.ops'])
  })

  test('is known by its version and its graph, and graphs too deep in one another are refused', () => {
    assert.deepEqual(read(field(7)), { domains: [], external: [] })
    for (const bytes of [field(7), IR, Buffer.concat([field(1, 'x'), field(7)]), Buffer.alloc(0), Buffer.from('text')])
      assert.equal(readOnnx(bytes), undefined)
    const nested = (depth: number): Buffer =>
      depth === 0 ? field(5, at('w')) : field(1, field(5, field(6, nested(depth - 1))))
    assert.deepEqual(read(field(7, nested(32)))?.external, ['w'])
    assert.equal(read(field(7, nested(33))), undefined)
  })
})

describe('UBJSON', () => {
  const ZEROS = [0, 0, 0, 0, 0, 0, 0, 0]
  const bytes = (...parts: readonly (string | readonly number[])[]): Buffer =>
    Buffer.concat(parts.map((one) => (typeof one === 'string' ? Buffer.from(one, 'latin1') : Buffer.from(one))))
  const CASES: readonly (readonly [string, Buffer, string[] | undefined])[] = [
    ['an empty object', bytes('{}'), []],
    [
      'keys of each width of length',
      bytes('{i', [1], 'aT', 'U', [1], 'bF', 'I', [0, 1], 'cN', 'l', [0, 0, 0, 1], 'dZ', '}'),
      ['a', 'b', 'c', 'd'],
    ],
    ['a key longer than 127', bytes('{U', [200], 'k'.repeat(200), 'Z}'), ['k'.repeat(200)]],
    [
      'values of each kind',
      bytes('{i', [1], 'a[i', [5], 'U', [255], 'I', [0, 1], 'l', [0, 0, 0, 1], 'Cx', 'Si', [2], 'hi', ']}'),
      ['a'],
    ],
    ['wide values', bytes('{i', [1], 'a[L', ZEROS, 'd', [0, 0, 0, 0], 'D', ZEROS, ']}'), ['a']],
    ['numbers that are counted', bytes('{i', [1], 'a[$l#i', [2], [0, 0, 0, 1, 0, 0, 0, 2], '}'), ['a']],
    ['texts that are counted', bytes('{i', [1], 'a[$S#i', [2], 'i', [1], 'xi', [1], 'y}'), ['a']],
    ['an object that is counted', bytes('{#i', [1], 'i', [1], 'aT'), ['a']],
    ['an object of one kind', bytes('{$U#i', [2], 'i', [1], 'a', [7], 'i', [1], 'b', [8]), ['a', 'b']],
    ['keys of inner objects are not its own', bytes('{i', [1], 'a{i', [1], 'bT}}'), ['a']],
    ['a byte after the end', bytes('{}', [0]), undefined],
    ['no end', bytes('{i', [1], 'aT'), undefined],
    ['a key that is cut off', bytes('{i', [9], 'a'), undefined],
    ['a negative length', bytes('{i', [255], 'aT}'), undefined],
    ['a length that is no number', bytes('{S', [1], 'aT}'), undefined],
    ['an unknown value', bytes('{i', [1], 'aX}'), undefined],
    ['more numbers than there are bytes', bytes('{i', [1], 'a[$l#i', [2], [0, 0, 0, 1], '}'), undefined],
    ['a list', bytes('[]'), undefined],
    ['nothing', Buffer.alloc(0), undefined],
  ]
  for (const [name, file, wanted] of CASES) test(name, () => assert.deepEqual(ubjKeys(file), wanted))

  test('lists in lists are read to a depth of 64', () => {
    const nested = (depth: number): Buffer => bytes('{i', [1], 'a', '['.repeat(depth), ']'.repeat(depth), '}')
    assert.deepEqual(ubjKeys(nested(64)), ['a'])
    assert.equal(ubjKeys(nested(66)), undefined)
  })
})
