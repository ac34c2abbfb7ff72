/** The test of shares against an urn: each observation makes its own kind more likely. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { near } from './near.fixture.ts'
import { prng } from './prng.ts'
import { sharesTest } from './shares.ts'

/** The mixture's chance of the next category, over its share: the Dirichlet multinomial, one observation at a time. */
function byHand(shares: readonly number[], observed: readonly number[]): number {
  const counts = shares.map(() => 0)
  let e = 1
  for (const [i, k] of observed.entries()) {
    e *= (100 * (shares[k] ?? 0) + (counts[k] ?? 0)) / (100 + i) / (shares[k] ?? 0)
    counts[k] = (counts[k] ?? 0) + 1
  }
  return e
}

test('the e-value is the product of the urn’s chances over the shares', () => {
  for (const shares of [
    [0.5, 0.5],
    [0.05, 0.95],
    [0.2, 0.2, 0.6],
    [0.001, 0.999],
  ]) {
    const random = prng(2)
    const observed: number[] = []
    const found = sharesTest({ shares, alpha: 0.01 })
    for (let i = 0; i < 120; i++) {
      observed.push(random.below(shares.length))
      found.update(observed.at(-1) ?? 0)
      const { n, e, estimate, rejected } = found.evidence()
      near(e, byHand(shares, observed), 1e-8, shares.join())
      assert.deepEqual([n, rejected], [i + 1, e >= 100])
      near(estimate, observed.filter((k) => k === 0).length / (i + 1))
    }
  }
})

test('nothing observed is no evidence; a false alarm has a chance of one in a thousand unless told', () => {
  const fresh = sharesTest({ shares: [0.25, 0.75] }).evidence()
  near(fresh.e, 1, 1e-12)
  assert.deepEqual([fresh.n, fresh.rejected, Number.isNaN(fresh.estimate)], [0, false, true])
  const counts = (first: number) => sharesTest({ shares: [0.5, 0.5] }, { counts: [first, 0] }).evidence()
  let first = 1
  while (counts(first).e < 1000) first++
  assert.equal(counts(first).rejected, true)
  assert.equal(counts(first - 1).rejected, false)
})

test('a category that was not expected is counted', () => {
  const found = sharesTest({ shares: [0.5, 0.5] }, { counts: [] })
  found.update(1)
  assert.equal(found.state.counts[1], 1)
})

test('shares that do not sum to 1 by a hair, or an alpha that is none, are refused', () => {
  assert.doesNotThrow(() => sharesTest({ shares: [0.1, 0.2, 0.7 + 1e-12] }))
  for (const shares of [
    [0.5, 0.5 + 1e-6],
    [0.5, 0.5 - 1e-6],
    [1, 0],
    [1.5, -0.5],
    [Number.NaN, 1],
  ])
    assert.throws(() => sharesTest({ shares }), /shares/, shares.join())
  assert.throws(() => sharesTest({ shares: [1], alpha: 0 }), /alpha/)
})
