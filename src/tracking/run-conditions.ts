/** What a filter of a run search means in SQL. */
import type { Db } from '../store/db.ts'
import { compare } from './compare.ts'
import { LISTED, NULLABLE, NUMERIC } from './filter.ts'
import type { Comparison, Filter, FilterSchema } from './filter.ts'
import { inList, joined, raw, sql } from './sql.ts'
import type { Sql } from './sql.ts'

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

/** The condition on `runs r` that a filter is. */
export function condition(kind: Db['kind'], filter: Filter): Sql {
  if (filter.kind === 'not') return sql`NOT (${condition(kind, filter.part)})`
  if (filter.kind === 'compare') return comparison(kind, filter)
  const parts = filter.parts.map((part) => sql`(${condition(kind, part)})`)
  return joined(parts, filter.kind === 'and' ? ' AND ' : ' OR ')
}

/**
 * The rows `x.run_id` that satisfy one comparison, where an index finds them without looking at other runs; each run at most
 * once. Undefined for comparisons that no index serves.
 */
export function indexedRows(kind: Db['kind'], one: Comparison, experiments: readonly string[]): Sql | undefined {
  const value = raw('x.value')
  if (one.entity === 'metric' && one.operator !== '!=') {
    return sql`SELECT x.run_id FROM latest_metrics x WHERE x.experiment_id IN ${inList(experiments)}
      AND x.key = ${one.key} AND x.is_nan = 0 AND ${compare(kind, value, one)}`
  }
  if ((one.entity === 'parameter' || one.entity === 'tag') && one.operator === '=') {
    const table = raw(one.entity === 'tag' ? 'run_tags' : 'run_params')
    const head = String(one.value).slice(0, HEAD)
    // Characters beyond the BMP count double here and once in SQL, so such a head cannot be compared.
    const headed = /[\ud800-\udfff]/.test(head) ? raw('1 = 1') : sql`substr(x.value, 1, 64) = ${head}`
    return sql`SELECT x.run_id FROM ${table} x WHERE x.key = ${one.key} AND ${headed} AND ${compare(kind, value, one)}`
  }
  return undefined
}

/** Characters of a value that its index holds. */
const HEAD = 64

function comparison(kind: Db['kind'], one: Comparison): Sql {
  switch (one.entity) {
    case 'attribute':
      return attribute(kind, one)
    case 'metric':
      return metric(kind, one)
    case 'parameter':
      return keyed(kind, one, 'run_params')
    case 'tag':
      return keyed(kind, one, 'run_tags')
    default:
      return dataset(kind, one)
  }
}

/** A run without an end matches no comparison with it. */
function attribute(kind: Db['kind'], one: Comparison): Sql {
  const column = raw(`r.${one.key}`)
  const compared = compare(kind, column, one)
  return one.key === 'end_time' ? sql`(${column} IS NOT NULL AND ${compared})` : compared
}

/** NaN is a value that no number equals: only `!=` holds for it. */
function metric(kind: Db['kind'], one: Comparison): Sql {
  const compared = compare(kind, raw('x.value'), one)
  const holds = one.operator === '!=' ? sql`(x.is_nan = 1 OR ${compared})` : sql`x.is_nan = 0 AND ${compared}`
  return sql`EXISTS (SELECT 1 FROM latest_metrics x WHERE x.run_id = r.run_id AND x.key = ${one.key} AND ${holds})`
}

function keyed(kind: Db['kind'], one: Comparison, table: 'run_params' | 'run_tags'): Sql {
  const rows = sql`SELECT 1 FROM ${raw(table)} x WHERE x.run_id = r.run_id AND x.key = ${one.key}`
  if (one.operator === 'IS NULL') return sql`NOT EXISTS (${rows})`
  if (one.operator === 'IS NOT NULL') return sql`EXISTS (${rows})`
  return sql`EXISTS (${rows} AND ${compare(kind, raw('x.value'), one)})`
}

function dataset(kind: Db['kind'], one: Comparison): Sql {
  if (one.key === 'context') {
    return sql`EXISTS (SELECT 1 FROM dataset_input_tags x WHERE x.run_id = r.run_id AND x.key = ${CONTEXT_TAG}
      AND ${compare(kind, raw('x.value'), one)})`
  }
  return sql`EXISTS (SELECT 1 FROM dataset_inputs x WHERE x.run_id = r.run_id
    AND ${compare(kind, raw(`x.${one.key}`), one)})`
}
