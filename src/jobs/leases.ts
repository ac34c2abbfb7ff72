/** Named leases: one of several control processes at a time runs a loop, and one that lost its lease cannot write. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Db, Tx } from '../store/db.ts'
import { hasEnded, holderName } from './holder.ts'
import { LeaseLost } from './worker.ts'

/** A lease that is held. */
export interface Lease {
  readonly name: string
  /** Greater than that of every earlier holder. */
  readonly fence: number
  /** Aborted when the lease is lost or given back. */
  readonly signal: AbortSignal
  /** A transaction that fails with `LeaseLost` unless the lease is still held when it commits. */
  tx<T>(work: (t: Tx) => Promise<T>): Promise<T>
}

interface Held {
  readonly name: string
  readonly fence: number
  readonly ttl: number
  readonly abort: AbortController
  /** When it runs out unless it is renewed, ms of the monotonic clock. */
  until: number
}

/** A lease of another holder as it was first read, and when: a renewal changes it. */
interface Seen {
  readonly fence: number
  readonly expiresAt: number
  readonly at: number
}

export interface LeaseOptions {
  /** Name of this holder. Default: that of this process with a random part. */
  readonly holder?: string
  readonly now?: () => number
  /** Monotonic clock, ms. Default: `performance.now`. */
  readonly steady?: () => number
}

export class Leases {
  readonly holder: string
  readonly #db: Db
  readonly #now: () => number
  readonly #steady: () => number
  readonly #seen = new Map<string, Seen>()

  constructor(db: Db, options: LeaseOptions = {}) {
    this.#db = db
    this.holder = options.holder ?? holderName()
    this.#now = options.now ?? Date.now
    this.#steady = options.steady ?? (() => performance.now())
  }

  /**
   * Runs `fn` while holding the lease `name`, renewed until it ends, then gives it back. Resolves to undefined at once when another
   * holds it. A holder that dies loses it after `ttl` ms, or at once to a process that sees that it has ended; a clock that was
   * set back does not keep it, for a lease that was seen not to be renewed for `ttl` ms has run out whatever its row says.
   */
  async hold<T>(name: string, ttl: number, fn: (lease: Lease) => Promise<T>): Promise<T | undefined> {
    const fence = await this.#acquire(name, ttl)
    if (fence === undefined) return undefined
    const abort = new AbortController()
    const held = { name, fence, ttl, abort, until: this.#steady() + ttl }
    const renewal = setInterval(() => void this.#renew(held), ttl / 3)
    try {
      return await fn({ name, fence, signal: abort.signal, tx: (work) => this.#fenced(name, fence, work) })
    } finally {
      clearInterval(renewal)
      abort.abort(new LeaseLost(`lease ${name} was given back`))
      await this.#release(name, fence)
    }
  }

  /** Waits for the lease and runs `fn` with it, again and again, until `signal` aborts. Faults of `fn` are passed to `onError`. */
  async lead(name: string, ttl: number, run: LeadOptions): Promise<void> {
    while (!run.signal.aborted) {
      try {
        await this.hold(name, ttl, run.fn)
      } catch (error) {
        run.onError(error)
      }
      await delay(ttl / 3, undefined, { signal: run.signal }).catch(() => undefined)
    }
  }

  /** Until when leases of names that begin so are held, or were held last, ms since 1970; without those that nobody has held since `after`. */
  async heldUntil(start: string, after: number): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#db.all<{ name: string; at: number }>(
      'SELECT name, expires_at AS at FROM leases WHERE substr(name, 1, ?) = ? AND expires_at > ?',
      [start.length, start, after],
    )
    return new Map(rows.map(({ name, at }) => [name, at]))
  }

  /** Forgets leases of names that begin so, and that nobody has held since `before` (ms since 1970). */
  async forget(start: string, before: number): Promise<void> {
    const sql = 'DELETE FROM leases WHERE substr(name, 1, ?) = ? AND expires_at < ?'
    await this.#db.tx((t) => t.run(sql, [start.length, start, before]))
  }

  async #acquire(name: string, ttl: number): Promise<number | undefined> {
    const still = await this.#notRenewed(name, ttl)
    return this.#db.tx(async (t) => {
      await t.lock(`lease:${name}`)
      const now = this.#now()
      const held = await t.get<{ holder: string | null }>('SELECT holder FROM leases WHERE name = ?', [name])
      const ended = held?.holder != null && hasEnded(held.holder) ? held.holder : null
      const row = await t.get<{ fence: number }>(
        `INSERT INTO leases (name, holder, fence, expires_at) VALUES (?, ?, 1, ?)
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = leases.fence + 1, expires_at = excluded.expires_at
         WHERE leases.holder IS NULL OR leases.expires_at <= ? OR leases.holder = ?
           OR (leases.fence = ? AND leases.expires_at = ?)
         RETURNING fence`,
        [name, this.holder, now + ttl, now, ended, still?.fence ?? -1, still?.expiresAt ?? -1],
      )
      return row?.fence
    })
  }

  /** The lease as it is now, if it was the same `ttl` ms ago. */
  async #notRenewed(name: string, ttl: number): Promise<Seen | undefined> {
    const row = await this.#db.get<{ fence: number; at: number }>(
      'SELECT fence, expires_at AS at FROM leases WHERE name = ? AND holder IS NOT NULL',
      [name],
    )
    const seen = this.#seen.get(name)
    if (row === undefined) this.#seen.delete(name)
    else if (seen?.fence !== row.fence || seen.expiresAt !== row.at)
      this.#seen.set(name, { fence: row.fence, expiresAt: row.at, at: this.#steady() })
    else if (this.#steady() - seen.at > ttl) return seen
    return undefined
  }

  /** A database that cannot be reached for a moment does not end the lease; running out does. */
  async #renew(held: Held): Promise<void> {
    const { name, fence } = held
    const until = this.#steady() + held.ttl
    const sql = 'UPDATE leases SET expires_at = ? WHERE name = ? AND fence = ? AND holder = ?'
    try {
      const changed = await this.#db.tx((t) => t.run(sql, [this.#now() + held.ttl, name, fence, this.holder]))
      if (changed === 1) held.until = until
      else held.abort.abort(new LeaseLost(`another has lease ${name}`))
    } catch (error) {
      if (this.#steady() > held.until) held.abort.abort(new LeaseLost(`lease ${name} ran out`, { cause: error }))
    }
  }

  #fenced<T>(name: string, fence: number, work: (t: Tx) => Promise<T>): Promise<T> {
    return this.#db.tx(async (t) => {
      const sql = 'UPDATE leases SET fence = fence WHERE name = ? AND fence = ? AND holder = ?'
      if ((await t.run(sql, [name, fence, this.holder])) !== 1) throw new LeaseLost(`another has lease ${name}`)
      return work(t)
    })
  }

  async #release(name: string, fence: number): Promise<void> {
    const sql = 'UPDATE leases SET holder = NULL WHERE name = ? AND fence = ? AND holder = ?'
    // if this fails, the lease runs out by itself
    await this.#db.tx((t) => t.run(sql, [name, fence, this.holder])).catch(() => undefined)
  }
}

export interface LeadOptions {
  readonly signal: AbortSignal
  readonly fn: (lease: Lease) => Promise<void>
  readonly onError: (error: unknown) => void
}
