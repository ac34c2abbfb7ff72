/** Search of runs: MLflow's filters and more, any order with missing values last, keyset pages; quick among 100,000 runs. */
import type { Principal } from '../../contract/access.ts'
import type { View } from '../experiments/search.ts'
import { stageCondition } from '../experiments/search.ts'
import { seenExperiments } from '../experiments/experiments.ts'
import { parseOrder } from '../../mlflow/filter.ts'
import type { Filter, Order } from '../../mlflow/filter.ts'
import { keyset } from '../../mlflow/paging.ts'
import type { Keyset } from '../../mlflow/paging.ts'
import { visible } from '../../auth/visibility.ts'
import type { Tracking } from '../context/context.ts'
import { condition, indexedRows, metricValue, RUN_SCHEMA } from './conditions.ts'
import { readRunFilter } from './lineage.ts'
import { mostCounted, worthOfRuns } from './rarity.ts'
import { ordering } from './orders.ts'
import type { RunRow } from '../runs/runs.ts'
import { all, fetchAll, inList, joined, raw, searchAll, sql } from '../../store/sql/sql.ts'
import type { Sql } from '../../store/db.ts'
import { invalid } from '../../mlflow/wire.ts'

export interface RunSearch {
  /** Experiments looked into; those that do not exist or are not seen give no runs. */
  readonly experiment_ids: readonly string[]
  readonly filter?: string | undefined
  readonly order_by?: readonly string[]
  readonly view?: View | undefined
  readonly max_results: number
  readonly page_token?: string | undefined
  /** All experiments when none is named. */
  readonly everywhere?: boolean
}

export interface RunPage {
  readonly rows: RunRow[]
  readonly next_page_token?: string
}

type PageRow = RunRow & Record<string, string | number>

/** Everything that decides a page, parsed. */
interface Plan {
  readonly filter: Filter | undefined
  readonly orders: readonly Order[]
  /** Undefined = all. */
  readonly experiments: readonly string[] | undefined
  readonly where: readonly Sql[]
  /** Only runs that are there, or only those in the bin. */
  readonly oneStage: boolean
  readonly limit: number
  readonly keyset: (columns: ReturnType<typeof ordering>['columns']) => Keyset
}

/** Columns that an order may name, at most. */
const MOST_ORDERS = 8

/** The rows of one page. A token follows whenever the page is full, as MLflow does; the last page may then be empty. */
export async function searchRuns(room: Tracking, who: Principal, asked: RunSearch): Promise<RunPage> {
  const filter = await readRunFilter(room, who, asked.filter)
  const orders = (asked.order_by ?? []).map((clause) => parseOrder(clause, RUN_SCHEMA))
  if (orders.length > MOST_ORDERS)
    throw invalid(`order_by has ${orders.length} clauses; at most ${MOST_ORDERS} are read.`)
  const query = [asked.experiment_ids, asked.filter ?? '', asked.order_by ?? [], asked.view ?? '', who.project]
  const pages: Plan['keyset'] = (columns) => keyset(columns, asked.page_token, query)
  const first = pages(ordering(orders).columns)
  const experiments = await experimentsOf(room, who, asked)
  if (experiments !== undefined && experiments.length === 0) return { rows: [] }
  const view = asked.view ?? 'ACTIVE_ONLY'
  const where = [visible(who, 'r.project'), stageCondition(view, 'r.lifecycle_stage')]
  if (experiments !== undefined) where.push(sql`r.experiment_id IN ${inList(experiments)}`)
  if (filter !== undefined) where.push(sql`(${condition(room.db.kind, filter)})`)
  const more = { oneStage: view !== 'ALL', limit: asked.max_results, keyset: pages }
  const rows = await run(room, { filter, orders, experiments, where, ...more })
  const last = rows.at(-1)
  return last === undefined || rows.length < asked.max_results ? { rows } : { rows, next_page_token: first.next(last) }
}

/** Begins where the fewest rows must be looked at: at a rare filter value, at the metric in its order, or at the runs. */
async function run(room: Tracking, plan: Plan): Promise<PageRow[]> {
  const driver = await rareRows(room, plan)
  if (driver === undefined && hasIndex(plan.orders[0]) && plan.experiments?.length === 1) {
    return inMetricOrder(room, plan, plan.orders[0] as Order)
  }
  const from = driver === undefined ? raw('runs r') : sql`(${driver}) d CROSS JOIN runs r`
  const where = driver === undefined ? plan.where : [raw('r.run_id = d.run_id'), ...plan.where]
  const { joins, columns } = ordering(plan.orders)
  const page = plan.keyset(columns)
  const statement = sql`SELECT r.*${page.keys} FROM ${from} ${joins} WHERE ${all(where)} ${page.after}
      ORDER BY ${page.order} LIMIT ${plan.limit} OFFSET ${page.offset}`
  return isWalk(plan, page) ? fetchAll<PageRow>(room.db, statement) : searchAll<PageRow>(room.db, statement)
}

/** Rows of a page that is read at once, together with those that it passes over. */
const SHORT_PAGE = 250

/** True for the next few runs of an index in its own order: nothing is looked at that is not in the page, however many there are. */
function isWalk(plan: Plan, page: Keyset): boolean {
  const { filter, orders, experiments, limit } = plan
  const plain = filter === undefined && orders.length === 0 && experiments?.length === 1 && plan.oneStage
  return plain && limit + page.offset <= SHORT_PAGE
}

/** The last, least and greatest numbers of a metric lie in order; the first ones do not. */
function hasIndex(order: Order | undefined): boolean {
  return order?.entity === 'metric' && order.aggregate !== 'first'
}

/**
 * The rows of the rarest comparison that must hold, where fewer runs are looked at that way than by walking the runs in their
 * order until the page is full. PostgreSQL keeps statistics and chooses by itself; SQLite does not, and joins in the order that
 * a CROSS JOIN is written in.
 */
async function rareRows(room: Tracking, plan: Plan): Promise<Sql | undefined> {
  const { filter, experiments } = plan
  if (room.db.kind !== 'sqlite' || filter === undefined || experiments === undefined) return undefined
  const must = filter.kind === 'and' ? filter.parts : [filter]
  const found = must.flatMap((part) => {
    const rows = part.kind === 'compare' ? indexedRows(room.db.kind, part, experiments) : undefined
    return rows === undefined ? [] : [{ rows, covered: part.kind === 'compare' && part.entity === 'metric' }]
  })
  if (found.length === 0) return undefined
  const most = mostCounted(found.length, plan.limit)
  const quick = found.length <= FEW && experiments.length <= FEW && found.every(({ covered }) => covered)
  const counts = await countsOf(
    quick ? (query) => fetchAll(room.db, query) : (query) => searchAll(room.db, query),
    found.map(({ rows }) => sql`${rows} LIMIT ${most}`),
  )
  const sizes = found.map((one, i) => ({ ...one, size: counts[i] ?? 0 }))
  const [rarest] = sizes.sort((left, right) => left.size - right.size)
  if (rarest === undefined || rarest.size >= most) return undefined
  const enough = worthOfRuns(
    sizes.map(({ size }) => size),
    plan.limit,
  )
  if (enough === undefined) return undefined
  const every = sql`SELECT 1 FROM runs r WHERE r.experiment_id IN ${inList(experiments)} LIMIT ${enough}`
  const [runs = 0] = await countsOf((query) => searchAll(room.db, query), [every])
  if (runs < enough) return undefined
  // ranges of the metrics' index hold the runs' ids themselves: what several of them share is found before any run is looked at
  const ranges = sizes.filter(({ size, covered }) => covered && size < most)
  const joint = rarest.covered ? ranges : [rarest, ...ranges]
  return joined(
    joint.map(({ rows }) => rows),
    ' INTERSECT ',
  )
}

/** So many ranges of the metrics' index are counted at once, without a reader: they cost some tenths of a ms. */
const FEW = 4

type Count = (query: Sql) => Promise<Record<string, number>[]>

/** How many rows each query gives; in one statement, for each is a way to a reader and back. */
async function countsOf(read: Count, queries: readonly Sql[]): Promise<number[]> {
  const counts = queries.map((rows, i) => sql`(SELECT COUNT(*) FROM (${rows})) AS ${raw(`n${i}`)}`)
  const [counted] = await read(sql`SELECT ${joined(counts, ', ')}`)
  return queries.map((_, i) => counted?.[`n${i}`] ?? 0)
}

/** Runs of one experiment by one metric: those with a number in the order of its index, then NaN, then those without. */
async function inMetricOrder(room: Tracking, plan: Plan, order: Order): Promise<PageRow[]> {
  const experiment = plan.experiments?.[0] ?? ''
  const rows: PageRow[] = []
  let passed = 0
  for (const rank of order.aggregate === undefined ? [0, 1, 2] : [0, 2]) {
    const { joins, columns } = ordering(plan.orders, rank)
    const page = plan.keyset(columns)
    const start = page.position?.[0]
    if (typeof start === 'number' && start > rank) continue
    const skip = Math.max(0, page.offset - passed)
    if (page.offset > passed) passed += await sizeOf(room, plan, order, rank)
    const { from, where } = ranked(order, experiment, rank)
    const bound = start === rank ? positionBound(plan, order, page.position ?? []) : []
    const statement = sql`SELECT r.*${page.keys} FROM ${from} ${joins}
      WHERE ${all([...where, ...bound, ...plan.where])} ${page.after}
      ORDER BY ${page.order} LIMIT ${plan.limit - rows.length} OFFSET ${skip}`
    rows.push(...(await searchAll<PageRow>(room.db, statement)))
    if (rows.length >= plan.limit) break
  }
  return rows
}

/** How many runs of the result have this rank; for offset tokens, which are MLflow's own. */
async function sizeOf(room: Tracking, plan: Plan, order: Order, rank: number): Promise<number> {
  const { from, where } = ranked(order, plan.experiments?.[0] ?? '', rank)
  const count = sql`SELECT COUNT(*) AS n FROM ${from} WHERE ${all([...where, ...plan.where])}`
  const [counted] = await searchAll<{ n: number }>(room.db, count)
  return counted?.n ?? 0
}

function ranked(order: Order, experiment: string, rank: number): { from: Sql; where: Sql[] } {
  const { aggregate, key } = order
  if (rank === 2) {
    const number = aggregate === undefined ? raw('') : sql`AND ${metricValue('x', aggregate)} IS NOT NULL`
    const none = sql`NOT EXISTS (SELECT 1 FROM latest_metrics x WHERE x.run_id = r.run_id AND x.key = ${key} ${number})`
    return { from: raw('runs r'), where: [none] }
  }
  const kind = aggregate === undefined ? sql`o0.is_nan = ${rank}` : sql`${metricValue('o0', aggregate)} IS NOT NULL`
  const here = sql`o0.experiment_id = ${experiment} AND o0.key = ${key} AND ${kind}`
  return { from: raw('latest_metrics o0 CROSS JOIN runs r'), where: [raw('r.run_id = o0.run_id'), here] }
}

/** What a position within a rank implies for the value alone, or for the start alone, said so that the index can begin there. */
function positionBound(plan: Plan, order: Order, position: readonly unknown[]): Sql[] {
  const [rank, value, next] = position
  if (rank === 0 && typeof value === 'number') {
    const column = metricValue('o0', order.aggregate)
    return [sql`${column} ${raw(order.descending ? '<=' : '>=')} CAST(${value} AS DOUBLE PRECISION)`]
  }
  return rank === 2 && plan.orders.length === 1 && typeof next === 'number' ? [sql`r.start_time <= ${next}`] : []
}

async function experimentsOf(room: Tracking, who: Principal, asked: RunSearch): Promise<string[] | undefined> {
  if (asked.experiment_ids.length === 0 && asked.everywhere === true) return undefined
  return seenExperiments(room.db, who, asked.experiment_ids)
}
