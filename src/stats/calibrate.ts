/** Limits learned from a model's own clean past for a wanted rate of false alerts, and the judgement of a window by them. */

import { measure } from './window.ts'
import type { History, Hour } from './history.ts'
import type { Measure, WindowPlan, WindowStatistics } from './window.ts'

/** Limits by feature and measure; a measure at or below its limit is quiet. */
export type Limits = Readonly<Record<string, Readonly<Record<Measure, number>>>>

/** No limit is ever lower than this. `unknown`, `outside` and `unfamiliar` are shares; `frozen` is 0, 0.5 or 1. */
export const FLOORS: Readonly<Record<Measure, number>> = {
  z: 4,
  step: 5,
  psi: 0.25,
  nulls: 5,
  null_fall: 5,
  unknown: 0.05,
  outside: 0.5,
  frozen: 0.4,
  unfamiliar: 0.5,
  scale: 3,
  conditional: 5,
  joint: 5,
}

/** A limit that a person raises, or that too few days tell, is the largest value seen times this. */
export const MARGIN = 1.25

/** Measures whose limits do not move: what they say is wrong however often it happened before. */
const FIXED: ReadonlySet<Measure> = new Set<Measure>(['unknown', 'outside', 'unfamiliar'])

/** A PSI that reached this on clean windows is saturated (few independent values against many bins) and can tell nothing. */
const SATURATED = 3

/** The measures by name, in the order of `FLOORS`. */
export const MEASURES = Object.keys(FLOORS) as Measure[]

/** Of one measure of one feature, day by day: the largest value, and the largest that was held for two evaluations in a row. */
export interface Peaks {
  readonly peaks: readonly number[]
  readonly held: readonly number[]
}

/** Days (whole days since 1970) with clean evaluations, and the peaks of each. Plain data. */
export interface CleanPast {
  readonly days: readonly number[]
  readonly features: Readonly<Record<string, Readonly<Partial<Record<Measure, Peaks>>>>>
}

/** Takes the daily peaks from windows known to be clean, in order of time. At least 20 weeks of hourly windows are advised. */
export function cleanPast(features: readonly string[], clean: Iterable<WindowStatistics>): CleanPast {
  const days: number[] = []
  const found: Record<string, Partial<Record<Measure, { peaks: number[]; held: number[] }>>> = {}
  for (const name of features) found[name] = {}
  let before: WindowStatistics | undefined
  for (const window of clean) {
    const day = Math.floor(window.hour / 24)
    if (days.at(-1) !== day) days.push(day)
    const follows = before !== undefined && window.hour - before.hour === 1 ? before : undefined
    for (const [i, { feature, measures }] of window.features.entries()) {
      const of = found[feature]
      for (const name of MEASURES) {
        const value = measures[name]
        if (of === undefined || value === undefined || !Number.isFinite(value)) continue
        const series = (of[name] ??= { peaks: [], held: [] })
        raise(series.peaks, days.length, value)
        raise(series.held, days.length, held(value, follows?.features[i]?.measures[name]))
      }
    }
    before = window
  }
  return { days, features: found }
}

/** What two windows in a row have reached; one without the measure has reached nothing. */
function held(value: number, earlier: number | undefined): number {
  return earlier === undefined || Number.isNaN(earlier) ? 0 : Math.min(value, earlier)
}

/** Raises the last of `size` values to at least `value`. */
function raise(values: number[], size: number, value: number): void {
  while (values.length < size) values.push(0)
  // rounding keeps order, so what is not above the rounded peak does not round above it
  if (value > values[size - 1]!) values[size - 1] = Math.max(values[size - 1]!, Number(value.toPrecision(4)))
}

/** Days from which a tail can be fitted, share of days that make it, and the fewest of them. */
const FIT_DAYS = 30
const TAIL_SHARE = 0.1
const TAIL_DAYS = 5

/**
 * The level that daily peaks pass once in `returnDays` days: peaks over a threshold with an exponential tail (Pickands 1975; the
 * threshold is the 90 % quantile of the daily peaks). Few days tell no tail: then the largest peak with a margin.
 */
export function returnLevel(peaks: readonly number[], days: number, returnDays: number): number {
  const sorted = peaks.toSorted((a, b) => a - b)
  if (days < FIT_DAYS) return MARGIN * (sorted.at(-1) ?? 0)
  const size = Math.max(TAIL_DAYS, Math.ceil(TAIL_SHARE * sorted.length))
  const threshold = sorted[Math.max(0, sorted.length - size - 1)] ?? 0
  const tail = sorted.slice(-size)
  const excess = tail.reduce((sum, x) => sum + x - threshold, 0) / size
  return threshold + excess * Math.log(Math.max(1, (tail.length / days) * returnDays))
}

/** Limits that each pair of feature and measure passes about once in `returnDays` days; of days chosen by `keep` only. */
function limitsAt(past: CleanPast, returnDays: number, keep: (day: number) => boolean = () => true): Limits {
  const kept = past.days.flatMap((_, i) => (keep(i) ? [i] : []))
  return Object.fromEntries(
    Object.entries(past.features).map(([feature, of]) => [
      feature,
      Object.fromEntries(
        MEASURES.map((name) => {
          const all = of[name]?.peaks
          const level = all === undefined || FIXED.has(name) ? 0 : levelOf(name, all, { kept, returnDays })
          return [name, Math.max(FLOORS[name], level)]
        }),
      ) as Record<Measure, number>,
    ]),
  )
}

function levelOf(name: Measure, all: readonly number[], of: { kept: readonly number[]; returnDays: number }): number {
  const peaks = of.kept.map((i) => all[i] ?? 0)
  const most = Math.max(0, ...peaks)
  if (name === 'psi' && most > SATURATED) return Number.MAX_VALUE
  return name === 'frozen' ? MARGIN * most : returnLevel(peaks, of.kept.length, of.returnDays)
}

/** What is wanted of limits. */
export interface Wish {
  /** False alerts of all features together in a month, at most. */
  readonly perMonth: number
  /** Whether alerts of a feature count. */
  readonly counts: (feature: string) => boolean
}

/** Limits with what is expected of them. */
export interface Calibration {
  readonly limits: Limits
  /** Each limit alone is passed about once in so many days. */
  readonly returnDays: number
  /** Alerts a month on days that the limits were not learned from; null when the past is too short to tell. */
  readonly expectedPerMonth: number | null
}

export const DAYS_OF_MONTH = 30.4375
/** Blocks of days of which each is judged once by limits that the others gave. */
const FOLDS = 5
/** Clean days below which a cross-validation says nothing. */
const VALIDATION_DAYS = 60
/** The longest time between two passings that is tried, days. */
const LONGEST = 2 ** 16
/** From one time that is tried to the next. */
const GROWTH = 1.4

/**
 * Limits for a wanted rate. Levels of one return time for every pair are tried, from the most sensitive one that could do (all pairs
 * alert together) upwards; the first whose cross-validated rate is not above the wish is taken. A rate is counted as people would: two
 * evaluations in a row, alerts of neighbouring days as one. Without enough days: the level that satisfies the union bound.
 */
export function calibrateFor(past: CleanPast, wish: Wish): Calibration {
  const shortest = Math.min(LONGEST, DAYS_OF_MONTH / Math.max(wish.perMonth, 1e-9))
  if (past.days.length < VALIDATION_DAYS) {
    const pairs = Object.entries(past.features).flatMap(([name, of]) => (wish.counts(name) ? Object.keys(of) : []))
    const returnDays = Math.min(LONGEST, shortest * Math.max(1, pairs.length))
    return { limits: limitsAt(past, returnDays), returnDays, expectedPerMonth: null }
  }
  for (let returnDays = shortest; ; returnDays = Math.min(LONGEST, GROWTH * returnDays)) {
    const expectedPerMonth = validatedRate(past, returnDays, wish.counts)
    if (expectedPerMonth <= wish.perMonth || returnDays >= LONGEST)
      return { limits: limitsAt(past, returnDays), returnDays, expectedPerMonth }
  }
}

/** Alerts a month in blocks of days, each judged by limits of the other blocks. */
function validatedRate(past: CleanPast, returnDays: number, counts: Wish['counts']): number {
  const n = past.days.length
  const blockOf = (i: number): number => Math.floor((i * FOLDS) / n)
  const alerts: boolean[] = []
  for (let block = 0; block < FOLDS; block++) {
    const limits = limitsAt(past, returnDays, (i) => blockOf(i) !== block)
    for (let i = 0; i < n; i++) if (blockOf(i) === block) alerts[i] = alertsOn(past, i, { limits, counts })
  }
  const begun = alerts.filter((alert, i) => alert && alerts[i - 1] !== true).length
  return (begun * DAYS_OF_MONTH) / n
}

function alertsOn({ features }: CleanPast, i: number, by: { limits: Limits; counts: Wish['counts'] }): boolean {
  return Object.entries(features).some(
    ([name, of]) =>
      by.counts(name) && MEASURES.some((measure) => (of[measure]?.held[i] ?? 0) > (by.limits[name]?.[measure] ?? 0)),
  )
}

/** Statistics of all hours `from` … `to` of a history that have enough rows and past and touch no hour marked bad. */
export function* cleanWindows(
  history: History,
  span: { from: Hour; to: Hour },
  plan: WindowPlan = {},
): Generator<WindowStatistics> {
  const length = plan.length ?? 6
  for (let hour = span.from; hour <= span.to; hour++) {
    const bad = Array.from({ length }, (_, i) => hour - i).some((h) => history.bad.has(h))
    const window = bad ? undefined : measure(history, hour, plan)
    if (window) yield window
  }
}

/** A measure above its limit. `ratio` = value / limit orders findings of different measures. */
export interface Finding {
  readonly feature: string
  readonly measure: Measure
  readonly value: number
  readonly limit: number
  readonly ratio: number
}

/** The limits of a feature, which may be called like something that every object has; without own ones the floors. */
export function limitsOf(limits: Limits, feature: string): Readonly<Record<Measure, number>> {
  return (Object.hasOwn(limits, feature) ? limits[feature] : undefined) ?? FLOORS
}

/** What is above its limit in a window, worst first. A feature without limits is judged by the floors. */
export function judge(window: WindowStatistics, limits: Limits): Finding[] {
  const findings: Finding[] = []
  for (const { feature, measures } of window.features) {
    for (const name of MEASURES) {
      const value = measures[name]
      const limit = limitsOf(limits, feature)[name]
      if (value !== undefined && value > limit)
        findings.push({ feature, measure: name, value, limit, ratio: value / limit })
    }
  }
  return findings.sort((a, b) => b.ratio - a.ratio)
}

/** Two evaluations in a row: the findings of now on features that had a finding in the evaluation before. */
export function confirmed(before: readonly Finding[], now: readonly Finding[]): Finding[] {
  const known = new Set(before.map((finding) => finding.feature))
  return now.filter((finding) => known.has(finding.feature))
}
