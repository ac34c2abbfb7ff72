/** Judges event hours that are closed, one after the other, each once: drift every hour, quality twice a day. */
import { HOUR_MS } from '../../contract/ids.ts'
import { toTime } from '../../contract/fields.ts'
import { confirmed } from '../../stats/calibrate.ts'
import type { Finding } from '../../stats/calibrate.ts'
import type { RecentValues } from '../../stats/explain.ts'
import { measure } from '../../stats/window.ts'
import { judgeAttribution } from '../checks/attribution.ts'
import type { AttributionLook } from '../checks/attribution.ts'
import { applyAttribution } from './attribution-incident.ts'
import { changeBegan } from '../checks/change-point.ts'
import { findingsOf, mayPage, raisedLimits, storedChecks } from '../checks/checks.ts'
import { applyHour } from './drift-incident.ts'
import { adoptReference } from '../profiles/hours.ts'
import { markSpoilt, syncLive } from '../profiles/live.ts'
import type { Live } from '../profiles/live.ts'
import { applyQuality, lookAtQuality, LOOK_HOURS } from './quality.ts'
import type { QualityLook } from './quality.ts'
import { calibrationOf } from '../checks/limits.ts'
import { learnReference, referenceId } from '../profiles/reference.ts'
import { lockMonitor, monitorOf, requireEndpoint, settingsOf } from '../context/context.ts'
import type { HouseEvent, MonitoringDeps, MonitorRow, Reference } from '../context/context.ts'
import { importanceOf } from '../checks/severity.ts'
import { faultPoint } from '../../store/fault.ts'
import { newestInputs } from '../../serving/records/queries.ts'

/** What one evaluation leaves for the next. */
interface RunState {
  readonly findings: readonly Finding[]
  readonly quality: QualityLook | null
  readonly attribution: AttributionLook | null
}

export function runState(monitor: MonitorRow): RunState {
  const state = JSON.parse(monitor.state) as Partial<RunState>
  return { findings: state.findings ?? [], quality: state.quality ?? null, attribution: state.attribution ?? null }
}

/** Memory of the evaluation of one endpoint. */
export interface Memory {
  live: Live | undefined
  /** Reference that is being learned on its thread, or that could not be learned. */
  learning: string | undefined
}

/** Hours judged before others get their turn. */
const AT_ONCE = 12

/** Judges up to a dozen closed hours of an endpoint; true when more are waiting. */
export async function advance(
  deps: MonitoringDeps,
  endpoint: string,
  memory: Memory,
  signal: AbortSignal,
): Promise<boolean> {
  const reference = await deps.referenceOf(endpoint)
  const id = reference === undefined ? undefined : referenceId(reference)
  if (reference !== undefined && id !== undefined) await take(deps, endpoint, { id, reference, memory })
  const monitor = await monitorOf(deps.db, endpoint)
  if (monitor.newest_hour === null) return false
  // without limits an hour cannot be judged: rather late than wrong
  if (monitor.reference === null && memory.learning === id && id !== undefined) return false
  const first = monitor.evaluated_hour ?? (await firstHour(deps, endpoint)) ?? monitor.newest_hour
  const last = Math.min(first + AT_ONCE, monitor.newest_hour)
  for (let hour = first; hour < last && !signal.aborted; hour++)
    await judgeHour(deps, { endpoint, hour, memory, reference })
  return last < monitor.newest_hour
}

interface Taking {
  readonly id: string
  readonly reference: Reference
  readonly memory: Memory
}

/** Learns the reference of the stable version in the background, and takes it up once it is known. */
async function take(deps: MonitoringDeps, endpoint: string, { id, reference, memory }: Taking): Promise<void> {
  const monitor = await monitorOf(deps.db, endpoint)
  if (monitor.reference === id || memory.learning === id) return
  memory.learning = id
  void learnReference(deps, id, reference)
    .then(() => adoptReference(deps, endpoint, id))
    .then(() => (memory.learning = undefined))
    .catch((error: unknown) => {
      memory.learning = `unfit ${id}`
      deps.onError(error)
    })
}

async function firstHour(deps: MonitoringDeps, endpoint: string): Promise<number | undefined> {
  const row = await deps.db.get<{ hour: number | null }>(
    'SELECT min(hour) AS hour FROM monitor_hours WHERE endpoint = ?',
    [endpoint],
  )
  return row?.hour ?? undefined
}

interface Turn {
  readonly endpoint: string
  readonly hour: number
  readonly memory: Memory
  readonly reference: Reference | undefined
}

async function judgeHour(deps: MonitoringDeps, turn: Turn): Promise<void> {
  const { endpoint, hour, memory } = turn
  const settings = settingsOf(await requireEndpoint(deps.db, endpoint))
  const monitor = await monitorOf(deps.db, endpoint)
  memory.live = await syncLive(deps.db, monitor, memory.live)
  const state = runState(monitor)
  const quality = await judgeQuality(deps, turn, state.quality)
  const attribution = await lookAtAttributions(deps, turn, state.attribution)
  const { live } = memory
  const window = live === undefined ? undefined : measure(live.history, hour)
  if (live === undefined || window === undefined) {
    await deps.db.tx((t) => finish(deps, t, turn, { ...state, quality, attribution }))
    return
  }
  const limits = await raisedLimits(deps.db, endpoint, calibrationOf(live.learned, settings).limits)
  const findings = findingsOf(window, limits, live.history.spec)
  const paging = findings.filter((one) => mayPage(one.feature, settings))
  const sure = confirmed(state.findings, paging)
  const checks = storedChecks(window, limits, { findings, settings })
  const values = sure.length === 0 ? () => undefined : await recentValues(deps, endpoint, hour)
  const metrics = turn.reference?.metrics ?? {}
  const began = sure.length === 0 ? hour : changeBegan(live.history, hour, sure)
  const events = sure.length === 0 ? [] : await houseEvents(deps, endpoint, began)
  const changed = await deps.db.tx(async (t) => {
    await t.run(
      `INSERT INTO monitor_windows (endpoint, hour, rows, results) VALUES (?,?,?,?)
       ON CONFLICT (endpoint, hour) DO UPDATE SET rows = excluded.rows, results = excluded.results`,
      [endpoint, hour, window.rows, JSON.stringify(checks)],
    )
    const judged = { endpoint, hour, settings, live, window, checks, findings: paging, confirmed: sure, values }
    const incident = await applyHour(deps, t, {
      ...judged,
      held: attribution?.state === 'alert',
      importance: importanceOf(metrics),
      began,
      events,
    })
    await finish(deps, t, turn, { findings: paging, quality, attribution })
    faultPoint('monitoring.judged')
    return incident
  })
  faultPoint('monitoring.committed')
  if (changed === undefined) return
  await markSpoilt(deps.db, endpoint, live.history)
  deps.changed(changed)
}

async function finish(
  deps: MonitoringDeps,
  t: Parameters<Parameters<MonitoringDeps['db']['tx']>[0]>[0],
  { endpoint, hour }: Turn,
  state: RunState,
): Promise<void> {
  await lockMonitor(t, endpoint)
  await t.run('UPDATE monitors SET evaluated_hour = ?, last_run_at = ?, state = ? WHERE endpoint = ?', [
    hour + 1,
    deps.clock(),
    JSON.stringify(state),
    endpoint,
  ])
}

async function judgeQuality(
  deps: MonitoringDeps,
  { endpoint, hour, reference }: Turn,
  before: QualityLook | null,
): Promise<QualityLook | null> {
  if (hour % LOOK_HOURS !== 0) return before
  const settings = settingsOf(await requireEndpoint(deps.db, endpoint))
  const now = await lookAtQuality(deps, endpoint, { hour, reference: reference?.metrics['roc_auc'], settings })
  if (now === undefined) return null
  const changed = await applyQuality(deps, { endpoint, settings, before, now })
  if (changed !== undefined) deps.changed(changed)
  return now
}

/** The stable version's attributions: an hour is kept and now and then the last day is judged. Null where none are explained. */
async function lookAtAttributions(
  deps: MonitoringDeps,
  { endpoint, hour, reference }: Turn,
  before: AttributionLook | null,
): Promise<AttributionLook | null> {
  if (reference === undefined) return before
  const settings = settingsOf(await requireEndpoint(deps.db, endpoint))
  const now = await judgeAttribution(deps, { endpoint, version: reference.version, hour, settings, before })
  if (now === null || now.hour !== hour) return now
  const changed = await applyAttribution(deps, { endpoint, settings, before, now })
  if (changed !== undefined) deps.changed(changed)
  return now
}

/** Rows read to tell units apart. */
const MOST_VALUES = 3000

/** Raw values of the newest three hours. */
async function recentValues(deps: MonitoringDeps, endpoint: string, hour: number): Promise<RecentValues> {
  const rows = await newestInputs(deps.db, {
    endpoint,
    from: (hour - 2) * HOUR_MS,
    until: (hour + 1) * HOUR_MS,
    limit: MOST_VALUES,
  })
  const names = new Map<string, readonly string[]>()
  for (const version of new Set(rows.map((row) => row.version)))
    names.set(version, await deps.inputNames(deps.db, endpoint, version))
  const read = rows.map((row) => ({ ...row, x: JSON.parse(row.inputs) as unknown[] }))
  return (feature, hours) =>
    read.flatMap(({ event_time, version, x }) => {
      const value = x[names.get(version)?.indexOf(feature) ?? -1]
      return event_time >= (hour + 1 - hours) * HOUR_MS && typeof value === 'number' ? [value] : []
    })
}

/** Event hours around the beginning of a change in which events of the house may be its cause. */
const NEAR_HOURS = 6

/** Events of the house near an event time: wall times are mapped to the event hours that were coming in then. */
async function houseEvents(deps: MonitoringDeps, endpoint: string, hour: number): Promise<HouseEvent[]> {
  const rows = await deps.db.all<{ first_at: number }>(
    'SELECT first_at FROM monitor_hours WHERE endpoint = ? AND hour >= ? AND hour <= ? ORDER BY hour',
    [endpoint, hour - NEAR_HOURS, hour],
  )
  const [from, to] = [rows[0]?.first_at, rows.at(-1)?.first_at]
  if (from === undefined || to === undefined) return []
  return [...(await deps.eventLog(endpoint, from, to))].sort((a, b) => b.at - a.at).slice(0, 5)
}

/** End of the last event hour that was judged, as a time. */
export function evaluatedUntil(monitor: MonitorRow): string | null {
  return monitor.evaluated_hour === null ? null : toTime(monitor.evaluated_hour * HOUR_MS)
}
