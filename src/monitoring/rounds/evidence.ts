/** What is read for an incident beside profiles: raw values of the newest rows, and events of the house near its beginning. */
import { HOUR_MS } from '../../contract/ids.ts'
import type { RecentValues } from '../../stats/explain.ts'
import { newestInputs } from '../../serving/records/queries.ts'
import type { HouseEvent, MonitoringDeps } from '../context/context.ts'

/** Rows read to tell units apart. */
export const MOST_VALUES = 3000

/** Raw values of the newer half of a window: of a feature, in the last hours of it. */
export async function recentValues(
  deps: Pick<MonitoringDeps, 'db' | 'inputNames'>,
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
/** Events of the house that are told. */
const MOST_EVENTS = 5

/**
 * The newest events of the house near an event hour, newest first, five at most: wall times are mapped to the event hours that were coming
 * in then.
 */
export async function houseEvents(
  deps: Pick<MonitoringDeps, 'db' | 'eventLog'>,
  endpoint: string,
  hour: number,
): Promise<HouseEvent[]> {
  const rows = await deps.db.all<{ first_at: number }>(
    'SELECT first_at FROM monitor_hours WHERE endpoint = ? AND hour >= ? AND hour <= ? ORDER BY hour',
    [endpoint, hour - NEAR_HOURS, hour],
  )
  const [from, to] = [rows[0]?.first_at, rows.at(-1)?.first_at]
  if (from === undefined || to === undefined) return []
  return [...(await deps.eventLog(endpoint, from, to))].sort((a, b) => b.at - a.at).slice(0, MOST_EVENTS)
}
