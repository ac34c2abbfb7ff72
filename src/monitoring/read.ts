/** What pages show of a monitor: its state and limits, features over time, one feature now and usually. */
import type { z } from 'zod'
import { HOUR_MS } from '../contract/ids.ts'
import { toTime } from '../contract/fields.ts'
import { maskedMonitor } from '../http/masked.ts'
import type { monitoringApi, MonitorSettings } from '../contract/monitoring.ts'
import { problem } from '../contract/errors.ts'
import type { Reply } from '../contract/route.ts'
import { MEASURES } from '../stats/calibrate.ts'
import { MATCHED_DAYS, windowOf } from '../stats/history.ts'
import type { History } from '../stats/history.ts'
import { emptyProfile, merge, rows } from '../stats/profile.ts'
import { categorical, numeric } from '../stats/profile-view.ts'
import type { Profile } from '../stats/profile.ts'
import type { NumericSpec } from '../stats/profile-spec.ts'
import { checkName, raisedLimits, viewCheck, WINDOW_HOURS } from './checks/checks.ts'
import type { StoredCheck } from './checks/checks.ts'
import { viewAttribution } from './checks/attribution.ts'
import { evaluatedUntil, runState } from './rounds/state.ts'
import { viewWatched } from './watched/facts.ts'
import { syncLive } from './profiles/live.ts'
import { alertsPerMonth, calibrationOf, largestClean, learnedLengths } from './checks/limits.ts'
import type { Learned } from './profiles/learn.ts'
import type { LastJudged, Length } from '../stats/lengths.ts'
import { readReference } from './profiles/reference.ts'
import { monitorOf, requireEndpoint, settingsOf } from './context/context.ts'
import type { MonitoringDeps } from './context/context.ts'
import { importanceOf, weightOf } from './checks/severity.ts'
import { viewRoutes } from './channels/sending.ts'

type MonitorView = Reply<typeof monitoringApi.getMonitor>
type Heatmap = Reply<typeof monitoringApi.heatmap>
type FeatureView = z.output<(typeof monitoringApi.feature)['reply']>

async function importance(deps: MonitoringDeps, endpoint: string): Promise<Record<string, number>> {
  return importanceOf((await deps.referenceOf(endpoint))?.metrics ?? {})
}

export async function viewMonitor(deps: MonitoringDeps, endpoint: string): Promise<MonitorView> {
  const settings = settingsOf(await requireEndpoint(deps.db, endpoint))
  const monitor = await monitorOf(deps.db, endpoint)
  const { attribution, judged } = runState(monitor)
  const learned = monitor.reference === null ? undefined : await readReference(deps.db, monitor.reference)
  const lengths = learned === undefined ? [] : lengthsOf(learned, judged)
  const calibration = learned === undefined ? undefined : calibrationOf(learned, settings, lengths[0])
  return {
    settings: shownSettings(settings),
    webhooks: await viewRoutes(deps, await requireEndpoint(deps.db, endpoint)),
    watched: await viewWatched(deps, endpoint),
    last_run_at: monitor.last_run_at === null ? null : toTime(monitor.last_run_at),
    evaluated_until: evaluatedUntil(monitor),
    looked_until: monitor.evaluated_hour === null ? null : toTime(monitor.evaluated_hour * HOUR_MS),
    again_from: monitor.redo_hour === null ? null : toTime(monitor.redo_hour * HOUR_MS),
    times: { late: monitor.late_rows, too_late: monitor.too_late_rows, ahead: monitor.ahead_rows },
    limits: learned === undefined ? [] : await viewLimits(deps, { endpoint, settings, learned, lengths }),
    ...(calibration !== undefined && {
      calibration: {
        allowed_per_month: alertsPerMonth(settings.false_alerts),
        expected_per_month: calibration.expectedPerMonth,
        return_days: calibration.returnDays,
      },
    }),
    importance: await importance(deps, endpoint),
    ...(attribution !== null && { attribution: viewAttribution(attribution, settings) }),
  }
}

/** Lengths of windows that have limits: the one that judged last first, then from the shortest. */
function lengthsOf(learned: Learned, judged: LastJudged): Length[] {
  const all = learnedLengths(learned)
  const last = all.reduce<Length | undefined>((best, length) => {
    const hour = judged[length]
    return hour !== undefined && hour > ((best && judged[best]) ?? -Infinity) ? length : best
  }, undefined)
  return last === undefined ? all : [last, ...all.filter((length) => length !== last)]
}

interface Limited {
  readonly endpoint: string
  readonly settings: MonitorSettings
  readonly learned: Learned
  readonly lengths: readonly Length[]
}

async function viewLimits(
  deps: MonitoringDeps,
  { endpoint, settings, learned, lengths }: Limited,
): Promise<MonitorView['limits']> {
  const views: MonitorView['limits'] = []
  for (const length of lengths) {
    const limits = await raisedLimits(deps.db, endpoint, calibrationOf(learned, settings, length).limits, length)
    for (const [feature, of] of Object.entries(limits))
      for (const measure of MEASURES.filter((one) => of[one] < 1e300))
        views.push({
          feature,
          check: checkName(measure),
          window_hours: length,
          limit: of[measure],
          largest_clean: largestClean(learned, { feature, measure, length }),
        })
  }
  return views
}

/** Settings as they are shown: without the secrets in addresses of webhooks. */
export function shownSettings(settings: MonitorView['settings']): MonitorView['settings'] {
  return maskedMonitor(settings) as MonitorView['settings']
}

/** Times are ms, event time. */
export interface Span {
  readonly from?: number
  readonly to?: number
}

/** Days shown when no span is asked for, and most buckets. */
const SHOWN_HOURS = 14 * 24
const MOST_BUCKETS = 2000

interface WindowRow {
  readonly hour: number
  readonly results: string
}

export async function heatmap(
  deps: MonitoringDeps,
  endpoint: string,
  span: Span & { readonly bucket_hours: number },
): Promise<Heatmap> {
  const monitor = await monitorOf(deps.db, endpoint)
  const size = span.bucket_hours
  const to = span.to === undefined ? (monitor.evaluated_hour ?? 0) : Math.ceil(span.to / HOUR_MS)
  const from = Math.max(
    span.from === undefined ? to - SHOWN_HOURS : Math.floor(span.from / HOUR_MS),
    to - MOST_BUCKETS * size,
  )
  const windows = await deps.db.search<WindowRow>({
    text: 'SELECT hour, results FROM monitor_windows WHERE endpoint = ? AND hour >= ? AND hour < ? ORDER BY hour',
    params: [endpoint, from, to],
  })
  const count = Math.max(0, Math.ceil((to - from) / size))
  const cells = new Map<string, { effect: (number | null)[]; alert: boolean[] }>()
  for (const { hour, results } of windows) {
    const bucket = Math.floor((hour - from) / size)
    for (const [feature, , value, limit, , alert] of JSON.parse(results) as StoredCheck[]) {
      const cell = cells.get(feature) ?? {
        effect: Array.from({ length: count }, () => null),
        alert: Array.from({ length: count }, () => false),
      }
      cells.set(feature, cell)
      cell.effect[bucket] = Math.max(cell.effect[bucket] ?? 0, Math.min(99, value / limit))
      if (alert === 1) cell.alert[bucket] = true
    }
  }
  const worth = await importance(deps, endpoint)
  return {
    buckets: Array.from({ length: count }, (_, i) => toTime((from + i * size) * HOUR_MS)),
    features: [...cells]
      .map(([feature, cell]) => ({ feature, importance: weightOf(worth, feature), ...cell }))
      .sort((a, b) => b.importance - a.importance),
  }
}

export async function viewFeature(
  deps: MonitoringDeps,
  endpoint: string,
  asked: Span & { readonly feature: string },
): Promise<FeatureView> {
  const monitor = await monitorOf(deps.db, endpoint)
  const live = await syncLive(deps.db, monitor, undefined)
  const i = live?.history.spec.features.findIndex((one) => one.name === asked.feature) ?? -1
  if (live === undefined || i < 0) throw problem('not_found', { what: 'monitored feature', id: asked.feature })
  const last = (asked.to === undefined ? (monitor.evaluated_hour ?? 0) : Math.ceil(asked.to / HOUR_MS)) - 1
  const length =
    asked.from === undefined
      ? WINDOW_HOURS
      : Math.min(31 * 24, Math.max(1, last + 1 - Math.floor(asked.from / HOUR_MS)))
  const window = windowOf(live.history, last, length)
  const baseline = matchedSum(live.history, last, length)
  const row = await deps.db.get<WindowRow>(
    'SELECT hour, results FROM monitor_windows WHERE endpoint = ? AND hour <= ? ORDER BY hour DESC LIMIT 1',
    [endpoint, last],
  )
  const checks = row === undefined ? [] : (JSON.parse(row.results) as StoredCheck[])
  const spec = live.history.spec.features[i]
  return {
    feature: asked.feature,
    kind: spec?.kind ?? 'numeric',
    bins: bins(baseline, window, i),
    baseline: summary(baseline, i),
    window: summary(window, i),
    new_values:
      spec?.kind === 'categorical' ? categorical(window, i).unseen.map(([value, count]) => ({ value, count })) : [],
    checks: checks.filter(([feature]) => feature === asked.feature).map((check) => viewCheck(row?.hour ?? last, check)),
  }
}

/** The same hours of earlier days, added. */
function matchedSum(history: History, last: number, length: number): Profile {
  const sum = emptyProfile(history.spec)
  for (let day = MATCHED_DAYS.from; day <= MATCHED_DAYS.to; day++)
    merge(sum, windowOf(history, last - 24 * day, Math.min(length, 24), true))
  return sum
}

/** Shares of values by bin. */
function bins(baseline: Profile, window: Profile, i: number): FeatureView['bins'] {
  const spec = window.spec.features[i]
  const counts = (profile: Profile) =>
    spec?.kind === 'numeric' ? numeric(profile, i).counts : categorical(profile, i).counts
  const [before, now] = [counts(baseline), counts(window)]
  return Array.from(now, (_, k) => ({
    label: spec?.kind === 'numeric' ? binLabel(spec, k) : (spec?.values[k] ?? 'other'),
    baseline: shareAt(before, k),
    window: shareAt(now, k),
  })).slice(0, 60)
}

function shareAt(values: Float64Array, k: number): number {
  const all = values.reduce((sum, count) => sum + count, 0)
  return all === 0 ? 0 : (values[k] ?? 0) / all
}

function show(x: number | undefined): string {
  return String(Number((x ?? 0).toPrecision(4)))
}

function binLabel({ edges }: NumericSpec, k: number): string {
  if (k === 0) return `< ${show(edges[0])}`
  return k === edges.length ? `> ${show(edges.at(-1))}` : `${show(edges[k - 1])} … ${show(edges[k])}`
}

function finite(x: number): number | null {
  return Number.isFinite(x) ? x : null
}

function summary(profile: Profile, i: number): Record<string, number | null> {
  const all = rows(profile)
  if (profile.spec.features[i]?.kind === 'categorical') {
    const { n, nulls } = categorical(profile, i)
    return { rows: all, n, null_share: all === 0 ? null : nulls / all }
  }
  const view = numeric(profile, i)
  return {
    rows: all,
    n: view.n,
    null_share: all === 0 ? null : view.nulls / all,
    mean: finite(view.meanOfAll),
    sd: finite(view.sdOfAll),
    min: finite(view.min),
    max: finite(view.max),
    zero_share: view.n === 0 ? null : view.zeros / view.n,
  }
}
