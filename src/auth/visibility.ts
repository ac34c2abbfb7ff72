/** Which projects a principal sees, and the project into which it makes new rows. */
import type { Principal } from '../contract/access.ts'
import { raw, sql } from '../store/sql/sql.ts'
import type { Sql } from '../store/db.ts'

/** The project into which what a principal makes goes. */
export function homeProject(who: Principal): string {
  return who.project ?? 'default'
}

/** True when a principal may see what belongs to a project. */
export function sees(who: Principal, project: string): boolean {
  return who.project === null || who.project === project
}

/** The condition that a row's project, in `column`, is one that the principal sees. */
export function visible(who: Principal, column: string): Sql {
  return who.project === null ? raw('1 = 1') : sql`${raw(column)} = ${who.project}`
}
