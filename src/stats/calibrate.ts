/** Limits learned from a model's own clean past, and the judgement of a window by them. */

import type { History, Hour } from './history.ts'
import { measure } from './window.ts'
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
}

/** A limit is the largest clean value times this, or the floor. */
export const MARGIN = 1.25

/** Measures whose limits do not move: what they say is wrong however often it happened before. */
const FIXED: ReadonlySet<Measure> = new Set<Measure>(['unknown', 'outside', 'unfamiliar'])

/** A PSI that reached this on clean windows is saturated (few independent values against many bins) and can tell nothing. */
const SATURATED = 3

/** The measures by name, in the order of `FLOORS`. */
export const MEASURES = Object.keys(FLOORS) as Measure[]

/**
 * Limits from windows known to be clean: max(floor, 1.25 × largest value). At least 20 weeks of hourly windows are advised; features or
 * measures never seen get the floors.
 */
export function learnLimits(features: readonly string[], clean: Iterable<WindowStatistics>): Limits {
  const limits = Object.fromEntries(features.map((name) => [name, { ...FLOORS }]))
  for (const window of clean) {
    for (const { feature, measures } of window.features) {
      const limit = limits[feature]
      for (const name of MEASURES) {
        const value = measures[name]
        if (limit && value !== undefined && Number.isFinite(value) && !FIXED.has(name))
          limit[name] = Math.max(limit[name], name === 'psi' && value > SATURATED ? Number.MAX_VALUE : MARGIN * value)
      }
    }
  }
  return limits
}

/** Limits from all hours `from` … `to` of a history that are not marked bad and have enough rows and past. */
export function calibrate(history: History, span: { from: Hour; to: Hour }, plan: WindowPlan = {}): Limits {
  const names = history.spec.features.map((feature) => feature.name)
  return learnLimits(names, cleanWindows(history, span, plan))
}

function* cleanWindows(
  history: History,
  span: { from: Hour; to: Hour },
  plan: WindowPlan,
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

/** What is above its limit in a window, worst first. A feature without limits is judged by the floors. */
export function judge(window: WindowStatistics, limits: Limits): Finding[] {
  const findings: Finding[] = []
  for (const { feature, measures } of window.features) {
    for (const name of MEASURES) {
      const value = measures[name]
      const limit = (limits[feature] ?? FLOORS)[name]
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
