/** Joins and materialisations as rows: how they are kept, found, moved on and shown. */
import type {
  FeatureJob,
  FeatureJobKind,
  FeatureJobState,
  JobSource,
  JoinOutcome,
  MaterialiseOutcome,
} from '../../contract/features/jobs.ts'
import { toTime } from '../../contract/fields.ts'
import type { NeededTree } from '../../store/blobs/reach.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { all, fetchAll, raw, sql } from '../../store/sql/sql.ts'
import type { MadeStatistics } from '../offline/statistics.ts'

/** A job as it is kept. Times are ms. */
export interface JobRow {
  readonly id: string
  readonly project: string
  readonly kind: FeatureJobKind
  /** Of a join the service, else the view. */
  readonly name: string
  readonly version: number
  readonly request: string
  readonly state: FeatureJobState
  readonly reason: string
  readonly sources: string
  readonly views: string
  readonly outcome: string | null
  /** Of the queue. */
  readonly job_id: string
  readonly created_at: number
  readonly created_by: string
  readonly started_at: number | null
  readonly ended_at: number | null
}

/** What a join was asked for. */
export interface JoinAsked {
  /** The table of entities. */
  readonly tree: string
  /** The data set that it is of, `NAME@VERSION`; null for an uploaded tree. */
  readonly data_set: string | null
  readonly time: string
  readonly include_late_data: boolean
  readonly into: string
}

/** What a materialisation was asked for. */
export interface MaterialiseAsked {
  /** ms. */
  readonly until: number
}

/** What is kept of what came of a job, besides what is shown with it: the machine on which it ran, and statistics. */
type Kept<T> = T & { readonly host: string; readonly statistics?: MadeStatistics }
export type Outcome = Kept<JoinOutcome> | Kept<MaterialiseOutcome>

/** Undefined where there is none. */
export function findJob(reader: Reader, id: string): Promise<JobRow | undefined> {
  return reader.get<JobRow>('SELECT * FROM feature_jobs WHERE id = ?', [id])
}

/** Newest first. */
export function listJobs(
  reader: Reader,
  {
    project,
    kind,
    name,
    limit,
  }: {
    readonly project: string
    readonly kind?: FeatureJobKind | undefined
    readonly name?: string | undefined
    readonly limit: number
  },
): Promise<JobRow[]> {
  const where = all([
    sql`project = ${project}`,
    ...(kind === undefined ? [] : [sql`kind = ${kind}`]),
    ...(name === undefined ? [] : [sql`name = ${name}`]),
  ])
  const query = sql`SELECT * FROM feature_jobs WHERE ${where} ORDER BY created_at DESC, id DESC LIMIT ${limit}`
  return fetchAll<JobRow>(reader, query)
}

const OPEN = "state IN ('waiting', 'running')"

/** Jobs that have not ended, oldest first. */
export function openJobs(reader: Reader): Promise<JobRow[]> {
  return fetchAll<JobRow>(reader, sql`SELECT * FROM feature_jobs WHERE ${raw(OPEN)} ORDER BY created_at, id`)
}

/** The materialisation of a version that waits or runs. */
export function materialising(
  reader: Reader,
  of: Pick<JobRow, 'project' | 'name' | 'version'>,
): Promise<Pick<JobRow, 'id' | 'state'> | undefined> {
  return reader.get(
    `SELECT id, state FROM feature_jobs WHERE project = ? AND name = ? AND version = ? AND kind = 'materialise' AND ${OPEN}`,
    [of.project, of.name, of.version],
  )
}

/** Marks a job as running, from its beginning; undefined where it has ended or is gone. */
export async function beginJob(t: Tx, id: string, now: number): Promise<JobRow | undefined> {
  const changed = await t.run(
    `UPDATE feature_jobs SET state = 'running', reason = '', started_at = ?, sources = '[]' WHERE id = ? AND ${OPEN}`,
    [now, id],
  )
  return changed === 1 ? findJob(t, id) : undefined
}

/** Lets a job wait to be begun anew, for a reason that is told meanwhile. */
export async function delayJob(t: Tx, id: string, reason: string): Promise<void> {
  await t.run(`UPDATE feature_jobs SET state = 'waiting', reason = ? WHERE id = ? AND ${OPEN}`, [
    reason.replaceAll('\0', '�'),
    id,
  ])
}

/** Keeps what a job has read. */
export async function keepSources(t: Tx, id: string, sources: readonly JobSource[]): Promise<void> {
  await t.run('UPDATE feature_jobs SET sources = ? WHERE id = ?', [JSON.stringify(sources), id])
}

/** How a job ended. */
export interface End {
  readonly state: 'done' | 'failed' | 'canceled'
  readonly reason?: string
}

/** Ends a job; false where it has ended before, and then nothing is changed. */
export async function endJob(t: Tx, id: string, { state, reason = '' }: End, now: number): Promise<boolean> {
  const changed = await t.run(`UPDATE feature_jobs SET state = ?, reason = ?, ended_at = ? WHERE id = ? AND ${OPEN}`, [
    state,
    // no text of PostgreSQL has one
    reason.replaceAll('\0', '�'),
    now,
    id,
  ])
  return changed === 1
}

/** Keeps what came of a job. */
export async function keepOutcome(t: Tx, id: string, outcome: Outcome): Promise<void> {
  await t.run('UPDATE feature_jobs SET outcome = ? WHERE id = ?', [JSON.stringify(outcome), id])
}

/** Forgets materialisations that ended before a time, ms, and joins that came to nothing. */
export async function forgetJobs(t: Tx, before: number): Promise<number> {
  return t.run(
    `DELETE FROM feature_jobs WHERE state IN ('done', 'failed', 'canceled') AND ended_at < ? AND NOT (kind = 'join' AND state = 'done')`,
    [before],
  )
}

/** How the contract shows a job. */
export function viewJob(row: JobRow): FeatureJob {
  const { id, project, kind, name, version, state, reason, created_by } = row
  const outcome = row.outcome === null ? null : (JSON.parse(row.outcome) as Outcome)
  return {
    id,
    project,
    kind,
    name,
    version,
    state,
    reason,
    created_at: toTime(row.created_at),
    created_by,
    started_at: row.started_at === null ? null : toTime(row.started_at),
    ended_at: row.ended_at === null ? null : toTime(row.ended_at),
    sources: JSON.parse(row.sources) as JobSource[],
    views: JSON.parse(row.views) as FeatureJob['views'],
    join: kind === 'join' ? (shown(outcome) as JoinOutcome | null) : null,
    materialised: kind === 'materialise' ? (shown(outcome) as MaterialiseOutcome | null) : null,
  }
}

function shown(outcome: Outcome | null): JoinOutcome | MaterialiseOutcome | null {
  if (outcome === null) return null
  const { host: _host, statistics: _statistics, ...rest } = outcome
  return rest
}

/**
 * What jobs need of the blobs: of those that go on the table of entities and what they have read, and of joins what they had read, as long
 * as `isKept` says that their result is still there. The last reading of each source is kept by whoever reads sources.
 */
export async function* jobDigests(
  db: Pick<Reader, 'all'>,
  isKept: (of: { readonly project: string; readonly digest: string }) => Promise<boolean>,
): AsyncGenerator<NeededTree> {
  const rows = await db.all<Pick<JobRow, 'project' | 'kind' | 'request' | 'state' | 'sources' | 'outcome'>>(
    `SELECT project, kind, request, state, sources, outcome FROM feature_jobs WHERE ${OPEN} OR (kind = 'join' AND state = 'done')`,
  )
  for (const row of rows) {
    const outcome = row.outcome === null ? null : (JSON.parse(row.outcome) as JoinOutcome)
    if (outcome !== null && !(await isKept({ project: row.project, digest: outcome.data_set.digest }))) continue
    for (const { digest } of JSON.parse(row.sources) as JobSource[]) yield { tree: digest }
    if (row.kind === 'join') yield { tree: (JSON.parse(row.request) as JoinAsked).tree }
  }
}
