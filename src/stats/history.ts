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
  /** Profiles of the hours, undefined where there is none or it is bad. */
  readonly parts: readonly (Profile | undefined)[]
  /** Rows of all parts when they were summed: a late row changes an hour in place. */
  readonly rows: number
  readonly sum: Profile
}

/** Sums of clean windows by length and end: a window is a reference on each of the following four weeks. */
const sums = new WeakMap<History, Map<number, Map<Hour, Kept>>>()
/** Windows kept of a history for each length: the hours of a month. */
const MOST_KEPT = 31 * 24

/** `windowOf` without hours marked bad, remembered until one of its hours changes. The result must not be changed. */
export function cleanWindow(history: History, hour: Hour, length: number): Profile {
  const known = sumsOf(history, length)
  const kept = known.get(hour)
  if (kept !== undefined && isCurrent(history, hour, kept)) return kept.sum
  const parts = Array.from({ length }, (_, i) => cleanHour(history, hour - i))
  const sum = windowOf(history, hour, length, true)
  known.delete(hour)
  known.set(hour, { parts, rows: rows(sum), sum })
  if (known.size > MOST_KEPT) known.delete(known.keys().next().value ?? 0)
  return sum
}

function sumsOf(history: History, length: number): Map<Hour, Kept> {
  const all = sums.get(history) ?? new Map<number, Map<Hour, Kept>>()
  sums.set(history, all)
  const known = all.get(length) ?? new Map<Hour, Kept>()
  all.set(length, known)
  return known
}

function isCurrent(history: History, hour: Hour, kept: Kept): boolean {
  let total = 0
  for (let i = 0; i < kept.parts.length; i++) {
    const part = cleanHour(history, hour - i)
    if (part !== kept.parts[i]) return false
    if (part !== undefined) total += rows(part)
  }
  return total === kept.rows
}

function cleanHour({ hours, bad }: History, hour: Hour): Profile | undefined {
  return bad.size > 0 && bad.has(hour) ? undefined : hours.get(hour)
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
