/** Search of experiments: filter, order and keyset pages. */
import type { Principal } from '../../contract/access.ts'
import { ofTagged } from '../../mlflow/compare.ts'
import { withAllTags } from './experiments.ts'
import type { Experiment, ExperimentRow } from './experiments.ts'
import { LISTED, MORE_NULLABLE, MORE_TEXTUAL, NULLABLE, NUMERIC, parseFilter, parseOrder } from '../../mlflow/filter.ts'
import type { FilterSchema } from '../../mlflow/filter.ts'
import { keyset, readPage } from '../../mlflow/paging.ts'
import type { SortColumn } from '../../mlflow/paging.ts'
import type { Tracking } from '../context/context.ts'
import { visible } from '../../auth/visibility.ts'
import { raw, sql } from '../../store/sql/sql.ts'
import type { Sql } from '../../store/db.ts'
import { invalid } from '../../mlflow/wire.ts'

export const VIEWS = { ACTIVE_ONLY: 1, DELETED_ONLY: 2, ALL: 3 } as const
export type View = keyof typeof VIEWS

export interface ExperimentSearch {
  readonly filter?: string | undefined
  readonly order_by?: readonly string[]
  readonly view_type?: View | undefined
  readonly max_results: number
  readonly page_token?: string | undefined
}

const SCHEMA: FilterSchema = {
  entities: { attribute: 'attribute', attributes: 'attribute', attr: 'attribute', tag: 'tag', tags: 'tag' },
  keys: {
    attribute: {
      name: { type: 'text', operators: LISTED, more: MORE_TEXTUAL },
      experiment_id: { type: 'text', operators: LISTED, more: MORE_TEXTUAL },
      creation_time: { type: 'number', operators: NUMERIC },
      last_update_time: { type: 'number', operators: NUMERIC },
    },
    tag: { type: 'text', operators: NULLABLE, more: MORE_NULLABLE },
  },
}

/** Checks a filter and order clauses. Throws INVALID_PARAMETER_VALUE. */
export function readExperimentQuery(filter: string, order_by: readonly string[]): void {
  parseFilter(filter, SCHEMA, { extended: true })
  sortColumns(order_by)
}

/** The experiments of one page; the token of the next, absent on the last. */
export async function searchExperiments(
  room: Tracking,
  who: Principal,
  asked: ExperimentSearch,
): Promise<{ experiments: Experiment[]; next_page_token?: string }> {
  const filter = parseFilter(asked.filter, SCHEMA, { extended: true })
  const columns = sortColumns(asked.order_by ?? [])
  const query = [asked.filter ?? '', asked.order_by ?? [], asked.view_type ?? '', who.project]
  const page = keyset(columns, asked.page_token, query)
  const where = [visible(who, 'e.project'), stageCondition(asked.view_type ?? 'ACTIVE_ONLY', 'e.lifecycle_stage')]
  if (filter !== undefined)
    where.push(sql`(${ofTagged(room.db.kind, filter, { tags: 'experiment_tags', id: 'experiment_id' })})`)
  const paged = { columns: raw('e.*'), from: raw('FROM experiments e'), where }
  const { rows, next } = await readPage<ExperimentRow>(room.db, page, asked.max_results, paged)
  return { experiments: await withAllTags(room.db, rows), ...next }
}

/** The condition that a row is in the stage that a view shows. */
export function stageCondition(view: View, column: string): Sql {
  if (view === 'ALL') return raw('1 = 1')
  return sql`${raw(column)} = ${view === 'ACTIVE_ONLY' ? 'active' : 'deleted'}`
}

/** The order asked for, then newest first; the sequence number decides ties. */
function sortColumns(clauses: readonly string[]): SortColumn[] {
  const columns = clauses.map((clause) => {
    const order = parseOrder(clause, SCHEMA)
    if (order.entity !== 'attribute') throw invalid(`Invalid order_by entity '${order.entity}': order by an attribute`)
    const type = order.type === 'text' ? ('text' as const) : ('int' as const)
    return { expression: raw(`e.${order.key}`), descending: order.descending, type }
  })
  return [
    ...columns,
    { expression: raw('e.creation_time'), descending: true, type: 'int' },
    { expression: raw('e.seq'), descending: false, type: 'int' },
  ]
}
