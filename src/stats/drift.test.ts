/** Distances between bins: published vectors, and what a distance has to be. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hellinger, psi } from './drift.ts'

const REF = [16, 18, 16, 14, 12, 12]
const CUR = [16, 16, 16, 16, 16, 8]

function near(actual: number, expected: number, tolerance = 6e-7): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`)
}

test('published vectors: six categories', () => {
  near(psi(REF, CUR), 0.0372184)
  near(hellinger(REF, CUR), 0.0681277)
})

test('a published vector with an empty bin: its share counts as one in ten thousand, or as told', () => {
  near(psi([2, 2, 0], [2, 1, 1]), 2.128516)
  near(psi([1, 1, 0], [1, 1, 2], 0.01), 2 * (0.25 - 0.5) * Math.log(0.5) + (0.5 - 0.01) * Math.log(50), 1e-12)
  near(psi([1, 1, 2], [1, 1, 0], 0.01), 2 * (0.5 - 0.25) * Math.log(2) + (0.01 - 0.5) * Math.log(0.02), 1e-12)
})

test('equal shares are no distance whatever their counts, and none in common is the greatest', () => {
  near(psi([1, 2, 3], [10, 20, 30]), 0, 1e-12)
  near(hellinger([1, 2, 3], [10, 20, 30]), 0, 1e-7)
  near(hellinger([5, 0], [0, 9]), 1, 1e-12)
})

test('no rows on either side give no distance, and unequal bins are refused', () => {
  for (const distance of [psi, hellinger]) {
    assert.ok(Number.isNaN(distance([0, 0], [1, 2])))
    assert.ok(Number.isNaN(distance([1, 2], [0, 0])))
    assert.throws(() => distance([1, 2], [1, 2, 3]), /2 reference bins but 3 current/)
  }
})
