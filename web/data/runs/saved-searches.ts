/** The Runs page as a saved search, and back. */
import { NEWEST } from './columns.ts'
import type { RunsSearch } from '../address.ts'

/** What a saved search of runs keeps. */
export interface SavedFields {
  readonly experiment_ids: readonly string[]
  readonly filter: string
  readonly order_by: readonly string[]
  readonly columns: readonly string[]
  readonly grouping: string | null
}

/** What the page shows; the runs that are chosen are not kept. */
export function fieldsOf(search: RunsSearch): {
  experiment_ids: string[]
  filter: string
  order_by: string[]
  columns: string[]
  grouping: string | null
} {
  const { experiment, filter = '', order = NEWEST, columns = [], group = null } = search
  return {
    experiment_ids: experiment === undefined ? [] : [experiment],
    filter,
    order_by: order === NEWEST ? [] : [order],
    columns: [...columns],
    grouping: group,
  }
}

/** The page that shows a saved search. Of several experiments or orders it takes the first alone. */
export function searchOf(saved: SavedFields): RunsSearch {
  const [experiment] = saved.experiment_ids
  const [order] = saved.order_by
  return {
    ...(experiment !== undefined && { experiment }),
    ...(saved.filter !== '' && { filter: saved.filter }),
    ...(order !== undefined && { order }),
    ...(saved.columns.length > 0 && { columns: [...saved.columns] }),
    ...(saved.grouping !== null && { group: saved.grouping }),
  }
}
