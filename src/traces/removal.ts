/** What goes or moves with an experiment, with a project, or with the whole store. */
import type { Principal } from '../contract/access.ts'
import type { Db } from '../store/db.ts'
import { deleteRows, updateRows } from '../store/sql/rows.ts'
import { sql } from '../store/sql/sql.ts'
import type { ProjectPart, Tracking } from '../tracking/context/context.ts'
import { deleteTraces } from './delete.ts'

const TABLES = [
  'traces',
  'trace_spans',
  'trace_tags',
  'trace_metadata',
  'trace_links',
  'trace_assessments',
  'trace_issues',
] as const

/** Deletes all traces and issues of an experiment, for when the experiment itself goes for good. */
export async function purgeTraces(room: Tracking, who: Principal, experiment: string): Promise<void> {
  await deleteTraces(room, who, { experiment_id: experiment, max_start_ms: Number.MAX_SAFE_INTEGER, trace_ids: [] })
  await room.db.tx((t) => deleteRows(t, 'trace_issues', sql`experiment_id = ${experiment}`))
}

/** Traces go with their experiments; alone they keep no project. */
export const tracesPart: ProjectPart = {
  holds: async () => undefined,
  remove: async () => undefined,
  async give(t, project, to) {
    await updateRows(t, 'traces', { project: to }, sql`project = ${project}`)
  },
}

/** Deletes every row of the room, for other projects' test suites. */
export async function resetTraces(db: Db): Promise<void> {
  await db.tx(async (t) => {
    for (const table of TABLES) await deleteRows(t, table)
  })
}
