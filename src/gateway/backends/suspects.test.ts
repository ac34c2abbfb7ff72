/** Inputs with which a scorer died: which inputs are the same, how long they are remembered, and how many. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Value } from '../../scoring/rows/rows.ts'
import { QUARANTINE_DEATHS, Suspects } from './suspects.ts'

const input = (rows: Value[][], paramsKey = '') => ({ rows, paramsKey })
const TEN_MINUTES = 600_000

test('a missing value, infinities, a text and rows cut elsewhere are other inputs', () => {
  const suspects = new Suspects()
  suspects.blame(input([[null, 1]]), true, 0)
  for (const rows of [[[Infinity, 1]], [[-Infinity, 1]], [['null', 1]], [[null], [1]], [[1, null]], [[null, 1, null]]])
    assert.equal(suspects.deathsOf(input(rows), 0), 0, JSON.stringify(rows))
  assert.equal(suspects.deathsOf(input([[null, 1]], '{"k":1}'), 0), 0)
  assert.equal(suspects.deathsOf(input([[null, 1]]), 0), 1)
})

test('deaths alone are counted, one in company makes no more of them', () => {
  const suspects = new Suspects()
  const bad = input([[1]])
  const counts = [false, false, true, false, true].map((alone) => {
    suspects.blame(bad, alone, 0)
    return [suspects.deathsOf(bad, 0), suspects.quarantined]
  })
  assert.equal(QUARANTINE_DEATHS, 2)
  assert.deepEqual(counts, [
    [1, 0],
    [1, 0],
    [2, 1],
    [2, 1],
    [3, 1],
  ])
})

test('an input is remembered for ten minutes after its last death', () => {
  const suspects = new Suspects()
  const bad = input([[1]])
  suspects.blame(bad, true, 0)
  suspects.blame(bad, true, TEN_MINUTES - 1)
  assert.equal(suspects.deathsOf(bad, 2 * TEN_MINUTES - 1), 2)
  assert.equal(suspects.deathsOf(bad, 2 * TEN_MINUTES), 0)
})

test('a death after its ten minutes counts from one again', () => {
  const suspects = new Suspects()
  const bad = input([[1]])
  suspects.blame(bad, true, 0)
  suspects.blame(bad, true, TEN_MINUTES + 1)
  assert.deepEqual([suspects.deathsOf(bad, TEN_MINUTES + 1), suspects.quarantined], [1, 0])
})

test('of more than a thousand the one that died longest ago is forgotten', () => {
  const suspects = new Suspects()
  for (let i = 0; i < 1000; i++) suspects.blame(input([[i]]), true, 0)
  suspects.blame(input([[0]]), true, 0)
  suspects.blame(input([['one more']]), true, 0)
  assert.deepEqual(
    [0, 1, 2, 999].map((i) => suspects.deathsOf(input([[i]]), 0)),
    [2, 0, 1, 1],
  )
})

test('an answer clears the input, and nothing else', () => {
  const suspects = new Suspects()
  suspects.blame(input([[1]]), true, 0)
  suspects.blame(input([[2]]), true, 0)
  suspects.acquit(input([[1]]))
  assert.deepEqual([suspects.deathsOf(input([[1]]), 0), suspects.deathsOf(input([[2]]), 0)], [0, 1])
})
