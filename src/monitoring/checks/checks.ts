/** The checks of one window: what is measured against which limit, what alerts, and which of it may page. */
import type { z } from 'zod'
import { HOUR_MS } from '../../contract/ids.ts'
import { toTime } from '../../contract/fields.ts'
import type { CheckResult, MonitorSettings } from '../../contract/monitoring.ts'
import { FLOORS, judge, limitsOf, MEASURES } from '../../stats/calibrate.ts'
import type { Finding, Limits } from '../../stats/calibrate.ts'
import { windowOf } from '../../stats/history.ts'
import type { History } from '../../stats/history.ts'
import { LONGEST } from '../../stats/lengths.ts'
import type { Length } from '../../stats/lengths.ts'
import { numeric } from '../../stats/profile-view.ts'
import type { ProfileSpec } from '../../stats/profile-spec.ts'
import type { FeatureStatistics, Measure, WindowStatistics } from '../../stats/window.ts'
import type { Reader } from '../../store/db.ts'
import { SCORE } from '../profiles/hours.ts'
import type { Move } from './severity.ts'

export type CheckView = z.output<typeof CheckResult>

/** The check of attributions, which is of no one feature and has its limit from elsewhere. */
export const ATTRIBUTION = 'attribution'

/** Hours of a window, and values below which a feature is not judged. */
export const WINDOW_HOURS = 6
export const MIN_VALUES = 50

const NAMES: Readonly<Record<Measure, CheckView['check']>> = {
  z: 'mean',
  step: 'step',
  psi: 'psi',
  nulls: 'nulls',
  null_fall: 'nulls_fell',
  unknown: 'unknown_category',
  outside: 'range',
  unfamiliar: 'range',
  frozen: 'frozen',
  scale: 'non_zero_scale',
  conditional: 'swap',
  joint: 'swap',
}

/** What a stored check says: feature, measure, value, limit, n, alert (0 or 1), pages (0 or 1), and the hours of the window where they are not 6. */
export type StoredCheck = readonly [string, Measure, number, number, number, 0 | 1, 0 | 1, number?]

/** How far beyond the reference's range, in its deviations, a window's mean must lie: a warm summer is no fault. */
const BEYOND = 1

/** How a raised limit names its measure: each length of windows has limits of its own. */
export function raisedName(measure: Measure, length = 6): string {
  return length === 6 ? measure : `${measure} ${length}h`
}

/** Limits as learned for windows of a length, with those that a person raised after a false alarm. */
export async function raisedLimits(
  reader: Reader,
  endpoint: string,
  learned: Limits,
  length: Length = 6,
): Promise<Limits> {
  const rows = await reader.all<{ feature: string; measure: string; threshold: number }>(
    'SELECT feature, measure, threshold FROM monitor_raises WHERE endpoint = ? AND measure <> ?',
    [endpoint, ATTRIBUTION],
  )
  const limits: Record<string, Record<Measure, number>> = {}
  for (const [feature, of] of Object.entries(learned)) limits[feature] = { ...of }
  for (const { feature, measure: name, threshold } of rows) {
    const measure = MEASURES.find((one) => raisedName(one, length) === name)
    if (measure === undefined) continue
    const of = limitsOf(limits, feature)
    limits[feature] = { ...of, [measure]: Math.max(of[measure], threshold) }
  }
  return limits
}

/** Findings of a window without those that only tell of the season. */
export function findingsOf(window: WindowStatistics, limits: Limits, spec: ProfileSpec): Finding[] {
  return judge(window, limits).filter(({ feature, measure }) => {
    const of = spec.features.find((one) => one.name === feature)
    if (measure !== 'outside' || of?.kind !== 'numeric') return true
    const mean = window.features.find((one) => one.feature === feature)?.mean ?? Number.NaN
    const [low = 0, high = 0] = [of.edges[0], of.edges.at(-1)]
    return Number.isNaN(mean) || mean > high + BEYOND * of.scale || mean < low - BEYOND * of.scale
  })
}

/** Whether a feature may page: not the score, and none that is made from labels, for they follow the target. */
export function mayPage(feature: string, settings: MonitorSettings): boolean {
  return feature !== SCORE && !settings.derived.includes(feature)
}

/** Every check of a window as it is stored. */
export function storedChecks(
  window: WindowStatistics,
  limits: Limits,
  found: { findings: readonly Finding[]; settings: MonitorSettings },
): StoredCheck[] {
  const alerts = new Set(found.findings.map(({ feature, measure }) => `${feature} ${measure}`))
  return window.features.flatMap(({ feature, n, measures }) =>
    MEASURES.flatMap((measure): StoredCheck[] => {
      const value = measures[measure]
      if (value === undefined || !Number.isFinite(value)) return []
      const limit = limitsOf(limits, feature)[measure]
      const alert = alerts.has(`${feature} ${measure}`) ? 1 : 0
      const pages = mayPage(feature, found.settings) ? 1 : 0
      const stored = [feature, measure, Number(value.toPrecision(6)), limit, n, alert, pages] as const
      const { length = 6 } = window
      return [length === 6 ? stored : [...stored, length]]
    }),
  )
}

/** A stored check as the API shows it. A limit that can never be passed is null. */
export function viewCheck(
  hour: number,
  [feature, measure, value, limit, n, alert, pages, length = 6]: StoredCheck,
): CheckView {
  return {
    feature,
    check: NAMES[measure],
    window_end: toTime((hour + 1) * HOUR_MS),
    window_hours: length,
    value,
    limit: limit > 1e300 ? null : limit,
    n,
    n_min: MIN_VALUES,
    state: alert === 1 ? 'alert' : n < MIN_VALUES ? 'not_enough_data' : 'ok',
    pages: pages === 1,
    baseline:
      length === LONGEST ? 'weeks that ended up to 30 days earlier' : 'the same clock hours of up to 28 earlier days',
  }
}

/** Of six hours those whose rows say how far a feature moved: a change that has just begun fills only a part of the window. */
const NEWEST_HOURS = 2

/** How far each feature of findings moved, for severity. */
export function movesOf(features: Iterable<string>, window: WindowStatistics, history: History): Move[] {
  const { spec } = history
  const newest = windowOf(history, window.hour, Math.ceil((NEWEST_HOURS * (window.length ?? 6)) / 6))
  return [...features].map((feature) => {
    const now = window.features.find((one) => one.feature === feature)
    const i = spec.features.findIndex((one) => one.name === feature)
    const of = spec.features[i]
    if (now === undefined) return { feature, drift: 1 }
    const scale = of?.kind === 'numeric' ? of.scale : 0
    const mean = of?.kind === 'numeric' ? numeric(newest, i).meanOfAll : Number.NaN
    const drift = Math.max(driftOf(now, scale, window.rows), driftOf({ ...now, mean }, scale, window.rows))
    return { feature, drift }
  })
}

function driftOf({ mean, usual, measures, n }: FeatureStatistics, scale: number, rows: number): number {
  const missing = (measures.nulls ?? 0) > FLOORS.nulls ? 1 - n / rows : 0
  const moved =
    mean !== undefined && usual !== undefined && scale > 0 && Number.isFinite(mean - usual.mean)
      ? Math.abs(mean - usual.mean) / scale
      : Math.min(1, (measures.psi ?? 0) / 2)
  return Math.min(3, Math.max(moved, missing, measures.frozen === 1 ? 1 : 0))
}

export function checkName(measure: Measure): CheckView['check'] {
  return NAMES[measure]
}
