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
