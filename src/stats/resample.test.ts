/** Weighted bootstrap: agrees with known errors, pairs stay paired, the same seed gives the same digits; Holm's correction. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { aucInterval, compareAuc } from './metrics.ts'
import { prng } from './prng.ts'
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
