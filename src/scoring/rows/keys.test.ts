/** Keys of rows: two rows have one key where every value is the same to a model, and only there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowKey } from './keys.ts'
import type { Value } from './rows.ts'

// no two of these are the same to a model
const DIFFERENT: readonly Value[][] = [
  [],
  [null],
  [undefined],
  [Number.NaN],
  [null, null],
  [0],
  [-0],
  [1],
  ['1'],
  [true],
  ['true'],
  [Infinity],
  ['Infinity'],
  [-Infinity],
  ['-Infinity'],
  ['-0'],
  ['null'],
  [''],
  [' '],
  [1, 2],
  [12],
  ['1,2'],
  ['1","2'],
  ['1', '2'],
  [2n ** 63n - 1n],
  [2n ** 63n - 2n],
  ['9223372036854775807'],
  [0.1 + 0.2],
  [0.3],
  [5e-324],
  [null, Infinity],
  [Infinity, null],
]

test('rows that a model can tell apart have different keys', () => {
  const owners = new Map<string, readonly Value[]>()
  for (const row of DIFFERENT) {
    const key = rowKey(row)
    assert.equal(owners.get(key), undefined, `${key} is the key of two rows`)
    owners.set(key, row)
  }
})

test('the same values have the same key, whatever list they lie in', () => {
  for (const row of DIFFERENT) assert.equal(rowKey([...row]), rowKey(row))
})
