import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from './prng.ts'
import { changeTest } from './sequential-change.ts'

/** Observations until it rejects, of which the first `well` have the rate `before`; Infinity when it never does. */
function until(seed: number, of: { well: number; before: number; after: number; most: number; alpha: number }): number {
  const random = prng(seed)
  const change = changeTest({ limit: 0.05, alpha: of.alpha })
  for (let n = 1; n <= of.most; n++)
    if (change.record(random.uniform() < (n <= of.well ? of.before : of.after))) return n
  return Infinity
}

test('at the limit itself it rejects in no more than alpha of the sequences', () => {
  const wrong = Array.from({ length: 1000 }, (_, i) =>
    until(i, { well: 2000, before: 0.05, after: 0.05, most: 2000, alpha: 0.05 }),
  ).filter(Number.isFinite).length
  assert.ok(wrong <= 50, `${wrong} of 1000`)
})

test('the e-value is one on average: all two to the tenth sequences, weighed by their chance at the limit', () => {
  const limit = 0.3
  let mean = 0
  for (let bits = 0; bits < 1024; bits++) {
    const change = changeTest({ limit, alpha: 1e-9 })
    let chance = 1
    for (let i = 0; i < 10; i++) {
      const event = ((bits >> i) & 1) === 1
      chance *= event ? limit : 1 - limit
      change.record(event)
    }
    mean += chance * change.e
  }
  assert.ok(Math.abs(mean - 1) < 1e-9, String(mean))
})

test('a rise after ten thousand good observations is met within 200, in nine of ten sequences', () => {
  const late = Array.from({ length: 100 }, (_, i) =>
    until(i, { well: 10_000, before: 0.01, after: 0.25, most: 10_500, alpha: 0.001 }),
  )
  const met = late.filter((n) => n > 10_000 && n <= 10_200)
  assert.ok(met.length >= 90, `${met.length} of 100`)
})

test('once rejected it stays so', () => {
  const change = changeTest({ limit: 0.05, alpha: 0.01 })
  while (!change.record(true));
  for (let i = 0; i < 100; i++) assert.equal(change.record(false), true)
})
