/** The latency that stable's p99 surely does not pass, against binomial sums. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slowThreshold, upperRank } from './latency.ts'
import { near } from './near.fixture.ts'
import { quantile, record, sketch } from './sketch.ts'

/** P(X ≤ k) for X ~ Binomial(n, p), term by term in logarithms. */
function atMost(k: number, n: number, p: number): number {
  let log = n * Math.log(1 - p)
  let sum = Math.exp(log)
  for (let i = 0; i < k; i++) {
    log += Math.log((n - i) / (i + 1)) + Math.log(p / (1 - p))
    sum += Math.exp(log)
  }
  return sum
}

/** The least rank whose value lies above the quantile unless more than `rank` values are below it. */
function byHand(n: number, q: number, confidence: number): number | undefined {
  for (let rank = 0; rank < n; rank++) if (atMost(rank, n, q) >= confidence) return rank
  return undefined
}

test('the least rank that is above the quantile with the confidence that is asked for', () => {
  for (const n of [1, 2, 5, 20, 21, 59, 100, 150])
    for (const q of [0.5, 0.8, 0.9, 0.95])
      for (const confidence of [0.4, 0.7, 0.9, 0.99])
        assert.equal(upperRank(n, q, confidence), byHand(n, q, confidence), `${n} ${q} ${confidence}`)
})

test('too few values give none: 298 for a p99 at 95 %, none at all for nothing', () => {
  assert.equal(upperRank(298, 0.99, 0.95), undefined)
  assert.equal(upperRank(299, 0.99, 0.95), 298)
  assert.equal(upperRank(0, 0.5, 0.1), undefined)
  assert.equal(slowThreshold(sketch()), undefined)
})

test('the threshold is the sketch’s value of that rank, raised by its error', () => {
  const stable = sketch(0.02)
  for (let i = 1; i <= 500; i++) record(stable, i)
  const rank = byHand(500, 0.99, 0.95) ?? 0
  near(slowThreshold(stable), (quantile(stable, rank / 499) * 1.02) / 0.98, 1e-12)
  const median = byHand(500, 0.5, 0.9) ?? 0
  near(slowThreshold(stable, 0.5, 0.9), (quantile(stable, median / 499) * 1.02) / 0.98, 1e-12)
  assert.ok((slowThreshold(stable) ?? 0) >= rank + 1, 'not below the exact value')
})

test('of one value it is that value', () => {
  const one = sketch(0.01)
  record(one, 7)
  near(slowThreshold(one, 0.5, 0.4), (7 * 1.01) / 0.99, 1e-12)
})
