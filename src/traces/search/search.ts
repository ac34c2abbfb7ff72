/** Search of traces: filter, order and keyset pages. */
import type { Principal } from '../../contract/access.ts'
import { seenExperiments } from '../../tracking/experiments/experiments.ts'
import { keyset, readPage } from '../../mlflow/paging.ts'
import type { SortColumn } from '../../mlflow/paging.ts'
import { visible } from '../../auth/visibility.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { inList, raw, sql } from '../../store/sql/sql.ts'
import type { Sql } from '../../store/db.ts'
import { invalid } from '../../mlflow/wire.ts'
import { columnOf, traceCondition } from './conditions.ts'
import { parseTraceFilter, parseTraceOrder } from './filter.ts'
import type { TraceOrder } from './filter.ts'
import type { TraceRow } from '../context/rows.ts'

export interface TraceSearch {
  /** Those that do not exist or are not seen give no traces; undefined = all that are seen. */
  readonly experiment_ids: readonly string[] | undefined
  readonly filter?: string | undefined
  readonly order_by?: readonly string[]
  readonly max_results: number
  readonly page_token?: string | undefined
}

export interface TracePage {
  readonly rows: TraceRow[]
  readonly next_page_token?: string
}

/** Columns that an order may name, at most. */
const MOST_ORDERS = 8

/** The rows of one page, newest first where no order is asked; the token of the next, absent on the last. */
export async function searchTraces(room: Tracking, who: Principal, asked: TraceSearch): Promise<TracePage> {
  const scope = await traceScope(room, who, asked.experiment_ids)
  const where = [scope, ...filterOf(room, asked.filter)]
  const query = [asked.experiment_ids ?? '', asked.filter ?? '', asked.order_by ?? [], who.project]
  const page = keyset(sortColumns(asked.order_by ?? []), asked.page_token, ['traces', query])
  const paged = { columns: raw('r.*'), from: raw('FROM traces r'), where }
  const { rows, next } = await readPage<TraceRow>(room.db, page, asked.max_results, paged)
  return { rows, ...next }
}

/** The condition that a trace is of these experiments and seen. */
export async function traceScope(
  room: Tracking,
  who: Principal,
  experimentIds: readonly string[] | undefined,
): Promise<Sql> {
  if (experimentIds === undefined) return visible(who, 'r.project')
  const ids = await seenExperiments(room.db, who, experimentIds)
  return ids.length === 0 ? raw('1 = 0') : sql`${visible(who, 'r.project')} AND r.experiment_id IN ${inList(ids)}`
}

/** The condition of a filter, where there is one. */
export function filterOf(room: Tracking, source: string | undefined): Sql[] {
  const filter = parseTraceFilter(source)
  return filter === undefined ? [] : [sql`(${traceCondition(room.db.kind, filter)})`]
}

function sortColumns(clauses: readonly string[]): SortColumn[] {
  if (clauses.length > MOST_ORDERS) {
    throw invalid(`order_by has ${clauses.length} clauses; at most ${MOST_ORDERS} are read.`)
  }
  const columns = clauses.flatMap((clause) => orderColumns(parseTraceOrder(clause)))
  columns.push({ expression: raw('r.start_ms'), descending: true, type: 'int' })
  columns.push({ expression: raw('r.trace_id'), descending: false, type: 'text' })
  return columns
}

/** A trace without the value comes last in either direction. */
function orderColumns({ field, descending }: TraceOrder): SortColumn[] {
  const table = field.place === 'tag' ? 'trace_tags' : 'trace_metadata'
  const value =
    field.place === 'column'
      ? columnOf(field.key)
      : sql`(SELECT x.value FROM ${raw(table)} x WHERE x.trace_id = r.trace_id AND x.key = ${field.key})`
  const type = field.type === 'number' ? ('int' as const) : ('text' as const)
  if (field.key === 'start_ms') return [{ expression: value, descending, type }]
  return [
    { expression: sql`CASE WHEN ${value} IS NULL THEN 1 ELSE 0 END`, descending: false, type: 'int' },
    { expression: sql`COALESCE(${value}, ${raw(type === 'int' ? '0' : "''")})`, descending, type },
  ]
}
