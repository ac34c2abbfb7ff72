/** Metric history: pages in time order, and even samples of many runs. */
import type { Principal } from '../../contract/access.ts'
import { MadeList } from '../../http/callers/made-list.ts'
import { forInTurns, mapInTurns } from '../../http/callers/turns.ts'
import { pageToken, queryHash, readToken, afterPosition, orderBy } from '../../mlflow/paging.ts'
import type { Position, SortColumn } from '../../mlflow/paging.ts'
import { visible } from '../../auth/visibility.ts'
import type { Tracking } from '../context/context.ts'
import type { WireMetric } from '../context/points.ts'
import { inList, raw, searchAll, sql } from '../../store/sql/sql.ts'
import { numbersOf } from '../../store/reads/columns.ts'
import type { Sql } from '../../store/db.ts'
import { invalid } from '../../mlflow/wire.ts'

/** The order of history: of the primary key of rows. */
const COLUMNS: readonly SortColumn[] = [
  { expression: raw('timestamp'), descending: false, type: 'int' },
  { expression: raw('step'), descending: false, type: 'int' },
  { expression: raw('value'), descending: false, type: 'double' },
  { expression: raw('is_nan'), descending: false, type: 'int' },
]

export type RunMetric = WireMetric & { readonly run_id: string }

/** One page of a metric's points by timestamp, step, value; all of them when `max_results` is absent. A run that is not seen has none. */
export async function metricHistory(
  room: Tracking,
  who: Principal,
  asked: { run_id: string; key: string; max_results?: number | undefined; page_token?: string | undefined },
): Promise<{ metrics: MadeList<WireMetric>; next_page_token?: string }> {
  const limit = asked.max_results
  if (limit !== undefined && limit <= 0) {
    throw invalid(`Invalid value ${limit} for parameter 'max_results' supplied. It must be a positive integer`)
  }
  const [seen] = await seenRuns(room, who, [asked.run_id])
  if (seen === undefined) return { metrics: NONE }
  const hash = queryHash(['history', asked.run_id, asked.key])
  const position = readToken(asked.page_token, hash)
  const points = await pointsFrom(room, asked, position)
  const shown = limit === undefined ? points.count : Math.min(points.count, limit)
  const metrics = new MadeList(shown, (at) => wirePoint(points, asked.key, at))
  if (shown === points.count) return { metrics }
  const last = (column: Float64Array): number => column[shown - 1] as number
  const { timestamp, step, value, nan } = points
  return { metrics, next_page_token: pageToken(hash, [last(timestamp), last(step), last(value), last(nan)]) }
}

const NONE = new MadeList<WireMetric>(0, () => {
  throw new RangeError('there are no points')
})

interface Asked {
  readonly run_id: string
  readonly key: string
  readonly max_results?: number | undefined
}

/** The points of a page, and one more where there is one. */
async function pointsFrom(room: Tracking, asked: Asked, position: Position | undefined): Promise<Points> {
  const select = (more: Sql, page: Sql): Promise<Points> =>
    readPoints(
      room,
      sql`SELECT ${POINT} FROM metric_history WHERE run_id = ${asked.run_id} AND key = ${asked.key} ${more}
        ORDER BY ${orderBy(COLUMNS)} ${page}`,
    )
  const limit = asked.max_results
  const page = limit === undefined ? raw('') : sql`LIMIT ${limit + 1}`
  if (position !== undefined && 'offset' in position) {
    return select(raw(''), limit === undefined ? page : sql`${page} OFFSET ${position.offset}`)
  }
  const from = position?.after[0] ?? 0
  const after =
    position === undefined ? raw('') : sql`AND ${afterPosition(COLUMNS, position.after)} AND last_timestamp >= ${from}`
  if (limit === undefined) return select(after, page)
  const until = await endOfPage(room, asked, Number(from), limit)
  const near = until === undefined ? undefined : await select(sql`${after} ${until}`, page)
  return near !== undefined && near.count > limit ? near : select(after, page)
}

/**
 * A condition that a page's points meet, so that PostgreSQL does not take apart all chunks of a long metric for it: a time before
 * which chunks with more than enough points end. Undefined where there are no such chunks. Points that lie before the page are among
 * those counted, so the page may come out short, and is then to be read without it.
 */
async function endOfPage(room: Tracking, asked: Asked, from: number, limit: number): Promise<Sql | undefined> {
  if (room.db.kind === 'sqlite') return undefined
  const [end] = await searchAll<{ until: number | null }>(
    room.db,
    sql`SELECT MIN(timestamp) AS until FROM (
      SELECT last_timestamp AS timestamp, SUM(cardinality(timestamps)) OVER (ORDER BY last_timestamp) AS points FROM metric_chunks
      WHERE run_id = ${asked.run_id} AND key = ${asked.key} AND last_timestamp >= ${from}) c WHERE points > ${2 * limit}`,
  )
  const until = end?.until ?? undefined
  return until === undefined ? undefined : sql`AND first_timestamp <= ${until} AND timestamp <= ${until}`
}

/** The points of one metric of many runs, run after run, at most `max_results` in all. Runs that are not seen give none. */
export async function bulkHistory(
  room: Tracking,
  who: Principal,
  asked: { run_ids: readonly string[]; key: string; max_results: number },
): Promise<MadeList<RunMetric>> {
  const seen = await seenRuns(room, who, asked.run_ids)
  const points = await readPoints(
    room,
    sql`SELECT run_id, ${POINT} FROM metric_history WHERE run_id IN ${inList(seen)} AND key = ${asked.key}
      ORDER BY run_id, ${orderBy(COLUMNS)} LIMIT ${asked.max_results}`,
  )
  return new MadeList(points.count, (at) => runPoint(points, asked, at))
}

export interface Sampled {
  readonly run_ids: readonly string[]
  readonly key: string
  /** Bounds of the steps, both included; both or none. */
  readonly start_step?: number | undefined
  readonly end_step?: number | undefined
  readonly max_results: number
}

/**
 * Points at evenly spread steps of the union of the runs' steps, about `max_results` steps, and always each run's first and
 * last step in the interval. Runs that are not seen give none.
 */
export async function sampledHistory(room: Tracking, who: Principal, asked: Sampled): Promise<RunMetric[]> {
  if ((asked.start_step === undefined) !== (asked.end_step === undefined)) {
    throw invalid('Both start_step and end_step must be specified together, or neither may be specified.')
  }
  const seen = await seenRuns(room, who, asked.run_ids)
  if (seen.length === 0) return []
  const within =
    asked.start_step === undefined ? raw('') : sql`AND step BETWEEN ${asked.start_step} AND ${asked.end_step ?? 0}`
  const chosen = sql`run_id IN ${inList(seen)} AND key = ${asked.key} ${within}`
  const [only, other] = seen
  if (only !== undefined && other === undefined) {
    const thinned = await unbroken(room, chosen, { ...asked, run_ids: [only] })
    if (thinned !== undefined)
      return Array.from({ length: thinned.count }, (_, at) => ({ ...wirePoint(thinned, asked.key, at), run_id: only }))
  }
  const points = await readPoints(
    room,
    sql`SELECT run_id, ${POINT} FROM metric_history WHERE ${chosen} ORDER BY run_id, step, timestamp, value`,
  )
  const steps = sampledSteps({ runs: points.runs, steps: points.step }, asked.max_results)
  const kept = await placesOf(points.step, steps)
  return mapInTurns(kept, (at) => runPoint(points, asked, at))
}

/** Looks at a million steps a few at a time. */
async function placesOf(steps: Float64Array, wanted: ReadonlySet<number>): Promise<number[]> {
  const places: number[] = []
  await forInTurns(steps.length, (at) => {
    if (wanted.has(steps[at] as number)) places.push(at)
  })
  return places
}

/**
 * The same sample of one run whose steps are n, n + 1, n + 2, …, as nearly all are: the database picks the points, so that
 * a hundred thousand of them are looked at and not carried. Undefined for other runs, and where nothing is to be left out.
 */
async function unbroken(room: Tracking, chosen: Sql, asked: Sampled): Promise<Points | undefined> {
  const { count, least, greatest } = await extent(room, chosen, asked)
  const wanted = asked.max_results
  if (least === null || greatest === null || count <= wanted || greatest - least + 1 !== count) return undefined
  // Point number j is kept when j = floor(i · count ÷ wanted) for a whole i, which is when j · wanted + wanted - 1 leaves a
  // remainder below `wanted`. Of a point before `least` it is negative or 0, so that none of those is missed. The first
  // remainder only keeps the product small, however far away such a point is.
  const kept = sql`((step - ${least}) % ${count} * ${wanted} + ${wanted - 1}) % ${count} < ${wanted}`
  const points = await readPoints(
    room,
    sql`SELECT ${POINT} FROM metric_history WHERE ${chosen} AND (${kept} OR step = ${greatest}) ORDER BY step, timestamp, value`,
  )
  return (points.step[0] ?? least) < least ? undefined : points
}

interface Extent {
  readonly count: number
  readonly least: number | null
  readonly greatest: number | null
}

/**
 * How many points there are, and their steps' bounds. Of a whole curve the row of the latest metrics knows the bounds, which
 * halves the work; a point that is NaN may lie before its `least`.
 */
async function extent(room: Tracking, chosen: Sql, asked: Sampled): Promise<Extent> {
  const whole = asked.start_step === undefined
  const bounds = whole
    ? sql`SELECT (SELECT COUNT(*) FROM metric_history WHERE ${chosen}) AS count, first_step AS least, step AS greatest
        FROM latest_metrics WHERE run_id = ${asked.run_ids[0] ?? ''} AND key = ${asked.key}`
    : sql`SELECT COUNT(*) AS count, MIN(step) AS least, MAX(step) AS greatest FROM metric_history WHERE ${chosen}`
  const [found] = await searchAll<Extent>(room.db, bounds)
  return found ?? { count: 0, least: null, greatest: null }
}

/** Every n-th step of all, the last, and the first and last of each run. The points of a run stand together. */
export function sampledSteps({ runs, steps: all }: StepsOfRuns, wanted: number): Set<number> {
  const steps = distinct(all)
  if (steps.length <= wanted) return new Set(steps)
  const every = steps.length / wanted
  const kept = new Set(Array.from({ length: wanted }, (_, index) => steps[Math.floor(index * every)] ?? 0))
  kept.add(steps.at(-1) ?? 0)
  for (let at = 0; at < all.length; at++)
    if (runs[at] !== runs[at - 1] || runs[at] !== runs[at + 1]) kept.add(all[at] as number)
  return kept
}

/** The run and the step of each point. */
interface StepsOfRuns {
  readonly runs: readonly string[]
  readonly steps: Float64Array
}

/** Each number once, rising. */
function distinct(numbers: Float64Array): Float64Array {
  const sorted = numbers.slice().sort()
  let count = 0
  for (const number of sorted) if (count === 0 || number !== sorted[count - 1]) sorted[count++] = number
  return sorted.subarray(0, count)
}

async function seenRuns(room: Tracking, who: Principal, ids: readonly string[]): Promise<string[]> {
  const query = sql`SELECT run_id FROM runs WHERE run_id IN ${inList([...ids])} AND ${visible(who, 'project')}`
  const rows = await room.db.all<{ run_id: string }>(query.text, query.params)
  return rows.map((row) => row.run_id)
}

/** Points as columns: there may be a million of them, and as objects they would take seconds of the loop. */
interface Points {
  readonly count: number
  readonly timestamp: Float64Array
  readonly step: Float64Array
  readonly value: Float64Array
  /** 1 where the value is NaN. */
  readonly nan: Float64Array
  /** The run of each, where it was asked for. */
  readonly runs: readonly string[]
}

const POINT = raw('timestamp, step, value, is_nan')

async function readPoints(room: Tracking, query: Sql): Promise<Points> {
  const columns = await room.db.searchColumns(query)
  return {
    count: columns.count,
    timestamp: numbersOf(columns, 'timestamp'),
    step: numbersOf(columns, 'step'),
    value: numbersOf(columns, 'value'),
    nan: numbersOf(columns, 'is_nan'),
    runs: (columns.values['run_id'] ?? []) as readonly string[],
  }
}

function wirePoint({ timestamp, step, value, nan }: Points, key: string, at: number): WireMetric {
  return {
    key,
    value: nan[at] === 1 ? 'NaN' : (value[at] as number),
    timestamp: timestamp[at] as number,
    step: step[at] as number,
  }
}

function runPoint(points: Points, { key }: { readonly key: string }, at: number): RunMetric {
  return { ...wirePoint(points, key, at), run_id: points.runs[at] as string }
}
