/** The protobuf wire format against the bytes that its documentation gives, numbers at their edges, and bytes that are none. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { prng } from '../../stats/prng.ts'
import { ProtoReader, ProtoWriter } from './wire.ts'

test('the examples of the encoding guide', () => {
  assert.equal(new ProtoWriter().uint(1, 150).finish().toString('hex'), '089601')
  assert.equal(new ProtoWriter().string(2, 'testing').finish().toString('hex'), '120774657374696e67')
  assert.equal(new ProtoWriter().message(3, new ProtoWriter().uint(1, 150)).finish().toString('hex'), '1a03089601')
  assert.equal(new ProtoWriter().packed(6, [3, 270, 86942]).finish().toString('hex'), '3206038e029ea705')
  assert.equal(new ProtoWriter().uint(1, -2).finish().toString('hex'), '08feffffffffffffffff01')
})

test('defaults are left out, an empty item is not', () => {
  const none = new ProtoWriter().bool(1, false).uint(2, 0).string(3, '').packed(4, [])
  assert.equal(none.finish().length, 0)
  assert.equal(new ProtoWriter().bytes(5, Buffer.alloc(0)).finish().toString('hex'), '2a00')
})

for (const value of [0n, 1n, 127n, 128n, 2n ** 28n - 1n, 2n ** 28n, 2n ** 32n, 2n ** 63n - 1n, 2n ** 64n - 1n]) {
  test(`the number ${value} in both readings`, () => {
    const bytes = Buffer.concat([Buffer.from([8]), new ProtoWriter().uint(1, value).finish().subarray(1)])
    if (value === 0n) return assert.equal(bytes.length, 1)
    const reader = new ProtoReader(bytes)
    assert.equal(reader.next(), 1)
    assert.equal(reader.uint64(), value)
    assert.equal(reader.next(), 0)
    const signed = new ProtoReader(bytes)
    signed.next()
    assert.equal(signed.int64(), BigInt.asIntN(64, value))
  })
}

test('what is written is read again, with unknown fields between', () => {
  const random = prng(4)
  for (let round = 0; round < 200; round++) {
    const text = String.fromCodePoint(...Array.from({ length: random.below(20) }, () => 1 + random.below(0xd7ff)))
    const number = random.uniform() * 2 ** random.below(60)
    const bytes = new ProtoWriter()
      .uint(99, 1n + BigInt(random.below(2 ** 31)) * 2n ** 32n)
      .string(2, `${text}!`)
      .double(98, 1.5)
      .double(3, number)
      .bytes(97, Buffer.from(text))
      .finish()
    const reader = new ProtoReader(bytes)
    const found: unknown[] = []
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field === 2) found.push(reader.string())
      else if (field === 3) found.push(reader.double())
      else reader.skip()
    }
    assert.deepEqual(found, [`${text}!`, number])
  }
})

describe('more fields and numbers than a body may have are refused as soon as the limit is reached', () => {
  const limit = 2_000_000
  const refused = { code: 'too_many_values', status: 413, data: { what: 'values', value: limit + 1, limit } }
  const packed = (count: number): ProtoReader =>
    new ProtoReader(new ProtoWriter().bytes(1, Buffer.alloc(count, 1)).finish())

  test('of packed numbers, with the field that holds them', () => {
    const numbers: (number | bigint | boolean)[] = []
    const fine = packed(limit - 1)
    fine.next()
    fine.numbers('int', numbers)
    assert.equal(numbers.length, limit - 1)
    const reader = packed(limit)
    reader.next()
    assert.throws(() => reader.numbers('int', numbers), refused)
    assert.equal(numbers.length, 2 * (limit - 1))
  })

  test('of fields in messages within a message together', () => {
    const half = Buffer.alloc(2 * (limit / 2), Buffer.from([8, 1]))
    const reader = new ProtoReader(new ProtoWriter().bytes(1, half).bytes(1, half).finish())
    const read = (): void => {
      while (reader.next() !== 0) {
        const inner = reader.message()
        while (inner.next() !== 0) inner.skip()
      }
    }
    assert.throws(read, refused)
  })
})

for (const [kind, packed, single, values] of [
  ['int', '0a0601ffffffff0f', '0801', [1n, 4294967295n]],
  ['bool', '0a03010002', '0801', [true, false, true]],
  ['float', '0a080000803f000020c0', '0d0000803f', [1, -2.5]],
  ['double', '0a08000000000000f03f', '09000000000000f03f', [1]],
  ['uint', '0a0affffffffffffffffff01', '0801', [2n ** 64n - 1n]],
] as const) {
  test(`repeated numbers of ${kind}, packed and one by one`, () => {
    const to: (number | bigint | boolean)[] = []
    const reader = new ProtoReader(Buffer.from(packed, 'hex'))
    reader.next()
    reader.numbers(kind, to)
    const one = new ProtoReader(Buffer.from(single, 'hex'))
    one.next()
    one.numbers(kind, to)
    const first = kind === 'bool' ? true : kind === 'int' || kind === 'uint' ? 1n : 1
    assert.deepEqual(to, [...values, first])
  })
}

for (const [what, hex] of [
  ['a cut number', '0896'],
  ['a number of 11 bytes', '08ffffffffffffffffffff01'],
  ['a text longer than the message', '120a7465'],
  ['a length of 2^63', '12ffffffffffffffff7f'],
  ['a cut double', '1900'],
  ['field number 0', '0001'],
  ['a group', '0b'],
  ['a wire type that is none', '0f'],
] as const) {
  test(`no protobuf: ${what}`, () => {
    const reader = new ProtoReader(Buffer.from(hex, 'hex'))
    const read = (): void => {
      while (reader.next() !== 0) reader.skip()
    }
    assert.throws(read, { code: 'malformed_body' })
  })
}

test('a field of another type than it has to be is refused', () => {
  const reader = new ProtoReader(new ProtoWriter().uint(1, 5).finish())
  reader.next()
  for (const read of [() => reader.string(), () => reader.double(), () => reader.message()])
    assert.throws(read, { code: 'malformed_body' })
})

test('random bytes are read or refused, and never more', () => {
  const random = prng(8)
  for (let round = 0; round < 2000; round++) {
    const reader = new ProtoReader(Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256))))
    try {
      while (reader.next() !== 0) reader.skip()
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'malformed_body')
    }
  }
})
