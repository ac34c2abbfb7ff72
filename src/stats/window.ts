/** Statistics of a window of traffic against the same clock hours of past weeks: how far each feature is from its usual self. */

import { hellinger, psi } from './drift.ts'
import { cleanWindow, MATCHED_DAYS, windowOf } from './history.ts'
import type { Days, History, Hour } from './history.ts'
import { mergeAll, rows } from './profile.ts'
import { categorical, conditional, crossed, numeric } from './profile-view.ts'
import type { Profile } from './profile.ts'
import type { NumericView } from './profile-view.ts'
import { deviation, surprise } from './moments.ts'
import type { Moments } from './moments.ts'

/**
 * What is measured of a feature; larger is worse.
 * z: |mean − usual mean| in standard deviations of the window means of past days.
 * step: the same for the mean of the newer half minus that of the older half.
 * psi: population stability index of the bins against all past days together.
 * nulls, null_fall: rise and fall of the share of missing values, in deviations of past days.
 * unknown: rise of the share of values outside the dictionary, or no numbers where numbers are expected.
 * outside: share of values outside the reference's range.
 * frozen: 1 if all values of the window are equal (or their spread fell below a hundredth) where past windows varied, 0.5 if only
 * those of its newer half are, else 0.
 * unfamiliar: rise of the share of values that are none of the reference's few distinct ones.
 * scale: |ln of the mean of non-zero values over the usual one| in deviations, for features that are mostly 0.
 * conditional: the largest z of a mean per category, on the categorical feature; sees swaps of equal share.
 * joint: Hellinger distance of the pairs of values with another categorical feature from those of all past days, in deviations of past
 * days; sees swaps that change no mean.
 */
export type Measure =
  | 'z'
  | 'step'
  | 'psi'
  | 'nulls'
  | 'null_fall'
  | 'unknown'
  | 'outside'
  | 'frozen'
  | 'unfamiliar'
  | 'scale'
  | 'conditional'
  | 'joint'

/** The measures of one feature; one is absent where the data are too few or the measure has no meaning. */
export interface FeatureStatistics {
  readonly feature: string
  /** Values that are not missing. */
  readonly n: number
  readonly measures: Readonly<Partial<Record<Measure, number>>>
  /** Mean of the window (of plausible values) and how the past days' windows usually are; absent for categories. */
  readonly mean?: number
  readonly usual?: Moments
  /** Of `conditional`: the category that is furthest off. */
  readonly category?: string
}

/** All features of one window. `days` is the number of past days compared. */
export interface WindowStatistics {
  readonly hour: Hour
  /** Hours of the window; 6 if absent. */
  readonly length?: number
  readonly rows: number
  readonly days: number
  readonly features: readonly FeatureStatistics[]
}

export interface WindowPlan {
  /** Hours of a window; even; 6 if not given. */
  readonly length?: number
  readonly days?: Days
  /** Rows below which a window is not judged; 100 if not given. */
  readonly minRows?: number
  /** Values that are not missing below which a feature is not judged; 50 if not given. */
  readonly minValues?: number
  /** Past days below which nothing is judged; 7 if not given. */
  readonly minDays?: number
}

/** One stretch of time as two halves and their sum. */
interface Stretch {
  readonly whole: Profile
  readonly older: Profile
  readonly newer: Profile
}

interface Comparison {
  readonly now: Stretch
  readonly past: readonly Stretch[]
  readonly pastSum: Profile
  readonly minValues: number
}

/**
 * Measures the window that ends with `hour` (included).
 * @returns undefined where the window has too few rows or too few past days to compare
 */
export function measure(history: History, hour: Hour, plan: WindowPlan = {}): WindowStatistics | undefined {
  const { length = 6, days = MATCHED_DAYS, minRows = 100, minValues = 50, minDays = 7 } = plan
  const now = stretch(windowOf(history, hour - length / 2, length / 2), windowOf(history, hour, length / 2))
  if (rows(now.whole) < minRows) return undefined
  const past = pastStretches(history, hour, { length, days, minRows })
  if (past.length < minDays) return undefined
  const pastSum = mergeAll(
    history.spec,
    past.map((one) => one.whole),
  )
  const comparison = { now, past, pastSum, minValues }
  const features = history.spec.features.map((feature, i) =>
    feature.kind === 'numeric' ? numericStatistics(comparison, i) : categoricalStatistics(comparison, i),
  )
  return { hour, rows: rows(now.whole), days: past.length, features }
}

function stretch(older: Profile, newer: Profile): Stretch {
  return { older, newer, whole: mergeAll(older.spec, [older, newer]) }
}

function pastStretches(history: History, hour: Hour, plan: { length: number; days: Days; minRows: number }): Stretch[] {
  const half = plan.length / 2
  const stretches: Stretch[] = []
  for (let day = plan.days.from; day <= plan.days.to; day++) {
    const end = hour - 24 * day
    const whole = cleanWindow(history, end, plan.length)
    if (rows(whole) < plan.minRows / 2) continue
    stretches.push({ older: cleanWindow(history, end - half, half), newer: cleanWindow(history, end, half), whole })
  }
  return stretches
}

type Measures = Partial<Record<Measure, number>>

function numericStatistics(c: Comparison, i: number): FeatureStatistics {
  const spec = c.now.whole.spec.features[i]!
  const scale = spec.kind === 'numeric' ? spec.scale : 1
  const now = numeric(c.now.whole, i)
  const all = numeric(c.pastSum, i)
  const past = c.past.map((one) => numeric(one.whole, i)).filter((view) => view.n >= c.minValues / 2)
  const measures: Measures = { ...missing(c, now, past) }
  measures.unknown = (now.invalid + now.nonfinite) / rows(c.now.whole) - (all.invalid + all.nonfinite) / rows(c.pastSum)
  const usual = deviation(past.map((view) => view.mean))
  const statistics = { feature: spec.name, n: now.n, measures, mean: now.mean, usual }
  if (now.n < c.minValues || past.length < 5) return statistics
  measures.outside = (now.counts[0]! + now.counts.at(-1)!) / now.n
  measures.frozen = (frozen(c, i, 'newer') ? 0.5 : 0) + (frozen(c, i, 'whole') ? 0.5 : 0)
  measures.unfamiliar = strange(now, all)
  if (mostlyMissing(all)) return statistics
  measures.psi = psi(all.counts, now.counts)
  if (all.zeros > all.n / 2) {
    const shift = scaleShift(now, past)
    if (shift !== undefined) measures.scale = shift
    return statistics
  }
  if (concentrated(all)) return statistics
  measures.z = surprise(now.mean, usual, 0.02 * scale)
  const step = stepOf(c, i, scale)
  if (step !== undefined) measures.step = step
  return statistics
}

/** Whether one bin holds most values (visibility is 10 miles on most days): a mean then jumps with the rare rest and is not judged. */
const concentrated = (all: NumericView): boolean => Math.max(...all.counts) > all.n / 2

const mostlyMissing = (all: NumericView): boolean => all.nulls > all.n

/** Rise and fall of the missing share; the floor of the deviation is that of a binomial share and at least half a percent. */
function missing(c: Comparison, now: { nulls: number }, past: readonly { nulls: number; n: number }[]): Measures {
  const n = rows(c.now.whole)
  const usual = deviation(past.map((view) => view.nulls / (view.nulls + view.n)))
  // one day does not say how days differ
  if (Number.isNaN(usual.sd)) return {}
  const binomial = Math.sqrt((usual.mean * (1 - usual.mean)) / n)
  const offset = (now.nulls / n - usual.mean) / Math.max(usual.sd, binomial, 0.005)
  return { nulls: Math.max(0, offset), null_fall: Math.max(0, -offset) }
}

/** Values of which the reference can tell whether it has them, below which their share is not judged. */
const MIN_TOLD = 25

const strangeShare = (view: NumericView): number =>
  (view.unfamiliar + view.counts[0]! + view.counts.at(-1)!) / Math.max(1, view.n - view.zeros - view.vague)

/**
 * Rise of the share of values that are none of the reference's. In a feature that is mostly 0 only the other values count, and those
 * outside the reference's range are strange too.
 */
function strange(now: NumericView, all: NumericView): number {
  if (all.zeros <= all.n / 2) {
    const [told, before] = [now.n - now.vague, all.n - all.vague]
    return told < MIN_TOLD ? 0 : Math.max(0, now.unfamiliar / told - all.unfamiliar / Math.max(1, before))
  }
  return now.n - now.zeros < MIN_NON_ZERO ? 0 : Math.max(0, strangeShare(now) - strangeShare(all))
}

/** Whether a part of the window stands still although on more than nine of ten past days it did not. */
function frozen(c: Comparison, i: number, part: 'newer' | 'whole'): boolean {
  const now = numeric(c.now[part], i)
  if (now.n < c.minValues / 2) return false
  const past = c.past.map((one) => numeric(one[part], i)).filter((view) => view.n > 0)
  if (past.length < 5) return false
  const varied = past.filter((view) => view.max > view.min).length
  return varied > 0.9 * past.length && (now.max === now.min || isNarrow(now.sdOfAll, past))
}

/** Whether a spread is below a hundredth of what nine of ten past days had. */
function isNarrow(spread: number, past: readonly NumericView[]): boolean {
  const spreads = Float64Array.from(past, (view) => view.sd)
  // almost always it is not, and no order is needed to see it
  if (spreads.every((one) => spread >= 0.01 * one)) return false
  return spread < 0.01 * (spreads.sort()[Math.floor(past.length / 10)] ?? 0)
}

/** Values that are not 0 below which their mean is not judged. */
const MIN_NON_ZERO = 10

function scaleShift(now: NumericView, past: readonly NumericView[]): number | undefined {
  const usable = past.filter((view) => view.n - view.zeros >= MIN_NON_ZERO && view.nonZeroMean > 0)
  if (now.n - now.zeros < MIN_NON_ZERO || usable.length < 5) return undefined
  const usual = deviation(usable.map((view) => Math.log(view.nonZeroMean)))
  const { mean } = allNonZero(now)
  return mean > 0 ? surprise(Math.log(mean), usual, 0.5) : undefined
}

/** Mean of all finite non-zero values, implausible ones included: a changed unit may push most of them out of range. */
function allNonZero(view: NumericView): { mean: number } {
  return { mean: (view.meanOfAll * view.n) / (view.n - view.zeros) }
}

function stepOf(c: Comparison, i: number, scale: number): number | undefined {
  const change = ({ older, newer }: Stretch): number => {
    const [before, after] = [numeric(older, i), numeric(newer, i)]
    return Math.min(before.n, after.n) < c.minValues / 2 ? Number.NaN : after.mean - before.mean
  }
  const usual = deviation(c.past.map(change).filter((x) => !Number.isNaN(x)))
  const now = change(c.now)
  return Number.isNaN(now) || usual.n < 5 ? undefined : surprise(now, usual, 0.02 * scale)
}

function categoricalStatistics(c: Comparison, i: number): FeatureStatistics {
  const { spec } = c.now.whole
  const [now, all] = [categorical(c.now.whole, i), categorical(c.pastSum, i)]
  const measures: Measures = {
    ...missing(
      c,
      now,
      c.past.map((one) => categorical(one.whole, i)),
    ),
  }
  const statistics = { feature: spec.features[i]!.name, n: now.n, measures }
  if (now.n < c.minValues || all.n === 0) return statistics
  measures.psi = psi(all.counts, now.counts)
  measures.unknown = now.counts.at(-1)! / now.n - all.counts.at(-1)! / all.n
  if (c.now.whole.spec.crosses !== undefined) measures.joint = Math.max(0, ...jointSurprises(c, statistics.feature))
  const furthest = furthestCategory(c, i)
  if (furthest === undefined) return statistics
  measures.conditional = furthest.z
  return { ...statistics, category: furthest.category }
}

/** Distances of whole windows lie close together; a spread below this is luck. */
const JOINT_FLOOR = 0.02

function jointSurprises({ now, past, pastSum }: Comparison, feature: string): number[] {
  const { crosses = [] } = now.whole.spec
  return crosses.flatMap(({ a, b }, k) => {
    if (a !== feature && b !== feature) return []
    const all = crossed(pastSum, k).counts
    const usual = deviation(
      past.map((one) => hellinger(all, crossed(one.whole, k).counts)).filter((x) => !Number.isNaN(x)),
    )
    const distance = hellinger(all, crossed(now.whole, k).counts)
    return usual.n < 5 || !(distance > usual.mean) ? [] : [surprise(distance, usual, JOINT_FLOOR)]
  })
}

/** Rows of a category below which its conditional mean is not judged. */
const MIN_CATEGORY_ROWS = 8

function furthestCategory(c: Comparison, i: number): { category: string; z: number } | undefined {
  const { spec } = c.now.whole
  const feature = spec.features[i]!
  let best: { category: string; z: number } | undefined
  for (const [k, { by, value }] of spec.conditionals.entries()) {
    if (by !== feature.name || feature.kind !== 'categorical') continue
    const of = spec.features.find((one) => one.name === value)
    const [now, past] = [conditional(c.now.whole, k), c.past.map((one) => conditional(one.whole, k))]
    for (const [category, name] of feature.values.entries()) {
      if (now.count(category) < MIN_CATEGORY_ROWS) continue
      const usual = deviation(
        past.filter((day) => day.count(category) >= MIN_CATEGORY_ROWS / 2).map((day) => day.mean(category)),
      )
      if (usual.n < 7) continue
      const z = surprise(now.mean(category), usual, 0.05 * (of?.kind === 'numeric' ? of.scale : 1))
      if (best === undefined || z > best.z) best = { category: name, z }
    }
  }
  return best
}
