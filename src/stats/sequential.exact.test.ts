/** The sequential tests against their definitions: products over observations, written out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { near, nearAll } from './near.fixture.ts'
import { prng } from './prng.ts'
import { checkAlpha, count, differenceTest, freshDifference, rateTest, sumOfExp } from './sequential.ts'
import type { Difference } from './sequential.ts'

interface Alternative {
  rate: number
  weight: number
}

/** 24 rates, even in log-odds from the limit (excluded) to 0.95; four fifths of the weight about odds e^1.4 times the limit's. */
function alternatives(limit: number): Alternative[] {
  const from = Math.log(limit / (1 - limit))
  const width = Math.max(Math.log(19) - from, 0.5)
  const steps = Array.from({ length: 24 }, (_, i) => (width * (i + 1)) / 24)
  const bell = steps.map((x) => Math.exp(-((x - Math.min(1.4, width)) ** 2) / (2 * 0.16)))
  const all = bell.reduce((a, b) => a + b, 0)
  return steps.map((x, i) => ({
    rate: 1 / (1 + Math.exp(-from - x)),
    weight: (0.8 * (bell[i] ?? 0)) / all + 0.2 / 24,
  }))
}

/** What each alternative has come to after so many trials and events. */
function worth(limit: number, n: number, events: number): { rate: number; value: number }[] {
  return alternatives(limit).map(({ rate, weight }) => ({
    rate,
    value: weight * (rate / limit) ** events * ((1 - rate) / (1 - limit)) ** (n - events),
  }))
}

const mixture = (limit: number, n: number, events: number): number =>
  worth(limit, n, events).reduce((sum, one) => sum + one.value, 0)

const expected = (limit: number, n: number, events: number): number =>
  worth(limit, n, events).reduce((sum, one) => sum + one.value * one.rate, 0) / mixture(limit, n, events)

test('evidence of counts alone is the weighted mean of likelihood ratios', () => {
  for (const limit of [0.001, 0.02, 0.3, 0.94])
    for (const [n, events] of [
      [0, 0],
      [1, 0],
      [1, 1],
      [30, 2],
      [200, 9],
    ] as const) {
      const evidence = rateTest({ limit }, { n, events }).evidence()
      near(evidence.e, mixture(limit, n, events), 1e-9, `${limit} ${n} ${events}`)
      near(evidence.estimate, events / n)
      assert.deepEqual([evidence.n, evidence.rejected], [n, evidence.e >= 20])
    }
  near(rateTest({ limit: 0.1 }).evidence().e, 1, 1e-12)
})

test('trials in their order: bets by what the mixture expects, never for more than the rejection needs', () => {
  for (const [limit, alpha, p] of [
    [0.02, 0.05, 0.1],
    [0.1, 0.01, 0.1],
    [0.3, 0.2, 0.9],
  ] as const) {
    const random = prng(8)
    const found = rateTest({ limit, alpha })
    let [wealth, n, events] = [1, 0, 0]
    for (let i = 0; i < 60; i++) {
      const event = random.uniform() < p
      if (wealth < 1 / alpha) {
        const rate = Math.min(expected(limit, n, events), limit / alpha / wealth)
        wealth *= event ? rate / limit : (1 - rate) / (1 - limit)
        if (wealth > (1 - 1e-12) / alpha) wealth = Math.max(wealth, 1 / alpha)
      }
      n += 1
      if (event) events += 1
      found.update(event)
      near(found.evidence().e, wealth, 1e-8, `${limit} after ${n}`)
      assert.equal(found.evidence().rejected, wealth >= 1 / alpha)
      assert.deepEqual([found.state.n, found.state.events], [n, events])
    }
  }
})

test('a test that is told of the order goes on from counts that were told without it', () => {
  const state = { n: 40, events: 3 }
  const before = mixture(0.02, 40, 3)
  const found = rateTest({ limit: 0.02 }, state)
  found.update(true)
  near(found.evidence().e, (before * Math.min(expected(0.02, 40, 3), 0.4 / before)) / 0.02, 1e-9)
  assert.deepEqual([state.n, state.events], [41, 4])
})

test('counting counts', () => {
  const state = { n: 0, events: 0 }
  for (const event of [true, false, true]) count(state, event)
  assert.deepEqual(state, { n: 3, events: 2 })
})

test('many limits one after the other are each answered by themselves', () => {
  const limits = Array.from({ length: 130 }, (_, i) => (i + 1) / 200)
  const first = limits.map((limit) => rateTest({ limit }, { n: 20, events: 5 }).evidence().e)
  const again = limits.map((limit) => rateTest({ limit }, { n: 20, events: 5 }).evidence().e)
  assert.deepEqual(again, first)
  nearAll(
    first,
    limits.map((limit) => mixture(limit, 20, 5)),
    1e-9,
  )
})

test('a sum of exponentials neither overflows nor underflows on the way', () => {
  near(sumOfExp([0, Math.log(2), Math.log(3)]), 6, 1e-14)
  near(sumOfExp([-800, -800]), 0, 1)
  near(Math.log(sumOfExp([700, 700])), 700 + Math.LN2, 1e-14)
  assert.equal(sumOfExp([800, 1]), Number.MAX_VALUE)
})

test('an alpha is a chance', () => {
  assert.equal(checkAlpha(0.3), 0.3)
  for (const alpha of [0, 1, -0.1, Number.NaN])
    assert.throws(() => checkAlpha(alpha), { code: 'invalid_field' }, String(alpha))
  for (const limit of [0, 1, Number.NaN]) assert.throws(() => rateTest({ limit }), /limit: got/)
})

const BETS = [0.01, 0.02, 0.04, 0.08, 0.12, 0.18, 0.25, 0.35, 0.5, 0.7, 0.9]
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length

/** Wealths of differences on the scale 0 … 1, as products. */
function wealths(ds: readonly number[], tolerance: number, margin: number): { worse: number; better: number } {
  return {
    worse: mean(BETS.map((b) => ds.reduce((w, d) => w * (1 + (b / (1 + tolerance)) * (d - tolerance)), 1))),
    better: mean(BETS.map((b) => ds.reduce((w, d) => w * (1 + (b / (1 - margin)) * (margin - d)), 1))),
  }
}

/** The predictable plug-in empirical Bernstein interval of the paper (theorem 2), of values in 0 … 1, from all of them. */
function bernstein(xs: readonly number[], alpha: number): [number, number] {
  let [weights, weighted, variation] = [0, 0, 0]
  const squares: number[] = []
  for (const [i, x] of xs.entries()) {
    const t = i + 1
    const before = xs.slice(0, i)
    const mu = (0.5 + before.reduce((a, b) => a + b, 0)) / t
    const variance = (0.25 + squares.reduce((a, b) => a + b, 0)) / t
    const lambda = Math.min(0.5, Math.sqrt((2 * Math.log(2 / alpha)) / (variance * t * Math.log(1 + t))))
    weights += lambda
    weighted += lambda * x
    variation += (x - mu) ** 2 * (-Math.log(1 - lambda) - lambda)
    squares.push((x - (0.5 + before.reduce((a, b) => a + b, 0) + x) / (t + 1)) ** 2)
  }
  const radius = (Math.log(2 / alpha) + variation) / weights
  return [Math.max(0, weighted / weights - radius), Math.min(1, weighted / weights + radius)]
}

test('paired values: each pair is one difference, and bets for both claims are products over them', () => {
  const options = { low: -2, high: 6, tolerance: 0.4, margin: 1.2, alpha: 0.1 }
  const found = differenceTest(options)
  const random = prng(21)
  const ds: number[] = []
  for (let i = 0; i < 80; i++) {
    const pair = { canary: -3 + 10 * random.uniform(), stable: -3 + 9 * random.uniform() }
    const scale = (x: number): number => (Math.min(6, Math.max(-2, x)) + 2) / 8
    ds.push(scale(pair.canary) - scale(pair.stable))
    found.update(pair)
    const evidence = found.evidence()
    const { worse, better } = wealths(ds, 0.05, 0.15)
    near(evidence.e, worse, 1e-9)
    near(evidence.eNotInferior, better, 1e-9)
    near(evidence.estimate, 8 * mean(ds), 1e-9)
    assert.deepEqual([evidence.rejected, evidence.notInferior, evidence.n], [worse >= 10, better >= 10, i + 1])
    const [from, to] = bernstein(
      ds.map((d) => (d + 1) / 2),
      0.1,
    )
    near(evidence.interval[0], 8 * (2 * from - 1), 1e-8)
    near(evidence.interval[1], 8 * (2 * to - 1), 1e-8)
  }
})

test('what is usual: errors of 0 or 1, a tolerance of one in a hundred that is the margin too, e of a hundred', () => {
  const found = differenceTest()
  const ds = Array.from({ length: 400 }, (_, i) => (i % 3 === 0 ? 1 : 0))
  for (const d of ds) found.update({ canary: d, stable: 0 })
  const { worse, better } = wealths(ds, 0.01, 0.01)
  near(found.evidence().e, worse, 1e-9)
  near(found.evidence().eNotInferior, better, 1e-9)
  assert.equal(differenceTest({ alpha: 0.01 }, found.state).evidence().rejected, found.evidence().rejected)
  const margin = differenceTest({ tolerance: 0.2 })
  margin.update({ canary: 1, stable: 0 })
  near(margin.evidence().eNotInferior, wealths([1], 0.2, 0.2).better, 1e-12)
})

test('the first two claims that reach 1/alpha are true, and one below is not', () => {
  const worse = differenceTest({ tolerance: 0, alpha: 0.5 })
  const logs = (e: number): number[] => BETS.map(() => Math.log(e))
  worse.state.worse = logs(2)
  worse.state.better = logs(1.999)
  assert.deepEqual([worse.evidence().rejected, worse.evidence().notInferior], [true, false])
  worse.state.worse = logs(1.999)
  worse.state.better = logs(2.0000001)
  assert.deepEqual([worse.evidence().rejected, worse.evidence().notInferior], [false, true])
})

test('unpaired values wait for the other arm; then the means of both are one difference', () => {
  const found = differenceTest({ tolerance: 0 })
  const told: Difference[] = [
    { canary: 0.2 },
    { canary: 0.6 },
    { stable: 0.1 },
    { stable: 0.9 },
    { stable: 0.5 },
    { canary: 1 },
    { canary: 0.3, stable: 0.7 },
  ]
  const blocks: number[] = []
  for (const one of told) {
    found.update(one)
    blocks.push(found.evidence().n)
  }
  assert.deepEqual(blocks, [0, 0, 1, 1, 1, 2, 3])
  const ds = [0.4 - 0.1, 1 - 0.7, 0.3 - 0.7]
  near(found.evidence().e, wealths(ds, 0, 0).worse, 1e-12)
  near(found.evidence().estimate, mean(ds), 1e-12)
  assert.deepEqual(found.state.waiting, freshDifference().waiting)
})

test('before the first difference nothing is known: e is 1 and the interval is everything', () => {
  const { n, e, eNotInferior, interval, estimate, rejected } = differenceTest({ low: 0, high: 4 }).evidence()
  near(e, 1, 1e-12)
  near(eNotInferior, 1, 1e-12)
  assert.deepEqual([n, rejected, Number.isNaN(estimate), [...interval]], [0, false, true, [-4, 4]])
})

test('an interval ends at the ends of what is possible', () => {
  const found = differenceTest({ alpha: 0.5 })
  found.update({ canary: 1, stable: 0 })
  assert.equal(found.evidence().interval[1], 1)
  const other = differenceTest({ alpha: 0.5 })
  other.update({ canary: 0, stable: 1 })
  assert.equal(other.evidence().interval[0], -1)
})

test('bounds, tolerance and margin that are none are refused by name', () => {
  assert.throws(() => differenceTest({ low: 2, high: 1 }), /high: got 1, expected above 2/)
  assert.throws(() => differenceTest({ low: 2, high: 2 }), /high: got 2/)
  assert.throws(() => differenceTest({ tolerance: -0.01 }), /tolerance: got -0.01/)
  assert.throws(() => differenceTest({ margin: 1 }), /margin: got 1/)
  assert.throws(() => differenceTest({ low: 0, high: 10, tolerance: 10 }), /tolerance: got 1/)
  assert.doesNotThrow(() => differenceTest({ tolerance: 0, margin: 0.999 }))
  assert.throws(() => differenceTest({ alpha: 0 }), /alpha: got 0/)
})
