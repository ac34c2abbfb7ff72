/** Search of runs: MLflow's filters as semi-joins, any order with missing values last, keyset pages. */
import type { Principal } from '../contract/access.ts'
import { compare } from './compare.ts'
import type { View } from './experiment-search.ts'
import { stageCondition } from './experiment-search.ts'
import { requireExperiment } from './experiments.ts'
import { LISTED, NULLABLE, NUMERIC, parseFilter, parseOrder } from './filter.ts'
import type { Comparison, Filter, FilterSchema, Order } from './filter.ts'
import { keyset } from './paging.ts'
import type { SortColumn } from './paging.ts'
import { visible } from './room.ts'
import type { Tracking } from './room.ts'
import type { RunRow } from './runs.ts'
import { all, inList, joined, raw, searchAll, sql } from './sql.ts'
import type { Sql } from './sql.ts'
import { invalid } from './wire.ts'

export interface RunSearch {
  /** Experiments looked into; those that do not exist or are not seen give no runs. */
  readonly experiment_ids: readonly string[]
  readonly filter?: string | undefined
  readonly order_by?: readonly string[]
  readonly view?: View | undefined
  readonly max_results: number
  readonly page_token?: string | undefined
  /** Also OR, NOT and parentheses, and all experiments when none is named. */
  readonly extended?: boolean
}

const START = { type: 'number', operators: NUMERIC, as: 'start_time' } as const
const NAME = { type: 'text', operators: LISTED, as: 'run_name' } as const
const TEXT = { type: 'text', operators: LISTED } as const

/** The left sides that MLflow's clients use, with their aliases. */
export const RUN_SCHEMA: FilterSchema = {
  entities: {
    metric: 'metric',
    metrics: 'metric',
    parameter: 'parameter',
    parameters: 'parameter',
    param: 'parameter',
    params: 'parameter',
    tag: 'tag',
    tags: 'tag',
    attribute: 'attribute',
    attributes: 'attribute',
    attr: 'attribute',
    run: 'attribute',
    dataset: 'dataset',
    datasets: 'dataset',
  },
  keys: {
    metric: { type: 'number', operators: NUMERIC },
    parameter: { type: 'text', operators: NULLABLE },
    tag: { type: 'text', operators: NULLABLE },
    attribute: {
      run_id: TEXT,
      run_name: TEXT,
      'run name': NAME,
      'Run name': NAME,
      'Run Name': NAME,
      user_id: TEXT,
      status: TEXT,
      artifact_uri: TEXT,
      lifecycle_stage: TEXT,
      experiment_id: TEXT,
      start_time: { type: 'number', operators: NUMERIC },
      end_time: { type: 'number', operators: NUMERIC },
      created: START,
      Created: START,
    },
    dataset: { name: TEXT, digest: TEXT, context: TEXT },
  },
}

const CONTEXT_TAG = 'mlflow.data.context'

/** Columns that an order may name, at most. */
const MOST_ORDERS = 8

export interface RunPage {
  readonly rows: RunRow[]
  readonly next_page_token?: string
}

/** The rows of one page. A token follows whenever the page is full, as MLflow does; the last page may then be empty. */
export async function searchRuns(room: Tracking, who: Principal, asked: RunSearch): Promise<RunPage> {
  const filter = parseFilter(asked.filter, RUN_SCHEMA, { extended: asked.extended === true })
  const orders = (asked.order_by ?? []).map((clause) => parseOrder(clause, RUN_SCHEMA))
  if (orders.length > MOST_ORDERS)
    throw invalid(`order_by has ${orders.length} clauses; at most ${MOST_ORDERS} are read.`)
  const { joins, columns } = sortColumns(orders)
  const query = [asked.experiment_ids, asked.filter ?? '', asked.order_by ?? [], asked.view ?? '', who.project]
  const page = keyset(columns, asked.page_token, query)
  const experiments = await seenExperiments(room, who, asked)
  if (experiments !== undefined && experiments.length === 0) return { rows: [] }
  const where = [visible(who, 'r.project'), stageCondition(asked.view ?? 'ACTIVE_ONLY', 'r.lifecycle_stage')]
  if (experiments !== undefined) where.push(sql`r.experiment_id IN ${inList(experiments)}`)
  if (filter !== undefined) where.push(sql`(${condition(room, filter, experiments)})`)
  const statement = sql`SELECT r.*${page.keys} FROM runs r ${joins} WHERE ${all(where)} ${page.after}
    ORDER BY ${page.order} LIMIT ${asked.max_results} OFFSET ${page.offset}`
  const rows = await searchAll<RunRow & Record<string, string | number>>(room.db, statement)
  const last = rows.at(-1)
  return last === undefined || rows.length < asked.max_results ? { rows } : { rows, next_page_token: page.next(last) }
}

async function seenExperiments(room: Tracking, who: Principal, asked: RunSearch): Promise<string[] | undefined> {
  if (asked.experiment_ids.length === 0 && asked.extended === true) return undefined
  const ids: string[] = []
  for (const id of new Set(asked.experiment_ids)) {
    const row = await requireExperiment(room.db, who, id).catch(() => undefined)
    if (row !== undefined) ids.push(row.experiment_id)
  }
  return ids
}

function condition(room: Tracking, filter: Filter, experiments: readonly string[] | undefined): Sql {
  if (filter.kind === 'not') return sql`NOT (${condition(room, filter.part, experiments)})`
  if (filter.kind === 'compare') return comparison(room, filter, experiments)
  const parts = filter.parts.map((part) => sql`(${condition(room, part, experiments)})`)
  return joined(parts, filter.kind === 'and' ? ' AND ' : ' OR ')
}

function comparison(room: Tracking, one: Comparison, experiments: readonly string[] | undefined): Sql {
  switch (one.entity) {
    case 'attribute':
      return attribute(room, one)
    case 'metric':
      return metric(room, one, experiments)
    case 'parameter':
      return keyed(room, one, 'run_params')
    case 'tag':
      return keyed(room, one, 'run_tags')
    default:
      return dataset(room, one)
  }
}

/** A run without an end matches no comparison with it. */
function attribute(room: Tracking, one: Comparison): Sql {
  const column = raw(`r.${one.key}`)
  const compared = compare(room.db.kind, column, one)
  return one.key === 'end_time' ? sql`(${column} IS NOT NULL AND ${compared})` : compared
}

/** NaN is a value that no number equals: only `!=` holds for it. */
function metric(room: Tracking, one: Comparison, experiments: readonly string[] | undefined): Sql {
  const compared = compare(room.db.kind, raw('x.value'), one)
  const holds = one.operator === '!=' ? sql`(x.is_nan = 1 OR ${compared})` : sql`x.is_nan = 0 AND ${compared}`
  const within = experiments === undefined ? raw('') : sql`x.experiment_id IN ${inList(experiments)} AND `
  return sql`r.run_id IN (SELECT x.run_id FROM latest_metrics x WHERE ${within}x.key = ${one.key} AND ${holds})`
}

function keyed(room: Tracking, one: Comparison, table: 'run_params' | 'run_tags'): Sql {
  const rows = sql`SELECT 1 FROM ${raw(table)} x WHERE x.run_id = r.run_id AND x.key = ${one.key}`
  if (one.operator === 'IS NULL') return sql`NOT EXISTS (${rows})`
  if (one.operator === 'IS NOT NULL') return sql`EXISTS (${rows})`
  return sql`EXISTS (${rows} AND ${compare(room.db.kind, raw('x.value'), one)})`
}

function dataset(room: Tracking, one: Comparison): Sql {
  if (one.key === 'context') {
    return sql`EXISTS (SELECT 1 FROM dataset_input_tags x WHERE x.run_id = r.run_id AND x.key = ${CONTEXT_TAG}
      AND ${compare(room.db.kind, raw('x.value'), one)})`
  }
  return sql`EXISTS (SELECT 1 FROM dataset_inputs x WHERE x.run_id = r.run_id
    AND ${compare(room.db.kind, raw(`x.${one.key}`), one)})`
}

/**
 * Each order becomes two columns that are never NULL: a rank (0 a value, 1 NaN, 2 nothing), which always rises, and the value.
 * Newest first, then the run id, decide the rest.
 */
function sortColumns(orders: readonly Order[]): { joins: Sql; columns: SortColumn[] } {
  const joins: Sql[] = []
  const columns: SortColumn[] = []
  orders.forEach((order, index) => {
    const alias = `o${index}`
    if (order.entity === 'attribute') {
      columns.push(...attributeColumns(order))
    } else if (order.entity === 'metric') {
      joins.push(
        sql`LEFT JOIN latest_metrics ${raw(alias)} ON ${raw(`${alias}.run_id`)} = r.run_id AND ${raw(`${alias}.key`)} = ${order.key}`,
      )
      const rank = raw(`CASE WHEN ${alias}.value IS NULL THEN 2 WHEN ${alias}.is_nan = 1 THEN 1 ELSE 0 END`)
      columns.push({ expression: rank, descending: false, type: 'int' })
      columns.push({ expression: raw(`COALESCE(${alias}.value, 0)`), descending: order.descending, type: 'double' })
    } else if (order.entity === 'parameter' || order.entity === 'tag') {
      const table = raw(order.entity === 'tag' ? 'run_tags' : 'run_params')
      joins.push(
        sql`LEFT JOIN ${table} ${raw(alias)} ON ${raw(`${alias}.run_id`)} = r.run_id AND ${raw(`${alias}.key`)} = ${order.key}`,
      )
      columns.push(...nullable(`${alias}.value`, 'text', order.descending))
    } else {
      throw invalid(`Invalid order_by entity type '${order.entity}'`)
    }
  })
  columns.push({ expression: raw('r.start_time'), descending: true, type: 'int' })
  columns.push({ expression: raw('r.run_id'), descending: false, type: 'text' })
  return { joins: joined(joins, ' '), columns }
}

function attributeColumns(order: Order): SortColumn[] {
  const column = `r.${order.key}`
  if (order.key === 'end_time') return nullable(column, 'int', order.descending)
  return [{ expression: raw(column), descending: order.descending, type: order.type === 'text' ? 'text' : 'int' }]
}

function nullable(column: string, type: 'int' | 'text', descending: boolean): SortColumn[] {
  const nothing = type === 'text' ? "''" : '0'
  return [
    { expression: raw(`CASE WHEN ${column} IS NULL THEN 2 ELSE 0 END`), descending: false, type: 'int' },
    { expression: raw(`COALESCE(${column}, ${nothing})`), descending, type },
  ]
}
