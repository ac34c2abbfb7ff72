/** Latency of a canary against stable: the threshold that makes "slower than stable's p99" a rate that can be tested. */

import { binomialTail } from './distributions.ts'
import { quantile } from './sketch.ts'
import type { Sketch } from './sketch.ts'

/**
 * A latency above which at most 1 − q of stable's answers lie, with the given confidence: the order statistic that is an upper
 * confidence limit of stable's q-quantile (binomial, free of distributions), raised by the sketch's own relative error.
 * Count canary answers above it with `rateTest({limit: 1 − q + tolerance})`.
 * @returns undefined while stable has too few answers for this confidence (299 for q = 0.99 and 95 %)
 */
export function slowThreshold(stable: Sketch, q = 0.99, confidence = 0.95): number | undefined {
  const rank = upperRank(stable.n, q, confidence)
  if (rank === undefined) return undefined
  const value = quantile(stable, stable.n === 1 ? 1 : rank / (stable.n - 1))
  return value * ((1 + stable.error) / (1 - stable.error))
}

/** The least rank (from 0) whose order statistic of n values is above the q-quantile with the given confidence. */
export function upperRank(n: number, q: number, confidence: number): number | undefined {
  const covers = (rank: number): boolean => binomialTail(rank + 1, n, q) <= 1 - confidence
  if (n === 0 || !covers(n - 1)) return undefined
  let [low, high] = [0, n - 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (covers(middle)) high = middle
    else low = middle + 1
  }
  return low
}
