/** What a person may do with an incident. */
import type { Principal } from '../contract/access.ts'
import { HOUR_MS } from '../contract/ids.ts'
import { problem } from '../contract/errors.ts'
import { MARGIN } from '../stats/calibrate.ts'
import type { Tx } from '../store/db.ts'
import { ATTRIBUTION, raisedName } from './checks/checks.ts'
import type { StoredCheck } from './checks/checks.ts'
import { endAll } from './incidents/course.ts'
import { note, requireIncident, viewIncident } from './incidents/rows.ts'
import { writeIncident } from './incidents/writing.ts'
import type { IncidentRow, IncidentView } from './incidents/rows.ts'
import { react } from './incidents/reactions.ts'
import { requireEndpoint } from './context/context.ts'
import type { MonitoringDeps } from './context/context.ts'

export type Action = 'acknowledge' | 'resolve' | 'mark_bad' | 'retrain' | 'rollback' | 'false_alarm'

/** Does an action, with an audit row. Throws `not_found`, and `conflict` for what is done already. */
export async function actOnIncident(
  deps: MonitoringDeps,
  who: Principal,
  wish: { readonly id: string; readonly action: Action; readonly reason: string },
): Promise<IncidentView> {
  const incident = await requireIncident(deps.db, wish.id)
  await requireEndpoint(deps.db, incident.endpoint, who)
  const { action } = wish
  const done =
    action === 'retrain' || action === 'rollback'
      ? await react(deps, incident, action, wish.reason === '' ? incident.title : wish.reason)
      : wish.reason
  await deps.db.tx(async (t) => {
    const row = await requireIncident(t, wish.id)
    const changed = await apply(deps, t, row, action)
    note(changed.detail, { at: deps.clock(), event: null, kind: action, text: `${who.name}: ${done}` })
    await writeIncident(t, changed)
    const detail = { action, reason: wish.reason, endpoint: row.endpoint }
    await deps.audit.record(t, who, { verb: 'write', resource: 'incidents', id: row.id, detail })
  })
  deps.changed(wish.id)
  return viewIncident(deps.db, await requireIncident(deps.db, wish.id))
}

function refuse(detail: string): never {
  throw problem('conflict', { detail })
}

async function apply(deps: MonitoringDeps, t: Tx, row: IncidentRow, action: Action): Promise<IncidentRow> {
  const detail = { ...row.detail, causes: endAll(row.detail.causes, row.last_event) }
  const over = { state: 'resolved' as const, resolved_at: deps.clock(), resolved_event: row.last_event, detail }
  switch (action) {
    case 'acknowledge':
      return row.state === 'open' ? { ...row, state: 'acknowledged' } : refuse(`the incident is ${row.state}`)
    case 'resolve':
      return row.state === 'resolved' ? refuse('the incident is resolved') : { ...row, ...over }
    case 'mark_bad':
      if (row.kind === 'search') return refuse('it is about runs and has no rows')
      return row.marked === 1 ? refuse('its rows are marked bad already') : { ...row, marked: 1 }
    case 'false_alarm':
      if (row.dismissed === 1) return refuse('it was called a false alarm before')
      await raiseLimits(deps, t, row)
      return { ...row, ...over, dismissed: 1, marked: 0 }
    default:
      return row
  }
}

/** The limits that the incident's windows passed rise above what was seen. */
async function raiseLimits(deps: MonitoringDeps, t: Tx, row: IncidentRow): Promise<void> {
  const windows = await t.all<{ results: string }>(
    'SELECT results FROM monitor_windows WHERE endpoint = ? AND hour >= ? AND hour <= ?',
    [row.endpoint, Math.floor(row.began_event / HOUR_MS), Math.floor(row.last_event / HOUR_MS)],
  )
  const highest = new Map<string, [feature: string, measure: string, value: number]>()
  for (const { check, feature, value } of row.detail.checks)
    if (check === ATTRIBUTION && value !== null) highest.set(check, [feature, check, value])
  for (const { results } of windows) {
    for (const [feature, of, value, , , alert, pages, length] of JSON.parse(results) as StoredCheck[]) {
      const measure = raisedName(of, length)
      const key = `${feature} ${measure}`
      const known = highest.get(key)?.[2] ?? 0
      if (alert === 1 && pages === 1 && value > known) highest.set(key, [feature, measure, value])
    }
  }
  for (const [feature, measure, value] of highest.values()) {
    await t.run(
      `INSERT INTO monitor_raises (endpoint, feature, measure, threshold, incident_id, at) VALUES (?,?,?,?,?,?)
       ON CONFLICT (endpoint, feature, measure) DO UPDATE SET threshold = excluded.threshold, incident_id = excluded.incident_id, at = excluded.at`,
      [row.endpoint, feature, measure, MARGIN * value, row.id, deps.clock()],
    )
  }
}
