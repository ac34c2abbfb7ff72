/** How much two filters of traces go together: normalised pointwise mutual information. */
import type { Principal } from '../../contract/access.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { all, joined, raw, searchAll, sql } from '../../store/sql/sql.ts'
import type { Sql } from '../../store/db.ts'
import { filterOf, traceScope } from '../search/search.ts'

export interface TwoFilters {
  readonly experiment_ids: readonly string[]
  readonly filter_string1: string
  readonly filter_string2: string
  readonly base_filter?: string | undefined
}

/** Counts of traces, and the measures where they are defined. */
export interface Correlation {
  readonly npmi?: number
  readonly npmi_smoothed?: number
  readonly filter1_count: number
  readonly filter2_count: number
  readonly joint_count: number
  readonly total_count: number
}

/** What is added to each cell of the table of counts for the smoothed measure: Jeffreys' prior. */
const PRIOR = 0.5

/** Counts the traces of the experiments that fit each filter, both and the base filter alone. */
export async function correlate(room: Tracking, who: Principal, asked: TwoFilters): Promise<Correlation> {
  const scope = await traceScope(room, who, asked.experiment_ids)
  const first = all(filterOf(room, asked.filter_string1))
  const second = all(filterOf(room, asked.filter_string2))
  const where = all([scope, ...filterOf(room, asked.base_filter)])
  const counts = joined([count(first, 'n0'), count(second, 'n1'), count(sql`${first} AND ${second}`, 'n2')], ', ')
  const statement = sql`SELECT ${counts}, COUNT(*) AS c FROM traces r WHERE ${where}`
  const [row] = await searchAll<Record<'n0' | 'n1' | 'n2' | 'c', number | null>>(room.db, statement)
  const filter1_count = row?.n0 ?? 0
  const filter2_count = row?.n1 ?? 0
  const joint_count = row?.n2 ?? 0
  const total_count = row?.c ?? 0
  const cells = {
    both: joint_count,
    first: filter1_count - joint_count,
    second: filter2_count - joint_count,
    none: total_count - filter1_count - filter2_count + joint_count,
  }
  return { ...measures(cells), filter1_count, filter2_count, joint_count, total_count }
}

/** Traces by which of two filters they fit. */
export interface Cells {
  readonly both: number
  readonly first: number
  readonly second: number
  readonly none: number
}

/** The plain measure and the smoothed one, each in [-1, 1]; neither where a filter fits no trace. */
export function measures(cells: Cells): Pick<Correlation, 'npmi' | 'npmi_smoothed'> {
  if (cells.both + cells.first === 0 || cells.both + cells.second === 0) return {}
  return { npmi: cells.both === 0 ? -1 : npmi(cells, 0), npmi_smoothed: npmi(cells, PRIOR) }
}

/** log(p(x,y) / (p(x) p(y))) over -log p(x,y); 1 where the two never part (Bouma 2009). */
function npmi(cells: Cells, prior: number): number {
  if (cells.first === 0 && cells.second === 0 && cells.none === 0) return 1
  const both = cells.both + prior
  const first = both + cells.first + prior
  const second = both + cells.second + prior
  const total = first + cells.second + cells.none + 2 * prior
  const pmi = Math.log((both * total) / (first * second))
  return Math.max(-1, Math.min(1, pmi / -Math.log(both / total)))
}

function count(condition: Sql, name: 'n0' | 'n1' | 'n2'): Sql {
  return sql`SUM(CASE WHEN ${condition} THEN 1 ELSE 0 END) AS ${raw(name)}`
}
