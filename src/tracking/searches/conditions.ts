/** What a filter of a run search means in SQL. */
import type { Db, Sql } from '../../store/db.ts'
import { compare, matching } from '../../mlflow/compare.ts'
import { ENTITIES } from '../../mlflow/entities.ts'
import { LISTED, MORE_METRIC, MORE_NULLABLE, MORE_TEXTUAL, NULLABLE, NUMERIC } from '../../mlflow/filter.ts'
import type { Aggregate, Comparison, Filter, FilterSchema } from '../../mlflow/filter.ts'
import { inList, raw, sql } from '../../store/sql/sql.ts'
import { invalid } from '../../mlflow/wire.ts'

const START = { type: 'number', operators: NUMERIC, as: 'start_time' } as const
const TEXT = { type: 'text', operators: LISTED, more: MORE_TEXTUAL } as const
const NAME = { ...TEXT, as: 'run_name' } as const
/** A thing that a run may have several of, or none: the run is found by one of them. */
const LINK = { type: 'text', operators: [], more: ['=', 'IN', 'IS NULL', 'IS NOT NULL'] } as const

/**
 * The left sides that MLflow's clients use, with their aliases; and in the extended form `parent` (the id of the run above),
 * `made_model` and `read_model` (ids of logged models), and `model` (a registered model, `name/3` or `name@alias`, of which
 * the run made a version).
 */
export const RUN_SCHEMA: FilterSchema = {
  entities: {
    ...ENTITIES,
    parameters: 'parameter',
    run: 'attribute',
    dataset: 'dataset',
    datasets: 'dataset',
  },
  keys: {
    metric: { type: 'number', operators: NUMERIC, more: MORE_METRIC },
    parameter: { type: 'text', operators: NULLABLE, more: MORE_NULLABLE },
    tag: { type: 'text', operators: NULLABLE, more: MORE_NULLABLE },
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
      end_time: { type: 'number', operators: NUMERIC, more: ['IS NULL', 'IS NOT NULL'] },
      created: START,
      Created: START,
      parent: { type: 'text', operators: [], more: ['=', '!=', ...MORE_NULLABLE] },
      made_model: LINK,
      read_model: LINK,
      model: { ...LINK, more: ['=', 'IN'] },
    },
    dataset: { name: TEXT, digest: TEXT, context: TEXT },
  },
}

const CONTEXT_TAG = 'mlflow.data.context'
const PARENT_TAG = 'mlflow.parentRunId'

/** The condition on `runs r` that a filter is. */
export function condition(kind: Db['kind'], filter: Filter): Sql {
  return matching(filter, (one) => comparison(kind, one))
}

/**
 * The rows `x.run_id` that satisfy one comparison, where an index finds them without looking at other runs; each run at most
 * once. Undefined for comparisons that no index serves.
 */
export function indexedRows(kind: Db['kind'], one: Comparison, experiments: readonly string[]): Sql | undefined {
  if (one.entity === 'metric') return indexedMetric(kind, one, experiments)
  if (one.operator !== '=') return undefined
  const value = String(one.value)
  if (one.entity === 'parameter') return headed(kind, one, 'run_params')
  if (one.entity === 'tag') return headed(kind, one, 'run_tags')
  if (one.entity === 'dataset' && one.key === 'digest') {
    return sql`SELECT DISTINCT x.run_id FROM dataset_inputs x WHERE x.digest = ${value}`
  }
  if (one.key === 'parent') return headed(kind, { ...one, key: PARENT_TAG }, 'run_tags')
  if (one.key === 'made_model' || one.key === 'read_model') {
    return sql`SELECT x.run_id FROM run_models x WHERE x.model_id = ${value} AND x.role = ${roleOf(one)}`
  }
  return undefined
}

/** The first number has no index, and what is unlike something is not found by one. */
function indexedMetric(kind: Db['kind'], one: Comparison, experiments: readonly string[]): Sql | undefined {
  const ranged = ['=', '>', '>=', '<', '<=', 'IN'].includes(one.operator)
  if (!ranged || one.aggregate === 'first') return undefined
  const holds = one.aggregate === undefined ? raw('x.is_nan = 0 AND') : raw('')
  return sql`SELECT x.run_id FROM latest_metrics x WHERE x.experiment_id IN ${inList(experiments)}
    AND x.key = ${one.key} AND ${holds} ${compare(kind, metricValue('x', one.aggregate), one)}`
}

function headed(kind: Db['kind'], one: Comparison, table: 'run_params' | 'run_tags'): Sql {
  const head = String(one.value).slice(0, HEAD)
  // Characters beyond the BMP count double here and once in SQL, so such a head cannot be compared.
  const begins = /[\ud800-\udfff]/.test(head) ? raw('1 = 1') : sql`substr(x.value, 1, 64) = ${head}`
  const equal = compare(kind, raw('x.value'), one)
  return sql`SELECT x.run_id FROM ${raw(table)} x WHERE x.key = ${one.key} AND ${begins} AND ${equal}`
}

/** The column of a metric's row that a comparison or an order means; NULL where a metric was never a number. */
export function metricValue(alias: string, aggregate: Aggregate | undefined): Sql {
  return raw(aggregate === undefined ? `${alias}.value` : `${alias}.${aggregate}_value`)
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
  if (one.key === 'parent') return keyed(kind, { ...one, key: PARENT_TAG }, 'run_tags')
  if (one.key === 'made_model' || one.key === 'read_model') return linked(kind, one)
  if (one.key === 'model') throw invalid('model cannot be searched for here')
  const column = raw(`r.${one.key}`)
  if (one.operator === 'IS NULL' || one.operator === 'IS NOT NULL') return sql`${column} ${raw(one.operator)}`
  const compared = compare(kind, column, one)
  return one.key === 'end_time' ? sql`(${column} IS NOT NULL AND ${compared})` : compared
}

function linked(kind: Db['kind'], one: Comparison): Sql {
  const rows = sql`SELECT 1 FROM run_models x WHERE x.run_id = r.run_id AND x.role = ${roleOf(one)}`
  return absent(one, rows) ?? sql`EXISTS (${rows} AND ${compare(kind, raw('x.model_id'), one)})`
}

function roleOf(one: Comparison): string {
  return one.key === 'made_model' ? 'output' : 'input'
}

/** IS NULL and IS NOT NULL of something that a run may have rows of. */
function absent(one: Comparison, rows: Sql): Sql | undefined {
  if (one.operator === 'IS NULL') return sql`NOT EXISTS (${rows})`
  return one.operator === 'IS NOT NULL' ? sql`EXISTS (${rows})` : undefined
}

/** NaN is a value that no number equals: only `!=` holds for it. */
function metric(kind: Db['kind'], one: Comparison): Sql {
  const value = metricValue('x', one.aggregate)
  // said twice for PostgreSQL, which then sees that the index of values serves; SQLite would take that index for every run
  const here = raw(kind === 'postgres' ? 'AND x.experiment_id = r.experiment_id' : '')
  const found = sql`SELECT 1 FROM latest_metrics x WHERE x.run_id = r.run_id ${here} AND x.key = ${one.key}`
  const rows = one.aggregate === undefined ? found : sql`${found} AND ${value} IS NOT NULL`
  const missing = absent(one, rows)
  if (missing !== undefined) return missing
  const compared = one.operator === 'WITHIN' ? near(one) : compare(kind, value, one)
  const unlike = one.operator === '!=' || one.operator === 'NOT IN'
  if (one.aggregate !== undefined) return sql`EXISTS (${rows} AND ${compared})`
  return sql`EXISTS (${rows} AND ${unlike ? sql`(x.is_nan = 1 OR ${compared})` : sql`x.is_nan = 0 AND ${compared}`})`
}

/** Not worse than the best active run of the same experiment by more than a share of the best number's size. */
function near(one: Comparison): Sql {
  const value = metricValue('x', one.aggregate)
  const numbers =
    one.aggregate === undefined ? raw('b.is_nan = 0') : sql`${metricValue('b', one.aggregate)} IS NOT NULL`
  const best = sql`(SELECT ${metricValue('b', one.aggregate)} FROM latest_metrics b WHERE b.experiment_id = r.experiment_id
    AND b.key = ${one.key} AND ${numbers}
    AND EXISTS (SELECT 1 FROM runs a WHERE a.run_id = b.run_id AND a.lifecycle_stage = 'active')
    ORDER BY ${metricValue('b', one.aggregate)} ${raw(one.best === 'max' ? 'DESC' : 'ASC')} LIMIT 1)`
  const share = sql`CAST(${one.value as number} AS DOUBLE PRECISION)`
  return one.best === 'max'
    ? sql`${value} >= ${best} - ABS(${best}) * ${share}`
    : sql`${value} <= ${best} + ABS(${best}) * ${share}`
}

function keyed(kind: Db['kind'], one: Comparison, table: 'run_params' | 'run_tags'): Sql {
  const rows = sql`SELECT 1 FROM ${raw(table)} x WHERE x.run_id = r.run_id AND x.key = ${one.key}`
  return absent(one, rows) ?? sql`EXISTS (${rows} AND ${compare(kind, raw('x.value'), one)})`
}

function dataset(kind: Db['kind'], one: Comparison): Sql {
  if (one.key === 'context') {
    return sql`EXISTS (SELECT 1 FROM dataset_input_tags x WHERE x.run_id = r.run_id AND x.key = ${CONTEXT_TAG}
      AND ${compare(kind, raw('x.value'), one)})`
  }
  return sql`EXISTS (SELECT 1 FROM dataset_inputs x WHERE x.run_id = r.run_id
    AND ${compare(kind, raw(`x.${one.key}`), one)})`
}
