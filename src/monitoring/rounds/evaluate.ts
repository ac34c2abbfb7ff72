/** Judges event hours that are closed, one after the other, each once: drift every hour, quality twice a day. */
import { HOUR_MS } from '../../contract/ids.ts'
import { ifRefused } from '../../contract/absence/absent.ts'
import { Problem } from '../../contract/errors.ts'
import { confirmed } from '../../stats/calibrate.ts'
import type { RecentValues } from '../../stats/explain.ts'
import { filledBy, lookAt } from '../../stats/lengths.ts'
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
import { calibrationOf, learnedLengths } from '../checks/limits.ts'
import { learnReference, referenceId } from '../profiles/reference.ts'
import { lockMonitor, monitorOf, requireEndpoint, settingsOf } from '../context/context.ts'
import type { HouseEvent, MonitoringDeps, Reference } from '../context/context.ts'
import { importanceOf } from '../checks/severity.ts'
import { faultPoint } from '../../store/fault.ts'
import { keepUnfit } from '../watched/look.ts'
import { textOf } from '../watched/faults.ts'
import { runState } from './state.ts'
import type { RunState } from './state.ts'
import { newestInputs } from '../../serving/records/queries.ts'

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
  const { enabled } = settingsOf(await requireEndpoint(deps.db, endpoint))
  // a version that was removed from the registry has nothing to compare with
  const reference = await ifRefused(deps.referenceOf(endpoint), 'not_found')
  const id = reference === undefined ? undefined : referenceId(reference)
  if (enabled && reference !== undefined && id !== undefined) await take(deps, endpoint, { id, reference, memory })
  const monitor = await monitorOf(deps.db, endpoint)
  if (monitor.newest_hour === null) return false
  // without limits an hour cannot be judged: rather late than wrong
  if (monitor.reference === null && memory.learning === id && id !== undefined) return false
  const first = monitor.evaluated_hour ?? (await firstHour(deps, endpoint)) ?? monitor.newest_hour
  // an hour of the future is not closed, whatever a row says
  const closed = Math.min(monitor.newest_hour, Math.floor(deps.clock() / HOUR_MS))
  if (!enabled) {
    if (first < closed) await passOver(deps, endpoint, closed)
    return false
  }
  const last = Math.min(first + AT_ONCE, closed)
  for (let hour = first; hour < last && !signal.aborted; hour++)
    await judgeHour(deps, { endpoint, hour, memory, reference, id })
  return last < closed
}

/** While the monitor is switched off its hours go by: switched on, it begins with the hours that come then. */
async function passOver(deps: MonitoringDeps, endpoint: string, hour: number): Promise<void> {
  await deps.db.tx(async (t) => {
    await lockMonitor(t, endpoint)
    await t.run('UPDATE monitors SET evaluated_hour = ? WHERE endpoint = ?', [hour, endpoint])
  })
}

interface Taking {
  readonly id: string
  readonly reference: Reference
  readonly memory: Memory
}

/** Time after which a reference that could not be learned for a fault of ours is tried again, ms. */
const AGAIN_MS = 60_000

/** Learns the reference of the stable version in the background, and takes it up once it is known. */
async function take(deps: MonitoringDeps, endpoint: string, { id, reference, memory }: Taking): Promise<void> {
  const monitor = await monitorOf(deps.db, endpoint)
  if (monitor.reference === id || memory.learning === id || memory.learning === unfit(id)) return
  memory.learning = id
  void learnReference(deps, id, reference)
    .then(() => adoptReference(deps, endpoint, id))
    .then(() => keepUnfit(deps.db, endpoint, id, null))
    .then(() => (memory.learning = undefined))
    .catch(async (error: unknown) => {
      // what the table lacks stays so; what failed here may go well later, and hours wait for it
      if (error instanceof Problem && error.status < 500) memory.learning = unfit(id)
      else setTimeout(() => (memory.learning = undefined), AGAIN_MS).unref()
      await keepUnfit(deps.db, endpoint, id, error)
      deps.log(`endpoint ${endpoint}: its reference cannot be learned: ${textOf(error)}`)
    })
    .catch(deps.onError)
}

function unfit(id: string): string {
  return `unfit ${id}`
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
  /** Of the reference; undefined where there is none. */
  readonly id: string | undefined
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
  // while another reference is learned the one before it serves; where the version has none, none does
  const comparable = turn.id !== undefined && memory.learning !== unfit(turn.id)
  const first = (await firstHour(deps, endpoint)) ?? hour
  const look =
    live === undefined || !comparable
      ? {}
      : lookAt(live.history, hour, state.judged, filledBy(hour - first + 1, learnedLengths(live.learned)))
  const { window } = look
  if (live === undefined || window === undefined) {
    const lacks = look.lacks ?? null
    await deps.db.tx((t) => finish(deps, t, turn, { ...state, quality, attribution, lacks }))
    return
  }
  const { length } = window
  const calibration = calibrationOf(live.learned, settings, length)
  const limits = await raisedLimits(deps.db, endpoint, calibration.limits, length)
  const findings = findingsOf(window, limits, live.history.spec)
  const paging = findings.filter((one) => mayPage(one.feature, settings))
  const sure = confirmed(state.findings, paging)
  const checks = storedChecks(window, limits, { findings, settings })
  const values = sure.length === 0 ? () => undefined : await recentValues(deps, endpoint, { hour, length })
  const metrics = turn.reference?.metrics ?? {}
  const began = sure.length === 0 ? hour : changeBegan(live.history, hour, sure, length)
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
    const judgedBy = { ...state.judged, [length]: hour }
    await finish(deps, t, turn, { findings: paging, quality, attribution, judged: judgedBy, lacks: null })
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
  const judged = Object.values(state.judged).includes(hour)
  await t.run(
    `UPDATE monitors SET evaluated_hour = ?, state = ?${judged ? ', judged_hour = ?, last_run_at = ?' : ''} WHERE endpoint = ?`,
    [hour + 1, JSON.stringify(state), ...(judged ? [hour + 1, deps.clock()] : []), endpoint],
  )
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

/** Raw values of the newer half of a window. */
async function recentValues(
  deps: MonitoringDeps,
  endpoint: string,
  { hour, length }: { readonly hour: number; readonly length: number },
): Promise<RecentValues> {
  const rows = await newestInputs(deps.db, {
    endpoint,
    from: (hour + 1 - length / 2) * HOUR_MS,
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
