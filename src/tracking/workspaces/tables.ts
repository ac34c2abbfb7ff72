/** Queries about tables whose rows are of a project, for whoever keeps such tables. */
import type { Db, Reader } from '../../store/db.ts'
import { deleteRows, updateRows } from '../../store/sql/rows.ts'
import { all, fetchAll, joined, raw, sql } from '../../store/sql/sql.ts'
import type { ProjectPart } from '../context/context.ts'

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

/** Tables with a column `project`, and those whose rows hang on rows of one of these. */
export interface ProjectTables {
  readonly db: Db
  /** In the order in which their rows are made. */
  readonly tables: readonly string[]
  readonly inside: { readonly of: string; readonly id: string; readonly tables: readonly string[] }
}

/** What goes or moves with a project, of a room that keeps nothing elsewhere. */
export function tablesPart({ db, tables, inside }: ProjectTables): ProjectPart {
  return {
    holds: (reader, project) => firstHolding(reader, tables, project),
    projects: (reader, named) => projectsOf(reader, tables, named),
    async remove(_who, project) {
      const id = raw(inside.id)
      const hanging = sql`${id} IN (SELECT ${id} FROM ${raw(inside.of)} WHERE project = ${project})`
      await db.tx(async (t) => {
        for (const table of inside.tables) await deleteRows(t, table, hanging)
        for (const table of tables.toReversed()) await deleteRows(t, table, sql`project = ${project}`)
      })
    },
    async give(t, project, to) {
      for (const table of tables) await updateRows(t, table, { project: to }, sql`project = ${project}`)
    },
  }
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
