/** Quantiles of latencies and other positive numbers in fixed memory, with a bounded relative error. */

import { problem } from '../contract/errors.ts'

/**
 * A DDSketch (Masson, Rim, Lee, VLDB 2019) with a fixed range: bin i holds the values in (γ^(i−1), γ^i], γ = (1+ε)/(1−ε).
 * Values of at most `low` share the first bin and values above `high` the last, so memory is fixed and merging is addition.
 */
export interface Sketch {
  readonly error: number
  readonly low: number
  readonly high: number
  readonly counts: Float64Array
  n: number
  sum: number
  min: number
  max: number
}

/** How a sketch is stored: `bins` alternates bin number and count, ascending. */
export interface SketchJson {
  error: number
  low: number
  high: number
  sum: number
  min: number | null
  max: number | null
  bins: number[]
}

/**
 * An empty sketch. The default range suits milliseconds from 1 µs to 17 minutes: 1,038 bins, 8 kB.
 * @param error relative error of a quantile, between 0 and 1
 */
export function sketch(error = 0.01, low = 1e-3, high = 1e6): Sketch {
  if (!(error > 0 && error < 1))
    throw problem('invalid_field', { field: 'error', value: error, expected: 'between 0 and 1' })
  if (!(low > 0 && high > low))
    throw problem('invalid_field', { field: 'low', value: low, expected: `above 0 and below ${high}` })
  const bins = Math.ceil(Math.log(high / low) / logGamma(error)) + 2
  return { error, low, high, counts: new Float64Array(bins), n: 0, sum: 0, min: Infinity, max: -Infinity }
}

const logGamma = (error: number): number => Math.log((1 + error) / (1 - error))

/** Adds one value (weight 1). Values that are not finite are ignored; negative values count as the lowest. */
export function record(s: Sketch, value: number): void {
  if (!Number.isFinite(value)) return
  const at = value <= s.low ? 0 : Math.ceil(Math.log(value / s.low) / logGamma(s.error))
  s.counts[Math.min(at, s.counts.length - 1)]! += 1
  s.n += 1
  s.sum += value
  if (value < s.min) s.min = value
  if (value > s.max) s.max = value
}

/** Adds the contents of `other` to `s`. Both must have the same error and range. */
export function mergeSketch(s: Sketch, other: Sketch): void {
  if (s.error !== other.error || s.low !== other.low || s.high !== other.high) {
    throw problem('unprocessable', { detail: 'sketches with different errors or ranges cannot be merged' })
  }
  for (let i = 0; i < s.counts.length; i++) s.counts[i]! += other.counts[i]!
  s.n += other.n
  s.sum += other.sum
  s.min = Math.min(s.min, other.min)
  s.max = Math.max(s.max, other.max)
}

/**
 * The value at rank ⌊q(n−1)⌋ (q in 0 … 1), off by at most the relative error for values inside the range.
 * @returns NaN for an empty sketch
 */
export function quantile(s: Sketch, q: number): number {
  if (s.n === 0) return Number.NaN
  const rank = Math.floor(Math.min(1, Math.max(0, q)) * (s.n - 1))
  let seen = 0
  let at = 0
  for (; at < s.counts.length - 1; at++) {
    seen += s.counts[at]!
    if (seen > rank) break
  }
  const gamma = Math.exp(logGamma(s.error))
  const middle = at === 0 ? s.low : (s.low * 2 * gamma ** at) / (gamma + 1)
  return Math.min(s.max, Math.max(s.min, middle))
}

/** The sketch as plain data; only filled bins are written. */
export function sketchToJson(s: Sketch): SketchJson {
  const bins: number[] = []
  for (let i = 0; i < s.counts.length; i++) if (s.counts[i]! > 0) bins.push(i, s.counts[i]!)
  const empty = s.n === 0
  const { error, low, high, sum } = s
  return { error, low, high, sum, min: empty ? null : s.min, max: empty ? null : s.max, bins }
}

/** The sketch that `sketchToJson` wrote. */
export function sketchFromJson(json: SketchJson): Sketch {
  const s = sketch(json.error, json.low, json.high)
  for (let i = 0; i + 1 < json.bins.length; i += 2) {
    const at = json.bins[i]!
    if (!(at >= 0 && at < s.counts.length)) throw problem('unprocessable', { detail: `sketch has no bin ${at}` })
    s.counts[at]! += json.bins[i + 1]!
    s.n += json.bins[i + 1]!
  }
  s.sum = json.sum
  s.min = json.min ?? Infinity
  s.max = json.max ?? -Infinity
  return s
}
