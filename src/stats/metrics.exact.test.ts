/** Scores against their definitions: pairs counted one by one, sums over rows, intervals as roots of equations. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as metrics from './metrics.ts'
import { near } from './near.fixture.ts'
import { prng } from './prng.ts'

const Z95 = 1.959963984540054
const Z90 = 1.6448536269514722

interface Rows {
  scores: number[]
  other: number[]
  labels: number[]
}

/** Rows whose scores have ties, within a class and between both. */
function rowsOf(seed: number, n: number): Rows {
  const random = prng(seed)
  const labels = Array.from({ length: n }, (_, i) => (i < 2 ? 1 : i < 4 ? 0 : random.uniform() < 0.4 ? 1 : 0))
  const scored = (): number[] => labels.map((y) => Math.round(8 * (0.3 + 0.25 * y + 0.3 * random.uniform())) / 8)
  return { scores: scored(), other: scored(), labels }
}

const win = (a: number, b: number): number => (a > b ? 1 : a === b ? 0.5 : 0)
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length

/** Structural components of DeLong: of each positive the share of negatives below it, of each negative that of positives above. */
function components(scores: readonly number[], labels: readonly number[]): { positive: number[]; negative: number[] } {
  const of = (label: number): number[] => scores.filter((_, i) => labels[i] === label)
  const [positives, negatives] = [of(1), of(0)]
  return {
    positive: positives.map((p) => mean(negatives.map((n) => win(p, n)))),
    negative: negatives.map((n) => mean(positives.map((p) => win(p, n)))),
  }
}

function covariance(x: readonly number[], y: readonly number[]): number {
  const [a, b] = [mean(x), mean(y)]
  return x.map((v, i) => (v - a) * ((y[i] ?? 0) - b)).reduce((s, v) => s + v, 0) / (x.length - 1)
}

test('the area is the share of pairs in the right order, its variance that of the pairs’ shares', () => {
  for (let seed = 0; seed < 20; seed++) {
    const { scores, labels } = rowsOf(seed, 5 + seed * 3)
    const { positive, negative } = components(scores, labels)
    const variance = covariance(positive, positive) / positive.length + covariance(negative, negative) / negative.length
    const found = metrics.aucInterval({ scores, labels }, 0.9)
    near(found.estimate, mean(positive))
    near(found.low, Math.max(0, mean(positive) - Z90 * Math.sqrt(variance)))
    near(found.high, Math.min(1, mean(positive) + Z90 * Math.sqrt(variance)))
  }
})

test('an area’s interval is 95 % unless told, and stays within 0 and 1', () => {
  const { scores, labels } = rowsOf(3, 60)
  assert.deepEqual(metrics.aucInterval({ scores, labels }), metrics.aucInterval({ scores, labels }, 0.95))
  assert.equal(metrics.aucInterval({ scores: [1, 2, 3, 2.5], labels: [0, 0, 1, 1] }).high, 1)
  const worst = metrics.aucInterval({ scores: [3, 1, 2.5, 2, 1], labels: [0, 0, 0, 1, 1] })
  assert.equal(worst.low, 0)
})

test('a comparison of areas is paired: the variance of the differences of the shares', () => {
  for (let seed = 0; seed < 20; seed++) {
    const { scores, other, labels } = rowsOf(100 + seed, 10 + seed * 3)
    const [a, b] = [components(scores, labels), components(other, labels)]
    const gap = (side: 'positive' | 'negative'): number[] => a[side].map((v, i) => v - (b[side][i] ?? 0))
    const variance =
      covariance(gap('positive'), gap('positive')) / a.positive.length +
      covariance(gap('negative'), gap('negative')) / a.negative.length
    const estimate = mean(a.positive) - mean(b.positive)
    const found = metrics.compareAuc({ a: scores, b: other, labels })
    near(found.estimate, estimate, 1e-9)
    near(found.high - found.low, 2 * Z95 * Math.sqrt(variance), 1e-8)
    near((found.high + found.low) / 2, estimate, 1e-8)
    const narrower = metrics.compareAuc({ a: scores, b: other, labels }, 0.9)
    near(narrower.high - narrower.low, 2 * Z90 * Math.sqrt(variance), 1e-8)
  }
})

test('equal models differ with p = 1, and one that is never wrong from one that always is with certainty', () => {
  const labels = [1, 1, 1, 0, 0, 0]
  const right = [6, 5, 4, 3, 2, 1]
  assert.deepEqual(metrics.compareAuc({ a: right, b: right, labels }), { estimate: 0, low: 0, high: 0, p: 1 })
  const reversed = metrics.compareAuc({ a: right, b: right.toReversed(), labels })
  assert.equal(reversed.estimate, 1)
})

test('the p-value is two-sided: both orders of the models give the same', () => {
  const { scores, other, labels } = rowsOf(7, 80)
  const [one, two] = [
    metrics.compareAuc({ a: scores, b: other, labels }),
    metrics.compareAuc({ a: other, b: scores, labels }),
  ]
  near(one.p, two.p)
  near(one.estimate, -two.estimate)
  assert.ok(one.p > 0 && one.p < 1)
})

test('means over rows: log-loss in nats, Brier, and accuracy at a threshold that itself counts as 1', () => {
  const { scores, labels } = rowsOf(11, 50)
  const p = scores.map((s) => Math.min(0.99, Math.max(0.01, s)))
  near(
    metrics.logLoss({ scores: p, labels }),
    mean(p.map((s, i) => (labels[i] === 1 ? -Math.log(s) : -Math.log(1 - s)))),
  )
  near(metrics.brier({ scores: p, labels }), mean(p.map((s, i) => (s - (labels[i] ?? 0)) ** 2)))
  for (const threshold of [0.25, 0.5, 0.625]) {
    const right = scores.filter((s, i) => (s >= threshold ? 1 : 0) === labels[i]).length
    near(metrics.accuracy({ scores, labels }, threshold), right / 50)
  }
  assert.equal(metrics.accuracy({ scores: [0.5, 0.49, 0.5], labels: [1, 0, 0] }), 2 / 3)
})

test('a certain score that is wrong costs much, not everything', () => {
  near(metrics.logLoss({ scores: [0], labels: [1] }), -Math.log(1e-15), 1e-12)
  near(metrics.logLoss({ scores: [1], labels: [0] }), -Math.log(1e-15), 1e-2)
  near(metrics.logLoss({ scores: [1], labels: [1] }), 1e-15, 0.2)
})

test('without rows, or with scores and labels of different numbers', () => {
  for (const score of [metrics.logLoss, metrics.brier, metrics.accuracy]) {
    assert.ok(Number.isNaN(score({ scores: [], labels: [] })))
    assert.throws(() => score({ scores: [1, 2], labels: [1] }), /labels: got 1 rows, expected 2, as many as scores/)
  }
  assert.throws(() => metrics.compareAuc({ a: [1, 2], b: [1], labels: [1, 0] }), /labels: got 2 rows, expected 1/)
})

test('an area with one row of a class has an estimate and no interval', () => {
  const found = metrics.aucInterval({ scores: [0.9, 0.2, 0.3], labels: [1, 0, 0] })
  assert.equal(found.estimate, 1)
  assert.ok(Number.isNaN(found.low) && Number.isNaN(found.high))
  assert.ok(!Number.isNaN(metrics.aucInterval({ scores: [0.9, 0.1, 0.2, 0.3], labels: [1, 1, 0, 0] }).low))
})

test('Hanley and McNeil: the variance of their paper', () => {
  for (const area of [0.6, 0.8, 0.95])
    for (const [p, n] of [
      [50, 70],
      [10, 200],
      [3, 4],
    ] as const) {
      const [q1, q2] = [area / (2 - area), (2 * area * area) / (1 + area)]
      const variance = (area * (1 - area) + (p - 1) * (q1 - area * area) + (n - 1) * (q2 - area * area)) / (p * n)
      const found = metrics.hanleyMcNeil(area, { positives: p, negatives: n })
      near(found.estimate, area)
      near(found.low, area - Z95 * Math.sqrt(variance))
      near(found.high, Math.min(1, area + Z95 * Math.sqrt(variance)))
      near(metrics.hanleyMcNeil(area, { positives: p, negatives: n }, 0.9).low, area - Z90 * Math.sqrt(variance))
    }
  assert.equal(metrics.hanleyMcNeil(0.01, { positives: 3, negatives: 3 }).low, 0)
})

test('Wilson: the ends are where the share lies z standard errors away', () => {
  for (const [hits, n] of [
    [7, 40],
    [1, 10],
    [39, 40],
    [500, 1000],
  ] as const) {
    const { low, high, estimate } = metrics.wilson(hits, n)
    near(estimate, hits / n)
    for (const end of [low, high]) near(Math.abs(hits / n - end) / Math.sqrt((end * (1 - end)) / n), Z95, 1e-9)
    assert.ok(low < hits / n && high > hits / n)
    const narrow = metrics.wilson(hits, n, 0.9).high
    near((narrow - hits / n) / Math.sqrt((narrow * (1 - narrow)) / n), Z90, 1e-9)
  }
  const [none, all, nothing] = [metrics.wilson(0, 10), metrics.wilson(10, 10), metrics.wilson(0, 0)]
  assert.deepEqual([none.low, none.high < 0.3], [0, true])
  assert.ok(Math.abs(all.high - 1) < 1e-12 && all.high <= 1 && all.low > 0.7)
  assert.deepEqual([Number.isNaN(nothing.estimate), nothing.low, nothing.high], [true, 0, 1])
})
