/** The order of a run search: columns that are never NULL, and the joins that they need. */
import type { Order } from '../../mlflow/filter.ts'
import { metricValue } from './conditions.ts'
import type { SortColumn } from '../../mlflow/paging.ts'
import { joined, raw, sql } from '../../store/sql/sql.ts'
import type { Sql } from '../../store/db.ts'
import { invalid } from '../../mlflow/wire.ts'

/** Where the values of an order come from, and its columns. */
export interface Ordering {
  readonly joins: Sql
  readonly columns: SortColumn[]
}

/**
 * Each order becomes two columns: a rank (0 a value, 1 NaN, 2 nothing), which always rises, and the value. Newest first, then
 * the run id, decide the rest. `fixed` is the rank of the first order where the statement asks for runs of that rank alone; its
 * values then come from the table `o0`, which the statement itself names.
 */
export function ordering(orders: readonly Order[], fixed?: number): Ordering {
  const joins: Sql[] = []
  const columns: SortColumn[] = []
  orders.forEach((order, index) => {
    const alias = `o${index}`
    if (order.entity === 'attribute') {
      columns.push(...attributeColumns(order))
    } else if (order.entity === 'metric') {
      const known = index === 0 ? fixed : undefined
      if (known === undefined) joins.push(leftJoin('latest_metrics', alias, order.key))
      columns.push(...metricColumns(alias, order, known))
    } else if (order.entity === 'parameter' || order.entity === 'tag') {
      joins.push(leftJoin(order.entity === 'tag' ? 'run_tags' : 'run_params', alias, order.key))
      columns.push(...nullable(`${alias}.value`, 'text', order.descending))
    } else {
      throw invalid(`Invalid order_by entity type '${order.entity}'`)
    }
  })
  columns.push({ expression: raw('r.start_time'), descending: true, type: 'int' })
  columns.push({ expression: raw('r.run_id'), descending: false, type: 'text' })
  return { joins: joined(joins, ' '), columns }
}

function leftJoin(table: string, alias: string, key: string): Sql {
  return sql`LEFT JOIN ${raw(`${table} ${alias} ON ${alias}.run_id = r.run_id AND ${alias}.key`)} = ${key}`
}

function metricColumns(alias: string, order: Order, fixed: number | undefined): SortColumn[] {
  const { descending, aggregate } = order
  const column = metricValue(alias, aggregate)
  const valued = (expression: Sql): SortColumn => ({ expression, descending, type: 'double' })
  if (fixed === undefined) {
    const nan = aggregate === undefined ? raw(`WHEN ${alias}.is_nan = 1 THEN 1`) : raw('')
    const rank = sql`CASE WHEN ${column} IS NULL THEN 2 ${nan} ELSE 0 END`
    return [{ expression: rank, descending: false, type: 'int' }, valued(sql`COALESCE(${column}, 0)`)]
  }
  const rank = { expression: raw(`CAST(${fixed} AS BIGINT)`), descending: false, type: 'int', constant: true } as const
  return [rank, fixed === 0 ? valued(column) : { ...valued(raw('CAST(0 AS DOUBLE PRECISION)')), constant: true }]
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
