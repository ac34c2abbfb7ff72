/** Turns one comparison of a filter into SQL that means the same on SQLite and PostgreSQL. */
import type { Db, Sql } from '../store/db.ts'
import { postgresPattern } from '../store/sql/regexp.ts'
import type { Comparison, Filter } from './filter.ts'
import { inList, joined, raw, sql } from '../store/sql/sql.ts'

/**
 * `column operator value`. LIKE minds case and ILIKE does not, `%` and `_` are the only wildcards, and there is no escape.
 * IS NULL and IS NOT NULL are of the column's own NULL; where absence is something else, and for WITHIN, the caller decides.
 */
export function compare(kind: Db['kind'], column: Sql, comparison: Comparison): Sql {
  const { operator, value } = comparison
  if (value === null) return sql`${column} ${raw(operator)}`
  if (Array.isArray(value)) {
    return sql`${column} ${raw(operator)} ${inList(value as (string | number)[])}`
  }
  if (operator === 'REGEXP') {
    const pattern = String(value)
    return kind === 'sqlite' ? sql`${column} REGEXP ${pattern}` : sql`${column} ~ ${postgresPattern(pattern)}`
  }
  if (operator === 'LIKE' || operator === 'ILIKE') return like(kind, column, operator, String(value))
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    return sql`${column} ${raw(operator)} CAST(${value} AS DOUBLE PRECISION)`
  }
  return sql`${column} ${raw(operator)} ${value as string | number}`
}

/** Both engines' LIKE minds case here (the SQLite driver sets it so); only PostgreSQL has ILIKE, and an escape to switch off. */
function like(kind: Db['kind'], column: Sql, operator: 'LIKE' | 'ILIKE', pattern: string): Sql {
  if (kind === 'postgres') return sql`${column} ${raw(operator)} ${pattern} ESCAPE ''`
  if (operator === 'ILIKE') return sql`LOWER(${column}) LIKE LOWER(${pattern})`
  return sql`${column} LIKE ${pattern}`
}

/** The condition of a filter on things `e` with attributes of their own and tags in a table beside them. */
export function ofTagged(
  kind: Db['kind'],
  filter: Filter,
  { tags, id }: { readonly tags: string; readonly id: string },
): Sql {
  return matching(filter, (one) => {
    if (one.entity === 'attribute') return compare(kind, raw(`e.${one.key}`), one)
    const tag = sql`SELECT 1 FROM ${raw(tags)} x WHERE x.${raw(id)} = e.${raw(id)} AND x.key = ${one.key}`
    if (one.operator === 'IS NULL') return sql`NOT EXISTS (${tag})`
    if (one.operator === 'IS NOT NULL') return sql`EXISTS (${tag})`
    return sql`EXISTS (${tag} AND ${compare(kind, raw('x.value'), one)})`
  })
}

/** The condition of a whole filter: `one` gives that of each comparison, here they are joined by AND, OR and NOT. */
export function matching(filter: Filter, one: (comparison: Comparison) => Sql): Sql {
  if (filter.kind === 'not') return sql`NOT (${matching(filter.part, one)})`
  if (filter.kind === 'compare') return one(filter)
  const parts = filter.parts.map((part) => sql`(${matching(part, one)})`)
  return joined(parts, filter.kind === 'and' ? ' AND ' : ' OR ')
}
