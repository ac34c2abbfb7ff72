/** Where the rows of a view come from, as relations of DuckDB. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { quoted } from '../as-of/statement.ts'
import type { View } from '../definitions/definitions.ts'
import { ColumnError, type SourceColumn } from './columns.ts'
import { filesSql, type Files, type Relation } from './load.ts'

/**
 * Refuses a query that is no single statement: with a bracket too many it would end the one around it and begin others. Throws `ColumnError`,
 * or an error of DuckDB.
 */
export async function requireOneStatement(duck: DuckDBConnection, { name, origin }: View): Promise<void> {
  const query = origin?.query ?? null
  if (query !== null) await requireOne(duck, query, `the query of view "${name}"`)
}

async function requireOne(duck: DuckDBConnection, query: string, what: string): Promise<void> {
  const { count } = await duck.extractStatements(query)
  if (count !== 1) throw new ColumnError(`${what} is ${count} statements, and one was expected`)
}

/** The rows of a view before they are read as what is declared: of its source, or of its query over sources. */
export function originSql({ name, origin }: View, sources: Readonly<Record<string, Files>>): string {
  if (origin === null)
    throw new ColumnError(`view "${name}" has no source: its rows are pushed, and no history of them is kept`)
  const all = origin.sources.map((source) => {
    const files = sources[source]
    if (files === undefined) throw new Error(`the source "${source}" was not handed over`)
    return [source, files] as const
  })
  if (origin.query !== null) return querySql(origin.query, all)
  return all[0] === undefined ? '' : filesSql(all[0][1])
}

function querySql(query: string, sources: readonly (readonly [string, Files])[]): string {
  const tables = sources.map(([source, files]) => `${quoted(source)} AS (${filesSql(files)})`)
  const before = tables.length === 0 ? '' : `WITH ${tables.join(', ')} `
  return `${before}SELECT * FROM (\n${withoutEnd(query)}\n)`
}

/** A query may end with a semicolon, as statements do. */
function withoutEnd(query: string): string {
  let text = query.trimEnd()
  while (text.endsWith(';')) text = text.slice(0, -1).trimEnd()
  return text
}

/** The table of entities: files as they are, or the rows of a query over tables. */
export type Entities = Files | QueriedEntities

interface QueriedEntities {
  readonly query: string
  readonly sources: Readonly<Record<string, Files>>
}

/**
 * The rows that ask. Those of a query are computed once and sorted by what they say: a query runs on several threads, and the same rows
 * are to be the same table. Throws `ColumnError`, or an error of DuckDB.
 */
export async function entitiesRelation(duck: DuckDBConnection, entities: Entities): Promise<Relation> {
  if (!('query' in entities)) return relation(duck, filesSql(entities))
  const { query, sources } = entities
  await requireOne(duck, query, 'the query of the table of entities')
  await duck.run(`CREATE TEMP TABLE asking AS ${querySql(query, Object.entries(sources))} ORDER BY ALL`)
  return relation(duck, 'SELECT * FROM asking')
}

/** Names that say where a row lies in files of Parquet, unless the files have columns that are called so. */
const PLACES: ReadonlySet<string> = new Set(['file_index', 'file_row_number'])

/** The rows of a view, as `originSql` says them, with their columns; and the files, where they are those of a source of Parquet as it is. */
export async function originOf(
  duck: DuckDBConnection,
  view: View,
  sources: Readonly<Record<string, Files>>,
): Promise<Relation> {
  const found = await relation(duck, originSql(view, sources))
  const files = view.origin?.query === null ? sources[view.origin.sources[0] ?? ''] : undefined
  const isPlaced = !found.columns.some(({ name }) => PLACES.has(name.toLowerCase()))
  return files?.format === 'parquet' && isPlaced ? { ...found, files } : found
}

/** A relation with its columns. */
export async function relation(duck: DuckDBConnection, sql: string): Promise<Relation> {
  const rows = await values(duck, `DESCRIBE ${sql}`)
  const columns = rows.map(([name, type]): SourceColumn => ({ name: String(name), type: String(type) }))
  return { sql, columns }
}

/** The rows of a query. */
export async function values(duck: DuckDBConnection, sql: string): Promise<(bigint | number | string | null)[][]> {
  return (await duck.runAndReadAll(sql)).getRows() as (bigint | number | string | null)[][]
}
