/** The rows of data sets, how they are read, and how the contract shows them. */
import type { Principal } from '../contract/access.ts'
import type { DataColumn, DataSet, DataVersion, DataVersionState, MadeBy } from '../contract/data/sets.ts'
import { problem } from '../contract/errors.ts'
import { toTime } from '../contract/fields.ts'
import type { Digest } from '../store/blobs/blobs.ts'
import type { NeededTree } from '../store/blobs/reach.ts'
import type { Reader } from '../store/db.ts'
import { all, fetchAll, raw, sql } from '../store/sql/sql.ts'
import type { Basis } from './profile/profile.ts'

export interface SetRow {
  readonly project: string
  readonly name: string
  readonly note: string
  readonly created_at: number
  readonly created_by: string
  readonly last_version: number
}

/** A version without its profile. Times are ms. */
export interface VersionRow {
  readonly project: string
  readonly name: string
  readonly version: number
  readonly digest: Digest
  readonly size: number
  readonly files: number
  readonly state: DataVersionState
  readonly reason: string
  readonly table_rows: number | null
  readonly made_by: string
  readonly note: string
  readonly tags: string
  readonly data_at: number
  readonly created_at: number
  readonly created_by: string
}

const PLAIN = raw(
  'project, name, version, digest, size, files, state, reason, table_rows, made_by, note, tags, data_at, created_at, created_by',
)

/** Versions of one content that are told: as many sets may hold it. */
const TOLD_OF_ONE = 10

/** Versions of a set that are told at once. */
const MOST = 1000

/** What an address says: a name, and a project where that is needed. */
export interface Named {
  readonly name: string
  readonly project?: string | undefined
}

/** The set that a caller means. Throws `not_found`, and `invalid_field` where two projects have one of that name. */
export async function requireSet(reader: Reader, who: Principal, { name, project }: Named): Promise<SetRow> {
  const scope = who.project ?? project
  const rows = await fetchAll<SetRow>(
    reader,
    sql`SELECT * FROM data_sets WHERE ${all([sql`name = ${name}`, ...(scope === undefined ? [] : [sql`project = ${scope}`])])} ORDER BY project`,
  )
  const [first, second] = rows
  if (first === undefined || (project !== undefined && first.project !== project))
    throw problem('not_found', { what: 'data set', id: name })
  if (second === undefined) return first
  const expected = `one of ${rows.map((row) => row.project).join(', ')}, which all have a data set "${name}"`
  throw problem('invalid_field', { field: 'project', value: project, expected })
}

/** The version that is named by its number or as `latest`. Throws `not_found`. */
export async function requireVersion(reader: Reader, set: SetRow, wanted: string): Promise<VersionRow> {
  const row = await findVersion(reader, set, wanted)
  if (row === undefined) throw problem('not_found', { what: 'version', id: `${set.name}@${wanted}` })
  return row
}

/** Undefined where there is none. */
export async function findVersion(
  reader: Reader,
  { project, name }: Pick<SetRow, 'project' | 'name'>,
  wanted: string,
): Promise<VersionRow | undefined> {
  const number = wanted === 'latest' ? [] : [sql`version = ${Number(wanted)}`]
  const [row] = await fetchAll<VersionRow>(
    reader,
    sql`SELECT ${PLAIN} FROM data_set_versions WHERE ${all([sql`project = ${project}`, sql`name = ${name}`, ...number])}
     ORDER BY version DESC LIMIT 1`,
  )
  return row
}

/** Versions that were made since a time, ms, oldest first: what names each, and what is said of it. Undefined where there is no such set. */
export async function versionsSince(
  reader: Reader,
  { project, name, since }: { readonly project: string; readonly name: string; readonly since: number },
): Promise<{ cause: string; what: string }[] | undefined> {
  const set = await reader.get('SELECT name FROM data_sets WHERE project = ? AND name = ?', [project, name])
  if (set === undefined) return undefined
  const rows = await reader.all<{ version: number; digest: string }>(
    `SELECT version, digest FROM data_set_versions WHERE project = ? AND name = ? AND created_at > ?
     ORDER BY version LIMIT 1000`,
    [project, name, since],
  )
  return rows.map(({ version, digest }) => ({
    cause: `${version}:${digest}`,
    what: `version ${version} of data set ${name} was made`,
  }))
}

/** Newest first. */
export function listVersions(reader: Reader, { project, name }: SetRow): Promise<VersionRow[]> {
  return fetchAll<VersionRow>(
    reader,
    sql`SELECT ${PLAIN} FROM data_set_versions WHERE project = ${project} AND name = ${name} ORDER BY version DESC LIMIT ${MOST}`,
  )
}

/** Versions whose content has a digest: whole, by its hex digits, or by the first 36 of these. `project` null = of all. */
export async function versionsWith(
  reader: Reader,
  project: string | null,
  asked: string,
): Promise<Pick<VersionRow, 'project' | 'name' | 'version' | 'digest'>[]> {
  const hex = asked.replace(/^sha256:/, '')
  if (!/^(?:[0-9a-f]{64}|[0-9a-f]{36})$/.test(hex)) return []
  const first = `sha256:${hex}`
  return fetchAll(
    reader,
    sql`SELECT project, name, version, digest FROM data_set_versions WHERE ${all([
      sql`digest >= ${first} AND digest < ${`${first}g`}`,
      ...(project === null ? [] : [sql`project = ${project}`]),
    ])} ORDER BY project, name, version LIMIT ${TOLD_OF_ONE}`,
  )
}

/** The columns of a version as they were profiled; none before that, and for what is no table. */
export async function columnsOf(reader: Reader, { project, name, version }: VersionRow): Promise<DataColumn[]> {
  const row = await reader.get<{ columns: string | null }>(
    'SELECT columns FROM data_set_versions WHERE project = ? AND name = ? AND version = ?',
    [project, name, version],
  )
  return JSON.parse(row?.columns ?? '[]') as DataColumn[]
}

/** Shape and counts by which another version is compared with this one; undefined where it has none. */
export async function basisOf(
  reader: Reader,
  { project, name, version }: VersionRow,
): Promise<{ readonly columns: DataColumn[]; readonly basis: Basis } | undefined> {
  const row = await reader.get<{ columns: string | null; basis: string | null }>(
    'SELECT columns, basis FROM data_set_versions WHERE project = ? AND name = ? AND version = ?',
    [project, name, version],
  )
  if (row?.columns == null || row.basis === null) return undefined
  return { columns: JSON.parse(row.columns) as DataColumn[], basis: JSON.parse(row.basis) as Basis }
}

/** Sets by project and name, from behind a position. */
export function listSets(
  reader: Reader,
  { project, after, limit }: { project: string | undefined; after: [string, string] | undefined; limit: number },
): Promise<SetRow[]> {
  const where = [
    ...(project === undefined ? [] : [sql`project = ${project}`]),
    ...(after === undefined ? [] : [sql`(project > ${after[0]} OR (project = ${after[0]} AND name > ${after[1]}))`]),
  ]
  return fetchAll<SetRow>(
    reader,
    sql`SELECT * FROM data_sets WHERE ${where.length === 0 ? raw('1 = 1') : all(where)} ORDER BY project, name LIMIT ${limit}`,
  )
}

export async function viewSet(reader: Reader, set: SetRow): Promise<DataSet> {
  const { project, name } = set
  const latest = await findVersion(reader, set, 'latest')
  const counted = await reader.get<{ n: number }>(
    'SELECT count(*) AS n FROM data_set_versions WHERE project = ? AND name = ?',
    [project, name],
  )
  return {
    project,
    name,
    note: set.note,
    created_at: toTime(set.created_at),
    created_by: set.created_by,
    versions: counted?.n ?? 0,
    latest: latest === undefined ? null : viewVersion(latest),
  }
}

export function viewVersion(row: VersionRow): DataVersion {
  const { table_rows, made_by, tags, data_at, created_at, ...rest } = row
  return {
    ...rest,
    rows: table_rows,
    made_by: JSON.parse(made_by) as MadeBy,
    tags: JSON.parse(tags) as Record<string, string>,
    data_at: toTime(data_at),
    created_at: toTime(created_at),
  }
}

/** What data sets need of the blobs. */
export async function* dataDigests(db: Pick<Reader, 'all'>): AsyncGenerator<NeededTree> {
  for (const { digest } of await db.all<{ digest: Digest }>('SELECT DISTINCT digest FROM data_set_versions'))
    yield { tree: digest }
}
