/** Rows of feature views, and the rows that ask for them, as tables of DuckDB that "as of" can be asked of. */
import type { Key, View } from '../definitions/definitions.ts'
import { quoted } from '../as-of/statement.ts'
import { ColumnError, columnSql, literal, neverNull, timeSql, type SourceColumn } from './columns.ts'

/** Files of one kind that lie on this machine. */
export interface Files {
  readonly paths: readonly string[]
  readonly format: 'csv' | 'parquet'
}

/** A relation in SQL with its columns, as DuckDB describes them. */
export interface Relation {
  readonly sql: string
  readonly columns: readonly SourceColumn[]
}

/** Files as a relation. Every column of a CSV is a text until it is read as what is declared, and an empty field is null. */
export function filesSql({ paths, format }: Files): string {
  const list = `[${paths.map(literal).join(', ')}]`
  if (format === 'parquet') return `SELECT * FROM read_parquet(${list}, union_by_name = true)`
  return `SELECT * FROM read_csv(${list}, header = true, all_varchar = true, union_by_name = true)`
}

const OWN_ROW = quoted('slipway: row')

/** A name as it stands in a statement: `Day` finds `day`, as everywhere in SQL, where nothing else is meant. */
function columnOf({ columns }: Relation, name: string, of: string): SourceColumn {
  const exact = columns.find((column) => column.name === name)
  if (exact !== undefined) return exact
  throw new ColumnError(
    `${of} has no column "${name}"; it has ${columns.map((column) => `"${column.name}"`).join(', ')}`,
  )
}

/**
 * Rows of a view: its keys, `event` and `created` in ns, `arrival` by the order of the source, and a column for each feature and each
 * column of a window. `requests` and the keys by which they name an entity leave out rows of entities that nobody asks for.
 */
export function viewRowsSql(
  view: View,
  from: Relation,
  asked?: { readonly table: string; readonly keys: readonly string[] },
): string {
  const of = `the source of view "${view.name}"`
  const find = (name: string): SourceColumn => columnOf(from, name, of)
  const event = neverNull(timeSql(find(view.event_time)), view.event_time, 'and each needs the time when it happened')
  const keys = view.keys.map(({ name, type }) => `${columnSql(find(name), type)} AS ${quoted(name)}`)
  const values = valueColumns(view).map(({ column, type, as }) => `${columnSql(find(column), type)} AS ${quoted(as)}`)
  // without a time of its own a row is known when it happens
  const created =
    view.created_time === null ? [] : [`coalesce(${timeSql(find(view.created_time))}, ${event}) AS created`]
  const columns = [...keys, `${event} AS event`, ...created, ...values].join(', ')
  // the source may have a column of any name
  const numbered = `SELECT row_number() OVER () AS ${OWN_ROW}, * FROM (${from.sql})`
  const all = `SELECT ${OWN_ROW} AS arrival, ${columns} FROM (${numbered})`
  const rows = view.created_time === null ? `SELECT *, event AS created FROM (${all})` : all
  if (asked === undefined || view.keys.length === 0) return rows
  const same = view.keys.map(({ name }, i) => `f.${quoted(name)} = r.${quoted(asked.keys[i] ?? name)}`).join(' AND ')
  return `SELECT f.* FROM (${rows}) AS f SEMI JOIN ${asked.table} AS r ON ${same}`
}

/** What a view needs of its rows besides keys and times. Columns of windows have names that no feature has. */
export function valueColumns({ features, windows }: View) {
  const own = features.map(({ name, column, type }) => ({ column, type, as: name }))
  const counted = windows.flatMap(({ name, column, of }) =>
    column === null ? [] : [{ column, type: of, as: windowColumn(name) }],
  )
  return [...own, ...counted]
}

/** The column of rows that a window is taken of. */
export function windowColumn(name: string): string {
  return `of ${name}`
}

/** The rows that ask, in their order: `row` from 1, `at` in ns, and each key as it is declared, under a name of its own. */
export function requestsSql(from: Relation, time: string, keys: readonly Key[]): string {
  const of = 'the table of entities'
  const at = neverNull(timeSql(columnOf(from, time, of)), time, 'and each asks for a moment')
  const columns = keys.map(
    ({ name, type }) => `${columnSql(columnOf(from, name, of), type)} AS ${quoted(keyColumn(name))}`,
  )
  return `SELECT row_number() OVER () AS "row", ${[`${at} AS "at"`, ...columns].join(', ')} FROM (${from.sql})`
}

/** The column of requests that holds a key. */
export function keyColumn(name: string): string {
  return `key ${name}`
}
