/** Page tokens of MLflow lists: keyset positions bound to their query; MLflow's own offset tokens are taken too. */
import { createHash } from 'node:crypto'
import type { Db, Sql, SqlValue } from '../store/db.ts'
import { all, joined, raw, searchAll, sql } from '../store/sql/sql.ts'
import { invalid } from './wire.ts'

/** Where a page begins: after a row with these sort values, or after so many rows. */
export type Position = { readonly after: readonly SqlValue[] } | { readonly offset: number }

/** A short digest of everything that decides which rows come in which order. */
export function queryHash(query: unknown): string {
  return createHash('sha256').update(JSON.stringify(query)).digest('base64url').slice(0, 16)
}

/** The token of the page after a row. */
export function pageToken(hash: string, after: readonly SqlValue[]): string {
  return Buffer.from(JSON.stringify({ q: hash, k: after })).toString('base64url')
}

/** Reads a token; '' and undefined = the first page. Refuses one of another query. */
export function readToken(token: string | undefined, hash: string): Position | undefined {
  if (token === undefined || token === '') return undefined
  const value = decode(token)
  if (Number.isSafeInteger(value['offset']) && (value['offset'] as number) >= 0) {
    return { offset: value['offset'] as number }
  }
  if (!Array.isArray(value['k']) || !value['k'].every(isKey)) throw invalid('Invalid page token, it has no position')
  if (value['q'] !== hash) {
    throw invalid('Invalid page token: it belongs to another query. Search again from the first page.')
  }
  return { after: value['k'] as SqlValue[] }
}

/** One column of an order: an expression that is never NULL. */
export interface SortColumn {
  readonly expression: Sql
  readonly descending: boolean
  /** What a position in this column must be; a forged token then never reaches the database with another type. */
  readonly type: 'int' | 'double' | 'text'
  /** The same in every row, so that nothing is sorted by it. */
  readonly constant?: boolean
}

/** `ORDER BY` text of the columns. */
export function orderBy(columns: readonly SortColumn[]): Sql {
  return columns
    .filter((column) => column.constant !== true)
    .map((column) => sql`${column.expression} ${raw(column.descending ? 'DESC' : 'ASC')}`)
    .reduce((left, right) => sql`${left}, ${right}`)
}

/** The condition "comes after these values" in the order of the columns. */
export function afterPosition(columns: readonly SortColumn[], values: readonly SqlValue[]): Sql {
  const [column, ...others] = columns
  const [value, ...rest] = values
  if (column === undefined || !fits(column, value)) throw invalid('Invalid page token, it does not fit the order')
  const beyond = sql`${column.expression} ${raw(column.descending ? '<' : '>')} ${value}`
  if (others.length === 0) return beyond
  return sql`(${beyond} OR (${column.expression} = ${value} AND ${afterPosition(others, rest)}))`
}

/** The parts of a paged statement. `row` columns `k0`, `k1`, … carry the position of each row. */
export interface Keyset {
  /** `, expression AS k0, …` for the select list. */
  readonly keys: Sql
  /** ` AND …`, or nothing on the first page. */
  readonly after: Sql
  readonly order: Sql
  readonly offset: number
  /** The sort values after which the page begins, where its token has them. */
  readonly position: readonly SqlValue[] | undefined
  /** The token of the page after a row of the statement. */
  next(row: Readonly<Record<string, SqlValue>>): string
}

/** Columns that rows are ordered by, at most: each costs every row, and nests the condition of a position once more. */
const MOST_COLUMNS = 20

/** Reads a token against a query and gives what its statement needs. `query` is all that decides which rows come. */
export function keyset(columns: readonly SortColumn[], token: string | undefined, query: unknown): Keyset {
  if (columns.length > MOST_COLUMNS) throw invalid('order_by has more clauses than are read.')
  const hash = queryHash(query)
  const position = readToken(token, hash)
  const after = position !== undefined && 'after' in position ? position.after : undefined
  const keys = columns.map((column, index) => sql`, ${column.expression} AS ${raw(`k${index}`)}`)
  return {
    keys: joined(keys, ''),
    after: after === undefined ? raw('') : sql`AND ${begin(columns, after)} ${afterPosition(columns, after)}`,
    position: after,
    order: orderBy(columns),
    offset: position !== undefined && 'offset' in position ? position.offset : 0,
    next: (row) =>
      pageToken(
        hash,
        columns.map((_, index) => row[`k${index}`] ?? ''),
      ),
  }
}

/** The rows of a page, and the token of the next, absent on the last. */
export interface Page<Row> {
  readonly rows: Row[]
  readonly next: { readonly next_page_token?: string }
}

/** Rows that are paged: the columns of a statement, its `FROM …`, and the conditions that all hold. */
export interface Paged {
  readonly columns: Sql
  readonly from: Sql
  readonly where: readonly Sql[]
}

/** Reads a page of at most `most` rows. One more is asked for: it tells whether another page follows. */
export async function readPage<Row>(
  db: Db,
  page: Keyset,
  most: number,
  { columns, from, where }: Paged,
): Promise<Page<Row>> {
  const statement = sql`SELECT ${columns}${page.keys} ${from} WHERE ${all(where)} ${page.after}
    ORDER BY ${page.order} LIMIT ${most + 1} OFFSET ${page.offset}`
  const found = await searchAll<Row & Record<string, string | number>>(db, statement)
  const rows = found.slice(0, most)
  const last = rows.at(-1)
  return { rows, next: found.length > most && last !== undefined ? { next_page_token: page.next(last) } : {} }
}

/** What the position implies for the first column, said by itself: an index can then begin there. */
function begin(columns: readonly SortColumn[], values: readonly SqlValue[]): Sql {
  const [column, value] = [columns[0], values[0]]
  if (column === undefined || column.constant === true || !fits(column, value)) return raw('')
  const bound = column.type === 'double' ? sql`CAST(${value} AS DOUBLE PRECISION)` : sql`${value}`
  return sql`${column.expression} ${raw(column.descending ? '<=' : '>=')} ${bound} AND`
}

function fits(column: SortColumn, value: SqlValue | undefined): value is string | number {
  if (column.type === 'text') return typeof value === 'string'
  return typeof value === 'number' && (column.type === 'double' || Number.isSafeInteger(value))
}

function decode(token: string): Record<string, unknown> {
  if (!/^[A-Za-z0-9+/_=-]+$/.test(token)) throw invalid('Invalid page token, could not base64-decode')
  try {
    const value = JSON.parse(Buffer.from(token, 'base64').toString('utf8')) as unknown
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    throw invalid('Invalid page token, could not base64-decode')
  }
  throw invalid('Invalid page token, could not base64-decode')
}

function isKey(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number'
}
