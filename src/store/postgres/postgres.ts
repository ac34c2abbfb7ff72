/** The PostgreSQL driver: serialisable transactions that are run again when they collide, reads on connections that cannot write. */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Db, Sql, Row, SqlValue, Tx } from '../db.ts'
import {
  engineCode,
  explained,
  isDisconnected,
  isRetryable,
  isSilent,
  isUnconnected,
  unavailable,
} from '../failures.ts'
import { nested, refuseNested } from '../nesting.ts'
import type { Caller } from '../reads/caller.ts'
import { callerNow } from '../reads/caller.ts'
import type { Columns, Gathering } from '../reads/columns.ts'
import { GatheredColumns, GatheredRows } from '../reads/columns.ts'
import { LONGEST_MS, MOST_ROWS, tooLong } from '../reads/limits.ts'
import { callerLeft, Turns } from '../reads/turns.ts'
import { numbered } from '../sql/placeholders.ts'
import { cancelUntilOver } from './cancel.ts'
import type { Cancelling } from './cancel.ts'
import { gather } from './gather.ts'
import { preparedName } from './prepared.ts'
import { Pulse } from './pulse.ts'
import type { PulseOptions } from './pulse.ts'
import { assertBindable } from '../sqlite/statements.ts'

export interface PostgresOptions {
  /** Connections that write. Default 10. */
  readonly writers?: number
  /** Connections that read. Default 6. */
  readonly readers?: number
  /** Longest read that a caller waits for, ms. Default 15 s. */
  readonly longestReadMs?: number
  /** A connection that says nothing to a read for so long counts as out of reach, though the server answers others, ms. Default a minute. */
  readonly silentMs?: number
  /** Longest wait for a connection, ms. Default 12 s. */
  readonly connectMs?: number
  /** How soon a server that answers nobody is found out. */
  readonly pulse?: PulseOptions
  /** Most rows of a `search`. Default a million. */
  readonly mostRows?: number
}

const SILENT_MS = 60_000
/** Longest wait for a connection, ms. */
const CONNECT_MS = 12_000
/** What the server's own limit of a long read is given, to be told, ms. */
const TELLS_MS = 5000

/** A transaction that still collides after this many ms is given up with `unavailable`. */
const RETRY_MS = 15_000

/** A statement that waits longer for a lock of another session is given up with `unavailable`, ms. */
const LOCK_MS = 15_000

/** Ids of the types that arrive as text and are numbers here: int8, numeric; and bool, which is 0 or 1. */
const NUMBERS = new Set<number>([20, 1700])
const BOOLEANS = new Set<number>([16])

/** The lock under which transactions that collided are run again, one at a time; any constant will do. */
const RETRY_LOCK = 7_106_117

/** Connects to PostgreSQL 14 or later at `url`; the first statement opens the first connection. The caller migrates it. */
export function openPostgres(url: string, options: PostgresOptions = {}): Db {
  return new PostgresDb(url, options)
}

/** Connections for long reads of callers, and how many of them one caller may have at once. */
const SEARCHERS = 4
const PER_CALLER = 2

class PostgresDb implements Db {
  readonly kind = 'postgres'
  readonly #writers: pg.Pool
  readonly #readers: pg.Pool
  /** Their statements end by themselves. */
  readonly #searchers: pg.Pool
  readonly #turns = new Turns({ places: SEARCHERS, perCaller: PER_CALLER })
  readonly #longestMs: number
  readonly #mostRows: number
  readonly #pulse: Pulse
  #closed: Promise<void> | undefined

  constructor(url: string, options: PostgresOptions) {
    const connectMs = options.connectMs ?? CONNECT_MS
    const silentMs = options.silentMs ?? SILENT_MS
    const pool = (max: number, settings: string, silent?: number): pg.Pool =>
      makePool(url, { max, settings, connectMs, silentMs: silent })
    this.#writers = pool(options.writers ?? 10, '-c default_transaction_isolation=serializable')
    this.#readers = pool(options.readers ?? 6, READ_ONLY, silentMs)
    this.#longestMs = options.longestReadMs ?? LONGEST_MS
    this.#mostRows = options.mostRows ?? MOST_ROWS
    this.#pulse = new Pulse(url, options.pulse)
    const bounded = `${READ_ONLY} -c statement_timeout=${this.#longestMs}`
    this.#searchers = pool(SEARCHERS, bounded, Math.max(silentMs, this.#longestMs + TELLS_MS))
  }

  async all<T = Row>(sql: string, params: readonly SqlValue[] = []): Promise<T[]> {
    return (await this.#read(sql, params)).rows as T[]
  }

  async get<T = Row>(sql: string, params: readonly SqlValue[] = []): Promise<T | undefined> {
    return (await this.#read(sql, params)).rows[0] as T | undefined
  }

  search<T = Row>(query: Sql): Promise<T[]> {
    return this.#search(query, () => new GatheredRows()) as Promise<T[]>
  }

  searchColumns(query: Sql): Promise<Columns> {
    return this.#search(query, () => new GatheredColumns())
  }

  async #search<T>(query: Sql, gather: () => Gathering<T>): Promise<T> {
    const caller = callerNow()
    if (caller === undefined) return readTwice(() => this.#own(query, gather()))
    return this.#turns.during(caller, () => readTwice(() => this.#bounded(caller, query, gather())))
  }

  async tx<T>(work: (t: Tx) => Promise<T>): Promise<T> {
    refuseNested()
    if (this.#closed !== undefined) throw unavailable('it is closed')
    const locks: Locks = { names: new Set(), retry: false }
    const deadline = performance.now() + RETRY_MS
    let broken = false
    for (let attempt = 0; ; attempt++) {
      const ended = await this.#attempt(work, locks)
      if (ended.ok) {
        ended.after.forEach(queueMicrotask)
        return ended.value
      }
      if (ended.undone && isDisconnected(ended.error) && !broken) {
        // the connection died before anything was committed: once more on a fresh one
        broken = true
        continue
      }
      const collided = isRetryable(ended.error)
      if (!collided && !ended.stale) throw explained(ended.error)
      if (performance.now() > deadline) throw unavailable('a transaction kept colliding with others', ended.error)
      if (!collided) continue
      locks.retry = true
      await delay(Math.random() * Math.min(50, 2 ** attempt))
    }
  }

  close(): Promise<void> {
    this.#turns.refuse(unavailable('it is closed'))
    this.#closed ??= Promise.all([this.#writers.end(), this.#closeReads()]).then(() => undefined)
    return this.#closed
  }

  /** The readers last: through them the reads of callers who have gone are cancelled. */
  async #closeReads(): Promise<void> {
    await this.#searchers.end()
    await this.#readers.end()
  }

  async #read(sql: string, params: readonly unknown[]): Promise<pg.QueryResult<Row>> {
    if (this.#closed !== undefined) throw unavailable('it is closed')
    assertBindable(params)
    const text = numbered(sql)
    return readTwice(() => this.#on(this.#readers, (client) => client.query<Row>(text, [...params])))
  }

  /** Runs a statement on a connection of a pool, as long as the server answers. */
  async #on<R>(pool: pg.Pool, ask: (client: pg.PoolClient) => Promise<R>): Promise<R> {
    const client = await pool.connect()
    let broken = false
    try {
      return await this.#pulse.during(ask(client))
    } catch (error) {
      broken = isUnfit(error)
      throw error
    } finally {
      client.release(broken)
    }
  }

  /** A long read of the server's own. */
  async #own<T>({ text, params }: Sql, gathered: Gathering<T>): Promise<T> {
    if (this.#closed !== undefined) throw unavailable('it is closed')
    assertBindable(params)
    return this.#on(this.#readers, (client) => gather(client, { text, params }, { gathered, most: this.#mostRows }))
  }

  /** A read with an end: the server's own after so long, and one that is asked for when the caller goes away. */
  async #bounded<T>(caller: Caller, { text, params }: Sql, gathered: Gathering<T>): Promise<T> {
    if (this.#closed !== undefined) throw unavailable('it is closed')
    assertBindable(params)
    const client = await this.#searchers.connect()
    let cancelling: Cancelling | undefined
    const stay = caller.onLeave(() => (cancelling = cancelUntilOver(client, this.#readers)))
    let broken = false
    try {
      // it may have left while the connection was made
      if (caller.left) throw callerLeft()
      return await this.#pulse.during(gather(client, { text, params }, { gathered, most: this.#mostRows }))
    } catch (error) {
      broken = isUnfit(error)
      if (engineCode(error) !== CANCELLED) throw error
      throw cancelling === undefined ? tooLong(this.#longestMs) : callerLeft()
    } finally {
      stay()
      // what is cancelled late would be the next statement of the connection
      client.release(broken || (await cancelling?.over()) === false)
    }
  }

  /** Runs the work once, with the locks that earlier runs asked for taken before it starts. */
  async #attempt<T>(work: (t: Tx) => Promise<T>, locks: Locks): Promise<Ended<T>> {
    let client: pg.PoolClient
    try {
      client = await this.#writers.connect()
    } catch (error) {
      throw explained(error)
    }
    const tx = new PostgresTx(client, locks.names, this.#pulse)
    let ended: Ended<T>
    try {
      await tx.takeLocks(locks)
      ended = await runOnce(tx, work)
    } catch (error) {
      ended = { ok: false, error, stale: false, undone: true }
    }
    const broken = !ended.ok && isUnfit(ended.error)
    client.release(broken || tx.unfit || !(await tx.dropLocks()))
    return ended
  }
}

/** What a transaction that runs again takes first: the locks it named, and the one of those that collided. */
interface Locks {
  readonly names: Set<string>
  retry: boolean
}

/**
 * `stale`: it waited for a lock after its snapshot was made, so what it saw may be older than the lock. `undone`: it certainly
 * changed nothing, for no commit was sent.
 */
type Ended<T> =
  | { readonly ok: true; readonly value: T; readonly after: readonly (() => void)[] }
  | { readonly ok: false; readonly error: unknown; readonly stale: boolean; readonly undone: boolean }

async function runOnce<T>(tx: PostgresTx, work: (t: Tx) => Promise<T>): Promise<Ended<T>> {
  let undone = true
  try {
    const value = await nested.run(tx, work, tx)
    const after = tx.end()
    if (tx.failure !== undefined) throw tx.failure.error
    undone = !tx.begun
    if (tx.begun) await tx.commit()
    return { ok: true, value, after }
  } catch (error) {
    tx.end()
    // a connection that is gone has nothing to roll back; what went wrong first is what counts
    if (tx.begun) await tx.rollBack()
    // The work may have wrapped the engine's error; what decides about another run is the statement that failed.
    const engine = tx.failure?.error
    const decisive = isRetryable(engine) || isUnfit(engine) ? engine : error
    return { ok: false, error: decisive, stale: tx.lockedLate, undone }
  }
}

class PostgresTx implements Tx {
  readonly kind = 'postgres'
  readonly #client: pg.PoolClient
  readonly #pulse: Pulse
  readonly #named: Set<string>
  readonly #held = new Set<string>()
  readonly #then: (() => void)[] = []
  #open = true
  #sessionLocks = false
  begun = false
  lockedLate = false
  /** True when its connection cannot be used again. */
  unfit = false
  failure: { error: unknown } | undefined

  /** `named` collects the names of the locks asked for. */
  constructor(client: pg.PoolClient, named: Set<string>, pulse: Pulse) {
    this.#client = client
    this.#pulse = pulse
    this.#named = named
  }

  /** Takes locks before the transaction begins, so that its snapshot is newer than they are. */
  async takeLocks(locks: Locks): Promise<void> {
    if (locks.retry) await this.#sessionLock('SELECT pg_advisory_lock($1)', RETRY_LOCK)
    for (const name of [...locks.names].sort()) await this.#lockFirst(name)
  }

  /** False when the connection is not fit to be used again. */
  async dropLocks(): Promise<boolean> {
    if (!this.#sessionLocks) return true
    try {
      await this.#ask('SELECT pg_advisory_unlock_all()')
      return true
    } catch {
      return false
    }
  }

  async all<T = Row>(sql: string, params: readonly SqlValue[] = []): Promise<T[]> {
    return (await this.#send(sql, params)).rows as T[]
  }

  async get<T = Row>(sql: string, params: readonly SqlValue[] = []): Promise<T | undefined> {
    return (await this.#send(sql, params)).rows[0] as T | undefined
  }

  async run(sql: string, params: readonly SqlValue[] = []): Promise<number> {
    return (await this.#send(sql, params)).rowCount ?? 0
  }

  async lock(name: string): Promise<void> {
    this.#assertUsable()
    this.#named.add(name)
    if (this.#held.has(name)) return
    if (!this.begun) {
      await this.#lockFirst(name)
      return
    }
    this.lockedLate = true
    await this.#send('SELECT pg_advisory_xact_lock(hashtextextended(?, 0))', [name])
  }

  afterCommit(then: () => void): void {
    this.#then.push(then)
  }

  async commit(): Promise<void> {
    await this.#ask('COMMIT')
  }

  /** Undoes what was done; a connection that says nothing is given up with it. */
  async rollBack(): Promise<void> {
    if (this.unfit) return
    try {
      await this.#ask('ROLLBACK')
    } catch {
      this.unfit = true
    }
  }

  get open(): boolean {
    return this.#open
  }

  end(): readonly (() => void)[] {
    this.#open = false
    return this.#then
  }

  async #send(sql: string, params: readonly unknown[]): Promise<pg.QueryResult<Row>> {
    this.#assertUsable()
    try {
      assertBindable(params)
      if (!this.begun) {
        this.begun = true
        await this.#ask('BEGIN')
      }
      const text = numbered(sql)
      return await this.#ask({ name: preparedName(text), text, values: [...params] })
    } catch (error) {
      this.failure = { error }
      throw error
    }
  }

  #assertUsable(): void {
    if (!this.#open) throw new Error('this transaction is over; a statement was not awaited inside it')
    if (this.failure === undefined) return
    throw new Error('a statement of this transaction failed; it can only be rolled back', { cause: this.failure.error })
  }

  async #lockFirst(name: string): Promise<void> {
    await this.#sessionLock('SELECT pg_advisory_lock(hashtextextended($1, 0))', name)
    this.#held.add(name)
  }

  async #sessionLock(sql: string, value: string | number): Promise<void> {
    this.#sessionLocks = true
    await this.#ask({ text: sql, values: [value] })
  }

  /** A statement whose silence ends when the server answers nobody: its connection is not used again then. */
  async #ask(statement: string | pg.QueryConfig): Promise<pg.QueryResult<Row>> {
    try {
      return await this.#pulse.during(this.#client.query<Row>(statement))
    } catch (error) {
      if (isUnfit(error)) this.unfit = true
      throw error
    }
  }
}

/** True when a connection cannot be used after this error: it is gone, says nothing, or still sends what nobody wants. */
function isUnfit(error: unknown): boolean {
  return isDisconnected(error) || isSilent(error) || (error as { code?: unknown } | undefined)?.code === 'too_costly'
}

/** PostgreSQL's code of a statement that was cancelled or took too long. */
const CANCELLED = '57014'

const READ_ONLY = '-c default_transaction_read_only=on'

/** A connection that died while it lay idle, or under the statement: a read may be sent again. Throws what `explained` gives. */
async function readTwice<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read().catch((error: unknown) => {
      if (!isDisconnected(error) || isUnconnected(error)) throw error
      return read()
    })
  } catch (error) {
    throw explained(error)
  }
}

interface PoolOptions {
  readonly max: number
  /** Settings of each connection, as PostgreSQL's `options` takes them. */
  readonly settings: string
  readonly connectMs: number
  /** A connection that says nothing for so long is given up; without it a statement may take as long as it takes. */
  readonly silentMs: number | undefined
}

function makePool(url: string, { max, settings, connectMs, silentMs }: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    options: `${settings} -c lock_timeout=${LOCK_MS}`,
    connectionTimeoutMillis: Math.min(connectMs, silentMs ?? connectMs),
    ...(silentMs !== undefined && { query_timeout: silentMs }),
    keepAlive: true,
    application_name: 'slipway',
    types: rowParsers,
  })
  // A connection that breaks is replaced by the pool, and its statement is refused; without listeners it would end the process.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

const typeParser: pg.CustomTypesConfig['getTypeParser'] = (id, format) => {
  if (NUMBERS.has(id)) return Number
  if (BOOLEANS.has(id)) return (text: string) => (text === 't' ? 1 : 0)
  return pg.types.getTypeParser(id, format)
}

/** Turns what PostgreSQL sends into the values of a `Row`. */
export const rowParsers: pg.CustomTypesConfig = { getTypeParser: typeParser }
