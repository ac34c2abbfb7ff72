/** Arrays in PostgreSQL's binary form, byte by byte as its documentation of array_recv has them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pgArray } from './pg-array.ts'

/** Words of 32 bits, most significant byte first. */
function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [i, value] of values.entries()) bytes.writeInt32BE(value, 4 * i)
  return bytes
}

/** One dimension, whether there are nulls, the element's type, how many, and that counting begins at 1. */
function header(nulls: 0 | 1, type: number, length: number): Buffer {
  return words(1, nulls, type, length, 1)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

test('texts carry their length in bytes; null has none and says so in front', () => {
  const euro = Buffer.from('€')
  const parts = [header(1, 25, 5), words(1), Buffer.from('a'), words(-1), words(3), euro, words(0), words(3), euro]
  assert.equal(hex(pgArray('TEXT', ['a', null, '€', '', '€'])), hex(Buffer.concat(parts)))
  assert.equal(hex(pgArray('TEXT', [])), hex(header(0, 25, 0)))
})

test('neighbours that are the same are each written, also nulls and texts after them', () => {
  const [ab, none] = [Buffer.concat([words(2), Buffer.from('ab')]), words(-1)]
  const parts = [header(1, 25, 6), ab, ab, none, none, ab, ab]
  assert.equal(hex(pgArray('TEXT', ['ab', 'ab', null, null, 'ab', 'ab'])), hex(Buffer.concat(parts)))
})

test('whole numbers are of 64 bits, negative ones too', () => {
  const cases: [number, number, number][] = [
    [0, 0, 0],
    [1, 0, 1],
    [-1, -1, -1],
    [2 ** 32, 1, 0],
    [2 ** 31, 0, -(2 ** 31)],
    [-(2 ** 32) - 1, -2, -1],
    [Number.MAX_SAFE_INTEGER, 0x1fffff, -1],
    [Number.MIN_SAFE_INTEGER, -0x200000, 1],
  ]
  for (const [value, high, low] of cases)
    assert.equal(
      hex(pgArray('BIGINT', [value])),
      hex(Buffer.concat([header(0, 20, 1), words(8, high, low)])),
      `${value}`,
    )
  const parts = [header(1, 20, 3), words(8, 0, 5), words(-1), words(8, 0, 6)]
  assert.equal(hex(pgArray('BIGINT', [5, null, 6])), hex(Buffer.concat(parts)))
})

test('doubles are those of IEEE 754', () => {
  const parts = [
    header(1, 701, 4),
    words(8, 0x3ff80000, 0),
    words(-1),
    words(8, 0x7ff00000, 0),
    words(8, -0x80000000, 0),
  ]
  const bytes = pgArray('DOUBLE PRECISION', [1.5, null, Number.POSITIVE_INFINITY, -0])
  assert.equal(hex(bytes), hex(Buffer.concat(parts)))
})
