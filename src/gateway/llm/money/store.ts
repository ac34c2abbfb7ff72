/** The money store: what budgets have spent and reserved, in one database that all gateways of a data folder write at once. */
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { isBusy } from '../../../store/failures.ts'
import { faultPoint } from '../../../store/fault.ts'
import { Problem } from '../../../contract/errors.ts'
import { processStart } from '../../run-files.ts'
import { Batch, BatchStatements } from './batch.ts'
import type { Asked, Reservation, Spending } from './batch.ts'
import { moneyUnavailable } from './refusals.ts'
import { newLifeLock, openDatabase } from './schema.ts'
import type { Connection, LifeLock, Statement } from './schema.ts'

/** Operations of one transaction, so that no commit keeps the event loop, or the others, for long. */
const MOST_AT_ONCE = 512

/** Longest wait for other gateways, ms. */
const BUSY_MS = 10_000

/** Between two tries to take the lock, ms. */
const LOOK_MS = 1

/** Tries before which only other events of this process come. */
const SOON = 5

/** Pause before what could not be settled is tried again, ms. */
const AGAIN_MS = 1000

/** How long a window that is over is kept, ms: clocks are set, and calls begin before midnight and ask after it. */
const KEPT_MS = 86_400_000

/** What happens in a transaction: it gives an answer, or throws a Problem and has changed nothing. */
type Change<T> = (batch: Batch) => T

interface Work {
  readonly change: Change<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  /** True = it must happen at last, whatever fails now. */
  readonly isOwed: boolean
}

type Outcome = { readonly value: unknown } | { readonly error: Problem }

/** A gateway that may have open reservations. */
export interface Writer {
  readonly id: number
  /** Of its log. */
  readonly name: string
  readonly pid: number
  /** Start of its process in ticks of the kernel; null where unknown, or once it has closed the store. */
  readonly start: string | null
  /** File that it holds locked while it lives. */
  readonly lock: string
}

export interface StoreOptions {
  readonly dataDir: string
  /** Name of the log of this gateway. */
  readonly writer: string
  /** Longest wait for other gateways, ms; default 10 000. */
  readonly busyMs?: number
}

/** Opens the store, and makes it where it is missing. Rejects with `unavailable`. */
export async function openMoney(options: StoreOptions): Promise<MoneyStore> {
  for (const deadline = performance.now() + (options.busyMs ?? BUSY_MS); ;) {
    try {
      return new MoneyStore(options)
    } catch (error) {
      // several gateways that start at the same time make it together
      if (!isBusy(error) || performance.now() > deadline) throw moneyUnavailable(error)
      await delay(LOOK_MS)
    }
  }
}

export class MoneyStore {
  readonly #connection: Connection
  readonly #statements: BatchStatements
  readonly #begin: Statement
  readonly #commit: Statement
  readonly #lock: LifeLock
  readonly #writer: number
  readonly #busyMs: number
  #queue: Work[] = []
  /** What could not be settled and is tried again. */
  #owed: Work[] = []
  #draining: Promise<void> | undefined
  #isClosed = false
  #closing: Promise<void> | undefined

  /** Is for `openMoney`. Throws what SQLite or the disk says. */
  constructor({ dataDir, writer, busyMs = BUSY_MS }: StoreOptions) {
    let connection: Connection | undefined
    let lock: LifeLock | undefined
    try {
      this.#connection = connection = openDatabase(dataDir)
      this.#lock = lock = newLifeLock(dataDir)
      this.#statements = new BatchStatements(connection)
      this.#begin = connection.prepare('BEGIN IMMEDIATE')
      this.#commit = connection.prepare('COMMIT')
      this.#writer = register(connection, writer, lock.name)
      // from now on it is a timer that waits
      connection.pragma('busy_timeout = 0')
    } catch (error) {
      lock?.release()
      connection?.close()
      throw error
    }
    this.#busyMs = busyMs
  }

  /**
   * Reserves from all budgets of a call, or from none: rejects with `budget_exceeded` where a hard one has less room than `amount`. A budget without room
   * that is soft is charged all the same. What is reserved belongs to the window of `now`, and so does what it is settled to, whenever that is: a
   * call over midnight is paid by the day on which it began. A window begins with what the ledger knows of it. Rejects with `unavailable`
   * where the disk or another process is in the way, and throws a RangeError for an amount that is no whole number ≥ 0.
   */
  reserve(asked: Asked): Promise<void> {
    requireAmount(asked.amount)
    return this.#add((batch) => batch.reserve(asked))
  }

  /**
   * Turns what was reserved for a call into what it cost, nanodollars, which may be more; 0 gives all back. A second time changes nothing.
   * Rejects with `unavailable` where it cannot be stored now; then it is tried again every second, until `close`. Throws a RangeError for a cost that
   * is no whole number ≥ 0.
   */
  settle(id: string, cost: number): Promise<void> {
    requireAmount(cost)
    return this.#add((batch) => void batch.settle(id, cost), true)
  }

  /** What each budget has spent and reserved, by budget and window; windows that ended a day ago are gone. Throws what SQLite says. */
  spent(): Spending[] {
    return this.#connection.prepare('SELECT * FROM spending ORDER BY budget, since').all() as Spending[]
  }

  /** All writers but this one. Throws what SQLite says. */
  others(): Writer[] {
    return this.#connection.prepare('SELECT * FROM writers WHERE id <> ? ORDER BY id').all(this.#writer) as Writer[]
  }

  /** What a writer has reserved and not settled. Throws what SQLite says. */
  reservationsOf(writer: number): Reservation[] {
    const rows = this.#connection
      .prepare('SELECT id, amount, budgets, at FROM reservations WHERE writer = ? ORDER BY at, id')
      .all(writer) as (Omit<Reservation, 'budgets'> & { readonly budgets: string })[]
    return rows.map((row) => {
      const pairs = JSON.parse(row.budgets) as readonly (readonly [string, number])[]
      return { ...row, budgets: pairs.map(([budget]) => budget) }
    })
  }

  /** Settles reservations of a writer that is dead, each to its cost, and forgets the writer: all at once. What another gateway settled stays as it is. */
  bury(writer: number, costs: ReadonlyMap<string, number>): Promise<void> {
    return this.#add((batch) => {
      faultPoint('money.burying')
      for (const [id, cost] of costs) batch.settle(id, cost)
      this.#connection.prepare('DELETE FROM writers WHERE id = ?').run(writer)
    })
  }

  /** Removes windows that ended a day before `now` and that no call under way belongs to. */
  tidy(now: number): Promise<void> {
    return this.#add(() => {
      this.#connection.prepare('DELETE FROM spending WHERE reserved = 0 AND until < ?').run(now - KEPT_MS)
    })
  }

  /** Writes what waits and closes the store. Reservations that are open are left to the gateway that finds them next. */
  close(): Promise<void> {
    return (this.#closing ??= this.#end())
  }

  async #end(): Promise<void> {
    const left = this.#add(() => this.#leave())
    this.#isClosed = true
    await left.catch((error: unknown) => {
      // whoever finds the writer finds its lock free, once this process has ended
      if (!(error instanceof Problem)) throw error
    })
    await this.#draining
    this.#connection.close()
    this.#lock.release()
  }

  /** A writer without reservations is forgotten; another one is found by its lock from now on, though its process may go on. */
  #leave(): void {
    const writer = this.#writer
    this.#connection.prepare('UPDATE writers SET start = NULL WHERE id = ?').run(writer)
    const some = this.#connection.prepare('SELECT 1 FROM reservations WHERE writer = ? LIMIT 1').get(writer)
    if (some === undefined) this.#connection.prepare('DELETE FROM writers WHERE id = ?').run(writer)
  }

  #add<T>(change: Change<T>, isOwed = false): Promise<T> {
    if (this.#isClosed) return Promise.reject(moneyUnavailable(new Error('it is closed')))
    return new Promise<unknown>((resolve, reject) => {
      this.#queue.push({ change, resolve, reject, isOwed })
      void this.#kick()
    }) as Promise<T>
  }

  /** Starts a drain in the next turn, where none is under way: what is asked for in this turn goes into one transaction. */
  #kick(): Promise<void> {
    return (this.#draining ??= turn().then(() => this.#drain()))
  }

  async #drain(): Promise<void> {
    this.#queue.unshift(...this.#owed.splice(0))
    while (this.#queue.length > 0) {
      const error = await this.#locked()
      const works = this.#queue.splice(0, error === undefined ? MOST_AT_ONCE : Infinity)
      if (error === undefined) this.#transact(works)
      else this.#fail(works, error)
      if (this.#queue.length > 0) await turn()
    }
    this.#draining = undefined
    if (this.#owed.length > 0 && !this.#isClosed) setTimeout(() => void this.#kick(), AGAIN_MS).unref()
  }

  /** Begins the transaction. The wait for others is a timer's, for SQLite's own would stop the event loop. Gives the error where it cannot begin. */
  async #locked(): Promise<Error | undefined> {
    const deadline = performance.now() + this.#busyMs
    for (let tries = 1; ; tries++) {
      try {
        this.#begin.run()
        return undefined
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) return moneyUnavailable(error)
        // most transactions of others end sooner than a timer
        await (tries < SOON ? turn() : delay(LOOK_MS))
      }
    }
  }

  #transact(works: readonly Work[]): void {
    const batch = new Batch(this.#statements, this.#writer)
    let outcomes: readonly Outcome[]
    try {
      outcomes = works.map(({ change }) => outcomeOf(() => change(batch)))
      batch.write()
      faultPoint('money.written')
      this.#commit.run()
      faultPoint('money.committed')
    } catch (error) {
      this.#undo()
      this.#fail(works, moneyUnavailable(error))
      return
    }
    for (const [at, { resolve, reject }] of works.entries()) {
      const outcome = outcomes[at]
      if (outcome === undefined || 'error' in outcome) reject(outcome?.error)
      else resolve(outcome.value)
    }
  }

  /** SQLite has undone it itself where the disk is full or fails. */
  #undo(): void {
    try {
      if (this.#connection.inTransaction) this.#connection.exec('ROLLBACK')
    } catch (error) {
      // what cannot be undone cannot be committed either; the next begin tells
      if (!(error instanceof Error)) throw error
    }
  }

  #fail(works: readonly Work[], error: Error): void {
    for (const { change, reject, isOwed } of works) {
      if (isOwed) this.#owed.push({ change, resolve: () => undefined, reject: () => undefined, isOwed })
      reject(error)
    }
  }
}

/** Makes this process known, so that what it leaves is found. */
function register(connection: Connection, name: string, lock: string): number {
  const { lastInsertRowid } = connection
    .prepare('INSERT INTO writers (name, pid, start, lock) VALUES (?, ?, ?, ?)')
    .run(name, process.pid, processStart(process.pid), lock)
  return Number(lastInsertRowid)
}

/** No other number may come near a limit: what is compared with NaN is never above it. */
function requireAmount(nano: number): void {
  if (!Number.isSafeInteger(nano) || nano < 0)
    throw new RangeError(`an amount of money is ${nano}, expected a whole number of nanodollars from 0 on`)
}

/** A refusal concerns its caller alone; any other error all of the transaction. */
function outcomeOf(change: () => unknown): Outcome {
  try {
    return { value: change() }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { error }
  }
}
