/** Hourly profiles in time order, and the windows and matched references that are cut from them. */

import { emptyProfile, merge, mergeAll, rows } from './profile.ts'
import type { Profile } from './profile.ts'
import type { ProfileSpec } from './profile-spec.ts'

/** An hour as a whole number: hours since any fixed point. "The same clock hour" is a distance of whole days (24). */
export type Hour = number

/** Hourly profiles of one spec. Hours without traffic are absent; hours marked bad are kept but never used as reference. */
export interface History {
  readonly spec: ProfileSpec
  readonly hours: Map<Hour, Profile>
  readonly bad: Set<Hour>
}

/** An empty history. */
export function makeHistory(spec: ProfileSpec): History {
  return { spec, hours: new Map(), bad: new Set() }
}

/** Adds rows that belong to an hour, on time or late. */
export function addHour(history: History, hour: Hour, profile: Profile): void {
  const known = history.hours.get(hour)
  if (known) merge(known, profile)
  else history.hours.set(hour, mergeAll(history.spec, [profile]))
}

/** The sum of the `length` hours that end with `hour` (included). With `clean`, hours marked bad are left out. */
export function windowOf(history: History, hour: Hour, length: number, clean = false): Profile {
  const sum = emptyProfile(history.spec)
  for (let h = hour - length + 1; h <= hour; h++) {
    const profile = history.hours.get(h)
    if (profile && !(clean && history.bad.has(h))) merge(sum, profile)
  }
  return sum
}

interface Kept {
  readonly parts: readonly (Profile | undefined)[]
  readonly rows: number
  readonly sum: Profile
}

/** Sums of clean windows by length and end: a window is a reference on each of the following four weeks. */
const sums = new WeakMap<History, Map<string, Kept>>()
/** Windows kept of a history: the hours of a month in three lengths. */
const MOST_KEPT = 3 * 31 * 24

/** `windowOf` without hours marked bad, remembered until one of its hours changes. The result must not be changed. */
export function cleanWindow(history: History, hour: Hour, length: number): Profile {
  const known = sums.get(history) ?? new Map<string, Kept>()
  sums.set(history, known)
  const parts = Array.from({ length }, (_, i) => (history.bad.has(hour - i) ? undefined : history.hours.get(hour - i)))
  const total = parts.reduce((sum, part) => sum + (part === undefined ? 0 : rows(part)), 0)
  const key = `${hour} ${length}`
  const kept = known.get(key)
  if (kept !== undefined && kept.rows === total && kept.parts.every((part, i) => part === parts[i])) return kept.sum
  const sum = windowOf(history, hour, length, true)
  known.delete(key)
  known.set(key, { parts, rows: total, sum })
  if (known.size > MOST_KEPT) known.delete(known.keys().next().value ?? '')
  return sum
}

/** Days before the judged one from which the reference is taken: the two newest are left out, so that a change does not become its own reference. */
export interface Days {
  readonly from: number
  readonly to: number
}

/** Days −29 … −2. */
export const MATCHED_DAYS: Days = { from: 2, to: 29 }

/** The same clock hours on each reference day that has at least `minRows` clean rows in them. */
export function matchedWindows(
  history: History,
  hour: Hour,
  length: number,
  plan: { days: Days; minRows: number },
): Profile[] {
  const windows: Profile[] = []
  for (let day = plan.days.from; day <= plan.days.to; day++) {
    const window = windowOf(history, hour - 24 * day, length, true)
    if (rows(window) >= plan.minRows) windows.push(window)
  }
  return windows
}
