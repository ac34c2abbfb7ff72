/** States of many partitions as one bar. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failedIn, saidOf, tallied, withMissing } from './partition-states.ts'

test('what needs somebody is told first, and what does not occur not at all', () => {
  assert.equal(saidOf({ succeeded: 28, failed: 2, running: 0, cancelled: 1 }), '2 failed, 1 cancelled, 28 succeeded')
  assert.equal(saidOf({}), 'no run')
  assert.deepEqual(tallied({ missing: 3, odd: 1, cached: 2 }), [
    ['cached', 2],
    ['missing', 3],
    ['odd', 1],
  ])
  assert.equal(failedIn({ failed: 2, cancelled: 1, missing: 5 }), 3)
})

test('partitions without a run of a step are missing there', () => {
  assert.deepEqual(withMissing({ succeeded: 2 }, 5), { succeeded: 2, missing: 3 })
  assert.deepEqual(withMissing(undefined, 2), { missing: 2 })
  assert.deepEqual(withMissing({ failed: 2 }, 2), { failed: 2 })
})
