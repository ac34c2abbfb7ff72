/** The test of a rate that may become worse, against the sum over all beginnings. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeTest } from './change.ts'
import { near } from './near.fixture.ts'
import { prng } from './prng.ts'

/** Six rates, even in log-odds from the limit (excluded) to 0.95, at least half a unit. */
function rates(limit: number): number[] {
  const from = Math.log(limit / (1 - limit))
  const width = Math.max(Math.log(0.95 / 0.05) - from, 0.5)
  return [1, 2, 3, 4, 5, 6].map((i) => 1 / (1 + Math.exp(-(from + (width * i) / 6))))
}

/** Half of the weight on the first trial, the rest on later ones as (j + 200)^-1.5, which sum to less than a half. */
function weight(j: number): number {
  return j === 1 ? 0.5 : ((0.5 * Math.sqrt(201)) / 2) * (j + 200) ** -1.5
}

/** Of each rate and each beginning the likelihood ratio of the trials from there on. */
function byHand(limit: number, events: readonly boolean[]): number {
  let sum = 0
  for (const rate of rates(limit))
    for (let j = 1; j <= events.length; j++) {
      const ratio = events.slice(j - 1).reduce((p, event) => p * (event ? rate / limit : (1 - rate) / (1 - limit)), 1)
      sum += (weight(j) / 6) * ratio
    }
  return sum
}

test('the evidence is the sum over beginnings of weighted likelihood ratios', () => {
  for (const limit of [0.01, 0.1, 0.3, 0.97])
    for (const p of [0.05, 0.1, 0.6, 0.98]) {
      const random = prng(4)
      const found = changeTest({ limit, alpha: 0.05 })
      const events: boolean[] = []
      for (let i = 0; i < 40; i++) {
        events.push(random.uniform() < p)
        found.record(events.at(-1) ?? false)
        near(found.e, byHand(limit, events), 1e-10, `${limit} and ${p} after ${i + 1}`)
      }
    }
})

test('before the first trial there is no evidence; the weights of all beginnings are at most 1', () => {
  assert.equal(changeTest({ limit: 0.1, alpha: 0.1 }).e, 0)
  let sum = 0
  for (let j = 1; j < 200_000; j++) sum += weight(j)
  assert.ok(sum < 1 && sum > 0.95, String(sum))
})

test('it says so at 1/alpha, and not below', () => {
  const found = changeTest({ limit: 0.01, alpha: 0.02 })
  for (let i = 0; i < 10; i++) {
    const said = found.record(true)
    assert.equal(said, found.e >= 50)
  }
  assert.ok(found.e >= 50)
})

test('a candidate that begins to fail after thousands of good trials is noticed; huge evidence stays finite', () => {
  const found = changeTest({ limit: 0.01, alpha: 0.01 })
  for (let i = 0; i < 3000; i++) assert.equal(found.record(false), false)
  let trials = 0
  while (!found.record(true)) trials++
  assert.ok(trials < 12, String(trials))
  for (let i = 0; i < 400; i++) found.record(true)
  assert.ok(Number.isFinite(found.e) || found.e === Infinity)
  assert.equal(found.record(true), true)
})

test('a rate at its limit is called worse in at most alpha of the runs', () => {
  let called = 0
  for (let run = 0; run < 200; run++) {
    const random = prng(run)
    const found = changeTest({ limit: 0.05, alpha: 0.1 })
    for (let i = 0; i < 500; i++)
      if (found.record(random.uniform() < 0.05)) {
        called++
        break
      }
  }
  assert.ok(called <= 20, String(called))
})
