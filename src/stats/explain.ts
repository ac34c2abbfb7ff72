/** What happened to a feature, in words and numbers: looks at the newest hours of traffic and the same hours of past days. */

import { hellinger } from './drift.ts'
import { matchedWindows, MATCHED_DAYS, windowOf } from './history.ts'
import type { Days, History, Hour } from './history.ts'
import { deviation } from './moments.ts'
import type { Moments } from './moments.ts'
import type { CategoricalSpec, NumericSpec } from './profile-spec.ts'
import { mergeAll, rows } from './profile.ts'
import { categorical, conditional, crossed, numeric } from './profile-view.ts'
import type { Profile } from './profile.ts'
import type { CategoricalView, CrossView, NumericView } from './profile-view.ts'
import { detectShift, detectUnit, nameFor, unitWords } from './units.ts'

/** One explanation. `text` is ready to be shown; `kind` and `name` group features that changed alike ("°F → °C" for two). */
export interface Explanation {
  readonly feature: string
  readonly kind: 'unit' | 'clock' | 'codes' | 'missing' | 'default' | 'frozen' | 'swap'
  readonly name: string
  readonly text: string
  /** 0 … 1; comparable between explanations of one feature. */
  readonly confidence: number
  /** Rows that were looked at. */
  readonly rows: number
  /** Of kind `missing`: the share of rows without a value, 0 … 1. */
  readonly share?: number
}

/** Rows below which the newest hours are not looked at. */
const MIN_ROWS = 20

interface Case {
  readonly hours: number
  readonly now: Profile
  readonly past: readonly Profile[]
  readonly all: Profile
  readonly recent: (feature: string) => ArrayLike<number> | undefined
}

/** Raw numeric values of a feature in the newest `hours` hours, where the caller has them: they decide between units of like ratio. */
export type RecentValues = (feature: string, hours: number) => ArrayLike<number> | undefined

/**
 * Explanations for the given features, most certain first, at most one a feature and kind. Looks at the newest one, two and three hours,
 * because a change may have begun in the middle of a window, and keeps the most certain answer; where rows are few, at the newest `parts`
 * hours.
 */
export function explain(
  history: History,
  hour: Hour,
  features: readonly string[],
  sources: { days?: Days; values?: RecentValues; parts?: readonly number[] } = {},
): Explanation[] {
  const { days = MATCHED_DAYS, values, parts = [1, 2, 3] } = sources
  const best = new Map<string, Explanation>()
  for (const length of parts) {
    const now = windowOf(history, hour, length)
    if (rows(now) < MIN_ROWS) continue
    const past = matchedWindows(history, hour, length, { days, minRows: MIN_ROWS / 2 })
    if (past.length < 5) continue
    const recent = (feature: string): ArrayLike<number> | undefined => values?.(feature, length)
    for (const one of explainCase({ hours: length, now, past, all: mergeAll(history.spec, past), recent }, features)) {
      const key = `${one.feature} ${one.kind}`
      if (one.confidence >= (best.get(key)?.confidence ?? 0)) best.set(key, one)
    }
  }
  return [...best.values()].sort((a, b) => b.confidence - a.confidence)
}

function explainCase(c: Case, features: readonly string[]): Explanation[] {
  const found: (Explanation | undefined)[] = []
  for (const [i, spec] of c.now.spec.features.entries()) {
    if (!features.includes(spec.name)) continue
    if (spec.kind === 'numeric') found.push(...explainNumeric(c, i, spec))
    else found.push(codes(c, i, spec), swap(c, spec) ?? pairSwap(c, spec))
  }
  return found.filter((one) => one !== undefined)
}

function explainNumeric(c: Case, i: number, spec: NumericSpec): (Explanation | undefined)[] {
  const [now, all] = [numeric(c.now, i), numeric(c.all, i)]
  const still = frozen(c, i, spec)
  if (still) return [still]
  return [filled(c, i, spec) ?? clock(c, spec, now, all) ?? unit(c, i, spec), gone(c, spec, now, all)]
}

const about = (x: number): string => String(Number(x.toPrecision(4)))
const percent = (x: number): string => `${Math.round(100 * x)} %`

/** Three hours without any change; a single hour of weather may well be constant. */
function frozen(c: Case, i: number, spec: NumericSpec): Explanation | undefined {
  const now = numeric(c.now, i)
  const moving = c.past.filter((one) => numeric(one, i).max > numeric(one, i).min)
  if (c.hours < 3 || now.n < MIN_ROWS || now.max > now.min || moving.length < 0.9 * c.past.length) return undefined
  const text = `${spec.name} stands still at ${about(now.min)} in all ${now.n} rows`
  return { feature: spec.name, kind: 'frozen', name: 'frozen', text, confidence: 0.95, rows: rows(c.now) }
}

function unit(c: Case, i: number, spec: NumericSpec): Explanation | undefined {
  const inflated = numeric(c.all, i).zeros > numeric(c.all, i).n / 2
  const look = (profile: Profile): { n: number; mean: number; sd: number } => {
    const view = numeric(profile, i)
    const n = inflated ? view.n - view.zeros : view.n
    if (!inflated) return { n, mean: view.meanOfAll, sd: view.sdOfAll }
    const mean = (view.meanOfAll * view.n) / n
    const square = ((view.sdOfAll ** 2 + view.meanOfAll ** 2) * view.n) / n
    return { n, mean, sd: Math.sqrt(Math.max(0, square - mean * mean)) }
  }
  const past = c.past.map(look).filter((view) => view.n >= 5 && view.sd > 0)
  if (past.length < 5) return undefined
  const [means, spreads] = [deviation(past.map((view) => view.mean)), deviation(past.map((view) => Math.log(view.sd)))]
  const usual = {
    mean: means.mean,
    drift: means.sd,
    spread: Math.exp(spreads.mean),
    spreadDrift: spreads.sd,
    scale: spec.scale,
  }
  const values = inflated ? undefined : c.recent(spec.name)
  const lattice = values && spec.familiar ? { values, familiar: spec.familiar } : undefined
  const finding = detectUnit(spec.name, usual, look(c.now), lattice)
  if (!finding) return undefined
  const name = nameFor(finding.change, spec.name)
  const text = `${unitWords(name)}: ${spec.name} is ${about(look(c.now).mean)} where ${about(means.mean)} is usual`
  return { feature: spec.name, kind: 'unit', name, text, confidence: finding.confidence, rows: rows(c.now) }
}

/** Hours of a day: whole numbers 0 … 23 under a name that says so. */
function clock(c: Case, spec: NumericSpec, now: NumericView, all: NumericView): Explanation | undefined {
  const hourly = spec.familiar !== undefined && spec.familiar.every((x) => Number.isInteger(x) && x >= 0 && x <= 23)
  if (!hourly || !/hour|hod|clock/i.test(spec.name)) return undefined
  const shift = detectShift({ before: byHour(all), after: byHour(now) }, 12)
  if (!shift) return undefined
  const name = `${shift.by > 0 ? '+' : '−'}${Math.abs(shift.by)} h`
  const text = `${spec.name} moved by ${name}: another time zone or UTC`
  return { feature: spec.name, kind: 'clock', name, text, confidence: certainty(shift.gain), rows: rows(c.now) }
}

function byHour(view: NumericView): Float64Array {
  const counts = new Float64Array(24)
  for (const [bin, count] of view.counts.entries())
    if (count > 0) counts[((Math.round(view.binMean(bin)) % 24) + 24) % 24]! += count
  return counts
}

const certainty = (gain: number): number => 1 - Math.exp(-gain / 10)

function codes(c: Case, i: number, spec: CategoricalSpec): Explanation | undefined {
  const order = spec.values.map((value, at) => ({ value, at })).sort((a, b) => compareCodes(a.value, b.value))
  const pick = (view: CategoricalView): number[] => order.map(({ at }) => view.counts[at]!)
  const shift = detectShift({ before: pick(categorical(c.all, i)), after: pick(categorical(c.now, i)) }, 2)
  if (!shift) return undefined
  const name = `codes ${shift.by > 0 ? '+' : '−'}${Math.abs(shift.by)}`
  const text = `${spec.name}: codes are shifted by ${shift.by} place(s) in their order`
  return { feature: spec.name, kind: 'codes', name, text, confidence: certainty(shift.gain), rows: rows(c.now) }
}

function compareCodes(a: string, b: string): number {
  const [x, y] = [Number(a), Number(b)]
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y
  return a < b ? -1 : 1
}

/** A value that took the place of missing values, or of some of the others while the rest stayed as it was. */
function filled(c: Case, i: number, spec: NumericSpec): Explanation | undefined {
  const [now, all] = [numeric(c.now, i), numeric(c.all, i)]
  const usualNulls = all.nulls / (all.nulls + all.n)
  const fall = usualNulls - now.nulls / (now.nulls + now.n)
  const { bin, rise } = risen(now, all)
  const fell = usualNulls >= 0.02 && fall > 0.75 * usualNulls && rise > 0.5 * fall
  if (!(fell || isLoneRise(c, i, rise)) || !isNewSpike(c, i, bin) || !restFits(now, all, bin)) return undefined
  const value = about(snap(spec, addedValue(now, all, bin)))
  const text = fell
    ? `missing values of ${spec.name} (usually ${percent(usualNulls)}) became about ${value}`
    : `${percent(rise)} more rows than usual have ${spec.name} about ${value}: a default value?`
  const confidence = Math.min(0.9, fell ? 0.5 + rise / (2 * Math.max(fall, rise)) : 0.5 + rise)
  return { feature: spec.name, kind: 'default', name: `default ${value}`, text, confidence, rows: rows(c.now) }
}

const shareOf = (view: NumericView, bin: number): number => view.counts[bin]! / (view.nulls + view.n)

function risen(now: NumericView, all: NumericView): { bin: number; rise: number } {
  let [bin, rise] = [0, 0]
  for (let k = 0; k < now.counts.length; k++) {
    const more = shareOf(now, k) - shareOf(all, k)
    if (more > rise) [bin, rise] = [k, more]
  }
  return { bin, rise }
}

/** The mean of the values by which a bin holds more than usual. */
function addedValue(now: NumericView, all: NumericView, bin: number): number {
  const before = (all.counts[bin]! / (all.nulls + all.n)) * (now.nulls + now.n)
  if (before === 0) return now.binMean(bin)
  return (now.counts[bin]! * now.binMean(bin) - before * all.binMean(bin)) / (now.counts[bin]! - before)
}

/** The nearest of the reference's few distinct values, for a number that lies among them. */
function snap({ familiar }: NumericSpec, x: number): number {
  if (!familiar || x < familiar[0]! || x > familiar[familiar.length - 1]!) return x
  return familiar.reduce((a, b) => (Math.abs(b - x) < Math.abs(a - x) ? b : a))
}

/** A share that the bin had on no past day, but not nearly all rows: then the whole distribution moved. */
function isNewSpike(c: Case, i: number, bin: number): boolean {
  const share = shareOf(numeric(c.now, i), bin)
  return share < 0.9 && c.past.every((one) => shareOf(numeric(one, i), bin) < share - 0.01)
}

/** A rise well above what any bin shows on past days; where few independent values fill a window, as in weather, such rises are daily. */
function isLoneRise(c: Case, i: number, rise: number): boolean {
  const all = numeric(c.all, i)
  return rise >= 0.1 && c.past.every((one) => risen(numeric(one, i), all).rise < 0.7 * rise)
}

/** Whether the other bins keep their shares among themselves, as far as so few rows can tell. */
function restFits(now: NumericView, all: NumericView, bin: number): boolean {
  const rest = (view: NumericView): Float64Array => view.counts.map((count, k) => (k === bin ? 0 : count))
  const [a, b] = [rest(all), rest(now)]
  const n = b.reduce((total, x) => total + x, 0)
  return n > 0 && hellinger(a, b) < Math.max(0.2, 1.2 * Math.sqrt(a.length / (8 * n)))
}

function gone(c: Case, spec: NumericSpec, now: NumericView, all: NumericView): Explanation | undefined {
  const [share, usual] = [now.nulls / (now.nulls + now.n), all.nulls / (all.nulls + all.n)]
  if (share - usual < 0.02 || share < 3 * usual) return undefined
  const text = `${percent(share)} of ${spec.name} are missing, usually ${percent(usual)}`
  return {
    feature: spec.name,
    kind: 'missing',
    name: 'missing',
    text,
    confidence: Math.min(0.95, 0.5 + share),
    rows: rows(c.now),
    share,
  }
}

/** Two categories whose conditional means changed places. */
function swap(c: Case, spec: CategoricalSpec): Explanation | undefined {
  for (const [k, { by, value }] of c.now.spec.conditionals.entries()) {
    if (by !== spec.name) continue
    const now = conditional(c.now, k)
    const past = c.past.map((one) => conditional(one, k))
    const usual = spec.values.map((_, a) =>
      deviation(past.filter((day) => day.count(a) >= 4).map((day) => day.mean(a))),
    )
    const moved = usual.flatMap((u, a) => (now.count(a) >= 4 && u.n >= 5 && off(now.mean(a), u) > 4 ? [a] : []))
    for (const a of moved) {
      for (const b of moved) {
        if (a >= b || off(now.mean(a), usual[b]!) > 3 || off(now.mean(b), usual[a]!) > 3) continue
        const [x, y] = [spec.values[a]!, spec.values[b]!]
        const text = `${spec.name}: ${x} and ${y} changed places (by the mean of ${value})`
        return { feature: spec.name, kind: 'swap', name: `${x} ↔ ${y}`, text, confidence: 0.8, rows: rows(c.now) }
      }
    }
  }
  return undefined
}

/** Rows of a category below which its partners are not compared. */
const MIN_PAIR_ROWS = 10

/** Two categories whose partners changed places: each now goes with the values of another feature that the other went with. */
function pairSwap(c: Case, spec: CategoricalSpec): Explanation | undefined {
  for (const [k, { a, b }] of (c.now.spec.crosses ?? []).entries()) {
    if (a !== spec.name && b !== spec.name) continue
    const side = (profile: Profile): number[][] => turned(crossed(profile, k), a === spec.name)
    const found = changedPlaces(side(c.now), side(c.all))
    if (found === undefined) continue
    const [x, y] = [spec.values[found.x]!, spec.values[found.y]!]
    const text = `${spec.name}: ${x} and ${y} changed places (by ${a === spec.name ? b : a})`
    const { confidence } = found
    return { feature: spec.name, kind: 'swap', name: `${x} ↔ ${y}`, text, confidence, rows: rows(c.now) }
  }
  return undefined
}

/** The rows of a table of counts, or its columns. */
function turned({ counts, width }: CrossView, asIs: boolean): number[][] {
  const height = counts.length / width
  return asIs
    ? Array.from({ length: height }, (_, i) => [...counts.subarray(i * width, (i + 1) * width)])
    : Array.from({ length: width }, (_, j) => Array.from({ length: height }, (__, i) => counts[i * width + j]!))
}

const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0)

/** The two categories that fit each other's past far better than their own. */
function changedPlaces(
  now: readonly (readonly number[])[],
  past: readonly (readonly number[])[],
): { x: number; y: number; confidence: number } | undefined {
  // the last entry is for values outside the dictionary
  const seen = now.flatMap((counts, i) =>
    i < now.length - 1 && total(counts) >= MIN_PAIR_ROWS && total(past[i]!) > 0 ? [i] : [],
  )
  const apart = (i: number, j: number): number => hellinger(past[j]!, now[i]!)
  let best: { x: number; y: number; confidence: number } | undefined
  for (const x of seen) {
    for (const y of seen) {
      if (y <= x || apart(x, y) > 0.6 * apart(x, x) || apart(y, x) > 0.6 * apart(y, y)) continue
      const gain = apart(x, x) + apart(y, y) - apart(x, y) - apart(y, x)
      const confidence = Math.min(0.9, 0.6 + gain / 2)
      if (gain > 0.3 && confidence > (best?.confidence ?? 0)) best = { x, y, confidence }
    }
  }
  return best
}

const off = (x: number, usual: Moments): number => Math.abs(x - usual.mean) / Math.max(usual.sd, 1e-9)
