/** Budgets and pauses of retries: by cause, for every number of failures, against a table written out. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Failure } from '../../contract/pipelines.ts'
import type { AttemptRow } from '../context/rows.ts'
import { memoryFor } from '../line/places.ts'
import { BUDGETS, isDue, nextPause } from './retry.ts'

function failed(cause: Failure, state: AttemptRow['state'] = 'failed'): AttemptRow {
  return { state, failure: { class: cause, message: '', traceback: null } } as AttemptRow
}

function times(count: number, cause: Failure): AttemptRow[] {
  return Array.from({ length: count }, () => failed(cause))
}

const NO_RANDOM = 0

describe('budgets', () => {
  for (const cause of ['user', 'environment', 'out_of_memory', 'timeout'] as const) {
    test(`${cause} is not repeated unless the file says so, and then so often`, () => {
      assert.equal(nextPause(cause, times(1, cause), {}, NO_RANDOM), undefined)
      assert.notEqual(nextPause(cause, times(2, cause), { [cause]: 2 }, NO_RANDOM), undefined)
      assert.equal(nextPause(cause, times(3, cause), { [cause]: 2 }, NO_RANDOM), undefined)
    })
  }
  for (const cause of ['infrastructure', 'preempted'] as const) {
    test(`${cause} is repeated five times, with pauses that double`, () => {
      const pauses = [1, 2, 3, 4, 5, 6].map((count) => nextPause(cause, times(count, cause), {}, NO_RANDOM))
      assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000, undefined])
      assert.equal(nextPause(cause, times(1, cause), { [cause]: 0 }, NO_RANDOM), undefined)
    })
  }
  test('other causes do not count', () => {
    const mixed = [...times(4, 'preempted'), ...times(1, 'user'), failed('infrastructure')]
    assert.equal(nextPause('infrastructure', mixed, {}, NO_RANDOM), 500)
    assert.equal(nextPause('user', mixed, { user: 1 }, NO_RANDOM), 500)
    assert.equal(nextPause('user', [...mixed, failed('user')], { user: 1 }, NO_RANDOM), undefined)
    assert.equal(Object.values(BUDGETS).filter((one) => one > 0).length, 2)
  })
})

test('random spreads a pause over its second half, and no pause is longer than five minutes', () => {
  const pause = (count: number, random: number): number | undefined =>
    nextPause('preempted', times(count, 'preempted'), { preempted: 100 }, random)
  assert.deepEqual([pause(1, 0.5), pause(3, 0.5), pause(3, 0.998)], [750, 3000, 3996])
  assert.deepEqual([pause(9, 0), pause(10, 0), pause(60, 0)], [128_000, 150_000, 150_000])
})

test('the first loss is repeated at once, the second is not, and a failure never', () => {
  const lost = failed('infrastructure', 'lost')
  assert.equal(nextPause('infrastructure', [lost], {}, NO_RANDOM), 0)
  assert.equal(nextPause('infrastructure', [lost], { infrastructure: 0 }, NO_RANDOM), undefined)
  assert.equal(nextPause('infrastructure', [lost, lost], {}, NO_RANDOM), 1000)
  assert.equal(nextPause('infrastructure', [failed('user'), lost], {}, NO_RANDOM), 0)
  assert.equal(nextPause('infrastructure', [lost, failed('user')], {}, NO_RANDOM), 500)
})

test('a pause is over at its time, and when it lies further off than any pause: the clock was set back', () => {
  assert.equal(isDue(null, 1000), true)
  assert.deepEqual(
    [999, 1000, 1001].map((at) => isDue(at, 1000)),
    [true, true, false],
  )
  assert.deepEqual(
    [301_000, 301_001].map((at) => isDue(at, 1000)),
    [false, true],
  )
})

test('each time that memory was short gives half as much again', () => {
  const attempts = [failed('out_of_memory'), failed('user'), failed('out_of_memory')]
  assert.equal(memoryFor(1000, []), 1000)
  assert.equal(memoryFor(1001, attempts.slice(0, 1)), 1501)
  assert.equal(memoryFor(1000, attempts), 2250)
  assert.equal(memoryFor(null, attempts), null)
})
