/** Where the course of drift is written: in the tables, or in memory while hours are judged again. */
import { DAY_MS } from '../../contract/ids.ts'
import type { MonitorSettings } from '../../contract/monitoring.ts'
import type { Tx } from '../../store/db.ts'
import { currentIncident } from '../incidents/rows.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import { wantReactions } from '../incidents/reactions.ts'
import { writeIncident } from '../incidents/writing.ts'

/** The drift incidents of one endpoint. */
export interface Book {
  /** The newest that is open, or alerted not before `since`, the event time (ms) a day before the look. */
  current(since: number): Promise<IncidentRow | undefined>
  write(row: IncidentRow): Promise<void>
  /** Asks for reactions, at a wall time, ms. */
  react(row: IncidentRow, wanted: MonitorSettings['reactions']['drift'], now: number): Promise<void>
}

/** The tables of a transaction. */
export function tablesOf(t: Tx, endpoint: string): Book {
  return {
    current: (since) => currentIncident(t, endpoint, 'drift', since),
    write: (row) => writeIncident(t, row),
    react: (row, wanted, now) => wantReactions(t, row, wanted, now),
  }
}

export interface Draft extends Book {
  /** Incidents as they are by now, in the order in which they came. */
  rows(): IncidentRow[]
}

/** A draft that begins with incidents as they stood; nobody is told and nothing is started. */
export function draftOf(begin: readonly IncidentRow[]): Draft {
  const rows = new Map(begin.map((row) => [row.id, row]))
  return {
    async current(since) {
      const known = [...rows.values()].filter(
        (row) => row.opened_event <= since + DAY_MS && (row.state !== 'resolved' || row.last_event >= since),
      )
      return structuredClone(known.sort((a, b) => b.last_event - a.last_event)[0])
    },
    async write(row) {
      rows.set(row.id, row)
    },
    react: async () => undefined,
    rows: () => [...rows.values()],
  }
}
