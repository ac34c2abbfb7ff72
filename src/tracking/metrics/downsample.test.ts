/** Downsampling keeps order, ends and extremes, whatever the curve. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from '../../stats/prng.ts'
import { downsample } from './downsample.ts'

/** As they are stored: NaN as 0 with a mark. */
const curve = (values: readonly number[]) => ({
  values: Float64Array.from(values, (value) => (Number.isNaN(value) ? 0 : value)),
  nan: Float64Array.from(values, (value) => (Number.isNaN(value) ? 1 : 0)),
})

test('a short curve stays as it is', () => {
  assert.deepEqual(downsample(curve([1, 2, 3]), 4), [0, 1, 2])
})

test('a spike in 100,000 points survives, and the bound holds', () => {
  const values = Array.from({ length: 100_000 }, (_, i) => Math.sin(i / 1000))
  values[54_321] = 1e9
  values[12_345] = -1e9
  const kept = downsample(curve(values), 500)
  assert.ok(kept.length <= 500)
  assert.ok(kept.includes(54_321))
  assert.ok(kept.includes(12_345))
  assert.equal(kept[0], 0)
  assert.equal(kept.at(-1), 99_999)
})

test('property: sorted, distinct, bounded, with both extremes', () => {
  const numbers = prng(7)
  const random = () => numbers.uniform()
  for (let round = 0; round < 200; round++) {
    const length = 1 + Math.floor(random() * 400)
    const values = Array.from({ length }, () => (random() < 0.1 ? Number.NaN : Math.round(random() * 1000)))
    const most = 4 + Math.floor(random() * 60)
    const kept = downsample(curve(values), most)
    assert.ok(kept.length <= Math.max(most, 0))
    assert.deepEqual(
      kept,
      [...new Set(kept)].sort((a, b) => a - b),
    )
    const finite = values.filter((value) => !Number.isNaN(value))
    if (finite.length === 0) continue
    const shown = kept.map((at) => values[at] as number).filter((value) => !Number.isNaN(value))
    assert.equal(Math.max(...shown), Math.max(...finite))
    assert.equal(Math.min(...shown), Math.min(...finite))
  }
})

test('each bucket keeps its first, least, greatest and last point, of equal ones the first', () => {
  const cases: [string, number[], number, number[]][] = [
    ['just as many as may be', [3, 1, 2, 0], 4, [0, 1, 2, 3]],
    ['one bucket', [5, 1, 1, 9, 9, 2, 2, 3], 4, [0, 1, 3, 7]],
    ['one bucket though seven may be', [5, 1, 1, 9, 9, 2, 2, 3], 7, [0, 1, 3, 7]],
    ['two buckets', [5, 0, 6, 9, 5, 5, 7, 1, 8, 7, 3, 3], 8, [0, 1, 3, 5, 6, 7, 8, 11]],
    ['buckets of unequal size', [0, 5, 1, 2, 9, 3, 4, 8, 4], 8, [0, 1, 3, 4, 5, 8]],
    ['numbers among NaN', [Number.NaN, 4, 2, Number.NaN, 6, Number.NaN], 4, [0, 2, 4, 5]],
    ['a NaN first and last', [Number.NaN, Number.NaN, 3, 1, Number.NaN], 4, [0, 2, 3, 4]],
    ['nothing but NaN', Array.from({ length: 9 }, () => Number.NaN), 4, [0, 8]],
  ]
  for (const [name, values, most, wanted] of cases) {
    assert.deepEqual(downsample(curve(values), most), wanted, name)
  }
})
