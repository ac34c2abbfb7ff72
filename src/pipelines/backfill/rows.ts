/** The rows of backfills and their partitions: as they are stored, and as the code reads them. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { BackfillPlan, BackfillState, PartitionState } from '../../contract/pipelines/backfills.ts'
import { parseNumerals } from '../../contract/values/numerals.ts'
import type { Reader } from '../../store/db.ts'
import { newestFirst, type NewestQuery } from '../../store/sql/newest.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'

export interface BackfillRow {
  readonly id: string
  readonly project: string
  readonly version_id: string
  readonly plan: BackfillPlan
  readonly state: BackfillState
  readonly reason: string
  readonly trouble: string | null
  /** For whom its runs are made. */
  readonly who: Principal
  readonly round: number
  readonly created_at: number
  readonly created_by: string
  readonly finished_at: number | null
}

export interface BackfillPartitionRow {
  readonly backfill_id: string
  readonly number: number
  readonly partition_key: string
  readonly state: PartitionState
  readonly run_id: string
  readonly before_run: string | null
  readonly message: string
  readonly begun_at: number | null
  readonly finished_at: number | null
}

export type Counts = Readonly<Record<PartitionState, number>>

export const OPEN_BACKFILLS: readonly BackfillState[] = ['running', 'cancelling']

type Stored = Record<string, unknown>

function parseBackfill(row: Stored): BackfillRow {
  const [plan, who] = [row['plan'], row['who']].map((text) => parseNumerals(String(text)))
  return { ...row, plan, who } as unknown as BackfillRow
}

/** Undefined when there is none. */
export async function readBackfill(reader: Reader, id: string): Promise<BackfillRow | undefined> {
  const row = await reader.get<Stored>('SELECT * FROM pipeline_backfills WHERE id = ?', [id])
  return row === undefined ? undefined : parseBackfill(row)
}

/** Throws `not_found`, also for a backfill of a project that the caller does not see. */
export async function requireBackfill(reader: Reader, who: Principal, id: string): Promise<BackfillRow> {
  const backfill = await readBackfill(reader, id)
  if (backfill === undefined || (who.project !== null && who.project !== backfill.project))
    throw problem('not_found', { what: 'backfill', id })
  return backfill
}

/** Backfills, newest first, before a position of `created_at` and id. */
export async function listBackfills(reader: Reader, query: NewestQuery): Promise<BackfillRow[]> {
  const rows = await fetchAll<Stored>(reader, sql`SELECT * FROM pipeline_backfills ${newestFirst(query)}`)
  return rows.map(parseBackfill)
}

/** How many partitions of each backfill stand how. */
export async function countPartitions(reader: Reader, ids: readonly string[]): Promise<Map<string, Counts>> {
  const rows = await fetchAll<{ backfill_id: string; state: PartitionState; n: number }>(
    reader,
    sql`SELECT backfill_id, state, COUNT(*) AS n FROM pipeline_backfill_partitions
      WHERE backfill_id IN ${inList(ids)} GROUP BY backfill_id, state`,
  )
  const counted = Map.groupBy(rows, ({ backfill_id }) => backfill_id)
  return new Map(ids.map((id) => [id, countsOf(counted.get(id) ?? [])]))
}

function countsOf(rows: readonly { readonly state: PartitionState; readonly n: number }[]): Counts {
  const none = { waiting: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 }
  return { ...none, ...Object.fromEntries(rows.map(({ state, n }) => [state, n])) }
}

/** Its partitions from a number on, of one state where it is given. */
export function readPartitions(
  reader: Reader,
  id: string,
  query: { readonly state?: PartitionState | undefined; readonly from?: number; readonly limit: number },
): Promise<BackfillPartitionRow[]> {
  const { state, from = 0, limit } = query
  return reader.all<BackfillPartitionRow>(
    `SELECT * FROM pipeline_backfill_partitions WHERE backfill_id = ? AND number >= ?
     ${state === undefined ? '' : 'AND state = ?'} ORDER BY number LIMIT ?`,
    [id, from, ...(state === undefined ? [] : [state]), limit],
  )
}

/** The ids of backfills that have not ended, oldest first. */
export async function openBackfills(reader: Reader): Promise<string[]> {
  const rows = await reader.all<{ id: string }>(
    "SELECT id FROM pipeline_backfills WHERE state IN ('running', 'cancelling') ORDER BY created_at, id",
  )
  return rows.map(({ id }) => id)
}
