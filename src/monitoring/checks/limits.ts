/** The limits of an endpoint's checks: what the clean past gives for the rate of false alerts that the settings allow. */
import type { MonitorSettings } from '../../contract/monitoring.ts'
import { calibrateFor, DAYS_OF_MONTH, MEASURES } from '../../stats/calibrate.ts'
import type { Calibration } from '../../stats/calibrate.ts'
import { LENGTHS } from '../../stats/lengths.ts'
import type { Length } from '../../stats/lengths.ts'
import type { Measure } from '../../stats/window.ts'
import { mayPage } from './checks.ts'
import type { Learned } from '../profiles/learn.ts'

/** By learned reference and settings: a calibration takes some tenths of a second and is asked for every hour. */
const known = new WeakMap<Learned, Map<string, Calibration>>()
const MOST_KNOWN = 16

/**
 * Limits of windows of a length for `false_alerts`, of which alerts of `derived` features and of the score do not count. Each length
 * alone keeps within the rate. An hour is judged by one length, which counts of rows choose and values do not, so a mix of lengths does
 * not look more often than one alone and keeps within the rate too.
 */
export function calibrationOf(learned: Learned, settings: MonitorSettings, length: Length = 6): Calibration {
  const mine = known.get(learned) ?? new Map<string, Calibration>()
  known.set(learned, mine)
  const key = JSON.stringify([settings.false_alerts, settings.derived, length])
  const kept = mine.get(key)
  if (kept !== undefined) return kept
  const found = calibrateFor(learned.pasts[length], {
    perMonth: alertsPerMonth(settings.false_alerts),
    counts: (feature) => mayPage(feature, settings) && !learned.muted.includes(feature),
  })
  const limits = { ...found.limits }
  for (const feature of learned.muted) limits[feature] = silent()
  if (mine.size >= MOST_KNOWN) mine.clear()
  mine.set(key, { ...found, limits })
  return { ...found, limits }
}

function silent(): Record<Measure, number> {
  return Object.fromEntries(MEASURES.map((measure) => [measure, Number.MAX_VALUE])) as Record<Measure, number>
}

const MONTHS: Readonly<Record<string, number>> = { day: 1 / DAYS_OF_MONTH, week: 7 / DAYS_OF_MONTH, month: 1 }

/** "2 per week" as alerts in a month of 30.4 days. */
export function alertsPerMonth(text: string): number {
  const [count = '1', , unit = 'month'] = text.split(' ')
  return Number(count) / (MONTHS[unit] ?? 1)
}

/** Clean days from which limits follow at least: fewer would be a guess. */
const LEAST_DAYS = 7

/** Lengths of windows for which the reference has enough clean days to learn limits from, shortest first. */
export function learnedLengths({ pasts }: Learned): Length[] {
  return LENGTHS.filter((length) => pasts[length].days.length >= LEAST_DAYS)
}

/** The largest clean value of a measure in windows of a length; null where it was never measured. */
export function largestClean(
  { pasts }: Learned,
  { feature, measure, length }: { readonly feature: string; readonly measure: Measure; readonly length: Length },
): number | null {
  const peaks = pasts[length].features[feature]?.[measure]?.peaks
  return peaks === undefined || peaks.length === 0 ? null : Math.max(...peaks)
}
