/** Bootstrap of paired rows by counts: each draw says how often a row counts, so a statistic costs one pass and no sorting. */
import type { Prng } from './prng.ts'

/** One-sided ends: `low` is exceeded with the given confidence, and so is `high` from below. */
export interface Resampled {
  readonly estimate: number
  readonly low: number
  readonly high: number
  readonly draws: number
}

/** Rows times draws of one call, at most; fewer draws are made of more rows. */
const WORK = 8_000_000
const MOST_DRAWS = 2000
const LEAST_DRAWS = 200

/**
 * Percentile bootstrap (Efron 1979) of a statistic of `n` rows that is given as a function of their weights: all 1 for the
 * estimate, and multinomial counts for each draw. What is computed from both models' values of a row stays paired. Draws that
 * give NaN are left out. 2,000 draws, fewer for more than 4,000 rows, 200 at least.
 */
export function bootstrapWeights(
  n: number,
  statistic: (weights: Float64Array) => number,
  random: Prng,
  confidence: number,
): Resampled {
  const weights = new Float64Array(n).fill(1)
  const estimate = statistic(weights)
  const draws = Math.max(LEAST_DRAWS, Math.min(MOST_DRAWS, Math.floor(WORK / n)))
  const values: number[] = []
  for (let k = 0; k < draws; k++) {
    weights.fill(0)
    for (let i = 0; i < n; i++) weights[random.below(n)]! += 1
    const value = statistic(weights)
    if (!Number.isNaN(value)) values.push(value)
  }
  values.sort((a, b) => a - b)
  const at = (share: number): number => values[Math.round(share * (values.length - 1))] ?? Number.NaN
  return { estimate, low: at(1 - confidence), high: at(confidence), draws: values.length }
}

/** Mean of values and its standard error; NaN error of fewer than two values. */
export function meanError(values: ArrayLike<number>): { mean: number; error: number } {
  const n = values.length
  let mean = 0
  let squares = 0
  for (let i = 0; i < n; i++) {
    const delta = values[i]! - mean
    mean += delta / (i + 1)
    squares += delta * (values[i]! - mean)
  }
  return { mean: n === 0 ? Number.NaN : mean, error: n < 2 ? Number.NaN : Math.sqrt(squares / (n - 1) / n) }
}

/**
 * Area under the ROC curve as a function of row weights; the rows are sorted once. NaN when a draw holds one class alone.
 * Labels are 1 or not.
 */
export function weightedAuc(scores: ArrayLike<number>, labels: ArrayLike<number>): (weights: Float64Array) => number {
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i).sort((i, j) => scores[i]! - scores[j]!)
  return (weights) => {
    let [wins, below, positives] = [0, 0, 0]
    for (let from = 0; from < order.length;) {
      let [to, tiedNegative, tiedPositive] = [from, 0, 0]
      for (; to < order.length && scores[order[to]!] === scores[order[from]!]; to++) {
        if (labels[order[to]!] === 1) tiedPositive += weights[order[to]!]!
        else tiedNegative += weights[order[to]!]!
      }
      wins += tiedPositive * (below + tiedNegative / 2)
      below += tiedNegative
      positives += tiedPositive
      from = to === from ? from + 1 : to
    }
    return below === 0 || positives === 0 ? Number.NaN : wins / (below * positives)
  }
}

/**
 * Holm's adjusted p-values (Holm 1979), in the given order: calling those below α keeps the chance of any false call under α,
 * however the tests depend on one another.
 */
export function holm(p: readonly number[]): number[] {
  const order = p.map((_, i) => i).sort((i, j) => p[i]! - p[j]!)
  const adjusted: number[] = Array.from({ length: p.length }, () => 1)
  let largest = 0
  order.forEach((at, rank) => {
    largest = Math.max(largest, Math.min(1, (p.length - rank) * p[at]!))
    adjusted[at] = largest
  })
  return adjusted
}
