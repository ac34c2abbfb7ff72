/** The experiment of a row of another table, as a part of that table's query. */
import type { Principal } from '../../contract/access.ts'
import { visible } from '../../auth/visibility.ts'
import { raw, sql } from '../../store/sql/sql.ts'
import type { Sql } from '../../store/db.ts'

/** JOIN of the experiment that a column names, as `e`; used once in a query. */
export function joinExperiment(column: string): Sql {
  return sql`JOIN experiments e ON e.experiment_id = ${raw(column)}`
}

/** The condition that the principal sees the joined experiment. */
export function seesExperiment(who: Principal): Sql {
  return visible(who, 'e.project')
}

/** The condition that the joined experiment is not deleted. */
export const IN_ACTIVE_EXPERIMENT: Sql = raw("e.lifecycle_stage = 'active'")

/** The order in which experiments were made. */
export const EXPERIMENT_ORDER: Sql = raw('e.seq')
