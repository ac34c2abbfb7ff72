/** Judges event hours that are closed, one after the other: drift every hour, quality twice a day; and again those for which rows came late. */
import { HOUR_MS } from '../../contract/ids.ts'
import { ifRefused } from '../../contract/absence/absent.ts'
import { Problem } from '../../contract/errors.ts'
import { judgeAttribution } from '../checks/attribution.ts'
import { applyAttribution } from './attribution-incident.ts'
import { judgeAgain } from './again.ts'
import { tablesOf } from './book.ts'
import { enter, keepWindow, lookAtHour, stateAfter } from './hour.ts'
import type { Looked } from './hour.ts'
import { currentAt, keepMark } from './marks.ts'
import { reachedHour } from '../profiles/arrivals.ts'
import { adoptReference } from '../profiles/hours.ts'
import { syncLive } from '../profiles/live.ts'
import type { Live } from '../profiles/live.ts'
import { applyQuality, lookAtQuality, LOOK_HOURS } from './quality.ts'
import { learnReference, referenceId } from '../profiles/reference.ts'
import { lockMonitor, monitorOf, requireEndpoint, settingsOf } from '../context/context.ts'
import type { MonitoringDeps, MonitorRow, Reference } from '../context/context.ts'
import { faultPoint } from '../../store/fault.ts'
import type { Tx } from '../../store/db.ts'
import { keepUnfit } from '../watched/look.ts'
import { textOf } from '../watched/faults.ts'
import { runState } from './state.ts'
import type { RunState } from './state.ts'
import type { AttributionLook, QualityLook } from '../checks/looks.ts'

/** Memory of the evaluation of one endpoint. */
export interface Memory {
  live: Live | undefined
  /** Reference that is being learned on its thread, or that could not be learned. */
  learning: string | undefined
  /** When hours may be judged again next (performance.now). */
  again?: number
  /** What the watch over the endpoint hangs on, as it was at the last turn. */
  seen?: string
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
  memory.seen = [enabled, reference?.version, id, memory.learning].join(' ')
  if (enabled && reference !== undefined && id !== undefined) await take(deps, endpoint, { id, reference, memory })
  return walk(deps, { endpoint, id, reference, memory, enabled }, signal)
}

interface Walk extends Omit<Turn, 'hour'> {
  readonly enabled: boolean
}

/** Goes over the hours that are closed. */
async function walk(deps: MonitoringDeps, turn: Walk, signal: AbortSignal): Promise<boolean> {
  const { endpoint, id, reference, memory, enabled } = turn
  const monitor = await monitorOf(deps.db, endpoint)
  const begin = monitor.evaluated_hour ?? (await firstHour(deps, endpoint))
  // an hour of the future is not closed, whatever a row says
  const now = Math.floor(deps.clock() / HOUR_MS)
  if (begin === undefined || begin > now) return false
  // without limits an hour cannot be judged: rather late than wrong
  if (monitor.reference === null && memory.learning === id && id !== undefined) return false
  const closed = await reachedHour(deps.db, endpoint, { from: monitor.newest_hour ?? begin, until: now })
  if (!enabled) {
    if (begin < closed) await passOver(deps, endpoint, closed)
    return false
  }
  if (monitor.redo_hour !== null) await judgeLate(deps, endpoint, { id, reference, memory })
  const last = Math.min(begin + AT_ONCE, closed)
  for (let hour = begin; hour < last && !signal.aborted; hour++)
    if (!(await judgeHour(deps, { endpoint, hour, memory, reference, id }))) return true
  return last < closed
}

/** While the monitor is switched off its hours go by: switched on, it begins with the hours that come then. */
async function passOver(deps: MonitoringDeps, endpoint: string, hour: number): Promise<void> {
  await deps.db.tx(async (t) => {
    await lockMonitor(t, endpoint)
    await t.run('UPDATE monitors SET evaluated_hour = ?, judged_from = ?, redo_hour = NULL WHERE endpoint = ?', [
      hour,
      hour,
      endpoint,
    ])
  })
}

/** Judging again takes at most this part of the time of the loop: rows that always come late must not take all of it. */
const SHARE_OF_TIME = 1 / 20

/** Judges hours again for which rows came late, unless it did so just now. */
async function judgeLate(
  deps: MonitoringDeps,
  endpoint: string,
  {
    id,
    reference,
    memory,
  }: { readonly id: string | undefined; readonly reference: Reference | undefined; readonly memory: Memory },
): Promise<void> {
  const began = performance.now()
  if (began < (memory.again ?? 0)) return
  memory.live = await syncLive(deps.db, await monitorOf(deps.db, endpoint), memory.live)
  const live = isComparable({ id, memory }) ? memory.live : undefined
  await judgeAgain(deps, { endpoint, reference, live })
  const ended = performance.now()
  memory.again = ended + (ended - began) / SHARE_OF_TIME
}

/** While another reference is learned the one before it serves; where the version has none, none does. */
function isComparable({ id, memory }: { readonly id: string | undefined; readonly memory: Memory }): boolean {
  return id !== undefined && memory.learning !== unfit(id)
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
      try {
        await keepUnfit(deps.db, endpoint, id, error)
      } finally {
        // what the table lacks stays so; what failed here may go well later, and hours wait for it
        if (error instanceof Problem && error.status < 500) memory.learning = unfit(id)
        else setTimeout(() => (memory.learning = undefined), AGAIN_MS).unref()
      }
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

/** False where it is not the turn of this hour any more: older rows came where nothing was judged yet, so looking begins anew with them. */
async function judgeHour(deps: MonitoringDeps, turn: Turn): Promise<boolean> {
  const { endpoint, hour, memory, reference } = turn
  const settings = settingsOf(await requireEndpoint(deps.db, endpoint))
  const monitor = await monitorOf(deps.db, endpoint)
  if ((monitor.evaluated_hour ?? (await firstHour(deps, endpoint))) !== hour) return false
  memory.live = await syncLive(deps.db, monitor, memory.live)
  const before = runState(monitor)
  const quality = await judgeQuality(deps, turn, before.quality)
  const attribution = await lookAtAttributions(deps, turn, before.attribution)
  const live = isComparable(turn) ? memory.live : undefined
  const looked: Looked = { endpoint, hour, settings, reference, live, before }
  const look = await lookAtHour(deps, looked)
  const { verdict } = look
  const changed = await deps.db.tx(async (t) => {
    const row = await lockMonitor(t, endpoint)
    if (row.evaluated_hour !== monitor.evaluated_hour) return undefined
    await keepMark(t, endpoint, { hour, state: before, incident: await currentAt(t, endpoint, hour) })
    if (verdict !== undefined) await keepWindow(t, looked, verdict)
    const held = attribution?.state === 'alert'
    const incident =
      verdict === undefined ? undefined : await enter(deps, tablesOf(t, endpoint), { looked, verdict, held })
    await finish(deps, t, { ...turn, before: monitor, now: row }, { ...stateAfter(looked, look), quality, attribution })
    if (verdict !== undefined) faultPoint('monitoring.judged')
    return incident
  })
  if (verdict !== undefined) faultPoint('monitoring.committed')
  if (changed === undefined) return true
  deps.changed(changed)
  return true
}

interface Finished extends Turn {
  /** The monitor when the look began, and now. */
  readonly before: MonitorRow
  readonly now: MonitorRow
}

async function finish(
  deps: MonitoringDeps,
  t: Tx,
  { endpoint, hour, before, now }: Finished,
  state: RunState,
): Promise<void> {
  const judged = Object.values(state.judged).includes(hour)
  await t.run(
    `UPDATE monitors SET evaluated_hour = ?, redo_hour = ?, state = ?${judged ? ', judged_hour = ?, last_run_at = ?' : ''} WHERE endpoint = ?`,
    [
      hour + 1,
      await missedSince(t, before, now, hour),
      JSON.stringify(state),
      ...(judged ? [hour + 1, deps.clock()] : []),
      endpoint,
    ],
  )
}

/** The first hour that is to be judged again, with those whose rows came while this hour was looked at. */
async function missedSince(
  t: Tx,
  before: MonitorRow,
  { seq, redo_hour }: MonitorRow,
  hour: number,
): Promise<number | null> {
  if (seq === before.seq) return redo_hour
  const row = await t.get<{ hour: number | null }>(
    'SELECT min(hour) AS hour FROM monitor_hours WHERE endpoint = ? AND seq > ? AND hour <= ?',
    [before.endpoint, before.seq, hour],
  )
  if (row?.hour == null) return redo_hour
  return Math.min(row.hour, redo_hour ?? Infinity)
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
