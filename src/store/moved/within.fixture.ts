/** Which rows of moved tables a scope holds: what the tests of the rooms that have such tables ask. */
import type { Reader } from '../db.ts'
import { fetchAll, raw, sql } from '../sql/sql.ts'
import type { MovedTable, Scope } from './table.ts'

/** The keys of the rows of a scope by their table, sorted; tables of which the scope holds no row are left out. */
export async function keysWithin(
  reader: Reader,
  tables: readonly MovedTable[],
  scope: Scope,
): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {}
  for (const table of tables) {
    const where = table.within(scope)
    if (where === undefined) continue
    const key = raw(table.key.join(` || ' ' || `))
    const rows = await fetchAll<{ key: string }>(
      reader,
      sql`SELECT ${key} AS key FROM ${raw(table.name)} WHERE ${where}`,
    )
    if (rows.length > 0) found[table.name] = rows.map((row) => row.key).sort()
  }
  return found
}

/** The keys of two scopes that share no row, put together. */
export function keysOfBoth(
  one: Readonly<Record<string, string[]>>,
  other: Readonly<Record<string, string[]>>,
): Record<string, string[]> {
  const tables = [...new Set([...Object.keys(one), ...Object.keys(other)])]
  return Object.fromEntries(tables.map((table) => [table, [...(one[table] ?? []), ...(other[table] ?? [])].sort()]))
}
