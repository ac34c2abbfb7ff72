/** Deletes traces for good, with all that hangs on them. */
import type { Principal } from '../contract/access.ts'
import { invalid } from '../mlflow/wire.ts'
import type { Tx } from '../store/db.ts'
import { deleteRows } from '../store/sql/rows.ts'
import { fetchAll, inList, sql } from '../store/sql/sql.ts'
import { removeTrees } from '../tracking/artifacts/artifacts.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { requireExperiment } from '../tracking/experiments/experiments.ts'
import type { TraceRow } from './context/rows.ts'

/** Which traces of an experiment: those up to a start time (oldest first, at most so many), or those of these ids. */
export interface TraceChoice {
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
export async function deleteTraces(room: Tracking, who: Principal, chosen: TraceChoice): Promise<number> {
  checkChoice(chosen)
  const experiment = await requireExperiment(room.db, who, chosen.experiment_id)
  const id = experiment.experiment_id
  const all = chosen.max_traces ?? Number.MAX_SAFE_INTEGER
  let deleted = 0
  for (;;) {
    const limit = Math.min(CHUNK, all - deleted)
    const count = limit <= 0 ? 0 : await room.db.tx((t) => deleteChunk(t, room, who, { ...chosen, id, limit }))
    deleted += count
    if (count < CHUNK) return deleted
  }
}

function checkChoice({ max_start_ms, max_traces, trace_ids }: TraceChoice): void {
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
async function deleteChunk(
  t: Tx,
  room: Tracking,
  who: Principal,
  chosen: TraceChoice & { readonly id: string; readonly limit: number },
): Promise<number> {
  const which =
    chosen.max_start_ms === undefined
      ? sql`trace_id IN ${inList(chosen.trace_ids)}`
      : sql`start_ms <= ${chosen.max_start_ms}`
  const rows = await fetchAll<Pick<TraceRow, 'trace_id' | 'artifact_uri'>>(
    t,
    sql`SELECT trace_id, artifact_uri FROM traces WHERE experiment_id = ${chosen.id} AND ${which}
      ORDER BY start_ms, trace_id LIMIT ${chosen.limit}`,
  )
  if (rows.length === 0) return 0
  const ids = inList(rows.map((row) => row.trace_id))
  await removeTrees(
    t,
    rows.map((row) => row.artifact_uri),
  )
  for (const table of TABLES) await deleteRows(t, table, sql`trace_id IN ${ids}`)
  await room.record(t, who, { verb: 'write', resource: 'runs', id: chosen.id, detail: { deleted_traces: rows.length } })
  return rows.length
}
