import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from './prng.ts'
import { sharesTest } from './shares.ts'

/** Of so many runs, those rejected at any of the looks, one every ten observations. */
function rejected(
  shares: readonly number[],
  truth: readonly number[],
  { runs, n, alpha }: { runs: number; n: number; alpha: number },
): number {
  let found = 0
  for (let run = 0; run < runs; run++) {
    const random = prng(run)
    const t = sharesTest({ shares, alpha })
    for (let i = 1; i <= n; i++) {
      let [left, k] = [random.uniform(), 0]
      while (k < truth.length - 1 && left >= (truth[k] ?? 0)) left -= truth[k++] ?? 0
      t.update(k)
      if (i % 10 === 0 && t.evidence().rejected) {
        found += 1
        break
      }
    }
  }
  return found
}

test('right shares are doubted in at most alpha of the runs, whatever they are and however often one looks', () => {
  for (const shares of [
    [0.5, 0.5],
    [0.05, 0.95],
    [0.2, 0.2, 0.6],
  ])
    assert.ok(rejected(shares, shares, { runs: 300, n: 3000, alpha: 0.05 }) <= 15, shares.join(' '))
})

test('a split that loses a tenth of one side is found within thousands of units, of two sides and of three', () => {
  assert.ok(rejected([0.5, 0.5], [0.4737, 0.5263], { runs: 40, n: 20_000, alpha: 0.001 }) === 40)
  assert.ok(rejected([0.3, 0.3, 0.4], [0.27, 0.31, 0.42], { runs: 40, n: 20_000, alpha: 0.001 }) === 40)
})

test('the e-value is the ratio of likelihoods by hand, order does not matter, and huge counts stay finite', () => {
  const t = sharesTest({ shares: [0.5, 0.5] })
  for (const k of [0, 0, 1]) t.update(k)
  // Beta(50, 50): 50·51·50 over 100·101·102, against an eighth
  assert.ok(Math.abs(t.evidence().e - (50 * 51 * 50 * 8) / (100 * 101 * 102)) < 1e-9)
  assert.equal(t.evidence().e, sharesTest({ shares: [0.5, 0.5] }, { counts: [2, 1] }).evidence().e)
  assert.equal(sharesTest({ shares: [0.5, 0.5] }, { counts: [1e9, 0] }).evidence().e, Number.MAX_VALUE)
})

test('shares that are none are refused by name', () => {
  assert.throws(() => sharesTest({ shares: [0.5, 0.6] }), /shares/)
  assert.throws(() => sharesTest({ shares: [1, 0] }), /shares/)
})
