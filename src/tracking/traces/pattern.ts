/** Regular expressions in searches of traces. */
import type { Db } from '../../store/db.ts'
import { sql } from '../sql.ts'
import type { Sql } from '../sql.ts'
import { invalid } from '../wire.ts'

/** Longest pattern, in characters. */
const LONGEST = 200

/** `column` has a part that fits the pattern. */
export function matches(kind: Db['kind'], column: Sql, pattern: string): Sql {
  if (pattern.length > LONGEST)
    throw invalid(`A pattern of RLIKE has ${pattern.length} characters; at most ${LONGEST} are read.`)
  return kind === 'postgres' ? sql`${column} ~ ${pattern}` : sql`${column} REGEXP ${pattern}`
}
