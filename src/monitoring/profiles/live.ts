/** The hourly profiles of an endpoint in memory, kept as the tables have them, with the reference's last month before them. */
import { makeHistory } from '../../stats/history.ts'
import type { History } from '../../stats/history.ts'
import { LONGEST, reachOf } from '../../stats/lengths.ts'
import { profileFromJson } from '../../stats/profile.ts'
import type { ProfileJson } from '../../stats/profile.ts'
import type { Reader } from '../../store/db.ts'
import { spoiltBy, spoiltHours } from '../incidents/rows.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import { REACH } from './arrivals.ts'
import type { Learned } from './learn.ts'
import { readReference } from './reference.ts'
import type { MonitorRow } from '../context/context.ts'

export interface Live {
  readonly reference: string
  readonly learned: Learned
  readonly history: History
  /** First hour with rows of the endpoint's own when training hours were put before it. */
  readonly first: number | null
  seq: number
}

/** Hours kept behind the newest one that is needed: what the longest window is compared with in hours that may be judged again, and a few days. */
const KEPT = reachOf(LONGEST) + REACH + 3 * 24

/** Brings the memory up to the tables; undefined while the endpoint has no learned reference. */
export async function syncLive(
  reader: Reader,
  monitor: MonitorRow,
  known: Live | undefined,
): Promise<Live | undefined> {
  if (monitor.reference === null) return undefined
  const first = await firstOwnHour(reader, monitor.endpoint)
  // an own first hour that came late takes the place of training hours
  let live = known?.reference === monitor.reference && known.first === first ? known : undefined
  if (live === undefined) {
    const learned = await readReference(reader, monitor.reference)
    if (learned === undefined) return undefined
    live = { reference: monitor.reference, learned, history: makeHistory(learned.spec), first, seq: -1 }
    addReferenceHours(live)
  }
  const { history } = live
  const rows = await reader.all<{ hour: number; profile: string; seq: number }>(
    'SELECT hour, profile, seq FROM monitor_hours WHERE endpoint = ? AND seq > ? AND profile IS NOT NULL',
    [monitor.endpoint, live.seq],
  )
  for (const { hour, profile, seq } of rows) {
    history.hours.set(hour, profileFromJson(history.spec, JSON.parse(profile) as ProfileJson))
    live.seq = Math.max(live.seq, seq)
  }
  const oldest = (monitor.evaluated_hour ?? 0) - KEPT
  for (const hour of history.hours.keys()) if (hour < oldest) history.hours.delete(hour)
  await markSpoilt(reader, monitor.endpoint, history)
  return live
}

async function firstOwnHour(reader: Reader, endpoint: string): Promise<number | null> {
  const row = await reader.get<{ hour: number | null }>(
    'SELECT min(hour) AS hour FROM monitor_hours WHERE endpoint = ?',
    [endpoint],
  )
  return row?.hour ?? null
}

/** An hour, but none before the endpoint's own first one: nothing began with the training rows. */
export function sinceFirst({ first }: Pick<Live, 'first'>, hour: number): number {
  return Math.max(hour, first ?? hour)
}

/** Training hours stand for the past of an endpoint only before its own first hour. */
function addReferenceHours({ learned, history, first }: Live): void {
  for (const [hour, profile] of learned.hours)
    if (first === null || hour < first) history.hours.set(hour, profileFromJson(history.spec, profile))
}

/** Marks the hours that the incidents of the tables spoil as no reference for others. */
async function markSpoilt(reader: Reader, endpoint: string, history: History): Promise<void> {
  mark(history, await spoiltHours(reader, endpoint))
}

/** Marks the hours that these incidents of drift spoil, and no others. */
export function spoil(history: History, incidents: readonly Pick<IncidentRow, 'began_event' | 'last_event'>[]): void {
  mark(history, incidents.map(spoiltBy))
}

function mark(history: History, spans: readonly { readonly from: number; readonly to: number }[]): void {
  history.bad.clear()
  for (const { from, to } of spans) for (let h = from; h < to; h++) history.bad.add(h)
}
