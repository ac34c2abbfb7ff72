/** Means, spreads and how surprising a value is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deviation, distance, surprise } from './moments.ts'
import { near } from './near.fixture.ts'

test('moments by hand; none and one value have no spread', () => {
  const { n, mean, sd } = deviation([2, 4, 4, 4, 5, 5, 7, 9])
  assert.deepEqual([n, mean], [8, 5])
  near(sd, Math.sqrt(32 / 7), 1e-14)
  const one = deviation([3])
  assert.deepEqual([one.n, one.mean, Number.isNaN(one.sd)], [1, 3, true])
  assert.ok(Number.isNaN(deviation([]).mean) && Number.isNaN(deviation([]).sd))
  assert.equal(deviation([1, 3]).sd, Math.SQRT2)
})

test('a distance is in deviations, of which none counts as less than the floor', () => {
  const usual = { n: 10, mean: 5, sd: 2 }
  assert.deepEqual([distance(9, usual, 0), distance(1, usual, 0)], [2, 2])
  assert.equal(distance(9, usual, 4), 1)
  assert.equal(distance(9, { ...usual, sd: 0 }, 0.5), 8)
  assert.equal(distance(5, { ...usual, sd: 0 }, 0), 0)
  assert.ok(distance(6, { ...usual, sd: 0 }, 0) > 1e300)
})

/** What a t of `dof` degrees is as a normal number (Wallace 1959). */
function wallace(t: number, dof: number): number {
  return ((8 * dof + 1) / (8 * dof + 3)) * Math.sqrt(dof * Math.log(1 + (t * t) / dof))
}

test('of 28 values and more a distance counts as it is; so does one that the floor made, or of a single value', () => {
  for (const n of [28, 29, 400]) assert.equal(surprise(9, { n, mean: 5, sd: 1 }, 0), 4)
  assert.equal(surprise(9, { n: 5, mean: 5, sd: 0.5 }, 0.5), 8)
  assert.equal(surprise(9, { n: 5, mean: 5, sd: 0.2 }, 0.5), 8)
  assert.equal(surprise(9, { n: 1, mean: 5, sd: 2 }, 0), 2)
  assert.ok(surprise(9, { n: 2, mean: 5, sd: 2 }, 0) < 2)
})

test('of fewer values it is the distance that is as unlikely when 28 are known', () => {
  for (const n of [2, 3, 7, 14, 27])
    for (const gap of [0.5, 3, 6, 20]) {
      const found = surprise(5 + gap, { n, mean: 5, sd: 1 }, 0)
      // a prediction from n values errs by sd·√(1 + 1/n); both sides are the same normal number
      const [t, t28] = [gap / Math.sqrt(1 + 1 / n), found / Math.sqrt(1 + 1 / 28)]
      near(wallace(t28 * Math.sqrt(1 + 1 / 28), 27), wallace(t * Math.sqrt(1 + 1 / 28), n - 1), 1e-9, `${n} ${gap}`)
      assert.ok(found < gap)
      assert.ok(found > 0)
    }
  assert.equal(surprise(5, { n: 7, mean: 5, sd: 1 }, 0), 0)
})

test('fewer values make the same distance less surprising', () => {
  const at = [3, 5, 7, 14, 27, 28].map((n) => surprise(15, { n, mean: 5, sd: 1 }, 0))
  for (let i = 1; i < at.length; i++) assert.ok((at[i] ?? 0) > (at[i - 1] ?? 0), at.join())
})
