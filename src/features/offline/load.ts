/** Rows of feature views, and the rows that ask for them, as tables of DuckDB that "as of" can be asked of. */
import type { Key, View } from '../definitions/definitions.ts'
import { quoted } from '../as-of/statement.ts'
import { alwaysFits, ColumnError, columnSql, literal, neverNull, timeSql, type SourceColumn } from './columns.ts'

/** Files of one kind that lie on this machine. */
export interface Files {
  readonly paths: readonly string[]
  readonly format: 'csv' | 'parquet'
}

/** A relation in SQL with its columns, as DuckDB describes them. */
export interface Relation {
  readonly sql: string
  readonly columns: readonly SourceColumn[]
  /** The files of Parquet that are the whole of it: each row is found again by its place in them, whatever is read beside. */
  readonly files?: Files
}

/** Files as a relation. Every column of a CSV is a text until it is read as what is declared, and an empty field is null. */
export function filesSql({ paths, format }: Files): string {
  if (format === 'parquet') return `SELECT * FROM ${parquetSql({ paths })}`
  return `SELECT * FROM read_csv(${listSql(paths)}, header = true, all_varchar = true, union_by_name = true)`
}

function parquetSql({ paths }: Pick<Files, 'paths'>): string {
  return `read_parquet(${listSql(paths)}, union_by_name = true)`
}

function listSql(paths: readonly string[]): string {
  return `[${paths.map(literal).join(', ')}]`
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

/** Which rows of a view are read, and what of them. */
export interface RowsAsked {
  /** Leave out rows of entities that no row of `table` names by these columns. */
  readonly asked?: { readonly table: string; readonly keys: readonly string[] }
  /** Features that are left out, to be read by `lateSql`. */
  readonly without?: ReadonlySet<string>
}

/**
 * Rows of a view: its keys, `event` and `created` in ns, `arrival` by the order of the source, and a column for each feature and each
 * column of a window.
 */
export function viewRowsSql(view: View, from: Relation, { asked, without }: RowsAsked = {}): string {
  const find = finder(view, from)
  const event = neverNull(timeSql(find(view.event_time)), view.event_time, 'and each needs the time when it happened')
  const keys = view.keys.map(({ name, type }) => `${columnSql(find(name), type)} AS ${quoted(name)}`)
  const values = valueColumns(view)
    .filter(({ as }) => without?.has(as) !== true)
    .map(({ column, type, as }) => `${columnSql(find(column), type)} AS ${quoted(as)}`)
  // without a time of its own a row is known when it happens
  const created =
    view.created_time === null ? [] : [`coalesce(${timeSql(find(view.created_time))}, ${event}) AS created`]
  const columns = [...keys, `${event} AS event`, ...created, ...values].join(', ')
  const all = `SELECT ${OWN_ROW} AS arrival, ${columns} FROM (${numberedSql(from)})`
  const rows = view.created_time === null ? `SELECT *, event AS created FROM (${all})` : all
  if (asked === undefined || view.keys.length === 0) return rows
  const same = view.keys.map(({ name }, i) => `f.${quoted(name)} = r.${quoted(asked.keys[i] ?? name)}`).join(' AND ')
  return `SELECT f.* FROM (${rows}) AS f SEMI JOIN ${asked.table} AS r ON ${same}`
}

function finder(view: View, from: Relation): (name: string) => SourceColumn {
  return (name) => columnOf(from, name, `the source of view "${view.name}"`)
}

/** More rows than a file has: the numbers of the next file begin there. */
const ROWS_OF_A_FILE = 2n ** 40n

/** The rows with their number in the order of the source. It is the same each time where `files` says so, and then their reading takes all threads. */
function numberedSql({ sql, files }: Relation): string {
  // the source may have a column of any name
  if (files === undefined) return `SELECT row_number() OVER () AS ${OWN_ROW}, * FROM (${sql})`
  return `SELECT file_index * ${ROWS_OF_A_FILE} + file_row_number + 1 AS ${OWN_ROW}, * FROM ${parquetSql(files)}`
}

/**
 * The features that may be read once it is known which rows are seen: most rows are not, and need not be kept with their values. A value
 * that may not fit is read with its row, for a join says so whether the row is seen or not.
 */
export function lateFeatures(view: View, from: Relation): Set<string> {
  if (from.files === undefined) return new Set()
  const find = finder(view, from)
  const late = view.features.filter(({ column, type }) => alwaysFits(find(column), type))
  return new Set(late.map(({ name }) => name))
}

/** These features of the rows whose `arrival` is in a table. */
export function lateSql(view: View, from: Relation, late: ReadonlySet<string>, table: string): string {
  const find = finder(view, from)
  const values = view.features
    .filter(({ name }) => late.has(name))
    .map(({ name, column, type }) => `${columnSql(find(column), type)} AS ${quoted(name)}`)
  const all = `SELECT ${OWN_ROW} AS arrival, ${values.join(', ')} FROM (${numberedSql(from)})`
  return `SELECT f.* FROM (${all}) AS f SEMI JOIN ${table} AS s ON s.arrival = f.arrival`
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
