/** How things stood before each hour of the last week was judged, so that it can be judged again. */
import type { Reader, Tx } from '../../store/db.ts'
import { currentIncident } from '../incidents/rows.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import { REACH } from '../profiles/arrivals.ts'
import { parsedState } from './state.ts'
import type { RunState } from './state.ts'

export interface Mark {
  readonly hour: number
  readonly state: RunState
  /** The incident of drift that was current, without its timeline. */
  readonly incident: IncidentRow | undefined
}

/** The incident of drift that an hour is judged under. */
export function currentAt(reader: Reader, endpoint: string, hour: number): Promise<IncidentRow | undefined> {
  return currentIncident(reader, endpoint, 'drift', (hour + 1) * HOUR_MS - DAY_MS)
}

/** Keeps how things stand before an hour, and forgets what is out of reach. */
export async function keepMark(t: Tx, endpoint: string, { hour, state, incident }: Mark): Promise<void> {
  const { quality: _look, ...kept } = state
  const row = incident === undefined ? null : { ...incident, detail: { ...incident.detail, timeline: [] } }
  await t.run(
    `INSERT INTO monitor_marks (endpoint, hour, state, incident) VALUES (?,?,?,?)
     ON CONFLICT (endpoint, hour) DO UPDATE SET state = excluded.state, incident = excluded.incident`,
    [endpoint, hour, JSON.stringify(kept), row === null ? null : JSON.stringify(row)],
  )
  await t.run('DELETE FROM monitor_marks WHERE endpoint = ? AND hour < ?', [endpoint, hour - REACH])
}

/** The marks from an hour on, oldest first. */
export async function marksFrom(reader: Reader, endpoint: string, from: number): Promise<Mark[]> {
  const rows = await reader.all<{ hour: number; state: string; incident: string | null }>(
    'SELECT hour, state, incident FROM monitor_marks WHERE endpoint = ? AND hour >= ? ORDER BY hour',
    [endpoint, from],
  )
  return rows.map(({ hour, state, incident }) => ({
    hour,
    state: parsedState(state),
    incident: incident === null ? undefined : (JSON.parse(incident) as IncidentRow),
  }))
}
