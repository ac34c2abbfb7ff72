/** The test of two rates against Fisher's noncentral hypergeometric probabilities, counted out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { near, nearAll } from './near.fixture.ts'
import { prng } from './prng.ts'
import { rateTest } from './sequential.ts'
import { freshTwoRates, twoRatesTest } from './two-rates.ts'
import type { Arms } from './two-rates.ts'

/** C(n, k) exactly. */
function choose(n: number, k: number): bigint {
  let value = 1n
  for (let i = 0; i < k; i++) value = (value * BigInt(n - i)) / BigInt(i + 1)
  return value
}

/** P(of these events so many are the canary's), where its odds are `odds` times those of stable. */
function probability({ canary, stable }: Arms, odds: number): number {
  const events = canary.events + stable.events
  const ways = (j: number): number =>
    j > canary.n || events - j > stable.n || events - j < 0
      ? 0
      : Number(choose(canary.n, j) * choose(stable.n, events - j)) * odds ** j
  let all = 0
  for (let j = 0; j <= events; j++) all += ways(j)
  return ways(canary.events) / all
}

/** 16 odds, even in logarithms up to a hundred times the tolerated ones; 0.7 of the weight in a bell about e^1.2. */
function alternatives(): { step: number; weight: number }[] {
  const steps = Array.from({ length: 16 }, (_, i) => (Math.log(100) * (i + 1)) / 16)
  const bell = steps.map((x) => Math.exp(-((x - 1.2) ** 2) / (2 * 0.25)))
  const all = bell.reduce((a, b) => a + b, 0)
  return steps.map((step, i) => ({ step, weight: (0.7 * (bell[i] ?? 0)) / all + 0.3 / 16 }))
}

function greater(blocks: readonly Arms[], ratio: number): number {
  return alternatives().reduce((sum, { step, weight }) => {
    const likelihood = (odds: number): number => blocks.reduce((p, block) => p * probability(block, odds), 1)
    return sum + (weight * likelihood(ratio * Math.exp(step))) / likelihood(ratio)
  }, 0)
}

const arms = (a: number, x: number, b: number, y: number): Arms => ({
  canary: { n: a, events: x },
  stable: { n: b, events: y },
})

test('a block’s evidence is the ratio of noncentral hypergeometric probabilities, mixed over greater odds', () => {
  for (const block of [
    arms(10, 3, 10, 1),
    arms(10, 0, 12, 4),
    arms(25, 20, 10, 9),
    arms(10, 10, 30, 0),
    arms(12, 0, 11, 0),
    arms(10, 10, 10, 10),
  ])
    for (const ratio of [1, 2]) {
      const found = twoRatesTest({ ratio, above: 1e-6, alpha: 0.01 })
      found.update(block)
      const { e, n, estimate, stable } = found.evidence()
      const alone = rateTest({ limit: 1e-6, alpha: 0.01 }, { ...block.canary }).evidence().e
      near(e, Math.min(greater([block], ratio), alone), 1e-8, JSON.stringify(block))
      assert.deepEqual(
        [n, estimate, stable],
        [block.canary.n, block.canary.events / block.canary.n, block.stable.events / block.stable.n],
      )
    }
})

test('blocks multiply, and a block ends once both versions have ten trials', () => {
  const found = twoRatesTest({ ratio: 1.5, above: 0.001, alpha: 0.05 })
  const blocks: Arms[] = []
  let open = arms(0, 0, 0, 0)
  const random = prng(6)
  for (let i = 0; i < 200; i++) {
    const [a, b] = [random.below(3), random.below(4)]
    const batch = arms(a, random.below(a + 1), b, random.below(b + 1))
    open = arms(
      open.canary.n + a,
      open.canary.events + batch.canary.events,
      open.stable.n + b,
      open.stable.events + batch.stable.events,
    )
    if (open.canary.n >= 10 && open.stable.n >= 10) {
      blocks.push(open)
      open = arms(0, 0, 0, 0)
    }
    found.update(batch)
    assert.deepEqual(found.state.open, open)
    if (i % 20 === 19) near(Math.min(found.evidence().e, 1e9), Math.min(1e9, bounded(blocks)), 1e-6)
  }
  assert.ok(blocks.length >= 10)
  const sum = (pick: (block: Arms) => number): number => blocks.reduce((total, block) => total + pick(block), 0)
  assert.deepEqual(
    found.state.closed,
    arms(
      sum((b) => b.canary.n),
      sum((b) => b.canary.events),
      sum((b) => b.stable.n),
      sum((b) => b.stable.events),
    ),
  )

  function bounded(of: readonly Arms[]): number {
    const n = of.reduce((total, block) => total + block.canary.n, 0)
    const events = of.reduce((total, block) => total + block.canary.events, 0)
    return Math.min(greater(of, 1.5), rateTest({ limit: 0.001, alpha: 0.05 }, { n, events }).evidence().e)
  }
})

test('a rate that is tolerated whatever stable does keeps the evidence small', () => {
  const block = arms(40, 8, 40, 0)
  const strict = twoRatesTest({ ratio: 1, above: 0.001 })
  const mild = twoRatesTest({ ratio: 1, above: 0.2 })
  for (const one of [strict, mild]) one.update(block)
  near(mild.evidence().e, rateTest({ limit: 0.2 }, { n: 40, events: 8 }).evidence().e, 1e-12)
  assert.ok(mild.evidence().e < 1.5 && strict.evidence().e > 20)
})

test('it rejects at 1/alpha: a hundred unless told', () => {
  const state = freshTwoRates()
  assert.deepEqual([state.logs.length, state.open, state.closed], [16, arms(0, 0, 0, 0), arms(0, 0, 0, 0)])
  nearAll(
    state.logs,
    Array.from({ length: 16 }, () => 0),
  )
  state.closed = arms(1000, 999, 1000, 0)
  const at = (e: number, alpha?: number): boolean => {
    state.logs = state.logs.map(() => Math.log(e))
    return twoRatesTest({ ratio: 1, above: 0.01, ...(alpha === undefined ? {} : { alpha }) }, state).evidence().rejected
  }
  assert.deepEqual([at(100.0001), at(99.999), at(20.0001, 0.05), at(19.999, 0.05)], [true, false, true, false])
})

test('nothing is known before the first block', () => {
  const { n, e, estimate, stable, rejected } = twoRatesTest({ ratio: 1, above: 0.01 }).evidence()
  near(e, 1, 1e-9)
  assert.deepEqual([n, rejected, Number.isNaN(estimate), Number.isNaN(stable)], [0, false, true, true])
})

test('a ratio below 1 is refused, 1 itself is not', () => {
  assert.throws(() => twoRatesTest({ ratio: 0.999, above: 0.1 }), /ratio: got 0.999, expected at least 1/)
  assert.throws(() => twoRatesTest({ ratio: Number.NaN, above: 0.1 }), /ratio/)
  assert.throws(() => twoRatesTest({ ratio: 1, above: 0.1, alpha: 1 }), /alpha: got 1/)
  assert.doesNotThrow(() => twoRatesTest({ ratio: 1, above: 0.1 }))
})
