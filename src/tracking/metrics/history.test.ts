/** The steps of a sample of several runs: what is kept does not hang on which run comes first. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampledSteps } from './history.ts'

test('the first and last step of each run are kept, of the run that comes first as of those after it', () => {
  const [short, long] = [
    [6, 7, 8],
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  ]
  for (const order of [
    [short, long],
    [long, short],
  ]) {
    const runs = order.flatMap((steps, run) => steps.map(() => `run ${run}`))
    const kept = sampledSteps({ runs, steps: Float64Array.from(order.flat()) }, 2)
    // every fifth of ten, the last of all, and the ends of both
    assert.deepEqual(kept, new Set([0, 5, 6, 8, 9]))
  }
})
