/** SQL text together with its values, composed by a template tag: for queries whose shape depends on the caller's filter. */
import { problem } from '../../contract/errors.ts'
import type { Db, Reader, Sql, SqlValue, Tx } from '../db.ts'
import { pgArray } from './pg-array.ts'
import type { Element } from './pg-array.ts'

/** sql`a = ${value} AND ${other}`: values become `?`, other fragments are spliced in. */
export function sql(strings: TemplateStringsArray, ...values: readonly (Sql | SqlValue)[]): Sql {
  const params: SqlValue[] = []
  const parts = strings.map((part, index) => {
    if (index === strings.length - 1) return part
    const value = values[index] as Sql | SqlValue
    if (isSql(value)) {
      params.push(...value.params)
      return part + value.text
    }
    params.push(value)
    return `${part}?`
  })
  return { text: parts.join(''), params }
}

/** A column or keyword that the program itself wrote; never a caller's text. */
export function raw(text: string): Sql {
  return { text, params: [] }
}

/** Fragments with a separator between them. */
export function joined(parts: readonly Sql[], between: string): Sql {
  return { text: parts.map((part) => part.text).join(between), params: parts.flatMap((part) => [...part.params]) }
}

/** All of the conditions; none = always true. */
export function all(parts: readonly Sql[]): Sql {
  return parts.length === 0 ? raw('1 = 1') : joined(parts, ' AND ')
}

/** Most values of one list: SQLite takes 32,766 in a statement. */
const MOST_LISTED = 16_384

/** `(?, ?, …)` for IN; its length is rounded up to a power of two by repeating a value, so that few statement texts exist. `bad_request` for too many. */
export function inList(values: readonly SqlValue[]): Sql {
  if (values.length === 0) return raw('(NULL)')
  if (values.length > MOST_LISTED)
    throw problem('bad_request', { detail: `a list has ${values.length} values; at most ${MOST_LISTED} are taken` })
  const padded = [...values]
  const last = values[values.length - 1] as SqlValue
  while ((padded.length & (padded.length - 1)) !== 0) padded.push(last)
  return { text: `(${padded.map(() => '?').join(', ')})`, params: padded }
}

/** Runs a composed query. */
export function fetchAll<T>(reader: Reader, query: Sql): Promise<T[]> {
  return reader.all<T>(query.text, query.params)
}

/** Runs a composed query that may take longer than a few ms. */
export function searchAll<T>(db: Db, query: Sql): Promise<T[]> {
  return db.search<T>(query)
}

/** Rows of a look-up that are read at once: they keep the loop for a ms or two, and the way to a reader and back would cost more. */
const AT_ONCE = 2000

/**
 * Runs a look-up: a query each of whose rows an index finds, in its order, so that few rows cost little whatever the tables hold. It may
 * give any number of rows; many are read as `searchAll` does. The query has no LIMIT of its own.
 */
export async function lookUp<T>(db: Db, query: Sql): Promise<T[]> {
  const rows = await fetchAll<T>(db, sql`${query} LIMIT ${AT_ONCE + 1}`)
  return rows.length <= AT_ONCE ? rows : searchAll<T>(db, query)
}

/** Rows written by one statement at most. */
const CHUNK = 64

/**
 * Inserts rows, many per statement, in chunks of powers of two. `head` ends before VALUES, `tail` follows it
 * (ON CONFLICT …). Returns how many rows were inserted or updated.
 */
export async function insertRows(
  t: Tx,
  head: string,
  rows: readonly (readonly SqlValue[])[],
  tail = '',
): Promise<number> {
  let changed = 0
  const insert = insertOf(head, tail)
  for (let at = 0; at < rows.length;) {
    const size = chunkSize(rows.length - at)
    const values: SqlValue[] = []
    for (const row of rows.slice(at, at + size)) values.push(...row)
    changed += await t.run(insert(size, values.length / size), values)
    at += size
  }
  return changed
}

/** A table that gets many rows at once: its columns in the order of the rows' values, with their types on PostgreSQL. */
export interface Into {
  readonly table: string
  readonly columns: Readonly<Record<string, Element>>
}

/**
 * As `insertRows`, for the tables that carry the load. On PostgreSQL all rows go as one array a column: a statement with thousands of
 * parameters would take longer to read than to run.
 */
export async function insertMany(
  t: Tx,
  into: Into,
  rows: readonly (readonly SqlValue[])[],
  tail: string,
): Promise<number> {
  if (rows.length === 0) return 0
  if (t.kind === 'sqlite' || rows.length === 1) return insertRows(t, headOf(into), rows, tail)
  const { text, params } = unnested(into, rows, tail)
  return t.run(text, params)
}

/** The statement that inserts rows on PostgreSQL as one array a column. */
export function unnested(into: Into, rows: readonly (readonly SqlValue[])[], tail: string): Sql {
  const arrays = Object.values(into.columns).map((type, at) =>
    arrayOf(
      type,
      rows.map((row) => row[at] ?? null),
    ),
  )
  return sql`${raw(headOf(into))} SELECT * FROM unnest(${joined(arrays, ', ')}) ${raw(tail)}`
}

/** A PostgreSQL array as a value. Integers must be safe ones. */
export function arrayOf(type: Element, values: readonly SqlValue[]): Sql {
  return sql`CAST(${pgArray(type, values)} AS ${raw(type)}[])`
}

const heads = new WeakMap<Into, string>()

function headOf(into: Into): string {
  let head = heads.get(into)
  if (head === undefined)
    heads.set(into, (head = `INSERT INTO ${into.table} (${Object.keys(into.columns).join(', ')})`))
  return head
}

/** The text of a statement for so many rows of so many values. */
type Insert = (rows: number, width: number) => string

const inserts = new Map<string, Map<string, Insert>>()

/** Keeps the texts: one that is made anew is hashed and compared to its end whenever its statement is looked up. */
function insertOf(head: string, tail: string): Insert {
  let tails = inserts.get(head)
  if (tails === undefined) inserts.set(head, (tails = new Map()))
  let insert = tails.get(tail)
  if (insert === undefined) {
    const texts = new Map<number, string>()
    insert = (rows, width) => {
      const place = rows * 1000 + width
      let text = texts.get(place)
      if (text === undefined) texts.set(place, (text = `${head} VALUES ${rowMarks(rows, width)} ${tail}`))
      return text
    }
    tails.set(tail, insert)
  }
  return insert
}

/** `(?, …), (?, …), …` for so many rows of so many values. */
function rowMarks(rows: number, width: number): string {
  const one = `(${Array.from({ length: width }, () => '?').join(', ')})`
  return Array.from({ length: rows }, () => one).join(', ')
}

function chunkSize(left: number): number {
  return left >= CHUNK ? CHUNK : 2 ** Math.floor(Math.log2(left))
}

function isSql(value: Sql | SqlValue): value is Sql {
  return typeof value === 'object' && value !== null && 'text' in value && 'params' in value
}
