/** How the chance of a false rejection is spent: fixed parts that sum to it, divided among challengers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { near } from '../../stats/near.fixture.ts'
import { Plan } from '../../contract/rollout/plan.ts'
import { alphaOf, breakerOf } from './spending.ts'
import type { Spender } from './spending.ts'

/** Parts of 33. */
const BY_PARTS: readonly (readonly [number, readonly Spender[]])[] = [
  [20, ['error_rate']],
  [4, ['error_rate_vs_stable']],
  [2, ['quality', 'quality_slices']],
  [1, ['error_rate_slices', 'latency', 'decision_flips', 'breaker', 'metrics']],
]
const PARTS = Object.fromEntries(BY_PARTS.flatMap(([parts, of]) => of.map((one) => [one, parts]))) as Record<
  Spender,
  number
>
const spenders = Object.keys(PARTS) as Spender[]

test('all tests together spend the alpha of the plan, each its part', () => {
  for (const alpha of [0.05, 0.01]) {
    near(
      spenders.reduce((sum, one) => sum + alphaOf({ alpha }, one), 0),
      alpha,
      1e-12,
    )
    for (const one of spenders) near(alphaOf({ alpha }, one), (alpha * PARTS[one]) / 33, 1e-12, one)
  }
})

test('challengers that may be compared at once share it, so that together they spend no more', () => {
  for (const one of spenders)
    near(4 * alphaOf({ alpha: 0.05, challengers: 4 }, one), alphaOf({ alpha: 0.05 }, one), 1e-12)
})

test("the gateway's breaker tolerates what the plan does and spends its own part", () => {
  const strict = breakerOf(Plan.parse({ alpha: 0.033, gates: { error_rate: { at_most: 0.2 } } }))
  assert.equal(strict.limit, 0.2)
  near(strict.alpha, 0.001, 1e-12)
  const plain = breakerOf(Plan.parse({ challengers: 2 }))
  assert.equal(plain.limit, 0.02)
  near(plain.alpha, 0.05 / 33 / 2, 1e-12)
})
