/** What a database is for the rooms: one interface, two drivers (SQLite, PostgreSQL), one SQL text for both. */
import type { Columns } from './reads/columns.ts'

/** What may be bound: text, finite numbers (integers within ±2^53), bytes, null. Booleans are 0/1, times integer ms, JSON is text. */
export type SqlValue = string | number | Uint8Array | null

/** A row as both drivers return it: int8 as number, bytes as Uint8Array. */
export type Row = Record<string, SqlValue>

/** A statement with its values, one for each `?`; composed by `sql` of `store/sql/sql.ts`. */
export interface Sql {
  readonly text: string
  readonly params: readonly SqlValue[]
}

/** Reads. SQL is written with `?` placeholders and the subset that both engines accept. */
export interface Reader {
  readonly kind: 'sqlite' | 'postgres'
  all<T = Row>(sql: string, params?: readonly SqlValue[]): Promise<T[]>
  get<T = Row>(sql: string, params?: readonly SqlValue[]): Promise<T | undefined>
}

/** One transaction. Inside it nothing but its own statements may be awaited: no network, no file, no timer. */
export interface Tx extends Reader {
  /** Runs a statement that changes rows; returns how many it changed. */
  run(sql: string, params?: readonly SqlValue[]): Promise<number>
  /** Serialises with every other transaction that names the same lock, until commit (a no-op on SQLite, which has one writer). */
  lock(name: string): Promise<void>
  /** Calls `then` once, after this transaction is durable; never after a rollback. For wake-ups: it must be quick and not throw. */
  afterCommit(then: () => void): void
}

export interface Db extends Reader {
  /**
   * Runs `work` in a transaction and resolves after the commit is durable. A throw rolls back this work alone.
   * On SQLite the transactions of one event-loop turn share a commit; on PostgreSQL serialisation failures are retried,
   * so `work` may run more than once and must have no effect but its statements.
   */
  tx<T>(work: (t: Tx) => Promise<T>): Promise<T>
  /**
   * A read that may take longer than a few ms: on SQLite it runs in a process of its own. Made for a caller (`asCaller`) it has its turn
   * among those of other callers, ends when the caller goes away, and is refused with `too_costly` when it takes too long.
   */
  search<T = Row>(query: Sql): Promise<T[]>
  /** The same read as columns: a million rows of numbers cost eight bytes a value, and no object each. For what may give many rows. */
  searchColumns(query: Sql): Promise<Columns>
  close(): Promise<void>
}
