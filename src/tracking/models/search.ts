/** Search of logged models: filter, datasets, any order with missing values last, keyset pages. */
import type { Principal } from '../../contract/access.ts'
import { compare, matching } from '../../mlflow/compare.ts'
import { seenExperiments } from '../experiments/experiments.ts'
import { LISTED, MORE_NULLABLE, MORE_TEXTUAL, NULLABLE, NUMERIC, parseFilter, parseOrder } from '../../mlflow/filter.ts'
import type { Comparison, Filter, FilterSchema } from '../../mlflow/filter.ts'
import { readLoggedModels } from './logged-models.ts'
import type { LoggedModelRow, WireLoggedModel } from './logged-models.ts'
import { keyset, readPage } from '../../mlflow/paging.ts'
import type { SortColumn } from '../../mlflow/paging.ts'
import { ENTITIES } from '../../mlflow/entities.ts'
import { visible } from '../../auth/visibility.ts'
import type { Tracking } from '../context/context.ts'
import { inList, joined, raw, sql } from '../../store/sql/sql.ts'
import type { Sql } from '../../store/db.ts'
import { invalid } from '../../mlflow/wire.ts'

export interface DatasetChoice {
  readonly dataset_name: string
  readonly dataset_digest?: string | undefined
}

export interface ModelOrder {
  readonly field_name: string
  readonly ascending?: boolean | undefined
  readonly dataset_name?: string | undefined
  readonly dataset_digest?: string | undefined
}

export interface ModelSearch {
  readonly experiment_ids: readonly string[]
  readonly filter?: string | undefined
  /** Metrics of the filter, or any metric, must be of one of these. */
  readonly datasets: readonly DatasetChoice[]
  readonly order_by: readonly ModelOrder[]
  readonly max_results: number
  readonly page_token?: string | undefined
}

const TEXT = { type: 'text', operators: LISTED, more: MORE_TEXTUAL, lenient: true } as const
const CREATED = { type: 'number', operators: NUMERIC, as: 'creation_timestamp' } as const
const UPDATED = { type: 'number', operators: NUMERIC, as: 'last_updated_timestamp' } as const

const SCHEMA: FilterSchema = {
  entities: ENTITIES,
  keys: {
    metric: { type: 'number', operators: NUMERIC },
    parameter: { type: 'text', operators: NULLABLE, more: MORE_NULLABLE, lenient: true },
    tag: { type: 'text', operators: NULLABLE, more: MORE_NULLABLE, lenient: true },
    attribute: {
      name: TEXT,
      model_id: TEXT,
      model_name: { ...TEXT, as: 'name' },
      model_type: TEXT,
      status: { type: 'text', operators: ['=', '!=', 'IN', 'NOT IN'] },
      source_run_id: TEXT,
      creation_timestamp: CREATED,
      creation_timestamp_ms: CREATED,
      creation_time: CREATED,
      last_updated_timestamp: UPDATED,
      last_updated_timestamp_ms: UPDATED,
      last_updated_time: UPDATED,
    },
  },
}

/** One page of models that are not deleted; the token of the next, absent on the last. */
export async function searchLoggedModels(
  room: Tracking,
  who: Principal,
  asked: ModelSearch,
): Promise<{ models: WireLoggedModel[]; next_page_token?: string }> {
  const filter = parseFilter(asked.filter, SCHEMA, { extended: true })
  const columns = sortColumns(asked.order_by, asked.datasets)
  const { max_results, page_token, ...query } = asked
  const page = keyset(columns, page_token, ['models', query, who.project])
  const experiments = await seenExperiments(room.db, who, asked.experiment_ids)
  const where = [
    visible(who, 'm.project'),
    sql`m.experiment_id IN ${inList(experiments)}`,
    raw("m.lifecycle_stage = 'active'"),
  ]
  if (filter !== undefined) where.push(sql`(${condition(room, filter, asked.datasets)})`)
  if (asked.datasets.length > 0) {
    where.push(
      sql`EXISTS (SELECT 1 FROM logged_model_metrics x WHERE x.model_id = m.model_id AND ${ofDatasets(asked.datasets)})`,
    )
  }
  const paged = { columns: raw('m.*'), from: raw('FROM logged_models m'), where }
  const { rows, next } = await readPage<LoggedModelRow>(room.db, page, max_results, paged)
  return { models: await readLoggedModels(room.db, rows), ...next }
}

function condition(room: Tracking, filter: Filter, datasets: readonly DatasetChoice[]): Sql {
  return matching(filter, (one) => comparison(room, one, datasets))
}

function comparison(room: Tracking, one: Comparison, datasets: readonly DatasetChoice[]): Sql {
  if (one.aggregate !== undefined) throw invalid('Only the last number of a metric is kept for a logged model.')
  if (one.entity === 'attribute') return attribute(room, one)
  if (one.entity === 'metric') {
    const last = latest('CASE WHEN x.is_nan = 0 THEN x.value END', one.key, anyDataset(datasets))
    return compare(room.db.kind, last, one)
  }
  const value = compare(room.db.kind, raw('x.value'), one)
  const table = raw(one.entity === 'tag' ? 'logged_model_tags' : 'logged_model_params')
  const rows = sql`SELECT 1 FROM ${table} x WHERE x.model_id = m.model_id AND x.key = ${one.key}`
  if (one.operator === 'IS NULL') return sql`NOT EXISTS (${rows})`
  if (one.operator === 'IS NOT NULL') return sql`EXISTS (${rows})`
  return sql`EXISTS (${rows} AND ${value})`
}

/** The state may be written as clients know it or by the protocol's name. */
function attribute(room: Tracking, one: Comparison): Sql {
  const column = raw(`m.${one.key}`)
  const asked = one.key === 'status' ? { ...one, value: keptStates(one.value) } : one
  return sql`(${column} IS NOT NULL AND ${compare(room.db.kind, column, asked)})`
}

function keptStates(value: Comparison['value']): Comparison['value'] {
  return Array.isArray(value) ? (value as (string | number)[]).map(keptState) : keptState(value as string | number)
}

/** States as clients know them → as they are kept, which is the protocol's name without its prefix. */
const STATES: Readonly<Record<string, string>> = {
  UNSPECIFIED: 'STATUS_UNSPECIFIED',
  PENDING: 'PENDING',
  READY: 'READY',
  FAILED: 'UPLOAD_FAILED',
}

function keptState(value: string | number): string {
  const given = String(value).replace(/^LOGGED_MODEL_/, '')
  const state = STATES[given] ?? given
  if (Object.values(STATES).includes(state)) return state
  throw invalid(
    `Unknown model status in filter: '${given.slice(0, 100)}', expected one of ${Object.keys(STATES).join(', ')}.`,
  )
}

function anyDataset(datasets: readonly DatasetChoice[]): Sql {
  return datasets.length === 0 ? raw('1 = 1') : ofDatasets(datasets)
}

function ofDatasets(datasets: readonly DatasetChoice[]): Sql {
  const each = datasets.map((one) => ofDataset(one.dataset_name, one.dataset_digest))
  return sql`(${joined(each, ' OR ')})`
}

function ofDataset(name: string, digest: string | undefined): Sql {
  const named = sql`x.dataset_name = ${name}`
  return digest === undefined || digest === '' ? named : sql`(${named} AND x.dataset_digest = ${digest})`
}

function sortColumns(orders: readonly ModelOrder[], datasets: readonly DatasetChoice[]): SortColumn[] {
  const columns = orders.flatMap((order) => {
    const descending = order.ascending === false
    const found = parseOrder(
      quotedKey(order.field_name),
      SCHEMA,
      () => `Invalid order by field name: ${order.field_name}`,
    )
    if (found.aggregate !== undefined) throw invalid(`Invalid order by field name: ${order.field_name}`)
    if (found.entity === 'metric')
      return metricColumns(found.key, sql`${ofOrder(order)} AND ${anyDataset(datasets)}`, descending)
    if (found.entity !== 'attribute') throw invalid(`Invalid order by field name: ${order.field_name}`)
    const type = found.type === 'text' ? ('text' as const) : ('int' as const)
    const nothing = raw(type === 'text' ? "''" : '0')
    const column = raw(`m.${found.key}`)
    return [
      { expression: sql`CASE WHEN ${column} IS NULL THEN 2 ELSE 0 END`, descending: false, type: 'int' as const },
      { expression: sql`COALESCE(${column}, ${nothing})`, descending, type },
    ]
  })
  columns.push({ expression: raw('m.creation_timestamp'), descending: true, type: 'int' })
  columns.push({ expression: raw('m.model_id'), descending: false, type: 'text' })
  return columns
}

function ofOrder(order: ModelOrder): Sql {
  return order.dataset_name ? ofDataset(order.dataset_name, order.dataset_digest) : raw('1 = 1')
}

function metricColumns(key: string, of: Sql, descending: boolean): SortColumn[] {
  return [
    { expression: sql`COALESCE(${latest('x.is_nan', key, of)}, 2)`, descending: false, type: 'int' },
    { expression: sql`COALESCE(${latest('x.value', key, of)}, 0)`, descending, type: 'double' },
  ]
}

/** Of a model's last number of a metric, over all runs and datasets that count: the one with the highest step, then time, then value. */
function latest(column: string, key: string, of: Sql): Sql {
  return sql`(SELECT ${raw(column)} FROM logged_model_metrics x WHERE x.model_id = m.model_id AND x.key = ${key} AND ${of}
    ORDER BY x.step DESC, x.timestamp DESC, x.value DESC LIMIT 1)`
}

/** Field names come unquoted, whatever the metric is called. */
function quotedKey(field: string): string {
  const dot = field.indexOf('.')
  if (dot < 0 || /[`"]/.test(field)) return field
  return `${field.slice(0, dot)}.\`${field.slice(dot + 1)}\``
}
