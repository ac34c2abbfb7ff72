/** What one transaction of the money store does: operations of many calls, with each budget's row read and written once. */
import { problem } from '../../../contract/errors.ts'
import type { BudgetRoute } from '../../table/llm.ts'
import { budgetExceeded } from './refusals.ts'
import type { Connection, Statement } from './schema.ts'
import { windowEnd, windowStart } from './windows.ts'

/** A call that wants money. */
export interface Asked {
  /** Its own; never used for another call. */
  readonly id: string
  /** Most that it may cost, nanodollars, a whole number ≥ 0. */
  readonly amount: number
  readonly budgets: readonly BudgetRoute[]
  /** ms since 1970: it decides the windows. */
  readonly now: number
}

/** A reservation whose call has not ended. */
export interface Reservation {
  readonly id: string
  /** Nanodollars. */
  readonly amount: number
  /** Ids of the budgets that it was reserved from. */
  readonly budgets: readonly string[]
  /** When it was reserved, ms since 1970. */
  readonly at: number
}

/** What was spent in one window of a budget; amounts in nanodollars. */
export interface Spending {
  readonly budget: string
  /** Beginning of the window, ms since 1970; 0 for one that never ends. */
  readonly since: number
  /** Its end; null = it never ends. */
  readonly until: number | null
  readonly spent: number
  /** By calls under way. */
  readonly reserved: number
}

type Row = { -readonly [K in keyof Spending]: Spending[K] } & { isChanged: boolean }

interface OpenRow {
  readonly amount: number
  readonly budgets: string
}

/** Statements of a connection that batches use. */
export class BatchStatements {
  readonly find: Statement
  readonly write: Statement
  readonly insert: Statement
  readonly take: Statement
  readonly share: Statement

  constructor(connection: Connection) {
    this.find = connection.prepare('SELECT * FROM spending WHERE budget = ? AND since = ?')
    this.write = connection.prepare(
      `INSERT INTO spending (budget, since, until, spent, reserved) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (budget, since) DO UPDATE SET until = excluded.until, spent = excluded.spent, reserved = excluded.reserved`,
    )
    this.insert = connection.prepare(
      'INSERT INTO reservations (id, writer, amount, budgets, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    )
    this.share = connection.prepare('SELECT amount FROM shares WHERE budget = ? AND since = ?')
    this.take = connection.prepare('DELETE FROM reservations WHERE id = ? RETURNING amount, budgets')
  }
}

/** Lives for one transaction, in which nobody else writes. */
export class Batch {
  readonly #statements: BatchStatements
  readonly #writer: number
  readonly #rows = new Map<string, Row>()

  constructor(statements: BatchStatements, writer: number) {
    this.#statements = statements
    this.#writer = writer
  }

  /** Reserves from all budgets of a call, or throws `budget_exceeded` and reserves from none. */
  reserve({ id, amount, budgets, now }: Asked): void {
    const rows = new Set<Row>()
    for (const budget of budgets) {
      const row = this.#windowOf(budget, now)
      const share = this.#shareOf(budget, row)
      if (budget.hard && row.spent + row.reserved + amount > Math.min(budget.limit, share ?? Infinity))
        throw budgetExceeded({ budget, share }, row, amount, now)
      rows.add(row)
    }
    const windows = JSON.stringify(Array.from(rows, ({ budget, since }) => [budget, since]))
    const { changes } = this.#statements.insert.run(id, this.#writer, amount, windows, now)
    if (changes !== 1) throw problem('conflict', { detail: `call ${id} has a reservation already` })
    for (const row of rows) {
      row.reserved = sum(row.reserved, amount)
      row.isChanged = true
    }
  }

  /** Turns a reservation into what its call cost; false where it is settled already, or never was. */
  settle(id: string, cost: number): boolean {
    const open = this.#statements.take.get(id) as OpenRow | undefined
    if (open === undefined) return false
    for (const [budget, since] of JSON.parse(open.budgets) as [string, number][]) {
      const row = this.#row(budget, since)
      // without its row the window ended long ago, and nobody asks for it
      if (row === undefined) continue
      row.reserved = Math.max(0, row.reserved - open.amount)
      row.spent = sum(row.spent, cost)
      row.isChanged = true
    }
    return true
  }

  /** Writes the rows of budgets; the last thing before the commit. */
  write(): void {
    for (const { budget, since, until, spent, reserved, isChanged } of this.#rows.values())
      if (isChanged) this.#statements.write.run(budget, since, until, spent, reserved)
  }

  /**
   * The window of a budget that holds `now`, with at least what the ledger knows of it. Calls under way may stand in the ledger already, so what they
   * reserved is not added to that once more. What the ledger knows of a shared one is the spending of all servers, and is divided with the shares.
   */
  #windowOf({ id, window, spent, since: known, shared }: BudgetRoute, now: number): Row {
    const since = windowStart(window, now)
    const until = windowEnd(window, now)
    const row = this.#row(id, since) ?? this.#begin(id, since, until)
    // windows of other lengths may begin at the same time: the budget was changed
    if (row.until !== null && row.until < until) row.until = until === Infinity ? null : until
    if (known === since && shared !== true) row.spent = Math.max(row.spent, spent - row.reserved)
    return row
  }

  /** What this server may spend of the window, nanodollars; undefined = all of the budget. */
  #shareOf({ id, shared }: BudgetRoute, { since }: Row): number | undefined {
    if (shared !== true) return undefined
    const found = this.#statements.share.get(id, since) as { readonly amount: number } | undefined
    return found?.amount ?? 0
  }

  #row(budget: string, since: number): Row | undefined {
    const key = `${since} ${budget}`
    const known = this.#rows.get(key)
    if (known !== undefined) return known
    const found = this.#statements.find.get(budget, since) as Spending | undefined
    if (found === undefined) return undefined
    const row = { ...found, isChanged: false }
    this.#rows.set(key, row)
    return row
  }

  #begin(budget: string, since: number, end: number): Row {
    const row = { budget, since, until: end === Infinity ? null : end, spent: 0, reserved: 0, isChanged: false }
    this.#rows.set(`${since} ${budget}`, row)
    return row
  }
}

/** Of amounts; it stays a number that is exact. */
function sum(one: number, other: number): number {
  return Math.min(one + other, Number.MAX_SAFE_INTEGER)
}
