/** Runs that merges to the main branch started: what CI said of the merge, and when the run came how far. */
import { mergeTimeFault } from '../../contract/changes/merges.ts'
import { problem } from '../../contract/errors.ts'
import type { Merge, Trigger } from '../../contract/pipelines.ts'
import type { Reader } from '../../store/db.ts'
import { all, fetchAll, sql } from '../../store/sql/sql.ts'
import type { RegisteredModel } from './rows.ts'

/** A merge as it is kept with its run. */
export interface KeptMerge {
  readonly commit: string
  /** ms */
  readonly mergedAt: number
}

/**
 * What a caller says of a merge, as it is kept; a clock that is a little ahead is held to the server's. Throws `invalid_field` for a
 * merge of a run with another trigger, and for a time that is no merge's.
 */
export function keptMerge(
  { trigger, merge }: { readonly trigger: Trigger; readonly merge?: Merge | undefined },
  now: number,
): KeptMerge | undefined {
  if (merge === undefined) return undefined
  if (trigger !== 'merge')
    throw problem('invalid_field', { field: 'merge', value: merge, expected: 'only with the trigger merge' })
  const mergedAt = Date.parse(merge.merged_at)
  const expected = mergeTimeFault(mergedAt, now)
  if (expected !== undefined)
    throw problem('invalid_field', { field: 'merge.merged_at', value: merge.merged_at, expected })
  return { commit: merge.commit, mergedAt: Math.min(mergedAt, now) }
}

/** An ended run of a merge with the version that it registered; times in ms. */
export interface MergeRun {
  readonly id: string
  readonly project: string
  readonly model: string
  readonly version: string
  readonly commit: string
  readonly merged_at: number
  readonly created_at: number
  readonly started_at: number | null
  /** When its first step could run, and when its last one ended. */
  readonly prepared_at: number | null
  readonly trained_at: number | null
  readonly finished_at: number
  /** When it was asked for its endpoint apart; null where the run asked itself, or nobody has. */
  readonly shipped_at: number | null
}

/** Whose merges are asked for; null and undefined = of all. */
export interface AskedMerges {
  readonly project?: string | null | undefined
  readonly model?: string | undefined
  readonly version?: string | undefined
}

type Stored = Omit<MergeRun, 'model' | 'version'> & { readonly registered: string }

/** The newest `limit` runs of merges that registered a version, newest first. */
export async function mergeRuns(reader: Reader, asked: AskedMerges, limit: number): Promise<MergeRun[]> {
  const conditions = [
    sql`r.merged_at IS NOT NULL AND r.registered IS NOT NULL AND r.finished_at IS NOT NULL`,
    ...(asked.project == null ? [] : [sql`r.project = ${asked.project}`]),
    ...holding('model', asked.model),
    ...holding('version', asked.version),
  ]
  const rows = await fetchAll<Stored>(
    reader,
    sql`SELECT r.id, r.project, r.registered, r.merge_commit AS "commit", r.merged_at, r.created_at, r.started_at, r.finished_at, r.shipped_at,
          (SELECT MIN(s.ready_at) FROM pipeline_steps s WHERE s.run_id = r.id) AS prepared_at,
          (SELECT MAX(s.finished_at) FROM pipeline_steps s WHERE s.run_id = r.id) AS trained_at
        FROM pipeline_runs r WHERE ${all(conditions)} ORDER BY r.created_at DESC, r.id DESC LIMIT ${limit}`,
  )
  return rows
    .map(({ registered, ...row }) => {
      const { model, version } = JSON.parse(registered) as RegisteredModel
      return { ...row, model, version }
    })
    .filter((row) => (asked.model ?? row.model) === row.model && (asked.version ?? row.version) === row.version)
}

/** Narrows the rows; what the text may hold elsewhere is sorted out after it was read. */
function holding(key: string, value: string | undefined): ReturnType<typeof sql>[] {
  return value === undefined ? [] : [sql`r.registered LIKE ${`%${JSON.stringify({ [key]: value }).slice(1, -1)}%`}`]
}
