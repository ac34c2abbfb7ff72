/** Quality of scores against labels: AUC and its intervals, log-loss, Brier, accuracy. */

import { problem } from '../contract/errors.ts'
import { normalQuantile, normalTwoSided } from './distributions.ts'

/** Scores (probabilities where a loss is asked for) and labels 0 or 1 of the same rows. */
export interface Scored {
  readonly scores: ArrayLike<number>
  readonly labels: ArrayLike<number>
}

/** An estimate with its confidence interval; NaN where the data cannot give one. */
export interface Interval {
  readonly estimate: number
  readonly low: number
  readonly high: number
}

function checkSizes({ scores, labels }: Scored): number {
  if (scores.length !== labels.length) {
    throw problem('invalid_field', {
      field: 'labels',
      value: `${labels.length} rows`,
      expected: `${scores.length}, as many as scores`,
    })
  }
  return scores.length
}

/**
 * Area under the ROC curve, P(score of a positive > score of a negative) + ½ P(equal), NaN if a class is missing. The interval is
 * that of DeLong, DeLong and Clarke-Pearson (1988) on the fast ranks of Sun and Xu (2014).
 * @param confidence 0.95 if not given
 */
export function aucInterval(data: Scored, confidence = 0.95): Interval {
  const { positive, negative } = sortedPlacements(data)
  const estimate = positive.length === 0 || negative.length === 0 ? Number.NaN : mean(positive)
  const variance = covariance(positive, positive) / positive.length + covariance(negative, negative) / negative.length
  const reach = normalQuantile(0.5 + confidence / 2) * Math.sqrt(variance)
  return { estimate, low: Math.max(0, estimate - reach), high: Math.min(1, estimate + reach) }
}

/** A comparison of two models: difference a − b of the AUCs, its interval, and the two-sided p-value. */
export interface Comparison extends Interval {
  readonly p: number
}

const spread = (x: readonly number[], y: readonly number[]): number =>
  (covariance(x, x) + covariance(y, y) - 2 * covariance(x, y)) / x.length

/** Paired DeLong test: AUC of scores a minus AUC of scores b on the same rows and labels. */
export function compareAuc(
  rows: { a: ArrayLike<number>; b: ArrayLike<number>; labels: ArrayLike<number> },
  confidence = 0.95,
): Comparison {
  const [a, b] = [
    placements({ scores: rows.a, labels: rows.labels }),
    placements({ scores: rows.b, labels: rows.labels }),
  ]
  const estimate = mean(a.positive) - mean(b.positive)
  const sd = Math.sqrt(Math.max(0, spread(a.positive, b.positive) + spread(a.negative, b.negative)))
  const reach = normalQuantile(0.5 + confidence / 2) * sd
  return { estimate, low: estimate - reach, high: estimate + reach, p: sd === 0 ? 1 : normalTwoSided(estimate / sd) }
}

/** For each positive the share of negatives below it, for each negative the share of positives above it; ties count half; order of rows. */
function placements(data: Scored): { positive: number[]; negative: number[] } {
  const n = checkSizes(data)
  const { scores, labels } = data
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => scores[i]! - scores[j]!)
  let positives = 0
  for (let i = 0; i < n; i++) if (labels[i] === 1) positives += 1
  const place = new Float64Array(n)
  let [below, from] = [{ positive: 0, negative: 0 }, 0]
  while (from < n) {
    let to = from
    const tied = { positive: 0, negative: 0 }
    for (; to < n && scores[order[to]!] === scores[order[from]!]; to++)
      tied[labels[order[to]!] === 1 ? 'positive' : 'negative'] += 1
    for (let k = from; k < to; k++) {
      const i = order[k]!
      place[i] =
        labels[i] === 1
          ? (below.negative + tied.negative / 2) / (n - positives)
          : (positives - below.positive - tied.positive / 2) / positives
    }
    below = { positive: below.positive + tied.positive, negative: below.negative + tied.negative }
    from = to === from ? from + 1 : to
  }
  const pick = (label: boolean): number[] => [...place].filter((_, i) => (labels[i] === 1) === label)
  return { positive: pick(true), negative: pick(false) }
}

/** `placements` in order of the scores: numbers alone are sorted many times as fast as places of rows. */
function sortedPlacements(data: Scored): { positive: number[]; negative: number[] } {
  checkSizes(data)
  const of = (positive: boolean): Float64Array =>
    Float64Array.from(data.scores)
      .filter((_, i) => (data.labels[i] === 1) === positive)
      .sort()
  const [positives, negatives] = [of(true), of(false)]
  const above = sharesBelow(negatives, positives).map((share) => 1 - share)
  return { positive: sharesBelow(positives, negatives), negative: above }
}

/** For each of `values` the share of `others` below it, equal ones half; both sorted. */
function sharesBelow(values: Float64Array, others: Float64Array): number[] {
  let [below, upTo] = [0, 0]
  return Array.from(values, (x) => {
    while (below < others.length && others[below]! < x) below += 1
    upTo = Math.max(upTo, below)
    while (upTo < others.length && others[upTo]! <= x) upTo += 1
    return (below + upTo) / (2 * others.length)
  })
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length
}

function covariance(x: readonly number[], y: readonly number[]): number {
  if (x.length < 2) return Number.NaN
  const [mx, my] = [mean(x), mean(y)]
  return x.reduce((sum, value, i) => sum + (value - mx) * (y[i]! - my), 0) / (x.length - 1)
}

/** Interval of an AUC from the numbers of positives and negatives alone (Hanley, McNeil 1982): for AUCs of bins. */
export function hanleyMcNeil(
  estimate: number,
  size: { positives: number; negatives: number },
  confidence = 0.95,
): Interval {
  const { positives: p, negatives: n } = size
  const both = estimate / (2 - estimate)
  const other = (2 * estimate ** 2) / (1 + estimate)
  const square = estimate ** 2
  const variance = (estimate * (1 - estimate) + (p - 1) * (both - square) + (n - 1) * (other - square)) / (p * n)
  const reach = normalQuantile(0.5 + confidence / 2) * Math.sqrt(variance)
  return { estimate, low: Math.max(0, estimate - reach), high: Math.min(1, estimate + reach) }
}

/** Mean negative log-likelihood in nats; probabilities are clipped to [1e-15, 1 − 1e-15]. NaN without rows. */
export function logLoss(data: Scored): number {
  return meanOver(data, (score, label) => {
    const p = Math.min(1 - 1e-15, Math.max(1e-15, score))
    return -Math.log(label === 1 ? p : 1 - p)
  })
}

/** Mean squared difference of probability and label, 0 … 1. NaN without rows. */
export function brier(data: Scored): number {
  return meanOver(data, (score, label) => (score - label) ** 2)
}

/** Share of rows whose label is 1 exactly if the score is at least the threshold (0.5 if not given). NaN without rows. */
export function accuracy(data: Scored, threshold = 0.5): number {
  return meanOver(data, (score, label) => (score >= threshold === (label === 1) ? 1 : 0))
}

function meanOver(data: Scored, term: (score: number, label: number) => number): number {
  const n = checkSizes(data)
  let sum = 0
  for (let i = 0; i < n; i++) sum += term(data.scores[i]!, data.labels[i]!)
  return sum / n
}

/** Wilson's score interval of a share of `hits` among `n`. NaN estimate and [0, 1] without trials. */
export function wilson(hits: number, n: number, confidence = 0.95): Interval {
  if (n === 0) return { estimate: Number.NaN, low: 0, high: 1 }
  const z = normalQuantile(0.5 + confidence / 2)
  const [share, scale] = [hits / n, 1 + (z * z) / n]
  const centre = (share + (z * z) / (2 * n)) / scale
  const reach = (z / scale) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n))
  return { estimate: share, low: Math.max(0, centre - reach), high: Math.min(1, centre + reach) }
}
