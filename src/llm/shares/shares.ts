/**
 * Divides hard budgets among the servers of one database. Each has a money store of its own, in which its gateways reserve without asking anybody;
 * what they may spend there is its share. All shares of a window together are never more than the limit, so that no number of servers
 * spends more. A share goes down in the store of its server first and in the database then, and up the other way round.
 */
import { ShareBook } from '../../gateway/llm/money/shares.ts'
import type { ShareWish } from '../../gateway/llm/money/shares.ts'
import { windowEnd, windowStart } from '../../gateway/llm/money/windows.ts'
import type { BudgetWindow } from '../../gateway/table/llm.ts'
import type { Db, Reader, Tx } from '../../store/db.ts'
import { Rounds } from '../../store/rounds.ts'
import type { RoundState } from '../../store/rounds.ts'
import { spentOf } from '../calls/spent.ts'
import { fairShare, GONE_MS, mostFor } from './division.ts'
import type { Part } from './division.ts'
import type { Identity } from './identity.ts'
import { identityIn } from './identity.ts'

export interface SharesDeps {
  readonly db: Db
  /** ms since 1970. */
  readonly clock: () => number
  readonly dataDir: string
  /** Told when a division fails, once until one does not. */
  readonly onError: (error: unknown) => void
}

/** Between two divisions, ms. */
const LOOK_MS = 1000
/** Between two signs of life, ms. */
const SIGN_MS = 5000
/** Between two times that rows are removed, and how long those of windows that are over are kept, ms. */
const FORGET_MS = 60_000
const KEPT_MS = 7 * 86_400_000

interface Budget {
  readonly id: string
  readonly project: string
  readonly window: BudgetWindow
  readonly limit_nano: number
}

/** A window of a budget that is divided. */
interface Divided {
  readonly budget: Budget
  readonly since: number
  readonly until: number | null
}

interface ShareRow {
  readonly budget: string
  readonly since: number
  readonly server: string
  readonly granted: number
  readonly used: number
}

/** What stands in the database, by window, and the servers that live. */
interface Division {
  readonly rows: ReadonlyMap<string, readonly ShareRow[]>
  readonly live: ReadonlySet<string>
}

/** What a round is about: windows, what was given up of them in the own store, and its time, ms. */
interface Round {
  readonly windows: readonly Divided[]
  readonly lowered: ReadonlyMap<string, number>
  readonly now: number
}

interface Plan {
  /** The own rows, by window. */
  readonly own: ReadonlyMap<string, ShareRow>
  /** Rows that are to be written. */
  readonly changed: readonly {
    readonly window: Divided
    readonly row: Pick<ShareRow, 'server' | 'granted' | 'used'>
  }[]
}

/** Rows of windows that are over for longer than they are kept, and of budgets that are gone. */
const FORGOTTEN = '(until < ? OR budget NOT IN (SELECT id FROM llm_budgets WHERE hard <> 0))'

export class Shares {
  readonly #deps: SharesDeps
  #self: Identity | undefined
  #book: ShareBook | undefined
  /** What the store of this server has, by window. */
  #held = new Map<string, number>()
  #signedAt = -Infinity
  #forgotAt = -Infinity
  #running: Promise<void> | undefined
  #first: Promise<void> | undefined
  readonly #rounds: Rounds
  #timer: NodeJS.Timeout | undefined

  constructor(deps: SharesDeps) {
    this.#deps = deps
    this.#rounds = new Rounds(deps.clock)
  }

  /** How it goes, and as whom: the id of this server, undefined until it has divided something. */
  get state(): { readonly rounds: RoundState; readonly self: string | undefined } {
    return { rounds: this.#rounds.state, self: this.#self?.id }
  }

  /** Resolves after the first division, whether it was one or failed. */
  first(): Promise<void> {
    return (this.#first ??= this.divide())
  }

  /** Divides now, after a division under way. Does not reject: what fails is told and tried again. */
  async divide(): Promise<void> {
    await this.#running
    this.#running ??= this.#round()
      .then(
        () => this.#rounds.went(),
        (error: unknown) => {
          if (this.#rounds.state.fault === null) this.#deps.onError(error)
          this.#rounds.failed(error)
        },
      )
      .finally(() => (this.#running = undefined))
    await this.#running
  }

  start(): void {
    this.#timer = setInterval(() => void (this.#running ?? this.divide()), LOOK_MS).unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
    this.#book?.close()
    this.#book = undefined
  }

  async #round(): Promise<void> {
    const { db, clock, dataDir } = this.#deps
    const now = clock()
    const budgets = await db.all<Budget>(
      'SELECT id, project, "window", limit_nano FROM llm_budgets WHERE hard <> 0 ORDER BY id',
    )
    // a server that never had one opens nothing
    if (budgets.length === 0 && this.#book === undefined) return
    this.#self ??= identityIn(dataDir)
    if (this.#book === undefined) {
      this.#book = new ShareBook(dataDir)
      this.#held = new Map(this.#book.all().map((share) => [keyOf(share.budget, share.since), share.amount]))
    }
    await this.#sign(now)
    const windows = budgets.flatMap((budget) => windowsOf(budget, now))
    const seen = await divisionOf(db, now)
    const lowered = await this.#lower(seen, windows, now)
    await this.#forget(now)
    await this.#take(windows, await this.#write(seen, { windows, lowered, now }), now)
  }

  async #sign(now: number): Promise<void> {
    if (now - this.#signedAt < SIGN_MS) return
    const { id, name } = this.#own
    await this.#deps.db.tx((t) =>
      t.run(
        'INSERT INTO llm_servers (id, name, seen_at) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, seen_at = excluded.seen_at',
        [id, name, now],
      ),
    )
    this.#signedAt = now
  }

  /** Gives up, in the own store, what others should have and what a limit that was lowered no longer has; the windows with what is left of each. */
  async #lower(seen: Division, windows: readonly Divided[], now: number): Promise<ReadonlyMap<string, number>> {
    const wishes = windows.flatMap((window): ShareWish[] => {
      const parts = this.#partsOf(seen, window)
      const own = parts.find(({ server }) => server === this.#own.id)
      if (own === undefined) return []
      const limit = window.budget.limit_nano
      const amount = fairShare(limit, parts, own.server)
      return amount < own.granted && isWanted(limit, parts) ? [{ ...placeOf(window), amount, known: 0 }] : []
    })
    if (wishes.length === 0) return new Map()
    const held = await this.#shares.set(wishes, now)
    for (const { budget, since, amount } of held) this.#held.set(keyOf(budget, since), amount)
    return new Map(held.map(({ budget, since, amount }) => [keyOf(budget, since), amount]))
  }

  /**
   * Writes what this server gave up and takes what is free; its own rows as they stand then. Where what was seen says that nothing changes, nothing
   * is locked: servers that have nothing to divide do not wait for each other.
   */
  async #write(seen: Division, round: Round): Promise<ReadonlyMap<string, ShareRow>> {
    const { db } = this.#deps
    const planned = await this.#plan(db, seen, round)
    if (planned.changed.length === 0) return planned.own
    return db.tx(async (t) => {
      await t.lock('llm_shares')
      const { own, changed } = await this.#plan(t, await divisionOf(t, round.now), round)
      for (const { window, row } of changed) await put(t, window, row)
      return own
    })
  }

  /** What the rows of this server should be, and which of them, and of what was spent before, do not stand there. */
  async #plan(reader: Reader, found: Division, { windows, lowered, now }: Round): Promise<Plan> {
    const spent = await this.#spentBefore(reader, windows, found, now)
    const own = new Map<string, ShareRow>()
    const changed: Plan['changed'][number][] = []
    for (const window of windows) {
      const key = keyOf(window.budget.id, window.since)
      const base = spent.get(key)
      if (base !== undefined) changed.push({ window, row: { server: '', granted: base, used: base } })
      const parts = this.#partsOf(found, window, base)
      const old = parts.find(({ server }) => server === this.#own.id)
      const used = this.#used(window)
      const self = { server: this.#own.id, used: this.#held.has(key) ? used : Math.max(used, old?.used ?? 0) }
      const all = parts.map((part) => (part.server === self.server ? { ...part, ...self } : part))
      const limit = window.budget.limit_nano
      const wanted = Math.min(fairShare(limit, all, self.server), mostFor(limit, all, self.server))
      const granted = lowered.get(key) ?? Math.max(old?.granted ?? 0, wanted)
      own.set(key, { budget: window.budget.id, since: window.since, granted, ...self })
      const before = found.rows.get(key)?.find(({ server }) => server === self.server)
      if (before?.granted !== granted || before.used !== self.used) changed.push({ window, row: { granted, ...self } })
    }
    return { own, changed }
  }

  /** Each minute removes windows that are over and budgets that are gone, where there are some. */
  async #forget(now: number): Promise<void> {
    if (now - this.#forgotAt <= FORGET_MS) return
    const { db } = this.#deps
    if ((await db.get(`SELECT 1 AS one FROM llm_shares WHERE ${FORGOTTEN} LIMIT 1`, [now - KEPT_MS])) !== undefined)
      await db.tx(async (t) => {
        await t.lock('llm_shares')
        await t.run(`DELETE FROM llm_shares WHERE ${FORGOTTEN}`, [now - KEPT_MS])
      })
    this.#forgotAt = now
  }

  /** Lets the gateways spend what the database says, and nothing of windows that it does not know. */
  async #take(windows: readonly Divided[], rows: ReadonlyMap<string, ShareRow>, now: number): Promise<void> {
    const wishes = windows.flatMap((window): ShareWish[] => {
      const key = keyOf(window.budget.id, window.since)
      const row = rows.get(key)
      if (row === undefined || this.#held.get(key) === row.granted) return []
      return [{ ...placeOf(window), amount: row.granted, known: row.used }]
    })
    const gone = [...this.#held].filter(([key, amount]) => amount > 0 && !rows.has(key))
    for (const [key] of gone) {
      const [budget, since] = JSON.parse(key) as [string, number]
      wishes.push({ budget, since, until: since === 0 ? null : now, amount: 0, known: 0 })
    }
    if (wishes.length === 0) return
    await this.#shares.set(wishes, now)
    for (const { budget, since, amount } of wishes) this.#held.set(keyOf(budget, since), amount)
  }

  /** The parts of a window; this server has one from the beginning. */
  #partsOf({ rows, live }: Division, { budget, since }: Divided, base = 0): Part[] {
    const found = (rows.get(keyOf(budget.id, since)) ?? []).map(({ server, granted, used }): Part => ({
      server,
      granted,
      used,
      isLive: live.has(server) || server === this.#own.id,
    }))
    if (base > 0) found.push({ server: '', granted: base, used: base, isLive: false })
    const missing = [this.#own.id, ...live].filter((id) => !found.some(({ server }) => server === id))
    return [...found, ...[...new Set(missing)].map((server) => ({ server, granted: 0, used: 0, isLive: true }))]
  }

  /** What others than this server are known to have spent of windows that are divided for the first time, where that is something. */
  async #spentBefore(
    reader: Reader,
    windows: readonly Divided[],
    { rows }: Division,
    now: number,
  ): Promise<ReadonlyMap<string, number>> {
    const fresh = windows.filter(({ budget, since }) => since <= now && !rows.has(keyOf(budget.id, since)))
    if (fresh.length === 0) return new Map()
    const known = await spentOf(
      reader,
      fresh.map(({ budget }) => budget),
      { now, windowStart },
    )
    return new Map(
      fresh.flatMap((window) => {
        const { budget, since } = window
        const spent = (known.get(budget.id)?.spent ?? 0) - this.#shares.standing(placeOf(window)).spent
        return spent > 0 ? [[keyOf(budget.id, since), spent] as const] : []
      }),
    )
  }

  #used(window: Divided): number {
    const { spent, reserved } = this.#shares.standing(placeOf(window))
    return spent + reserved
  }

  get #own(): Identity {
    if (this.#self === undefined) throw new Error('a server without a name')
    return this.#self
  }

  get #shares(): ShareBook {
    if (this.#book === undefined) throw new Error('a division without a store')
    return this.#book
  }
}

/** The window that holds `now`, and the next one, which begins without control where that is away. */
function windowsOf(budget: Budget, now: number): Divided[] {
  const end = windowEnd(budget.window, now)
  const present = { budget, since: windowStart(budget.window, now), until: end === Infinity ? null : end }
  return end === Infinity ? [present] : [present, { budget, since: end, until: windowEnd(budget.window, end) }]
}

function placeOf({ budget, since, until }: Divided): Pick<ShareWish, 'budget' | 'since' | 'until'> {
  return { budget: budget.id, since, until }
}

/** Whether a server should have more than it has, or all of them together have more than there is. */
function isWanted(limit: number, parts: readonly Part[]): boolean {
  if (parts.reduce((sum, { granted }) => sum + granted, 0) > limit) return true
  return parts.some((part) => part.isLive && part.granted < fairShare(limit, parts, part.server))
}

function keyOf(budget: string, since: number): string {
  return JSON.stringify([budget, since])
}

async function divisionOf(reader: Reader, now: number): Promise<Division> {
  const rows = await reader.all<ShareRow>('SELECT budget, since, server, granted, used FROM llm_shares')
  const servers = await reader.all<{ id: string }>('SELECT id FROM llm_servers WHERE seen_at > ?', [now - GONE_MS])
  return {
    rows: Map.groupBy(rows, ({ budget, since }) => keyOf(budget, since)),
    live: new Set(servers.map(({ id }) => id)),
  }
}

async function put(
  t: Tx,
  { budget, since, until }: Divided,
  { server, granted, used }: Pick<ShareRow, 'server' | 'granted' | 'used'>,
): Promise<void> {
  await t.run(
    `INSERT INTO llm_shares (budget, since, server, project, until, granted, used) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (budget, since, server) DO UPDATE SET until = excluded.until, granted = excluded.granted, used = excluded.used`,
    [budget.id, since, server, budget.project, until, granted, used],
  )
}
