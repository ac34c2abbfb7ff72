/** One transaction of a group on the SQLite writer: a savepoint, and a `Tx` that dies with it. */
import type { Row, SqlValue, Tx } from '../db.ts'
import type { Statements } from './statements.ts'

export class SqliteTx implements Tx {
  readonly kind = 'sqlite'
  readonly #statements: Statements
  readonly #then: (() => void)[] = []
  #open = true
  #failure: { error: unknown } | undefined

  constructor(statements: Statements) {
    this.#statements = statements
  }

  async all<T = Row>(sql: string, params?: readonly SqlValue[]): Promise<T[]> {
    return this.#attempt(() => this.#statements.all(sql, params)) as T[]
  }

  async get<T = Row>(sql: string, params?: readonly SqlValue[]): Promise<T | undefined> {
    return this.#attempt(() => this.#statements.get(sql, params)) as T | undefined
  }

  async run(sql: string, params?: readonly SqlValue[]): Promise<number> {
    return this.#attempt(() => this.#statements.run(sql, params))
  }

  async lock(name: string): Promise<void> {
    this.#attempt(() => name)
  }

  afterCommit(then: () => void): void {
    this.#then.push(then)
  }

  get open(): boolean {
    return this.#open
  }

  /** The error of the first statement that failed; it dooms the transaction even if the caller caught it, as on PostgreSQL. */
  get failure(): { error: unknown } | undefined {
    return this.#failure
  }

  /** No statement may follow. Returns what to call when the transaction is durable. */
  end(): readonly (() => void)[] {
    this.#open = false
    return this.#then
  }

  #attempt<R>(statement: () => R): R {
    if (!this.#open) throw new Error('this transaction is over; a statement was not awaited inside it')
    if (this.#failure !== undefined) {
      throw new Error('a statement of this transaction failed; it can only be rolled back', {
        cause: this.#failure.error,
      })
    }
    try {
      return statement()
    } catch (error) {
      this.#failure = { error }
      throw error
    }
  }
}
