/** Search of evaluation datasets: filter, order and keyset pages. */
import type { Principal } from '../../contract/access.ts'
import { ofTagged } from '../../mlflow/compare.ts'
import { LISTED, NULLABLE, NUMERIC, parseFilter, parseOrder } from '../../mlflow/filter.ts'
import type { FilterSchema } from '../../mlflow/filter.ts'
import { keyset, readPage } from '../../mlflow/paging.ts'
import type { SortColumn } from '../../mlflow/paging.ts'
import { visible } from '../../auth/visibility.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { inList, raw, sql } from '../../store/sql/sql.ts'
import { invalid } from '../../mlflow/wire.ts'
import { readSets } from './sets.ts'
import type { SetRow, WireSet } from './sets.ts'

export interface SetSearch {
  readonly experiment_ids: readonly string[]
  readonly filter: string | undefined
  readonly order_by: readonly string[]
  readonly max_results: number
  readonly page_token: string | undefined
}

const SCHEMA: FilterSchema = {
  entities: { attribute: 'attribute', attributes: 'attribute', attr: 'attribute', tag: 'tag', tags: 'tag' },
  keys: {
    attribute: {
      name: { type: 'text', operators: LISTED },
      dataset_id: { type: 'text', operators: LISTED },
      digest: { type: 'text', operators: LISTED },
      created_by: { type: 'text', operators: LISTED },
      last_updated_by: { type: 'text', operators: LISTED },
      created_time: { type: 'number', operators: NUMERIC },
      last_update_time: { type: 'number', operators: NUMERIC },
    },
    tag: { type: 'text', operators: NULLABLE },
  },
}

/** The datasets of one page, newest first where no order is asked for; the token of the next, absent on the last. */
export async function searchSets(
  room: Tracking,
  who: Principal,
  asked: SetSearch,
): Promise<{ datasets: WireSet[]; next_page_token?: string }> {
  const filter = parseFilter(asked.filter, SCHEMA, { extended: false })
  const columns = sortColumns(asked.order_by)
  const query = ['datasets', asked.filter ?? '', asked.order_by, asked.experiment_ids, who.project]
  const page = keyset(columns, asked.page_token, query)
  const where = [visible(who, 'e.project')]
  if (filter !== undefined)
    where.push(sql`(${ofTagged(room.db.kind, filter, { tags: 'evaluation_dataset_tags', id: 'dataset_id' })})`)
  if (asked.experiment_ids.length > 0) {
    const ids = inList(asked.experiment_ids)
    where.push(
      sql`e.dataset_id IN (SELECT dataset_id FROM evaluation_dataset_experiments WHERE experiment_id IN ${ids})`,
    )
  }
  const paged = { columns: raw('e.*'), from: raw('FROM evaluation_datasets e'), where }
  const { rows, next } = await readPage<SetRow>(room.db, page, asked.max_results, paged)
  return { datasets: await readSets(room.db, rows), ...next }
}

function sortColumns(clauses: readonly string[]): SortColumn[] {
  const columns = clauses.map((clause) => {
    const order = parseOrder(clause, SCHEMA)
    if (order.entity !== 'attribute') throw invalid(`Invalid order_by entity '${order.entity}': order by an attribute`)
    const type = order.type === 'text' ? ('text' as const) : ('int' as const)
    const expression = order.type === 'text' ? raw(`COALESCE(e.${order.key}, '')`) : raw(`e.${order.key}`)
    return { expression, descending: order.descending, type }
  })
  return [
    ...columns,
    { expression: raw('e.created_time'), descending: true, type: 'int' },
    { expression: raw('e.dataset_id'), descending: false, type: 'text' },
  ]
}
