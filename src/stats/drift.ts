/** Distances between two distributions given as counts of bins. */

import { problem } from '../contract/errors.ts'

/** Counts, one a bin, in the same order on both sides. Any non-negative numbers. */
export type Counts = ArrayLike<number>

/** Population stability index Σ (qᵢ − pᵢ) ln(qᵢ/pᵢ); a share of zero counts as `fill`, without renormalising. */
export function psi(reference: Counts, current: Counts, fill = 1e-4): number {
  return overShares(reference, current, (p, q) => {
    const [a, b] = [p || fill, q || fill]
    return (b - a) * Math.log(b / a)
  })
}

/** Hellinger distance √(½ Σ (√pᵢ − √qᵢ)²), 0 … 1. */
export function hellinger(reference: Counts, current: Counts): number {
  return Math.sqrt(overShares(reference, current, (p, q) => (Math.sqrt(p) - Math.sqrt(q)) ** 2) / 2)
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
