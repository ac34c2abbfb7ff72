/**
 * Calls with an idempotency key: each is carried out once, and who repeats it gets the first reply.
 *
 * What is guaranteed, also when the process is killed at any moment and with several replicas on one PostgreSQL:
 * - Of the calls with one caller, route and key at most one commits anything. The mark that it did is written inside the
 *   first transaction of the call, so there is no moment at which one is durable and the other is not. A holder that was
 *   believed dead and goes on finds its mark gone, and its transaction is rolled back.
 * - Killed before it committed anything, a call may be sent again and is carried out then.
 * - Killed after it committed, but before its reply was kept, a call is not carried out again: its repetition is refused
 *   with `conflict`, and the caller reads what came of it. A reply that the caller has received may be lost to
 *   repetitions only where the disk was full or the database away while it was to be kept.
 * - Work in several transactions that is cut half-way stays half-way, as it does without a key.
 * - What is known is kept 24 hours from the first call on; after that the key is free again.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { DAY_MS } from '../contract/ids.ts'
import { problem } from '../contract/errors.ts'
import type { Clock } from '../contract/ids.ts'
import type { Db, Tx } from './db.ts'
import { faultPoint } from './fault.ts'

/** How long a key is known, ms. */
export const KEPT_MS = DAY_MS

/** How long a call is believed to go on after its process last said so, ms. It says so three times in that time. */
const HELD_MS = 60_000

/** Expired keys are removed at most this often, ms. */
const SWEEP_MS = 60_000

/** A call that carries a key. */
export interface KeyedCall {
  readonly caller: string
  readonly route: string
  readonly key: string
  /** Says what is asked: two calls with one key must have the same. */
  readonly hash: string
  /** Not null where the reply holds a secret: its body is not kept, and a repetition is refused with what this makes of it. */
  readonly told: ((body: string) => string) | null
}

export interface KeptReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface KeptReplies {
  /** The database for everything that a call may write: the first transaction of a keyed call marks it as carried out. */
  readonly db: Db
  /**
   * Carries a call out, or gives the reply of the first one (`replayed`). `answer` must not throw: a refusal is a reply of
   * 400 or more. A refusal that has written nothing is not kept: the key is free again. Throws `unprocessable` when the key
   * was used for something else, and `conflict` while the first call is under way or when its reply is not known.
   */
  once<R extends KeptReply>(call: KeyedCall, answer: () => Promise<R>): Promise<Once<R>>
  /** To be called at the start of the only process of a database: no call of before is under way any more. */
  recover(): Promise<void>
}

export type Once<R> =
  | { readonly replayed: false; readonly reply: R }
  | { readonly replayed: true; readonly reply: KeptReply }

/** `mark` gives each call of any process a text of its own. */
export interface KeptRepliesDeps {
  readonly db: Db
  readonly clock: Clock
  readonly mark: () => string
}

interface Held {
  readonly call: KeyedCall
  readonly holder: string
  /** After this its transactions are nobody's: what a call left behind in the background is not the call. */
  over: boolean
}

interface KeptRow {
  readonly hash: string
  readonly created_at: number
  readonly holder: string
  readonly held_until: number
  readonly written: number
  readonly status: number | null
  readonly headers: string | null
  readonly body: string | null
}

export function keptReplies(deps: KeptRepliesDeps): KeptReplies {
  const { db } = deps
  const current = new AsyncLocalStorage<Held>()
  const sweep = sweeper(deps)
  return {
    db: marking(db, current),
    async once(call, answer) {
      const held: Held = { call, holder: deps.mark(), over: false }
      const kept = await db.tx((t) => take(t, held, deps.clock(), sweep()))
      if (kept !== undefined) return { replayed: true, reply: kept }
      faultPoint('replies.taken')
      const renewal = setInterval(() => void renew(deps, held), HELD_MS / 3).unref()
      try {
        const reply = await current.run(held, answer)
        held.over = true
        faultPoint('replies.answered')
        // the caller gets its reply in any case: what was done is done
        await db.tx((t) => keep(t, held, reply)).catch(() => undefined)
        return { replayed: false, reply }
      } finally {
        held.over = true
        clearInterval(renewal)
      }
    },
    async recover() {
      await db.tx((t) => t.run('UPDATE kept_replies SET held_until = 0 WHERE status IS NULL'))
    },
  }
}

/** Tells before which time keys are to be removed, when it is time to do so again. */
function sweeper({ clock }: KeptRepliesDeps): () => number | undefined {
  let last = 0
  return () => {
    const now = clock()
    if (Math.abs(now - last) < SWEEP_MS) return undefined
    last = now
    return now - KEPT_MS
  }
}

/** Takes the key for this call, or gives the reply that is kept. */
async function take(t: Tx, held: Held, now: number, sweepBefore: number | undefined): Promise<KeptReply | undefined> {
  const { caller, route, key, hash } = held.call
  const at = [caller, route, key]
  if (sweepBefore !== undefined) await t.run('DELETE FROM kept_replies WHERE created_at < ?', [sweepBefore])
  const taken = await t.run(
    `INSERT INTO kept_replies (caller, route, key, hash, created_at, holder, held_until) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (caller, route, key) DO UPDATE SET hash = excluded.hash, created_at = excluded.created_at,
       holder = excluded.holder, held_until = excluded.held_until, written = 0, status = NULL, headers = NULL, body = NULL
     WHERE kept_replies.created_at < ?`,
    [...at, hash, now, held.holder, now + HELD_MS, now - KEPT_MS],
  )
  if (taken === 1) return undefined
  const row = await t.get<KeptRow>('SELECT * FROM kept_replies WHERE caller = ? AND route = ? AND key = ?', at)
  if (row === undefined) throw new Error('a key that was not taken is not there')
  const kept = judge(row, held.call, now)
  if (kept !== undefined) return kept
  await t.run('UPDATE kept_replies SET holder = ?, held_until = ? WHERE caller = ? AND route = ? AND key = ?', [
    held.holder,
    now + HELD_MS,
    ...at,
  ])
  return undefined
}

/** What a known key means for a call: the reply that is kept, or undefined when its first call died and left nothing. */
function judge(row: KeptRow, { key, hash, told }: KeyedCall, now: number): KeptReply | undefined {
  const named = `the Idempotency-Key "${key}"`
  if (row.hash !== hash) {
    throw problem('unprocessable', {
      detail: `${named} was used for another request; take a new key for a new request`,
    })
  }
  if (row.status !== null && row.body !== null) {
    if (told !== null && row.status < 400)
      throw problem('conflict', { detail: `the request with ${named} was carried out: ${row.body}` })
    return { status: row.status, headers: JSON.parse(row.headers ?? '{}') as KeptReply['headers'], body: row.body }
  }
  if (row.status === null && row.held_until > now) {
    throw problem('conflict', { detail: `the request with ${named} is under way`, retry_after: 1 })
  }
  if (row.written === 0 && row.status === null) return undefined
  const why =
    told !== null ? 'its reply holds a secret, which is not kept' : 'its reply was lost when the server stopped'
  throw problem('conflict', {
    detail: `the request with ${named} was carried out, and ${why}; look at what came of it`,
  })
}

/** Keeps a reply, unless it is a refusal that has written nothing: that one may be sent again. */
async function keep(t: Tx, held: Held, reply: KeptReply): Promise<void> {
  const { caller, route, key, told } = held.call
  const where = 'WHERE caller = ? AND route = ? AND key = ? AND holder = ?'
  const at = [caller, route, key, held.holder]
  if (reply.status >= 400 && (await t.run(`DELETE FROM kept_replies ${where} AND written = 0`, at)) === 1) return
  const body = told !== null && reply.status < 400 ? told(reply.body) : reply.body
  await t.run(`UPDATE kept_replies SET status = ?, headers = ?, body = ? ${where}`, [
    reply.status,
    JSON.stringify(reply.headers),
    body,
    ...at,
  ])
}

async function renew({ db, clock }: KeptRepliesDeps, held: Held): Promise<void> {
  const { caller, route, key } = held.call
  const values = [clock() + HELD_MS, caller, route, key, held.holder]
  const sql = 'UPDATE kept_replies SET held_until = ? WHERE caller = ? AND route = ? AND key = ? AND holder = ?'
  // the next renewal is the remedy; after three that fail the call's own transaction is refused
  await db.tx((t) => t.run(sql, values)).catch(() => undefined)
}

/** The database as keyed calls see it. */
function marking(db: Db, current: AsyncLocalStorage<Held>): Db {
  return {
    kind: db.kind,
    all: (sql, params) => db.all(sql, params),
    get: (sql, params) => db.get(sql, params),
    search: (query) => db.search(query),
    searchColumns: (query) => db.searchColumns(query),
    close: () => db.close(),
    tx(work) {
      const held = current.getStore()
      if (held === undefined || held.over) return db.tx(work)
      return db.tx(async (t) => {
        const value = await work(t)
        await mark(t, held)
        return value
      })
    },
  }
}

async function mark(t: Tx, { call, holder }: Held): Promise<void> {
  const marked = await t.run(
    'UPDATE kept_replies SET written = 1 WHERE caller = ? AND route = ? AND key = ? AND holder = ?',
    [call.caller, call.route, call.key, holder],
  )
  if (marked === 1) return
  throw problem('conflict', {
    detail: `the request with the Idempotency-Key "${call.key}" was taken over by a repetition`,
  })
}
