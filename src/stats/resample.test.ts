/** Weighted bootstrap: agrees with known errors, pairs stay paired, the same seed gives the same digits; Holm's correction. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { aucInterval, compareAuc } from './metrics.ts'
import { prng } from './prng.ts'
import type { Prng } from './prng.ts'
import { bootstrapWeights, holm, meanError, weightedAuc } from './resample.ts'

const weightedMean =
  (values: readonly number[]) =>
  (weights: Float64Array): number =>
    values.reduce((sum, value, i) => sum + value * (weights[i] ?? 0), 0) / values.length

describe('bootstrap by weights', () => {
  test('a mean gets the interval that its standard error gives', () => {
    const random = prng(1)
    const values = Array.from({ length: 400 }, () => random.normal())
    const { mean, error } = meanError(values)
    const found = bootstrapWeights(values.length, weightedMean(values), prng(2), 0.95)
    assert.ok(Math.abs(found.estimate - mean) < 1e-12)
    assert.ok(Math.abs(found.low - (mean - 1.645 * error)) < 0.2 * error, `${found.low}`)
    assert.ok(Math.abs(found.high - (mean + 1.645 * error)) < 0.2 * error, `${found.high}`)
    assert.deepEqual(bootstrapWeights(values.length, weightedMean(values), prng(2), 0.95), found)
  })
  test('a difference of areas gets the bounds that DeLong gives', () => {
    const random = prng(5)
    const labels = Array.from({ length: 1500 }, () => (random.uniform() < 0.3 ? 1 : 0))
    const shared = labels.map((label) => label + random.normal())
    const a = shared.map((one) => one + 0.3 * random.normal())
    const b = shared.map((one) => one + 0.6 * random.normal())
    const [left, right] = [weightedAuc(a, labels), weightedAuc(b, labels)]
    const found = bootstrapWeights(labels.length, (weights) => left(weights) - right(weights), prng(6), 0.95)
    const delong = compareAuc({ a, b, labels }, 0.9)
    assert.ok(Math.abs(found.estimate - delong.estimate) < 1e-9)
    assert.ok(Math.abs(found.low - delong.low) < 0.15 * (delong.high - delong.low), `${found.low} ${delong.low}`)
  })
  test('an area by weights is the area of rows that are repeated', () => {
    const labels = [0, 1, 0, 1, 1, 0]
    const scores = [0.1, 0.4, 0.4, 0.35, 0.8, 0.9]
    const weights = Float64Array.of(2, 0, 1, 3, 1, 1)
    const rows = labels.flatMap((_, i) => Array.from({ length: weights[i] ?? 0 }, () => i))
    const plain = aucInterval({
      scores: rows.map((i) => scores[i] ?? 0),
      labels: rows.map((i) => labels[i] ?? 0),
    }).estimate
    assert.ok(Math.abs(weightedAuc(scores, labels)(weights) - plain) < 1e-12)
    assert.ok(Number.isNaN(weightedAuc([1, 2], [0, 0])(Float64Array.of(1, 1))))
  })
})

test('Holm: adjusted p-values of a worked example, in the given order', () => {
  const adjusted = holm([0.01, 0.04, 0.03, 0.005]).map((p) => Number(p.toFixed(6)))
  assert.deepEqual(adjusted, [0.03, 0.06, 0.06, 0.02])
  assert.deepEqual(holm([]), [])
})

/** A stream that gives what a test says: rows by number, over and over. */
function scripted(rows: readonly number[]): Prng {
  let at = 0
  const next = (): number => rows[at++ % rows.length] ?? 0
  return { uint32: next, uniform: next, normal: next, below: next }
}

describe('bootstrap, draw by draw', () => {
  test('all weights are 1 for the estimate; each draw counts how often a row came', () => {
    const told: number[][] = []
    const rows = [0, 0, 2, 1, 1, 1]
    const found = bootstrapWeights(
      3,
      (weights) => {
        if (told.length < 3) told.push([...weights])
        return weights[0] ?? 0
      },
      scripted(rows),
      0.9,
    )
    assert.deepEqual(told, [
      [1, 1, 1],
      [2, 0, 1],
      [0, 3, 0],
    ])
    assert.deepEqual(found, { estimate: 1, low: 0, high: 2, draws: 2000 })
  })

  test('the ends are the draws of the ranks nearest to their shares', () => {
    let draw = -1
    const values = Array.from({ length: 2000 }, (_, i) => (i * 7919) % 2000)
    const found = bootstrapWeights(1, () => values[draw++] ?? -1, scripted([0]), 0.95)
    assert.deepEqual([found.low, found.high, found.draws], [Math.round(0.05 * 1999), Math.round(0.95 * 1999), 2000])
  })

  test('draws that give no number are left out; without any there are no ends', () => {
    let draw = 0
    const some = bootstrapWeights(2, () => (draw++ % 2 === 0 ? Number.NaN : draw), scripted([0]), 0.5)
    assert.deepEqual([some.draws, Number.isNaN(some.estimate)], [1000, true])
    const none = bootstrapWeights(2, () => Number.NaN, scripted([0]), 0.5)
    assert.deepEqual([none.draws, Number.isNaN(none.low), Number.isNaN(none.high)], [0, true, true])
  })

  test('more rows, fewer draws: 2,000 up to 4,000 rows, 200 from 40,000', () => {
    const draws = (n: number): number => bootstrapWeights(n, () => 1, { ...scripted([0]), below: () => 0 }, 0.9).draws
    assert.deepEqual([draws(4000), draws(5000), draws(16_000), draws(60_000)], [2000, 1600, 500, 200])
  })
})

test('mean and standard error by their definition', () => {
  const random = prng(3)
  for (const n of [2, 3, 17]) {
    const values = Array.from({ length: n }, () => 1e6 + random.normal())
    const mean = values.reduce((a, b) => a + b, 0) / n
    const error = Math.sqrt(values.reduce((s, x) => s + (x - mean) ** 2, 0) / (n - 1) / n)
    const found = meanError(values)
    assert.ok(Math.abs(found.mean - mean) < 1e-8 && Math.abs(found.error - error) < 1e-8, JSON.stringify(found))
  }
  assert.deepEqual(
    [
      meanError([4]).mean,
      Number.isNaN(meanError([4]).error),
      Number.isNaN(meanError([]).mean),
      Number.isNaN(meanError([]).error),
    ],
    [4, true, true, true],
  )
})

test('an area by weights counts pairs of a positive and a negative by both weights, ties as half', () => {
  const random = prng(14)
  for (let run = 0; run < 30; run++) {
    const n = 4 + random.below(9)
    const labels = Array.from({ length: n }, (_, i) => (i < 1 ? 1 : i < 2 ? 0 : random.below(2)))
    const scores = labels.map(() => random.below(4))
    const weights = Float64Array.from(labels, () => random.below(3))
    let [wins, pairs] = [0, 0]
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        if (labels[i] !== 1 || labels[j] === 1) continue
        const weight = (weights[i] ?? 0) * (weights[j] ?? 0)
        pairs += weight
        const [a, b] = [scores[i] ?? 0, scores[j] ?? 0]
        wins += weight * (a > b ? 1 : a === b ? 0.5 : 0)
      }
    const found = weightedAuc(scores, labels)(weights)
    if (pairs === 0) assert.ok(Number.isNaN(found))
    else assert.ok(Math.abs(found - wins / pairs) < 1e-12, `${found} ${wins / pairs}`)
  }
  assert.ok(Number.isNaN(weightedAuc([1, 2], [1, 1])(Float64Array.of(1, 1))))
  assert.ok(Number.isNaN(weightedAuc([Number.NaN, 2], [1, 0])(Float64Array.of(1, 0))))
})

test('Holm by its definition: the greatest of all smaller ones times what is left, at most 1', () => {
  const random = prng(2)
  for (let run = 0; run < 40; run++) {
    const ps = Array.from({ length: 1 + random.below(8) }, () => random.below(30) / 40)
    const order = ps.toSorted((a, b) => a - b)
    const byHand = ps.map((p) =>
      Math.min(1, Math.max(...order.slice(0, order.lastIndexOf(p) + 1).map((q, rank) => q * (ps.length - rank)))),
    )
    for (const [i, value] of holm(ps).entries()) assert.ok(Math.abs(value - (byHand[i] ?? 0)) < 1e-12, ps.join())
  }
})
