/** Distances and tests between two distributions: from bin counts, from bins with sums, and from values. */

import { problem } from '../contract/errors.ts'
import { chi2Quantile, chi2Tail, kolmogorovTail, normalTwoSided } from './distributions.ts'

/** Counts, one a bin, in the same order on both sides. Any non-negative numbers. */
export type Counts = ArrayLike<number>

/** A test: the statistic, its p-value, and the degrees of freedom where it has some. */
export interface TestResult {
  readonly statistic: number
  readonly p: number
  readonly dof?: number
}

/** Population stability index Σ (qᵢ − pᵢ) ln(qᵢ/pᵢ); a share of zero counts as `fill`, without renormalising. */
export function psi(reference: Counts, current: Counts, fill = 1e-4): number {
  return overShares(reference, current, (p, q) => {
    const [a, b] = [p || fill, q || fill]
    return (b - a) * Math.log(b / a)
  })
}

/** Kullback–Leibler divergence Σ pᵢ ln(pᵢ/qᵢ) of the reference from the current distribution, in nats; zeros filled as in `psi`. */
export function klDivergence(reference: Counts, current: Counts, fill = 1e-4): number {
  return overShares(reference, current, (p, q) => (p || fill) * Math.log((p || fill) / (q || fill)))
}

const part = (x: number, m: number): number => (x > 0 ? x * Math.log(x / m) : 0)

/**
 * Jensen–Shannon distance: the square root of the divergence, symmetric, empty bins left at 0.
 * @param base 2: range 0 … 1 (NannyML); 'e': range 0 … √ln 2 (Evidently)
 */
export function jensenShannon(reference: Counts, current: Counts, base: 2 | 'e' = 2): number {
  const nats = overShares(reference, current, (p, q) => (part(p, (p + q) / 2) + part(q, (p + q) / 2)) / 2)
  return Math.sqrt(Math.max(0, base === 2 ? nats / Math.LN2 : nats))
}

/** Hellinger distance √(½ Σ (√pᵢ − √qᵢ)²), 0 … 1. */
export function hellinger(reference: Counts, current: Counts): number {
  return Math.sqrt(overShares(reference, current, (p, q) => (Math.sqrt(p) - Math.sqrt(q)) ** 2) / 2)
}

/** Largest difference of a share, max |pᵢ − qᵢ|, 0 … 1. */
export function lInfinity(reference: Counts, current: Counts): number {
  let largest = 0
  overShares(reference, current, (p, q) => (largest = Math.max(largest, Math.abs(p - q))))
  return largest
}

/** Total variation distance ½ Σ |pᵢ − qᵢ|, 0 … 1. */
export function totalVariation(reference: Counts, current: Counts): number {
  return overShares(reference, current, (p, q) => Math.abs(p - q)) / 2
}

/** Largest difference of the cumulative shares: a lower bound of the Kolmogorov–Smirnov D of the binned values. */
export function ksBinned(reference: Counts, current: Counts): number {
  let [largest, gap] = [0, 0]
  overShares(reference, current, (p, q) => {
    gap += p - q
    largest = Math.max(largest, Math.abs(gap))
    return 0
  })
  return largest
}

function overShares(reference: Counts, current: Counts, term: (p: number, q: number) => number): number {
  const [n, m] = totals(reference, current)
  if (n === 0 || m === 0) return Number.NaN
  let sum = 0
  for (let i = 0; i < reference.length; i++) sum += term(reference[i]! / n, current[i]! / m)
  return sum
}

function totals(reference: Counts, current: Counts): [number, number] {
  if (reference.length !== current.length) {
    throw problem('unprocessable', { detail: `${reference.length} reference bins but ${current.length} current bins` })
  }
  return [total(reference), total(current)]
}

function total(counts: Counts): number {
  let sum = 0
  for (let i = 0; i < counts.length; i++) sum += counts[i]!
  return sum
}

/** χ² test that both rows of counts come from one distribution (contingency table). Bins empty on both sides are left out. */
export function chi2Contingency(reference: Counts, current: Counts): TestResult {
  const [n, m] = totals(reference, current)
  if (n === 0 || m === 0) return { statistic: Number.NaN, p: Number.NaN, dof: 0 }
  let [statistic, used] = [0, 0]
  for (let i = 0; i < reference.length; i++) {
    const column = reference[i]! + current[i]!
    if (column === 0) continue
    used += 1
    const [a, b] = [(column * n) / (n + m), (column * m) / (n + m)]
    statistic += (reference[i]! - a) ** 2 / a + (current[i]! - b) ** 2 / b
  }
  return { statistic, p: chi2Tail(statistic, used - 1), dof: used - 1 }
}

/** χ² goodness of fit of the current counts to the reference shares taken as exact; a value new to the reference gives p = 0. */
export function chi2Fit(reference: Counts, current: Counts): TestResult {
  const [n, m] = totals(reference, current)
  if (n === 0 || m === 0) return { statistic: Number.NaN, p: Number.NaN, dof: 0 }
  let [statistic, used] = [0, 0]
  for (let i = 0; i < reference.length; i++) {
    const expected = (reference[i]! * m) / n
    if (expected === 0 && !current[i]) continue
    used += 1
    statistic += (current[i]! - expected) ** 2 / expected
  }
  return { statistic, p: chi2Tail(statistic, used - 1), dof: used - 1 }
}

/** Pooled two-proportion z-test of a/n against b/m; both constant and equal gives p = 1. */
export function proportions(a: number, n: number, b: number, m: number): TestResult {
  const pooled = (a + b) / (n + m)
  const se = Math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
  const statistic = se === 0 ? 0 : (a / n - b / m) / se
  return { statistic, p: normalTwoSided(statistic) }
}

/** Up to this product of sample sizes the Kolmogorov–Smirnov p-value is exact. */
const EXACT_CELLS = 1_000_000

/**
 * Two-sample Kolmogorov–Smirnov test on values (ties allowed; the exact p then is conservative).
 * p is exact by counting lattice paths while n·m ≤ 10⁶, else Stephens' (1970) correction of the limiting distribution.
 */
export function ksTwoSample(reference: ArrayLike<number>, current: ArrayLike<number>): TestResult {
  const [x, y] = [Float64Array.from(reference).sort(), Float64Array.from(current).sort()]
  if (x.length === 0 || y.length === 0) return { statistic: Number.NaN, p: Number.NaN }
  let [i, j, statistic] = [0, 0, 0]
  while (i < x.length && j < y.length) {
    const value = Math.min(x[i]!, y[j]!)
    while (i < x.length && x[i] === value) i += 1
    while (j < y.length && y[j] === value) j += 1
    statistic = Math.max(statistic, Math.abs(i / x.length - j / y.length))
  }
  return { statistic, p: ksTail(statistic, x.length, y.length) }
}

/** P(D ≥ d) for two samples of n and m values from one distribution. */
export function ksTail(d: number, n: number, m: number): number {
  if (n * m <= EXACT_CELLS) return 1 - pathsInside(d, n, m)
  const root = Math.sqrt((n * m) / (n + m))
  return kolmogorovTail((root + 0.12 + 0.11 / root) * d)
}

/** The share of lattice paths from (0,0) to (n,m) along which |i/n − j/m| stays below d (Kim, Jennrich 1973), in shares so nothing overflows. */
function pathsInside(d: number, n: number, m: number): number {
  const limit = (0.5 + Math.floor(d * n * m - 1e-7)) / (n * m)
  const row = new Float64Array(m + 1)
  for (let j = 0; j <= m; j++) row[j] = j / m > limit ? 0 : 1
  for (let i = 1; i <= n; i++) {
    const weight = i / (i + m)
    row[0] = i / n > limit ? 0 : weight * row[0]!
    for (let j = 1; j <= m; j++) row[j] = Math.abs(i / n - j / m) > limit ? 0 : weight * row[j]! + row[j - 1]!
  }
  return row[m]!
}

/** Wasserstein-1 distance between two samples: ∫ |F − G|, in units of the values. */
export function wasserstein(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  return massDistance(points(reference), points(current))
}

/**
 * Wasserstein-1 distance from bins: the mass of each bin stands at its own mean (sum/count), which stays accurate on heavy tails
 * where interpolation inside bins does not. Divide by the reference's standard deviation for the normed distance.
 */
export function wassersteinBinned(reference: BinnedSums, current: BinnedSums): number {
  return massDistance(centres(reference), centres(current))
}

/** Count and sum of the values of each bin. */
export interface BinnedSums {
  readonly counts: Counts
  readonly sums: Counts
}

type Mass = readonly [at: number, weight: number]

function points(values: ArrayLike<number>): Mass[] {
  return Array.from(values, (value): Mass => [value, 1 / values.length])
}

function centres({ counts, sums }: BinnedSums): Mass[] {
  const all = total(counts)
  return Array.from(counts, (count, i): Mass => [count > 0 ? sums[i]! / count : 0, count / all]).filter(
    (mass) => mass[1] > 0,
  )
}

function massDistance(a: readonly Mass[], b: readonly Mass[]): number {
  if (a.length === 0 || b.length === 0) return Number.NaN
  const steps = [...a, ...b.map(([at, weight]): Mass => [at, -weight])].sort((x, y) => x[0] - y[0])
  let [distance, gap, before] = [0, 0, steps[0]![0]]
  for (const [at, weight] of steps) {
    distance += Math.abs(gap) * (at - before)
    gap += weight
    before = at
  }
  return distance
}

/** The PSI that equal distributions exceed with chance alpha: PSI/(1/n + 1/m) ~ χ²(bins − 1). */
export function psiLimit(bins: number, n: number, m: number, alpha = 0.05): number {
  return (1 / n + 1 / m) * chi2Quantile(alpha, bins - 1)
}

/** The Jensen–Shannon distance that equal distributions exceed with chance alpha: 8·JSD/(1/n + 1/m) ~ χ²(bins − 1), JSD in nats. */
export function jensenShannonLimit(size: { bins: number; n: number; m: number; base: 2 | 'e' }, alpha = 0.05): number {
  const nats = psiLimit(size.bins, size.n, size.m, alpha) / 8
  return Math.sqrt(size.base === 2 ? nats / Math.LN2 : nats)
}

/** The Kolmogorov–Smirnov D that equal distributions exceed with chance alpha, asymptotically: √(−½ ln(α/2)·(1/n + 1/m)). */
export function ksLimit(n: number, m: number, alpha = 0.05): number {
  return Math.sqrt(-0.5 * Math.log(alpha / 2) * (1 / n + 1 / m))
}

/** q-values of Benjamini and Hochberg (1995) in the order of the p-values; NaN stays NaN and does not count. */
export function benjaminiHochberg(ps: readonly number[]): number[] {
  const order = ps.map((p, i) => [p, i] as const).filter(([p]) => !Number.isNaN(p))
  order.sort((a, b) => b[0] - a[0])
  const q = ps.map(() => Number.NaN)
  let smallest = 1
  for (const [rank, [p, i]] of order.entries()) {
    smallest = Math.min(smallest, (p * order.length) / (order.length - rank))
    q[i] = smallest
  }
  return q
}

/** Which hypotheses e-BH (Wang, Ramdas 2022) rejects at false discovery rate alpha; valid under any dependence. */
export function eBenjaminiHochberg(es: readonly number[], alpha: number): boolean[] {
  const sorted = es.toSorted((a, b) => b - a)
  let limit = Infinity
  for (const [i, e] of sorted.entries()) if (e >= es.length / (alpha * (i + 1))) limit = e
  return es.map((e) => e >= limit)
}
