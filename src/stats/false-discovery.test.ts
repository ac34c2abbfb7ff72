/** Many tests at once, against the rules as their authors state them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { benjaminiHochberg, eBenjaminiHochberg } from './false-discovery.ts'
import { prng } from './prng.ts'

test('q-values of a worked example; what is no number stays none and does not count', () => {
  const q = benjaminiHochberg([0.01, 0.04, 0.03, 0.005, Number.NaN])
  for (const [i, expected] of [0.02, 0.04, 0.04, 0.02].entries()) assert.ok(Math.abs(q[i]! - expected) < 1e-12)
  assert.ok(Number.isNaN(q[4]!))
  assert.deepEqual(benjaminiHochberg([]), [])
  assert.deepEqual(benjaminiHochberg([1.5]), [1], 'a q-value is at most 1')
})

/** The definition: the least α at which the step-up rule rejects p. */
function qOf(ps: readonly number[], p: number): number {
  const levels = ps.map((other) => {
    const rank = ps.filter((one) => one <= other).length
    return other >= p ? (other * ps.length) / rank : Infinity
  })
  return Math.min(1, ...levels)
}

test('q-values are the least level at which the step-up rule rejects, with ties', () => {
  const random = prng(3)
  for (let run = 0; run < 50; run++) {
    const ps = Array.from({ length: 1 + random.below(12) }, () => random.below(40) / 40)
    const q = benjaminiHochberg(ps)
    for (const [i, p] of ps.entries()) assert.ok(Math.abs(q[i]! - qOf(ps, p)) < 1e-12, `${p} of ${ps.join()}`)
  }
})

test('e-BH rejects the k largest for the greatest k whose k-th is at least n / (αk)', () => {
  assert.deepEqual(eBenjaminiHochberg([100, 1, 45, 0], 0.05), [true, false, true, false])
  assert.deepEqual(eBenjaminiHochberg([79, 1, 1, 0], 0.05), [false, false, false, false])
  assert.deepEqual(eBenjaminiHochberg([80, 1, 1, 0], 0.05), [true, false, false, false], 'the bound itself rejects')
  assert.deepEqual(eBenjaminiHochberg([39, 1, 27, 27], 0.05), [true, false, true, true], 'a later rank may reject')
  assert.deepEqual(eBenjaminiHochberg([30, 30, 10], 0.1), [true, true, true], 'ties fall together')
  assert.deepEqual(eBenjaminiHochberg([10, 30, 30], 0.1), [true, true, true], 'in any order')
})
