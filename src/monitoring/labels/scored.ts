/** Answered predictions with their scores and labels, kept in memory by day of event time: only days that changed are read again. */
import { DAY_MS } from '../../contract/ids.ts'
import { forInTurns, turnOfLoop } from '../../http/callers/turns.ts'
import type { Db, Reader, Sql, Tx } from '../../store/db.ts'
import { answeringVersions, scoredSql } from '../../serving/records/queries.ts'
import { joined, raw, searchAll, sql } from '../../store/sql/sql.ts'

/** A prediction that was answered, with its label where it is known. */
export interface ScoredRow {
  /** ms since 1970. */
  readonly event_time: number
  readonly version: string
  readonly score: number
  readonly label: number | null
  /** Value of the input that slices the rows; '' where it is missing or there is no slice. */
  readonly value: string
}

/** Times are ms, event time; `from` inclusive, `to` exclusive. */
export interface ScoredQuery {
  readonly endpoint: string
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly version?: string | undefined
  /** An input whose values divide the rows, and the inputs of a version in order. */
  readonly slice?:
    | { readonly name: string; readonly names: (version: string) => Promise<readonly string[]> }
    | undefined
}

interface Day {
  readonly seq: number
  readonly rows: readonly ScoredRow[]
}

/** By database, then by endpoint and slice, then by day. */
const kept = new WeakMap<Db, Map<string, Map<number, Day>>>()
/** Rows kept of all endpoints of a database; beyond them days are read again. */
const MOST_ROWS = 500_000

/** Notes that rows or labels of event times changed; `seq` is the monitor's after the change. */
export async function touchDays(t: Tx, endpoint: string, seq: number, times: Iterable<number>): Promise<void> {
  for (const day of new Set(Array.from(times, (time) => Math.floor(time / DAY_MS))))
    await t.run(
      `INSERT INTO monitor_days (endpoint, day, seq) VALUES (?,?,?)
       ON CONFLICT (endpoint, day) DO UPDATE SET seq = excluded.seq`,
      [endpoint, day, seq],
    )
}

/** Rows of one day (whole days since 1970); `seq` is another once rows or labels of the day changed. */
export interface ScoredDay {
  readonly day: number
  readonly seq: number
  readonly rows: readonly ScoredRow[]
}

/** The rows of a query by day, in order of the days. */
export async function scoredDays(db: Db, query: ScoredQuery): Promise<ScoredDay[]> {
  const wanted = await changedDays(db, query)
  const days = daysOf(db, query)
  const isKnown = ({ day, seq }: DayRow): boolean => days.get(day)?.seq === seq
  // held here as well: whoever asks meanwhile may have some of them forgotten
  const mine = new Map(wanted.filter(isKnown).map(({ day }) => [day, days.get(day)?.rows ?? []]))
  for (const span of spans(wanted.filter((one) => !mine.has(one.day))))
    for (const [day, read] of await readDays(db, query, span)) {
      days.set(day, read)
      mine.set(day, read.rows)
    }
  const { from = -Infinity, to = Infinity, version } = query
  const has = (row: ScoredRow): boolean =>
    row.event_time >= from && row.event_time < to && (version === undefined || row.version === version)
  const found: ScoredDay[] = []
  for (const { day, seq } of wanted) {
    const rows: ScoredRow[] = []
    const all = mine.get(day) ?? []
    await forInTurns(all.length, (at) => {
      const row = all[at] as ScoredRow
      if (has(row)) rows.push(row)
    })
    found.push({ day, seq, rows })
  }
  forget(db)
  return found
}

/** The rows of a query, in no order. */
export async function scoredRows(db: Db, query: ScoredQuery): Promise<ScoredRow[]> {
  return (await scoredDays(db, query)).flatMap((day) => day.rows)
}

interface DayRow {
  readonly day: number
  readonly seq: number
}

async function changedDays(reader: Reader, { endpoint, from = 0, to }: ScoredQuery): Promise<DayRow[]> {
  return reader.all<DayRow>(
    'SELECT day, seq FROM monitor_days WHERE endpoint = ? AND day >= ? AND day <= ? ORDER BY day',
    [endpoint, Math.floor(from / DAY_MS), to === undefined ? Number.MAX_SAFE_INTEGER : Math.floor(to / DAY_MS)],
  )
}

function daysOf(db: Db, { endpoint, slice }: ScoredQuery): Map<number, Day> {
  const all = kept.get(db) ?? new Map<string, Map<number, Day>>()
  kept.set(db, all)
  const key = JSON.stringify([endpoint, slice?.name ?? null])
  const days = all.get(key) ?? new Map<number, Day>()
  // used last, forgotten last
  all.delete(key)
  all.set(key, days)
  return days
}

function forget(db: Db): void {
  const all = kept.get(db)
  if (all === undefined) return
  let rows = 0
  for (const days of all.values()) for (const day of days.values()) rows += day.rows.length
  for (const days of all.values()) {
    for (const [day, { rows: mine }] of days) {
      if (rows <= MOST_ROWS) return
      days.delete(day)
      rows -= mine.length
    }
  }
}

/** Runs of days that are at most a week apart are read at once. */
function spans(days: readonly DayRow[]): DayRow[][] {
  const found: DayRow[][] = []
  for (const one of days) {
    const last = found.at(-1)
    if (last !== undefined && one.day - (last.at(-1)?.day ?? 0) <= 7) last.push(one)
    else found.push([one])
  }
  return found
}

interface Packed {
  readonly day: number
  readonly version: string
  readonly times: string
  readonly scores: string
  readonly labels: string
  readonly slices: string
}

/** One row a day and version, its columns as JSON: a tenth of the work of a row a prediction. */
async function readDays(db: Db, query: ScoredQuery, span: readonly DayRow[]): Promise<Map<number, Day>> {
  const [first, last] = [span[0]?.day ?? 0, span.at(-1)?.day ?? 0]
  const list = (what: Sql): Sql =>
    db.kind === 'sqlite' ? sql`json_group_array(${what})` : sql`CAST(json_agg(${what}) AS TEXT)`
  const slice = await sliceOf(db, query)
  const rows = scoredSql({ endpoint: query.endpoint, from: first * DAY_MS, until: (last + 1) * DAY_MS })
  const packed = await searchAll<Packed>(
    db,
    sql`SELECT p.event_time / ${raw(String(DAY_MS))} AS day, p.version, ${list(raw('p.event_time'))} AS times, ${list(raw('p.score'))} AS scores,
        ${list(raw('l.label'))} AS labels, ${slice === undefined ? raw("'[]'") : list(slice)} AS slices
      FROM (${rows}) p LEFT JOIN labels l ON l.endpoint = p.endpoint AND l.prediction_id = p.id
      GROUP BY p.event_time / ${raw(String(DAY_MS))}, p.version`,
  )
  const seqs = new Map(span.map(({ day, seq }) => [day, seq]))
  const days = new Map<number, { seq: number; rows: ScoredRow[] }>(span.map(({ day, seq }) => [day, { seq, rows: [] }]))
  for (const one of packed) if (seqs.has(one.day)) await unpack(one, days.get(one.day)?.rows ?? [])
  return days
}

/** Adds the rows to `into`, some of them a turn of the loop. */
async function unpack({ version, ...packed }: Packed, into: ScoredRow[]): Promise<void> {
  const times = await parsed<number>(packed.times)
  const scores = await parsed<number>(packed.scores)
  const labels = await parsed<number | null>(packed.labels)
  const slices = await parsed<unknown>(packed.slices)
  await forInTurns(times.length, (i) =>
    into.push({
      event_time: times[i] ?? 0,
      version,
      score: scores[i] ?? 0,
      label: labels[i] ?? null,
      value: textOf(slices[i]),
    }),
  )
}

/** Texts of more letters are parsed in a turn of their own. */
const LONG = 64 * 1024

async function parsed<T>(text: string): Promise<T[]> {
  if (text.length > LONG) await turnOfLoop()
  return JSON.parse(text) as T[]
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}

/** The place of an input differs by version. */
async function sliceOf(db: Db, query: ScoredQuery): Promise<Sql | undefined> {
  const { slice, endpoint } = query
  if (slice === undefined) return undefined
  const versions = await answeringVersions(db, endpoint)
  const cases: Sql[] = []
  for (const version of versions) {
    const place = (await slice.names(version)).indexOf(slice.name)
    if (place === -1) continue
    // a number of our own, not of the caller
    const value = raw(db.kind === 'sqlite' ? `json_extract(p.inputs, '$[${place}]')` : `p.inputs::json -> ${place}`)
    cases.push(sql`WHEN ${version} THEN ${value}`)
  }
  return cases.length === 0 ? raw('CAST(NULL AS TEXT)') : sql`CASE p.version ${joined(cases, ' ')} END`
}
