/** Queries about tables whose rows are of a project, for whoever keeps such tables. */
import type { Reader } from '../../store/db.ts'
import { all, fetchAll, joined, raw, sql } from '../../store/sql/sql.ts'

/** The first of the tables that has a row of the project; undefined = none has. */
export async function firstHolding(
  reader: Reader,
  tables: readonly string[],
  project: string,
): Promise<string | undefined> {
  for (const table of tables) {
    const [held] = await fetchAll(reader, sql`SELECT project FROM ${raw(table)} WHERE project = ${project} LIMIT 1`)
    if (held !== undefined) return table
  }
  return undefined
}

/** The projects of which a table has rows: all, or at most the one that is named. */
export async function projectsOf(reader: Reader, tables: readonly string[], named?: string): Promise<string[]> {
  if (named !== undefined) return (await firstHolding(reader, tables, named)) === undefined ? [] : [named]
  const rows = await fetchAll<{ project: string }>(
    reader,
    joined(
      tables.map((table) => sql`SELECT project FROM ${raw(table)}`),
      ' UNION ',
    ),
  )
  return rows.map((row) => row.project)
}

/** Names that two projects both have in a table, at most 20, as `table: 'name'`. */
export async function sameNames(
  reader: Reader,
  { table, column }: { readonly table: string; readonly column: string },
  project: string,
  to: string,
): Promise<string[]> {
  const name = raw(column)
  const other = all([sql`b.${name} = a.${name}`, sql`b.project = ${to}`])
  const found = await fetchAll<{ name: string }>(
    reader,
    sql`SELECT a.${name} AS name FROM ${raw(table)} a JOIN ${raw(table)} b ON ${other}
      WHERE a.project = ${project} ORDER BY 1 LIMIT 20`,
  )
  return found.map((row) => `${table}: '${row.name}'`)
}
