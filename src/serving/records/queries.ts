/** Reads of the prediction log for other rooms. Times are ms; `from` is inclusive, `until` exclusive, but where it says otherwise. */
import type { VariantRole } from '../../gateway/table/table.ts'
import type { Db, Reader, Sql, SqlValue } from '../../store/db.ts'
import { fetchAll, inList, joined, raw, sql } from '../../store/sql/sql.ts'

/** A time of an endpoint's event times. */
export interface EventTimes {
  readonly endpoint: string
  readonly from: number
  readonly until: number
}

/** Who answered a prediction, when and to which key. */
export interface Arrival {
  readonly id: string
  readonly version: string
  readonly role: VariantRole
  /** Wall time. */
  readonly at: number
  readonly route_key: string | null
  /** 1 = the stable version answered for a canary that failed. */
  readonly fallback: number
}

/** A page of predictions in the order of their arrival; both `from` and `until` are inclusive. */
export interface ArrivalPage extends EventTimes {
  readonly versions: readonly [string, string]
  /** The last prediction of the page before: its wall time and id. */
  readonly after: readonly [number, string]
  readonly limit: number
}

/** Begins at the page's own time, so that the index by arrival is read from there on and not from the first prediction of the endpoint. */
export function arrivalsSql({ endpoint, from, until, versions, after: [at, id], limit }: ArrivalPage): Sql {
  return sql`SELECT id, version, role, at, route_key, fallback FROM predictions
  WHERE endpoint = ${endpoint} AND at >= ${from} AND at <= ${until} AND version IN (${versions[0]}, ${versions[1]})
    AND (at > ${at} OR id > ${id})
  ORDER BY at, id LIMIT ${limit}`
}

export function arrivals(reader: Reader, page: ArrivalPage): Promise<Arrival[]> {
  return fetchAll<Arrival>(reader, arrivalsSql(page))
}

/** Who answered one prediction; undefined for one that is not known. */
export function arrivalOf(reader: Reader, endpoint: string, id: string): Promise<Arrival | undefined> {
  return reader.get<Arrival>(
    'SELECT id, version, role, at, route_key, fallback FROM predictions WHERE endpoint = ? AND id = ?',
    [endpoint, id],
  )
}

/** What a version answered for these ids; ids that it did not answer are left out. `inputs` is JSON of the row. */
export function answersById(
  reader: Reader,
  { endpoint, version }: { readonly endpoint: string; readonly version: string },
  ids: readonly string[],
): Promise<{ id: string; score: number | null; inputs: string }[]> {
  return fetchAll(
    reader,
    sql`SELECT id, score, inputs FROM predictions WHERE endpoint = ${endpoint} AND version = ${version} AND id IN ${inList(ids)}`,
  )
}

/** A row that the stable version answered, beside what a shadow said to it. Latencies are µs; null where the shadow is not asked for. */
export interface ComparedAnswer {
  readonly id: string
  readonly event_time: number
  readonly latency_us: number
  readonly score: number | null
  readonly inputs: string
  readonly candidate: number | null
  /** Why the shadow failed. */
  readonly error: string | null
  readonly candidate_us: number | null
}

/** The newest rows that `stable` answered by itself, newest first; with a `shadow` only those that it scored too. */
export function comparedAnswers(
  db: Pick<Db, 'search'>,
  wish: {
    readonly endpoint: string
    readonly stable: string
    readonly shadow?: string | undefined
    readonly limit: number
  },
): Promise<ComparedAnswer[]> {
  return db.search<ComparedAnswer>({
    text: `SELECT p.id, p.event_time, p.latency_us, p.score, p.inputs, s.score AS candidate, s.error, s.latency_us AS candidate_us
       FROM predictions p LEFT JOIN shadow_predictions s ON s.endpoint = p.endpoint AND s.id = p.id AND s.version = ?
      WHERE p.endpoint = ? AND p.version = ? AND p.role = 'stable' AND p.status < 400 AND p.fallback = 0
        ${wish.shadow === undefined ? '' : 'AND s.id IS NOT NULL'}
      ORDER BY p.event_time DESC, p.id DESC LIMIT ?`,
    params: [wish.shadow ?? '', wish.endpoint, wish.stable, wish.limit],
  })
}

/** An answered row as profiles count it. `inputs` is JSON of the row in the order of the version's inputs. */
export interface AnsweredRow {
  readonly id: string
  readonly event_time: number
  readonly version: string
  readonly inputs: string
  readonly score: number | null
}

/** A page of answered rows in order of event time, after the row of an event time and id. */
export function answersAfter(
  reader: Reader,
  {
    endpoint,
    time,
    id,
    limit,
  }: { readonly endpoint: string; readonly time: number; readonly id: string; readonly limit: number },
): Promise<AnsweredRow[]> {
  return reader.all<AnsweredRow>(
    `SELECT id, event_time, version, inputs, score FROM predictions
     WHERE endpoint = ? AND status < 400 AND (event_time > ? OR (event_time = ? AND id > ?)) ORDER BY event_time, id LIMIT ?`,
    [endpoint, time, time, id, limit],
  )
}

/** The newest answered rows of a time, newest first. */
export function newestInputs(
  reader: Reader,
  { endpoint, from, until, limit }: EventTimes & { readonly limit: number },
): Promise<Pick<AnsweredRow, 'event_time' | 'version' | 'inputs'>[]> {
  return reader.all(
    `SELECT event_time, version, inputs FROM predictions WHERE endpoint = ? AND event_time >= ? AND event_time < ? AND status < 400
     ORDER BY event_time DESC, id DESC LIMIT ?`,
    [endpoint, from, until, limit],
  )
}

/** Ids of the predictions of a time, answered or not, in order of event time. */
export async function idsBetween(
  reader: Reader,
  { endpoint, from, until, limit }: EventTimes & { readonly limit: number },
): Promise<string[]> {
  const rows = await reader.all<{ id: string }>(
    'SELECT id FROM predictions WHERE endpoint = ? AND event_time >= ? AND event_time < ? ORDER BY event_time, id LIMIT ?',
    [endpoint, from, until, limit],
  )
  return rows.map((row) => row.id)
}

/**
 * Event times of the predictions of these ids that are known, as `id, event_time`. Each id is looked up by itself: asked with IN, SQLite
 * reads the whole index of the endpoint by time, because that index alone has both columns.
 */
export function eventTimesSql(endpoint: string, ids: readonly SqlValue[]): Sql {
  const values = joined(
    ids.map((id) => sql`(${id})`),
    ',',
  )
  return sql`SELECT p.id, p.event_time FROM (VALUES ${values}) AS w CROSS JOIN predictions p WHERE p.id = w.column1 AND p.endpoint = ${endpoint}`
}

/** Event times by id of the predictions that are known. */
export function eventTimes(
  reader: Reader,
  endpoint: string,
  ids: readonly string[],
): Promise<{ id: string; event_time: number }[]> {
  return fetchAll(reader, eventTimesSql(endpoint, ids))
}

/** Versions that have answered an endpoint. */
export async function answeringVersions(reader: Reader, endpoint: string): Promise<string[]> {
  const rows = await reader.all<{ version: string }>('SELECT DISTINCT version FROM predictions WHERE endpoint = ?', [
    endpoint,
  ])
  return rows.map((row) => row.version)
}

/** A query to read from: `endpoint, id, event_time, version, score, inputs` of the rows of a time that were answered with a score. */
export function scoredSql({ endpoint, from, until }: EventTimes): Sql {
  return sql`SELECT endpoint, id, event_time, version, score, inputs FROM predictions
      WHERE endpoint = ${endpoint} AND event_time >= ${from} AND event_time < ${until} AND score IS NOT NULL AND status < 400`
}

/** A query to read from: `endpoint, id` of the rows answered after an event time. */
export function answeredSinceSql(endpoint: string, since: number): Sql {
  return sql`SELECT endpoint, id FROM predictions WHERE endpoint = ${endpoint} AND event_time > ${since} AND status < 400`
}

/** For EXISTS: predictions of a version at an endpoint within event times; all three may be columns of the query around it. */
export function answeredBySql(
  version: string,
  { endpoint, from, until }: { readonly endpoint: string; readonly from: string; readonly until: string },
): Sql {
  return sql`SELECT 1 FROM predictions p WHERE p.endpoint = ${raw(endpoint)} AND p.event_time >= ${raw(from)}
    AND p.event_time < ${raw(until)} AND p.version = ${version}`
}
