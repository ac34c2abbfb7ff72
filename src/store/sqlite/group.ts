/** Group commit for SQLite: transactions that wait together share one commit and one disk sync, each undone alone if it fails. */
import type { Database } from 'better-sqlite3'
import { setTimeout as delay } from 'node:timers/promises'
import { explained, isBusy, isStorageFull, unavailable } from '../failures.ts'
import type { Damage } from '../damage.ts'
import { faultPoint } from '../fault.ts'
import { nested } from '../nesting.ts'
import { SqliteTx } from './transaction.ts'
import type { Statements } from './statements.ts'

/** A group ends at this many transactions or after this many ms, so that no commit keeps the event loop for long. */
const GROUP_SIZE = 512
const GROUP_MS = 20

/** How long writes are refused after the disk was full, ms; the next group after that is the probe. */
const FULL_MS = 1000

type Work = (t: SqliteTx) => Promise<unknown>

interface Waiting {
  readonly work: Work
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** How one transaction of a group ended; told to its caller after the group's commit is durable. */
type Outcome = { readonly ok: true; readonly value: unknown; readonly after: readonly (() => void)[] } | Failed
interface Failed {
  readonly ok: false
  readonly error: unknown
}

/** The savepoint was lost with the whole group: SQLite rolls everything back when the disk is full or fails. */
class GroupLost extends Error {}

export interface GroupOptions {
  /** Makes what was committed durable. */
  readonly sync: () => Promise<void>
  /** How long a group waits for another process's lock, ms. */
  readonly busyMs: number
  /** What is known of damage to the file: nothing is written on it. */
  readonly damage?: Pick<Damage, 'refusal' | 'saw'>
}

export class GroupCommit {
  readonly #connection: Database
  readonly #statements: Statements
  readonly #options: GroupOptions
  #queue: Waiting[] = []
  #draining: Promise<void> | undefined
  #refusal: { readonly error: Error; readonly until: number } | undefined
  #overdue: ((error: Error) => void) | undefined
  constructor(connection: Database, statements: Statements, options: GroupOptions) {
    this.#connection = connection
    this.#statements = statements
    this.#options = options
  }

  /** Queues a transaction; see `Db.tx`. */
  add(work: Work): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ work, resolve, reject })
      this.#draining ??= new Promise((done) => setImmediate(() => done(this.#drain())))
    })
  }

  /** Resolves when everything queued has ended. */
  async idle(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      if (this.#refused()) continue
      await this.#group()
    }
    this.#draining = undefined
  }

  #refused(): boolean {
    const damaged = this.#options.damage?.refusal()
    const known = this.#refusal !== undefined && performance.now() < this.#refusal.until
    const error = damaged ?? (known ? this.#refusal?.error : undefined)
    if (error === undefined) return false
    for (const waiting of this.#queue.splice(0)) waiting.reject(error)
    return true
  }

  async #group(): Promise<void> {
    const members: Waiting[] = []
    let outcomes: Outcome[] = []
    this.#refusal = undefined
    try {
      await this.#begin()
      outcomes = await this.#runMembers(members)
      if (!outcomes.some(({ ok }) => ok)) {
        this.#rollBack()
        members.forEach((member, index) => settle(member, outcomes[index]))
        return
      }
      faultPoint('store.written')
      this.#statements.run('COMMIT')
      faultPoint('store.committed')
    } catch (error) {
      this.#lose(members, error)
      return
    }
    try {
      await this.#options.sync()
    } catch (error) {
      const known = this.#options.damage?.refusal()
      this.#refusal = {
        error: known ?? unavailable('a disk sync failed; it is read-only until a restart', error),
        until: Infinity,
      }
      for (const member of members) member.reject(this.#refusal.error)
      return
    }
    members.forEach((member, index) => settle(member, outcomes[index]))
  }

  /** Takes the write lock. The wait for another process is a timer's, not SQLite's: that would stop the event loop. */
  async #begin(): Promise<void> {
    const deadline = performance.now() + this.#options.busyMs
    for (;;) {
      try {
        this.#statements.run('BEGIN IMMEDIATE')
        return
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw error
        await delay(5)
      }
    }
  }

  async #runMembers(members: Waiting[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = []
    const batch = this.#queue.splice(0, GROUP_SIZE)
    const started = performance.now()
    // one that is cleared before the loop goes on: a timer left behind would wake a process that has nothing to do
    const watch = setInterval(() => this.#overdue?.(new Error(OVERDUE)), 0)
    // a lone transaction is undone with its group: SQLite copies each page that it changes under a savepoint
    const alone = batch.length === 1
    try {
      for (const member of batch) {
        if (members.length > 0 && performance.now() - started > GROUP_MS) break
        members.push(member)
        outcomes.push(await this.#runOne(member.work, alone))
      }
    } finally {
      clearInterval(watch)
      this.#queue = batch.slice(members.length).concat(this.#queue)
    }
    return outcomes
  }

  async #runOne(work: Work, alone: boolean): Promise<Outcome> {
    if (!alone) this.#statements.run('SAVEPOINT one')
    const tx = new SqliteTx(this.#statements)
    try {
      const value = await this.#inTime(() => nested.run(tx, work, tx))
      if (tx.failure !== undefined) throw tx.failure.error
      const after = tx.end()
      if (!alone) this.#statements.run('RELEASE one')
      return { ok: true, value, after }
    } catch (error) {
      tx.end()
      const cause = tx.failure?.error ?? error
      if (!this.#connection.inTransaction) throw new GroupLost('the group was rolled back', { cause })
      if (!alone) {
        this.#statements.run('ROLLBACK TO one')
        this.#statements.run('RELEASE one')
      }
      this.#options.damage?.saw(cause)
      if (isStorageFull(cause)) this.#refuse(cause)
      return { ok: false, error: explained(error) }
    }
  }

  /** A transaction needs only microtasks: one that is still pending when a timer fires waits for something else. */
  #inTime(work: () => Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#overdue = reject
      work().then(resolve, reject)
    })
  }

  #lose(members: readonly Waiting[], error: unknown): void {
    this.#rollBack()
    const cause = error instanceof GroupLost ? error.cause : error
    this.#options.damage?.saw(cause)
    if (isStorageFull(cause)) this.#refuse(cause)
    const lost = members.length > 0 ? members : this.#queue.splice(0)
    for (const member of lost) member.reject(explained(cause))
  }

  /** Must not throw: the callers of the group are still to be told. What cannot be rolled back cannot be committed either. */
  #rollBack(): void {
    try {
      if (this.#connection.inTransaction) this.#statements.run('ROLLBACK')
    } catch (error) {
      this.#refusal = {
        error: unavailable('a rollback failed; it is read-only until a restart', error),
        until: Infinity,
      }
    }
  }

  #refuse(cause: unknown): void {
    const error = explained(cause)
    if (error instanceof Error) this.#refusal = { error, until: performance.now() + FULL_MS }
  }
}

const OVERDUE =
  'a transaction waited for something other than its own statements (another db.tx, a timer, a file); it was rolled back'

function settle(member: Waiting, outcome: Outcome | undefined): void {
  if (outcome === undefined || !outcome.ok) {
    member.reject(outcome?.error)
    return
  }
  member.resolve(outcome.value)
  outcome.after.forEach(queueMicrotask)
}
