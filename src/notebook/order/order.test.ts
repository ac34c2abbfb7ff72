/** The order of cells by what they need and leave: kept, taken from the runs, rebuilt, or refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cell } from '../read/cells.ts'
import { orderCells } from './order.ts'
import type { CellNeeds } from './needs.ts'

type Row = readonly [count: number | null, uses: string, binds: string, changes?: string]

function ordered(rows: readonly Row[], wanted: 'auto' | 'document' | 'executed' = 'auto'): readonly number[] {
  const words = (text: string): Set<string> => new Set(text.split(' ').filter((one) => one !== ''))
  const cells = rows.map(([count], at): Cell => ({ id: at + 1, source: '', count, heading: '', outputs: [] }))
  const needs = rows.map(([, uses, binds, changes = ''], at): CellNeeds => ({
    id: at + 1,
    uses: words(uses),
    binds: words(binds),
    changes: words(changes),
  }))
  return orderCells(cells, needs, wanted).order
}

test('cells that were run as they stand, or that do not say, stay', () => {
  assert.deepEqual(
    ordered([
      [1, '', 'a'],
      [2, 'a', 'b'],
    ]),
    [1, 2],
  )
  assert.deepEqual(
    ordered([
      [null, '', 'a'],
      [null, 'a', 'b'],
    ]),
    [1, 2],
  )
})

test('runs out of order that compute the same change nothing', () => {
  assert.deepEqual(
    ordered([
      [1, '', 'a'],
      [3, 'a', 'b'],
      [2, 'a', 'c'],
    ]),
    [1, 2, 3],
  )
})

test('the only order in which each name is there is taken', () => {
  assert.deepEqual(
    ordered([
      [3, 'a', 'b'],
      [1, '', 'a'],
      [2, 'a', 'c'],
    ]),
    [2, 3, 1],
  )
  assert.deepEqual(
    ordered([
      [1, 'a', 'b'],
      [2, '', 'a'],
    ]),
    [2, 1],
    'neither: by what the names ask',
  )
})

test('two orders that compute different things are refused with both, unless one is chosen', () => {
  const rows: Row[] = [
    [1, '', 'a'],
    [3, 'a', 'a'],
    [2, 'a', 'b'],
  ]
  assert.throws(
    () => ordered(rows),
    /as they stand 1 2 3; as they were run 1 3 2; cell 2 has "a"|cell 3 has "a" from cell 2 in the first, from cell 1 in the second/,
  )
  assert.deepEqual(
    [ordered(rows, 'document'), ordered(rows, 'executed')],
    [
      [1, 2, 3],
      [1, 3, 2],
    ],
  )
})

test('a change in place counts as much as a binding', () => {
  assert.throws(
    () =>
      ordered([
        [1, '', 'a'],
        [3, 'a', '', 'a'],
        [2, 'a', 'b'],
      ]),
    /D2/,
  )
})

test('a name that several cells define further down, a circle, and a name of no cell are refused', () => {
  assert.throws(
    () =>
      ordered([
        [1, 'a', ''],
        [2, '', 'a'],
        [3, '', 'a'],
      ]),
    /D3: cell 1: "a" .* cell 2 and cell 3/,
  )
  assert.throws(
    () =>
      ordered([
        [1, 'b', 'a'],
        [2, 'a', 'b'],
      ]),
    /D3/,
  )
  assert.throws(() => ordered([[1, 'gone', 'a']]), /D3: cell 1: "gone" is used and no cell defines it/)
})
