/** When rows come: how far event time has gone, and which rows come late, too late to be judged, or with a time ahead of the clock. */
import { HOUR_MS } from '../../contract/ids.ts'
import type { Reader, Tx } from '../../store/db.ts'
import type { MonitorRow } from '../context/context.ts'

/** Hours behind the mark that are judged again when rows come for them: a week, as long as the longest window. */
export const REACH = 168

/** A row whose event time is so far after its arrival is ahead of the clock, ms. */
const AHEAD_MS = HOUR_MS

/** Empty hours over which event time goes on with one row: a night, a day of rest. Over more only enough rows carry it. */
const REST_HOURS = 24
/** What is enough: rows within a day, at least, and as a share of those of the day before the gap. */
const CARRIED_BY = 5
const CARRIED_SHARE = 0.1

/** Hours for which arrivals are kept. */
const KEPT_HOURS = 8 * 24

/** A row as it arrived. Times are ms: of the event, and of the arrival. */
export interface Arrived {
  readonly et: number
  readonly at: number
}

type Mark = Pick<MonitorRow, 'evaluated_hour' | 'judged_hour' | 'judged_from' | 'state'>

/** First hour that is judged again when rows come for it; hours before it are not. Undefined while nothing was looked at. */
export function reachFrom({ evaluated_hour, judged_from }: Omit<Mark, 'state'>): number | undefined {
  return evaluated_hour === null ? undefined : Math.max(evaluated_hour - REACH, judged_from ?? -Infinity)
}

export type Timeliness = 'in time' | 'anew' | 'late' | 'too late'

/**
 * What becomes of a row of an hour: `anew`: nothing was judged yet, so that looking begins again with that hour; `late`: its hour is
 * judged again; `too late`: it is not.
 */
export function timelinessOf(monitor: Mark, hour: number): Timeliness {
  const from = reachFrom(monitor)
  if (from === undefined || hour >= (monitor.evaluated_hour ?? 0)) return 'in time'
  if (isUntouched(monitor)) return 'anew'
  return hour >= from ? 'late' : 'too late'
}

/** Whether no verdict was ever given: then nothing speaks against looking at older hours first. */
function isUntouched({ judged_hour, judged_from, state }: Mark): boolean {
  if (judged_hour !== null || judged_from !== null) return false
  const { quality = null, attribution = null } = JSON.parse(state) as Record<string, unknown>
  return quality === null && attribution === null
}

interface HourRows {
  readonly hour: number
  readonly rows: number
}

/**
 * The newest hour that event time has reached by `until` (inclusive), from an hour that it has reached on. One row leads over a rest of a
 * day; over a longer gap only as many rows as are no accident do, for one call with a wrong time must not close the hours of all others.
 */
export async function reachedHour(
  reader: Reader,
  endpoint: string,
  { from, until }: { readonly from: number; readonly until: number },
): Promise<number> {
  const ahead = await reader.all<HourRows>(
    'SELECT hour, rows FROM monitor_hours WHERE endpoint = ? AND hour > ? AND hour <= ? ORDER BY hour',
    [endpoint, from, until],
  )
  let reached = from
  for (const { hour } of ahead) {
    if (hour - reached > REST_HOURS) {
      const after = ahead.reduce((sum, one) => sum + (one.hour >= hour && one.hour < hour + 24 ? one.rows : 0), 0)
      if (after < CARRIED_BY || after < CARRIED_SHARE * (await dayBefore(reader, endpoint, reached))) break
    }
    reached = hour
  }
  return reached
}

/** Rows of the 24 hours that end with an hour. */
async function dayBefore(reader: Reader, endpoint: string, hour: number): Promise<number> {
  const row = await reader.get<{ n: number | null }>(
    'SELECT CAST(sum(rows) AS BIGINT) AS n FROM monitor_hours WHERE endpoint = ? AND hour > ? AND hour <= ?',
    [endpoint, hour - 24, hour],
  )
  return row?.n ?? 0
}

/** Takes in how far event time has gone with rows that were counted just now, and counts what did not come in time. `now` is ms. */
export async function takeArrivals(
  t: Tx,
  monitor: MonitorRow,
  mine: readonly Arrived[],
  { answered, now, seq }: { readonly answered: readonly Arrived[]; readonly now: number; readonly seq: number },
): Promise<void> {
  const { endpoint } = monitor
  const hourOf = ({ et }: Arrived): number => Math.floor(et / HOUR_MS)
  const kinds = Map.groupBy(answered, (row) => timelinessOf(monitor, hourOf(row)))
  const of = (kind: Timeliness): readonly Arrived[] => kinds.get(kind) ?? []
  const anew = least(of('anew').map(hourOf))
  const until = Math.floor(now / HOUR_MS)
  // until a first hour was looked at, older rows make it begin with them
  const own = monitor.evaluated_hour === null ? answered.map(hourOf).filter((hour) => hour <= until) : []
  const begin = anew ?? least([...own, ...(monitor.newest_hour === null ? [] : [monitor.newest_hour])])
  const newest = begin === undefined ? null : await reachedHour(t, endpoint, { from: begin, until })
  const seen = newest === null ? [] : mine.filter((row) => hourOf(row) <= newest)
  const timely = mine.filter((row) => !['late', 'too late'].includes(timelinessOf(monitor, hourOf(row))))
  const ahead = mine.filter(({ et, at }) => et - at > AHEAD_MS).length
  await t.run(
    `UPDATE monitors SET seq = ?, newest_hour = ?, newest_event = ?, newest_at = ?, evaluated_hour = ?, redo_hour = ?,
       late_rows = late_rows + ?, too_late_rows = too_late_rows + ?, ahead_rows = ahead_rows + ? WHERE endpoint = ?`,
    [
      seq,
      newest,
      newest === null ? null : seen.reduce((most, { et }) => Math.max(most, et), known(monitor, newest)),
      timely.reduce((most, { at }) => Math.max(most, at), monitor.newest_at ?? 0),
      anew ?? monitor.evaluated_hour,
      least([...of('late').map(hourOf), ...(monitor.redo_hour === null ? [] : [monitor.redo_hour])]) ?? null,
      of('late').length,
      of('too late').length,
      ahead,
      endpoint,
    ],
  )
  await countArrivals(t, endpoint, { now, rows: mine.length, tooLate: of('too late').length, ahead })
}

/** The newest event so far, unless it lies beyond the hour that was reached: that counts alone then. */
function known({ newest_event }: MonitorRow, newest: number): number {
  const before = newest_event !== null && newest_event < (newest + 1) * HOUR_MS ? newest_event : 0
  return Math.max(before, newest * HOUR_MS)
}

function least(hours: readonly number[]): number | undefined {
  return hours.length === 0 ? undefined : hours.reduce((a, b) => Math.min(a, b))
}

interface Counted {
  readonly now: number
  readonly rows: number
  readonly tooLate: number
  readonly ahead: number
}

async function countArrivals(t: Tx, endpoint: string, { now, rows, tooLate, ahead }: Counted): Promise<void> {
  const hour = Math.floor(now / HOUR_MS)
  await t.run(
    `INSERT INTO monitor_arrivals (endpoint, hour, rows, too_late, ahead) VALUES (?,?,?,?,?)
     ON CONFLICT (endpoint, hour) DO UPDATE SET rows = monitor_arrivals.rows + excluded.rows,
       too_late = monitor_arrivals.too_late + excluded.too_late, ahead = monitor_arrivals.ahead + excluded.ahead`,
    [endpoint, hour, rows, tooLate, ahead],
  )
  await t.run('DELETE FROM monitor_arrivals WHERE endpoint = ? AND hour < ?', [endpoint, hour - KEPT_HOURS])
}

/** Rows that came within the last hours, and those of them that are not judged for their time. */
export interface Arrivals {
  readonly rows: number
  readonly too_late: number
  readonly ahead: number
}

/** Whole hours of arrival that are looked back, beside the one that goes on: a little more than a day, so that what comes once a day is always seen. */
const SEEN_HOURS = 25

/** What came within the last day, and a little more. */
export async function recentArrivals(reader: Reader, endpoint: string, now: number): Promise<Arrivals> {
  const row = await reader.get<{ [K in keyof Arrivals]: number | null }>(
    `SELECT CAST(sum(rows) AS BIGINT) AS rows, CAST(sum(too_late) AS BIGINT) AS too_late, CAST(sum(ahead) AS BIGINT) AS ahead
       FROM monitor_arrivals WHERE endpoint = ? AND hour >= ?`,
    [endpoint, Math.floor(now / HOUR_MS) - SEEN_HOURS],
  )
  return { rows: row?.rows ?? 0, too_late: row?.too_late ?? 0, ahead: row?.ahead ?? 0 }
}
