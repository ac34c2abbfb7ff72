/** The side of the money store that control sees: what this server has used of budgets that several servers charge, and what it may use. */
import { setTimeout as delay } from 'node:timers/promises'
import { isBusy } from '../../../store/failures.ts'
import { moneyUnavailable } from './refusals.ts'
import type { Standing } from './refusals.ts'
import { openDatabase } from './schema.ts'
import type { Connection, Statement } from './schema.ts'

/** A window of a budget; times in ms since 1970, `until` null = it never ends. */
export interface ShareWindow {
  readonly budget: string
  readonly since: number
  readonly until: number | null
}

export interface ShareWish extends ShareWindow {
  /** What this server may spend, nanodollars. */
  readonly amount: number
  /** What it is known to have used; counts where its store knows nothing of the window, for it was lost. */
  readonly known: number
}

export interface ShareHeld extends ShareWindow {
  /** Nanodollars. */
  readonly amount: number
}

/** Longest wait for gateways, and between two tries, ms. */
const BUSY_MS = 5000
const AGAIN_MS = 5
/** How long shares of windows that are over are kept, ms. */
const KEPT_MS = 86_400_000

export class ShareBook {
  readonly #connection: Connection
  readonly #used: Statement
  readonly #spend: Statement
  readonly #share: Statement

  /** Throws `unavailable`. */
  constructor(dataDir: string) {
    try {
      this.#connection = openDatabase(dataDir)
      this.#used = this.#connection.prepare('SELECT spent, reserved FROM spending WHERE budget = ? AND since = ?')
      this.#spend = this.#connection.prepare(
        `INSERT INTO spending (budget, since, until, spent, reserved) VALUES (?, ?, ?, ?, 0)
         ON CONFLICT (budget, since) DO UPDATE SET spent = excluded.spent`,
      )
      this.#share = this.#connection.prepare(
        `INSERT INTO shares (budget, since, until, amount) VALUES (?, ?, ?, ?)
         ON CONFLICT (budget, since) DO UPDATE SET until = excluded.until, amount = excluded.amount`,
      )
      // from now on it is a timer that waits
      this.#connection.pragma('busy_timeout = 0')
    } catch (error) {
      throw moneyUnavailable(error)
    }
  }

  /** How a window stands here. Throws `unavailable`. */
  standing(window: Pick<ShareWindow, 'budget' | 'since'>): Standing {
    try {
      return this.#standing(window) ?? { spent: 0, reserved: 0 }
    } catch (error) {
      throw moneyUnavailable(error)
    }
  }

  /** All that was set. Throws `unavailable`. */
  all(): ShareHeld[] {
    try {
      return this.#connection.prepare('SELECT * FROM shares').all() as ShareHeld[]
    } catch (error) {
      throw moneyUnavailable(error)
    }
  }

  /**
   * Sets shares, all at once: from then on no gateway of this server spends more. What is used already stays: a share is at least that, and comes back
   * as it was set. Rejects with `unavailable` and has changed nothing.
   */
  async set(wishes: readonly ShareWish[], now: number): Promise<ShareHeld[]> {
    const change = this.#connection.transaction(() => {
      this.#connection.prepare('DELETE FROM shares WHERE until < ?').run(now - KEPT_MS)
      return wishes.map((wish) => this.#put(wish))
    })
    for (const deadline = performance.now() + BUSY_MS; ;) {
      try {
        return change.immediate()
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw moneyUnavailable(error)
        await delay(AGAIN_MS)
      }
    }
  }

  close(): void {
    this.#connection.close()
  }

  #put({ budget, since, until, amount, known }: ShareWish): ShareHeld {
    const found = this.#standing({ budget, since })
    if (found === undefined && known > 0) this.#spend.run(budget, since, until, known)
    const used = found === undefined ? known : found.spent + found.reserved
    const held = Math.max(amount, used)
    this.#share.run(budget, since, until, held)
    return { budget, since, until, amount: held }
  }

  #standing({ budget, since }: Pick<ShareWindow, 'budget' | 'since'>): Standing | undefined {
    return this.#used.get(budget, since) as Standing | undefined
  }
}
