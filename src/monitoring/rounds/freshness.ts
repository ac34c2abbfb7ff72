/** The dead man's switch: an endpoint that answers live traffic and falls silent while its past says that rows should come. */
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import { currentIncident, newIncident, note } from '../incidents/rows.ts'
import { writeIncident } from '../incidents/writing.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import { LIVE_MS } from '../context/context.ts'
import type { MonitoringDeps, MonitorRow } from '../context/context.ts'

/** Silence that is told, and rows that the same hours usually bring at least. */
const SILENT_HOURS = 3
const USUAL_ROWS = 30
/** Earlier days that are looked at. */
const DAYS = 7

/** Opens or resolves the freshness incident of an endpoint. */
export async function checkFreshness(deps: MonitoringDeps, monitor: MonitorRow): Promise<void> {
  const { endpoint, newest_event, newest_at } = monitor
  if (newest_event === null || newest_at === null || Math.abs(newest_at - newest_event) > LIVE_MS) return
  const now = deps.clock()
  const silent = now - newest_at >= SILENT_HOURS * HOUR_MS && (await usualRows(deps, endpoint, now)) >= USUAL_ROWS
  const changed = await deps.db.tx(async (t) => {
    const known = await currentIncident(t, endpoint, 'freshness', now - DAY_MS)
    const open = known !== undefined && known.state !== 'resolved' ? known : undefined
    if (silent && open === undefined) {
      const row = opened(deps, monitor, now)
      await writeIncident(t, row)
      return row.id
    }
    if (open === undefined || now - newest_at >= HOUR_MS) return undefined
    note(open.detail, { at: now, event: newest_event, kind: 'resolved', text: 'rows come again' })
    await writeIncident(t, { ...open, state: 'resolved', resolved_at: now, resolved_event: newest_event })
    return open.id
  })
  if (changed !== undefined) deps.changed(changed)
}

/** Median over earlier days of the rows of the same hours. */
async function usualRows(deps: MonitoringDeps, endpoint: string, now: number): Promise<number> {
  const hour = Math.floor(now / HOUR_MS)
  const counts: number[] = []
  for (let day = 1; day <= DAYS; day++) {
    const row = await deps.db.get<{ n: number | null }>(
      'SELECT CAST(sum(rows) AS BIGINT) AS n FROM monitor_hours WHERE endpoint = ? AND hour >= ? AND hour < ?',
      [endpoint, hour - 24 * day - SILENT_HOURS, hour - 24 * day],
    )
    counts.push(row?.n ?? 0)
  }
  return counts.sort((a, b) => a - b)[Math.floor(DAYS / 2)] ?? 0
}

function opened(deps: MonitoringDeps, { endpoint, newest_event, newest_at }: MonitorRow, now: number): IncidentRow {
  const event = newest_event ?? now
  const title = `no rows for ${Math.floor((now - (newest_at ?? now)) / HOUR_MS)} hours, although the same hours of the last days had some`
  const row = newIncident({
    id: deps.ids('inc'),
    endpoint,
    kind: 'freshness',
    severity: 'high',
    title,
    opened_at: now,
    began_event: event,
    causes: [{ rank: 1, kind: 'feed_lost', title, score: 0.9, features: [], evidence: { newest_event: event } }],
  })
  note(row.detail, { at: now, event, kind: 'opened', text: title })
  return row
}
