/** Lists that are sorted by `created_at` and id, the newest first. */
import type { Sql } from '../db.ts'
import { sql } from './sql.ts'

/** Which rows of such a list are asked for. */
export interface NewestQuery {
  /** Only of this project; of every one where it is undefined. */
  readonly project: string | undefined
  /** `created_at` and id of the row after which they come; from the newest on where it is undefined. */
  readonly before: readonly [createdAt: number, id: string] | undefined
  readonly limit: number
}

/** The end of a SELECT, from WHERE on, of a table with a `project`. */
export function newestFirst({ project, before, limit }: NewestQuery): Sql {
  const [at, id] = before ?? [Number.MAX_SAFE_INTEGER, '']
  const ofProject = project === undefined ? sql`` : sql`AND project = ${project}`
  return sql`WHERE (created_at < ${at} OR (created_at = ${at} AND id < ${id})) ${ofProject}
    ORDER BY created_at DESC, id DESC LIMIT ${limit}`
}
