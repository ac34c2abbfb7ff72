import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as metrics from './metrics.ts'
import { prng } from './prng.ts'

/** 60 rows with tied scores; the expected values below were computed once with scikit-learn 1.7 and SciPy 1.17. */
const labels = [
  0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0,
  1, 0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 0,
]
const a = [
  0.23, 0.33, 0.47, 0.68, 0.51, 0.58, 0.3, 0.61, 0.1, 0.54, 0.14, 0.05, 0.71, 0.27, 0.06, 0.92, 0.23, 0.51, 0.38, 0.25,
  0.01, 0.01, 0.1, 0.53, 0.46, 0.79, 0.09, 0.5, 0.43, 0.52, 0.01, 0.01, 0.14, 0.06, 0.55, 0.16, 0.55, 0.33, 0.33, 0.78,
  0.4, 0.29, 0.53, 0.28, 0.77, 0.71, 0.62, 0.46, 0.19, 0.65, 0.02, 0.82, 0.32, 0.34, 0.42, 0.55, 0.5, 0.79, 0.32, 0.12,
]
const b = [
  0.44, 0.01, 0.68, 0.44, 0.36, 0.92, 0.78, 0.49, 0.47, 0.57, 0.69, 0.32, 0.38, 0.59, 0.4, 0.62, 0.47, 0.12, 0.3, 0.01,
  0.3, 0.62, 0.13, 0.72, 0.55, 0.34, 0.35, 0.37, 0.3, 0.41, 0.34, 0.47, 0.51, 0.2, 0.64, 0.19, 0.32, 0.42, 0.35, 0.44,
  0.4, 0.24, 0.34, 0.31, 0.66, 0.45, 0.85, 0.39, 0.01, 0.38, 0.68, 0.47, 0.26, 0.18, 0.61, 0.67, 0.6, 0.56, 0.64, 0.51,
]
const rows = { a, b, labels }

const near = (actual: number, expected: number, tolerance = 1e-10): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`)

test('AUC with ties, log-loss, Brier and accuracy equal the reference', () => {
  near(metrics.aucInterval({ scores: a, labels }).estimate, 0.923620025673941)
  near(metrics.aucInterval({ scores: b, labels }).estimate, 0.7034659820282413)
  near(metrics.logLoss({ scores: a, labels }), 0.41066235666565376)
  near(metrics.brier({ scores: a, labels }), 0.129505)
  near(metrics.accuracy({ scores: a, labels }), 0.85)
})

test('DeLong: interval and paired test equal the reference', () => {
  const interval = metrics.aucInterval({ scores: a, labels })
  near((interval.high - interval.low) / 2, 1.959963984540054 * 0.033936297051253214)
  const compared = metrics.compareAuc(rows)
  near(compared.estimate, 0.22015404364569968)
  near((compared.high - compared.low) / 2 / 1.959963984540054, 0.07185679838169616)
  near(compared.p, 0.0021855324853751767)
  assert.equal(metrics.compareAuc({ a, b: a, labels }).p, 1)
})

test('Wilson, Hanley and McNeil', () => {
  const share = metrics.wilson(7, 40)
  near(share.low, 0.08745413746035918)
  near(share.high, 0.3194999033178771)
  assert.deepEqual([metrics.wilson(0, 10).low, metrics.wilson(0, 0).high], [0, 1])
  const interval = metrics.hanleyMcNeil(0.8, { positives: 50, negatives: 50 })
  assert.ok(interval.low > 0.7 && interval.low < 0.73 && interval.high < 0.9, JSON.stringify(interval))
})

/** Scores of normal classes one deviation apart, as probabilities. */
function drawn(seed: number, n: number): { scores: number[]; labels: number[] } {
  const random = prng(seed)
  const labels = Array.from({ length: n }, () => (random.uniform() < 0.3 ? 1 : 0))
  return { labels, scores: labels.map((y) => 1 / (1 + Math.exp(1 - y - random.normal()))) }
}

test('DeLong covers the truth 95 % of the time', () => {
  const truth = 0.7602499389065233
  let covered = 0
  for (let seed = 0; seed < 300; seed++) {
    const { low, high } = metrics.aucInterval(drawn(seed, 300))
    if (low <= truth && truth <= high) covered += 1
  }
  assert.ok(covered >= 273 && covered <= 297, `${covered} of 300`)
})

test('one class, no rows and unequal lengths', () => {
  assert.ok(Number.isNaN(metrics.aucInterval({ scores: [0.1, 0.2], labels: [1, 1] }).estimate))
  assert.ok(Number.isNaN(metrics.aucInterval({ scores: [0.1, 0.2], labels: [0, 0] }).estimate))
  assert.ok(Number.isNaN(metrics.aucInterval({ scores: [0.1, 0.2], labels: [0, 1] }).low))
  assert.ok(Number.isNaN(metrics.brier({ scores: [], labels: [] })))
  assert.throws(() => metrics.aucInterval({ scores: [1], labels: [] }), /labels: got 0 rows, expected 1/)
})

test('a million rows are not compared each with each, which would take an hour', () => {
  const { low, high } = metrics.aucInterval(drawn(3, 1_000_000))
  assert.ok(high - low < 0.01)
})
