import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from './prng.ts'
import { mergeSketch, quantile, record, sketch, sketchFromJson, sketchToJson } from './sketch.ts'

function lognormal(seed: number, n: number): number[] {
  const random = prng(seed)
  return Array.from({ length: n }, () => Math.exp(1 + 1.2 * random.normal()))
}

test('quantiles stay within the promised relative error', () => {
  const values = lognormal(1, 20_000)
  const s = sketch(0.01)
  for (const value of values) record(s, value)
  const sorted = values.toSorted((a, b) => a - b)
  for (const q of [0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = sorted[Math.floor(q * (sorted.length - 1))]!
    assert.ok(Math.abs(quantile(s, q) - exact) <= 0.0100001 * exact, `q ${q}: ${quantile(s, q)} for ${exact}`)
  }
})

test('merged sketches equal the sketch of all values', () => {
  const [a, b, all] = [sketch(), sketch(), sketch()]
  for (const [i, value] of lognormal(2, 3000).entries()) {
    record(i % 3 === 0 ? a : b, value)
    record(all, value)
  }
  mergeSketch(a, b)
  assert.deepEqual(a.counts, all.counts)
  assert.equal(a.n, 3000)
  assert.equal(quantile(a, 0.99), quantile(all, 0.99))
  assert.throws(() => mergeSketch(a, sketch(0.02)), /different errors/)
})

test('a sketch survives JSON', () => {
  const s = sketch()
  for (const value of [0, 0.5, 3, 3, 250, 9e9]) record(s, value)
  const back = sketchFromJson(JSON.parse(JSON.stringify(sketchToJson(s))))
  assert.deepEqual(back, s)
  assert.deepEqual(sketchFromJson(JSON.parse(JSON.stringify(sketchToJson(sketch())))), sketch())
})

test('values outside the range and unusable values are handled', () => {
  const s = sketch(0.01, 1, 1000)
  for (const value of [Number.NaN, Infinity, -5, 0.5, 5e6]) record(s, value)
  assert.equal(s.n, 3)
  assert.equal(quantile(s, 0), 1)
  assert.ok(quantile(s, 1) >= 1000)
  assert.ok(Number.isNaN(quantile(sketch(), 0.5)))
  assert.throws(() => sketch(2), /error: got 2/)
})

/** The bin of a value by the definition: the least i with value ≤ low · γ^i, in the range of the sketch. */
function binOf(value: number, error: number, low: number): number {
  const gamma = (1 + error) / (1 - error)
  let i = 0
  while (low * gamma ** i < value * (1 - 1e-12)) i++
  return i
}

test('a value falls into the bin whose bounds hold it; memory is fixed', () => {
  const s = sketch(0.1, 1, 100)
  const gamma = 1.1 / 0.9
  const bins = Math.ceil(Math.log(100) / Math.log(gamma)) + 2
  assert.equal(s.counts.length, bins)
  for (const value of [1, 1.01, 1.2, 1.23, 2, 7.5, 50, 99, 100]) {
    const before = [...s.counts]
    record(s, value)
    const moved = [...s.counts].findIndex((count, i) => count !== before[i])
    assert.equal(moved, binOf(value, 0.1, 1), String(value))
  }
  record(s, 1e9)
  assert.equal(s.counts[bins - 1], 1, 'above the range: the last bin')
  record(s, 0.2)
  record(s, -3)
  assert.equal(s.counts[0], 3, 'at most the least: the first bin')
})

test('what is usual: an error of a hundredth, from a thousandth to a million', () => {
  const { error, low, high, n, sum, min, max, counts } = sketch()
  assert.deepEqual(
    [error, low, high, n, sum, min, max, counts.length],
    [0.01, 1e-3, 1e6, 0, 0, Infinity, -Infinity, 1039],
  )
})

test('number, sum, least and greatest are those of the values', () => {
  const s = sketch()
  for (const value of [3, 250, 0.5]) record(s, value)
  assert.deepEqual([s.n, s.sum, s.min, s.max], [3, 253.5, 0.5, 250])
  const other = sketch()
  for (const value of [0.25, 900]) record(other, value)
  mergeSketch(s, other)
  assert.deepEqual([s.n, s.sum, s.min, s.max], [5, 1153.75, 0.25, 900])
  for (const odd of [sketch(0.02), sketch(0.01, 1e-2), sketch(0.01, 1e-3, 1e5)])
    assert.throws(() => mergeSketch(s, odd), { code: 'unprocessable' })
})

test('a quantile is the middle of the bin of its rank, never outside what was recorded', () => {
  const s = sketch(0.1, 1, 1e4)
  const values = [1.5, 3, 9, 27, 81, 243, 729, 2187]
  for (const value of values) record(s, value)
  const gamma = 1.1 / 0.9
  for (const [q, rank] of [
    [0, 0],
    [0.142, 0],
    [0.1429, 1],
    [0.5, 3],
    [0.85, 5],
    [0.999, 6],
    [1, 7],
    [-1, 0],
    [2, 7],
  ] as const) {
    const value = values[rank] ?? 0
    const middle = (2 * gamma ** binOf(value, 0.1, 1)) / (gamma + 1)
    assert.ok(Math.abs(quantile(s, q) - Math.min(2187, Math.max(1.5, middle))) < 1e-9 * value, `${q}`)
  }
  const low = sketch(0.1, 1, 10)
  for (const value of [0.2, 0.4, 5]) record(low, value)
  assert.equal(quantile(low, 0.4), 1, 'the first bin stands for its bound')
  const one = sketch()
  record(one, 0.0001)
  assert.equal(quantile(one, 0.5), 0.0001, 'but not for more than there was')
})

test('as JSON only bins with values are written, in order, and what is empty has no extremes', () => {
  const s = sketch(0.1, 1, 100)
  for (const value of [50, 1, 50]) record(s, value)
  const json = sketchToJson(s)
  assert.deepEqual(json, {
    error: 0.1,
    low: 1,
    high: 100,
    sum: 101,
    min: 1,
    max: 50,
    bins: [0, 1, binOf(50, 0.1, 1), 2],
  })
  const empty = sketchToJson(sketch())
  assert.deepEqual([empty.min, empty.max, empty.bins, empty.sum], [null, null, [], 0])
  const back = sketchFromJson({ ...json, bins: [...json.bins, 3] })
  assert.deepEqual([back.n, back.sum, back.min, back.max], [3, 101, 1, 50])
  const bins = sketch(0.1, 1, 100).counts.length
  for (const at of [-1, bins, Number.NaN])
    assert.throws(() => sketchFromJson({ ...json, bins: [at, 1] }), new RegExp(`sketch has no bin ${at}`))
  assert.equal(sketchFromJson({ ...json, bins: [bins - 1, 2, 0, 1, 0, 1] }).n, 4)
})

test('an error or a range that is none is refused by name', () => {
  for (const error of [0, 1, -0.1, Number.NaN]) assert.throws(() => sketch(error), /error: got/)
  for (const [low, high] of [
    [0, 1],
    [-1, 1],
    [2, 2],
    [3, 2],
  ] as const)
    assert.throws(() => sketch(0.01, low, high), /low: got/)
})
