/** Which projects a principal sees, and the project into which it makes new rows. */
import type { Principal } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
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

/** The project that a caller means for what is made: its own, else the one that is named. Throws `not_found` for one that it does not see. */
export function projectNamed(who: Principal, given: string | undefined): string {
  if (who.project !== null && given !== undefined && given !== who.project)
    throw problem('not_found', { what: 'project', id: given })
  return who.project ?? given ?? 'default'
}
