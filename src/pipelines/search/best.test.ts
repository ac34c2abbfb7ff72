/** The best of trials, and the risk of having chosen one of many, against draws. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SearchPlan } from '../../contract/pipelines/studies.ts'
import { prng } from '../../stats/prng.ts'
import { bestOf, chanceOf } from './best.ts'
import type { TrialRow } from './rows.ts'

const plan = (direction: SearchPlan['direction']): SearchPlan => ({ direction }) as SearchPlan
const trial = (number: number, value: number | null, state = 'succeeded'): TrialRow =>
  ({ number, value, state }) as TrialRow

test('the best is the first of equal ones that went to their end', () => {
  const trials = [trial(0, 3), trial(1, null, 'failed'), trial(2, 9, 'pruned'), trial(3, 5), trial(4, 5), trial(5, 1)]
  assert.equal(bestOf(plan('maximize'), trials)?.number, 3)
  assert.equal(bestOf(plan('minimize'), trials)?.number, 5)
  assert.equal(bestOf(plan('minimize'), [trial(1, null, 'failed')]), undefined)
})

test('nothing is said of two trials, nor of equal ones', () => {
  assert.equal(chanceOf(plan('maximize'), [trial(0, 1), trial(1, 2)]), null)
  assert.equal(
    chanceOf(
      plan('maximize'),
      [0, 1, 2, 3].map((number) => trial(number, 0.5)),
    ),
    null,
  )
})

test('the best of many equal normal trials lies as far as is expected, and its chance is even', () => {
  const random = prng(11)
  const found = Array.from({ length: 800 }, () => {
    const trials = Array.from({ length: 60 }, (_, number) => trial(number, 0.7 + 0.02 * random.normal()))
    return chanceOf(plan('maximize'), trials)
  })
  const mean = found.reduce((sum, one) => sum + (one?.best_sds ?? 0), 0) / found.length
  assert.ok(Math.abs(mean - (found[0]?.expected_sds ?? 0)) < 0.08, `${mean}, ${found[0]?.expected_sds}`)
  const half = found.filter((one) => (one?.p ?? 0) < 0.5).length / found.length
  assert.ok(Math.abs(half - 0.5) < 0.08, String(half))
})

test('the sides are right: a best far from the others is no chance, whichever way is better', () => {
  const values = Array.from({ length: 20 }, (_, i) => 1 + (i % 5) / 10)
  for (const [direction, best] of [
    ['maximize', 9],
    ['minimize', -7],
  ] as const) {
    const chance = chanceOf(
      plan(direction),
      [...values, best].map((value, number) => trial(number, value)),
    )
    assert.ok(chance !== null && chance.p < 0.001 && chance.best_sds > 4, JSON.stringify(chance))
    assert.ok(Math.abs(chance.mean - (values.reduce((a, b) => a + b, 0) + best) / 21) < 1e-12)
    assert.match(
      chance.detail,
      /^the best of 21 trials lies 4\.\d standard deviations .* a chance of less than 0\.1 %$/,
    )
  }
})
