/** The hourly profiles of an endpoint in memory, kept as the tables have them, with the reference's last month before them. */
import { makeHistory } from '../../stats/history.ts'
import type { History } from '../../stats/history.ts'
import { LONGEST, reachOf } from '../../stats/lengths.ts'
import { profileFromJson } from '../../stats/profile.ts'
import type { ProfileJson } from '../../stats/profile.ts'
import type { Reader } from '../../store/db.ts'
import { spoiltHours } from '../incidents/rows.ts'
import type { Learned } from './learn.ts'
import { readReference } from './reference.ts'
import type { MonitorRow } from '../context/context.ts'

export interface Live {
  readonly reference: string
  readonly learned: Learned
  readonly history: History
  seq: number
}

/** Hours kept behind the newest one that is needed: what the longest window is compared with, and a few days. */
const KEPT = reachOf(LONGEST) + 3 * 24

/** Brings the memory up to the tables; undefined while the endpoint has no learned reference. */
export async function syncLive(
  reader: Reader,
  monitor: MonitorRow,
  known: Live | undefined,
): Promise<Live | undefined> {
  if (monitor.reference === null) return undefined
  let live = known?.reference === monitor.reference ? known : undefined
  if (live === undefined) {
    const learned = await readReference(reader, monitor.reference)
    if (learned === undefined) return undefined
    live = { reference: monitor.reference, learned, history: makeHistory(learned.spec), seq: -1 }
    await addReferenceHours(reader, monitor.endpoint, live)
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

/** Training hours stand for the past of an endpoint only before its own first hour. */
async function addReferenceHours(reader: Reader, endpoint: string, live: Live): Promise<void> {
  const first = await reader.get<{ hour: number | null }>(
    'SELECT min(hour) AS hour FROM monitor_hours WHERE endpoint = ?',
    [endpoint],
  )
  for (const [hour, profile] of live.learned.hours)
    if (first?.hour == null || hour < first.hour)
      live.history.hours.set(hour, profileFromJson(live.history.spec, profile))
}

export async function markSpoilt(reader: Reader, endpoint: string, history: History): Promise<void> {
  history.bad.clear()
  for (const { from, to } of await spoiltHours(reader, endpoint)) for (let h = from; h < to; h++) history.bad.add(h)
}
