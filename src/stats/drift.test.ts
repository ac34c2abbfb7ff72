import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as drift from './drift.ts'
import { prng } from './prng.ts'

const REF = [16, 18, 16, 14, 12, 12]
const CUR = [16, 16, 16, 16, 16, 8]
const A = [38.7, 41.5, 43.8, 44.5, 45.5, 46, 47.7, 58]
const B = [39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8]

function near(actual: number, expected: number, tolerance = 6e-7): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`)
}

/** The values 1, 2, 3 … repeated by their counts. */
const spread = (counts: number[]): number[] => counts.flatMap((count, i) => Array.from({ length: count }, () => i + 1))

const sums = (counts: number[]): number[] => counts.map((count, i) => count * (i + 1))

test('published vectors: six categories', () => {
  near(drift.chi2Fit(REF, CUR).p, 0.673088)
  const table = drift.chi2Contingency(REF, CUR)
  near(table.statistic, 1.622409)
  near(table.p, 0.898526)
  assert.equal(table.dof, 5)
  near(drift.psi(REF, CUR), 0.0372184)
  near(drift.klDivergence(REF, CUR), 0.0189097)
  near(drift.jensenShannon(REF, CUR, 'e'), 0.0680482)
  near(drift.jensenShannon(REF, CUR), 0.0817342)
  near(drift.hellinger(REF, CUR), 0.0681277)
  near(drift.totalVariation(REF, CUR), 0.0681818)
  near(drift.lInfinity(REF, CUR), 0.0454545)
})

test('published vectors: the categories as numbers', () => {
  const ks = drift.ksTwoSample(spread(REF), spread(CUR))
  near(ks.statistic, 0.0454545)
  near(ks.p, 0.999993)
  near(drift.ksBinned(REF, CUR), 0.0454545)
  near(drift.wasserstein(spread(REF), spread(CUR)), 0.0909091)
  near(drift.wassersteinBinned({ counts: REF, sums: sums(REF) }, { counts: CUR, sums: sums(CUR) }), 0.0909091)
})

test('published vectors: two samples of eight', () => {
  const ks = drift.ksTwoSample(A, B)
  near(ks.statistic, 0.625)
  near(ks.p, 0.0870241)
  near(drift.wasserstein(A, B), 4.1625)
  const mean = A.reduce((s, x) => s + x, 0) / 8
  near(4.1625 / Math.sqrt(A.reduce((s, x) => s + (x - mean) ** 2, 0) / 8), 0.781236)
})

test('published vectors: an empty bin, two proportions, maximal differences', () => {
  near(drift.psi([2, 2, 0], [2, 1, 1]), 2.128516)
  near(drift.jensenShannon([2, 2, 0], [2, 1, 1], 'e'), 0.328452)
  near(drift.jensenShannon([2, 2, 0], [2, 1, 1]), 0.394511)
  const z = drift.proportions(500, 1000, 550, 1000)
  near(z.statistic, -2.238868)
  near(z.p, 0.0251645)
  near(drift.lInfinity([2, 2, 2, 0], [2, 2, 2, 1]), 1 / 7)
  near(drift.lInfinity([2, 2, 2], [0, 6, 0]), 2 / 3)
  assert.equal(drift.proportions(5, 5, 9, 9).p, 1)
})

test('a value new to the reference: goodness of fit says p = 0, the contingency test a sober p', () => {
  assert.equal(drift.chi2Fit([50, 50, 0], [50, 49, 1]).p, 0)
  assert.ok(drift.chi2Contingency([50, 50, 0], [50, 49, 1]).p > 0.5)
})

test('the exact and the asymptotic Kolmogorov–Smirnov tails meet', () => {
  const d = drift.ksLimit(900, 1100)
  near(drift.ksTail(d, 900, 1100), 0.05, 0.004)
  near(drift.ksTail(d * 0.9999, 1000, 1001), drift.ksTail(d * 0.9999, 900, 1100), 0.004)
  near(drift.ksLimit(1, Infinity), 1.358102, 1e-5)
})

test('null limits hold: the 95 % limits of PSI and Jensen–Shannon are exceeded in about 5 % of equal windows', () => {
  near(drift.psiLimit(10, 1000, 1000), 0.0338379, 1e-5)
  near(drift.jensenShannonLimit({ bins: 13, n: 2000, m: 500, base: 'e' }), 0.0811, 1e-4)
  const random = prng(11)
  const draw = (n: number): number[] => {
    const counts = Array.from({ length: 10 }, () => 0)
    for (let i = 0; i < n; i++) counts[random.below(10)]! += 1
    return counts
  }
  let [psi, js] = [0, 0]
  const limit = drift.jensenShannonLimit({ bins: 10, n: 2000, m: 500, base: 2 })
  for (let i = 0; i < 1000; i++) {
    const [ref, cur] = [draw(2000), draw(500)]
    if (drift.psi(ref, cur) > drift.psiLimit(10, 2000, 500)) psi += 1
    if (drift.jensenShannon(ref, cur) > limit) js += 1
  }
  assert.ok(psi > 25 && psi < 80, `${psi} of 1000`)
  assert.ok(js > 25 && js < 80, `${js} of 1000`)
})

test('binned Wasserstein keeps to the exact one on a heavy tail', () => {
  const random = prng(5)
  const values = (shift: number, n: number): number[] =>
    Array.from({ length: n }, () => Math.exp(random.normal() + shift))
  const [ref, cur] = [values(0, 20_000), values(0.3, 4000)]
  const sorted = ref.toSorted((a, b) => a - b)
  const edges = Array.from({ length: 63 }, (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / 64)]!)
  const bins = (xs: number[]): drift.BinnedSums => {
    const [counts, sums] = [new Float64Array(64), new Float64Array(64)]
    for (const x of xs) {
      const at = edges.filter((edge) => edge <= x).length
      counts[at]! += 1
      sums[at]! += x
    }
    return { counts, sums }
  }
  const mean = ref.reduce((s, x) => s + x, 0) / ref.length
  const sd = Math.sqrt(ref.reduce((s, x) => s + (x - mean) ** 2, 0) / ref.length)
  const gap = drift.wassersteinBinned(bins(ref), bins(cur)) - drift.wasserstein(ref, cur)
  assert.ok(Math.abs(gap) / sd < 0.003, `${gap / sd}`)
})

test('q-values and e-BH', () => {
  const q = drift.benjaminiHochberg([0.01, 0.04, 0.03, 0.005, Number.NaN])
  for (const [i, expected] of [0.02, 0.04, 0.04, 0.02].entries()) near(q[i]!, expected, 1e-12)
  assert.ok(Number.isNaN(q[4]!))
  assert.deepEqual(drift.eBenjaminiHochberg([100, 1, 45, 0], 0.05), [true, false, true, false])
  assert.deepEqual(drift.eBenjaminiHochberg([79, 1, 1, 0], 0.05), [false, false, false, false])
})

test('no rows and unequal bins are said', () => {
  assert.ok(Number.isNaN(drift.psi([0, 0], [1, 2])))
  assert.ok(Number.isNaN(drift.chi2Contingency([0, 0], [1, 2]).p))
  assert.throws(() => drift.psi([1, 2], [1, 2, 3]), /2 reference bins but 3 current/)
})
