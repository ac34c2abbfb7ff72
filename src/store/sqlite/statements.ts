/** Statements on one SQLite connection, prepared once per SQL text. */
import type { Database, Statement } from 'better-sqlite3'
import type { Row, SqlValue } from '../db.ts'
import { nulText } from '../failures.ts'

/** Prepared statements kept per connection; the one not used for longest goes first. */
const KEPT = 512

type Bound = string | number | bigint | Uint8Array | null

export class Statements {
  readonly #connection: Database
  readonly #kept = new Map<string, Statement<[Bound[]], Row>>()

  constructor(connection: Database) {
    this.#connection = connection
  }

  /** All rows; a statement without rows is run and gives none. */
  all(sql: string, params: readonly unknown[] = []): Row[] {
    const statement = this.#prepare(sql)
    const bound = bind(params)
    if (statement.reader) return statement.all(bound)
    statement.run(bound)
    return []
  }

  /** The names of the columns, and the values of the rows one by one, as they are found. For connections whose statements do nothing else. */
  each(sql: string, params: readonly unknown[] = []): { columns: string[]; rows: Iterable<unknown[]> } {
    const statement = this.#prepare(sql)
    if (!statement.reader) {
      statement.run(bind(params))
      return { columns: [], rows: [] }
    }
    const columns = statement.columns().map(({ name }) => name)
    return { columns, rows: statement.raw(true).iterate(bind(params)) as Iterable<unknown> as Iterable<unknown[]> }
  }

  get(sql: string, params: readonly unknown[] = []): Row | undefined {
    return this.#prepare(sql).get(bind(params))
  }

  /** Returns how many rows were changed. */
  run(sql: string, params: readonly unknown[] = []): number {
    const statement = this.#prepare(sql)
    return statement.reader ? statement.all(bind(params)).length : statement.run(bind(params)).changes
  }

  #prepare(sql: string): Statement<[Bound[]], Row> {
    const kept = this.#kept.get(sql)
    if (kept !== undefined) {
      if (this.#kept.size > KEPT / 2) {
        this.#kept.delete(sql)
        this.#kept.set(sql, kept)
      }
      return kept
    }
    const made = this.#connection.prepare<[Bound[]], Row>(sql)
    this.#kept.set(sql, made)
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value ?? '')
    return made
  }
}

/**
 * Whole numbers are bound as integers: bound as doubles, 3 would become '3.0' in a TEXT column and 1 / 2 would be 0.5,
 * unlike on PostgreSQL.
 */
function bind(params: readonly unknown[]): Bound[] {
  return params.map((value) => bound(value))
}

function bound(value: unknown): Bound {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return Object.is(value, -0) ? value : BigInt(value)
    if (Number.isFinite(value)) return value
  } else if (typeof value === 'string') return withoutNul(value)
  else if (value === null || value instanceof Uint8Array) return value
  const shown = typeof value === 'number' ? String(value) : typeof value
  throw new Error(`cannot bind ${shown}: text, finite numbers, bytes and null only`)
}

/** PostgreSQL cannot hold NUL in a text, so nobody's text may have one. */
function withoutNul(value: string): string {
  if (value.includes('\0')) throw nulText()
  return value
}

/** Refuses what `Statements` refuses, for a driver whose client would send it. */
export function assertBindable(params: readonly unknown[]): asserts params is readonly SqlValue[] {
  for (const value of params) bound(value)
}
