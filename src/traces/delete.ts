/** Deletes traces for good, with all that hangs on them. */
import type { Principal } from '../contract/access.ts'
import type { SqlValue, Tx } from '../store/db.ts'
import { requireExperiment } from '../tracking/experiments/experiments.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { fetchAll, inList, sql } from '../store/sql/sql.ts'
import type { Sql } from '../store/sql/sql.ts'
import { raw } from '../store/sql/sql.ts'
import { invalid } from '../mlflow/wire.ts'

/** Which traces of an experiment: those up to a start time (oldest first, at most so many), or those of these ids. */
export interface Doomed {
  readonly experiment_id: string
  /** Ms since 1970. */
  readonly max_start_ms?: number | undefined
  readonly max_traces?: number | undefined
  readonly trace_ids: readonly string[]
}

/** Traces deleted by one transaction at most. */
const CHUNK = 500

const TABLES = ['trace_spans', 'trace_tags', 'trace_metadata', 'trace_links', 'trace_assessments', 'traces'] as const

/** Deletes and returns how many; each transaction of at most 500 traces is audited. */
export async function deleteTraces(room: Tracking, who: Principal, doomed: Doomed): Promise<number> {
  checkChoice(doomed)
  const experiment = await requireExperiment(room.db, who, doomed.experiment_id)
  const id = experiment.experiment_id
  const all = doomed.max_traces ?? Number.MAX_SAFE_INTEGER
  let deleted = 0
  for (;;) {
    const limit = Math.min(CHUNK, all - deleted)
    const count = limit <= 0 ? 0 : await room.db.tx((t) => deleteSome(t, room, who, { ...doomed, id, limit }))
    deleted += count
    if (count < CHUNK) return deleted
  }
}

function checkChoice({ max_start_ms, max_traces, trace_ids }: Doomed): void {
  const byIds = trace_ids.length > 0
  if (max_start_ms === undefined && !byIds) {
    throw invalid('Either `max_timestamp_millis` or `trace_ids` must be specified.')
  }
  if (max_start_ms !== undefined && byIds) {
    throw invalid('Only one of `max_timestamp_millis` and `trace_ids` can be specified.')
  }
  if (byIds && max_traces !== undefined) throw invalid("`max_traces` can't be specified if `trace_ids` is specified.")
  if (max_traces !== undefined && max_traces <= 0) {
    throw invalid(`\`max_traces\` must be a positive integer, received ${max_traces}.`)
  }
}

// oxlint-disable-next-line max-params -- the fourth is one choice of rows
async function deleteSome(
  t: Tx,
  room: Tracking,
  who: Principal,
  chosen: Doomed & { readonly id: string; readonly limit: number },
): Promise<number> {
  const which: Sql =
    chosen.max_start_ms === undefined
      ? sql`trace_id IN ${inList(chosen.trace_ids)}`
      : sql`start_ms <= ${chosen.max_start_ms}`
  const rows = await fetchAll<{ trace_id: string }>(
    t,
    sql`SELECT trace_id FROM traces WHERE experiment_id = ${chosen.id} AND ${which}
      ORDER BY start_ms, trace_id LIMIT ${raw(String(chosen.limit))}`,
  )
  if (rows.length === 0) return 0
  const ids = rows.map((row) => row.trace_id)
  await removeRows(
    t,
    'artifacts',
    'owner',
    ids.map((trace) => `${chosen.id}/traces/${trace}`),
  )
  for (const table of TABLES) await removeRows(t, table, 'trace_id', ids)
  await room.record(t, who, { verb: 'write', resource: 'runs', id: chosen.id, detail: { deleted_traces: ids.length } })
  return ids.length
}

async function removeRows(t: Tx, table: string, column: string, values: readonly SqlValue[]): Promise<void> {
  const list = inList(values)
  await t.run(`DELETE FROM ${table} WHERE ${column} IN ${list.text}`, list.params)
}

/** Deletes all traces of an experiment, for when the experiment itself goes for good. */
export async function purgeTraces(room: Tracking, who: Principal, experiment: string): Promise<void> {
  await deleteTraces(room, who, { experiment_id: experiment, max_start_ms: Number.MAX_SAFE_INTEGER, trace_ids: [] })
}
