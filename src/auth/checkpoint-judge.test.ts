/** What checkpoints certify: in the order of their rows, without what a restore has given up, each key's for itself. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { foreignFaults, joinCopies, judge, judgeOthers, otherFaults } from './checkpoint-judge.ts'
import type { ReadCheckpoint } from './checkpoint-record.ts'

const at = (n: number): string => `2026-03-0${n}T00:00:00.000Z`
const point = (n: number, rows: number, more: Partial<ReadCheckpoint> = {}): ReadCheckpoint => ({
  n,
  kind: 'checkpoint',
  at: at(n),
  rows,
  head: `head ${rows}`,
  prev: '',
  key: 'own',
  note: `note ${n}`,
  line: `line ${n}`,
  hash: `hash ${n}`,
  ...more,
})
const restored = (n: number, rows: number): ReadCheckpoint => point(n, rows, { kind: 'restored' })
const rowsOf = (points: readonly { readonly rows: number }[]): number[] => points.map(({ rows }) => rows)

describe('certified rows', () => {
  test('are those of every line that has some, by their number', () => {
    const { certified, restored: told } = judge([point(1, 0), point(2, 9), point(3, 4), point(4, 1)])
    assert.deepEqual([rowsOf(certified), told], [[1, 4, 9], []])
    assert.deepEqual(judge([]), { certified: [], restored: [] })
  })

  test('beyond a restored backup are given up, and counted; those up to its last row hold', () => {
    const { certified, restored: told } = judge([point(1, 4), point(2, 5), point(3, 9), restored(4, 5), point(5, 6)])
    assert.deepEqual(rowsOf(certified), [4, 5, 5, 6])
    assert.deepEqual(told, [{ at: at(4), rows: 5, note: 'note 4', forgone: 4 }])
    assert.deepEqual(judge([point(1, 3), restored(2, 5)]).restored[0]?.forgone, 0)
    assert.deepEqual(judge([restored(1, 5)]).restored[0]?.forgone, 0)
    assert.deepEqual(
      judge([point(1, 9), restored(2, 5), restored(3, 2)]).restored.map(({ forgone }) => forgone),
      [4, 3],
    )
  })

  test('of other keys are judged key by key', () => {
    const other = (n: number, rows: number, kind: 'checkpoint' | 'restored' = 'checkpoint') =>
      point(n, rows, { key: 'b', kind })
    const copies = [point(1, 9), other(1, 7), other(2, 3, 'restored'), point(2, 8)]
    assert.deepEqual(rowsOf(judgeOthers(copies, [])), [8, 9, 3])
  })

  test('of other keys that a later restore of this folder gave up do not count', () => {
    const left = (when: number, rows: number) =>
      rowsOf(judgeOthers([point(3, 6)], [{ at: at(when), rows, forgone: 0, note: '' }]))
    assert.deepEqual([left(4, 5), left(3, 5), left(2, 5)], [[], [6], [6]], 'signed before the restore')
    assert.deepEqual([left(4, 6), left(4, 7)], [[6], [6]], 'rows that the backup has')
  })
})

test('copies of other keys are missed in the file, by their number and the newest of them', () => {
  assert.deepEqual(otherFaults([]), [])
  assert.deepEqual(otherFaults([point(1, 2), point(2, 5)]), [
    `copies of 2 checkpoints that another key has signed are kept, the newest of ${at(2)}, and the file has none of them`,
  ])
})

test('lines of another key are foreign from the last restore on', () => {
  const foreign = (n: number): ReadCheckpoint => point(n, n, { key: 'b' })
  const told = (n: number): string => `line ${n} of ${at(n)} was not signed with the key of this data folder`
  assert.deepEqual(foreignFaults([point(1, 1), foreign(2)], 'own'), [told(2)])
  assert.deepEqual(foreignFaults([foreign(1), point(2, 2)], 'own'), [told(1)])
  assert.deepEqual(foreignFaults([foreign(1), restored(2, 1), point(3, 3)], 'own'), [])
  assert.deepEqual(foreignFaults([foreign(1), restored(2, 1), foreign(3), restored(4, 1), foreign(5)], 'own'), [
    told(5),
  ])
  const theirs = { ...restored(2, 1), key: 'b' }
  assert.deepEqual(foreignFaults([point(1, 1), theirs], 'own'), [told(2)])
})

test('what only a copy has was taken out of the file: it is joined by its number, and told', () => {
  const { points, faults } = joinCopies([point(1, 1), point(3, 3)], [point(3, 3), point(2, 2)])
  assert.deepEqual(
    [rowsOf(points), faults],
    [[1, 2, 3], [`line 2 of ${at(2)} is not in the file, but a copy of it is kept`]],
  )
  assert.deepEqual(joinCopies([point(1, 1)], [point(1, 1)]).faults, [])
})
