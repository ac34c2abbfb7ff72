/** Calls, or only what was asked and answered in them, go when they are older than they are to be kept. */
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import type { Clock } from '../../contract/ids.ts'
import type { Db } from '../../store/db.ts'
import { Rounds } from '../../store/rounds.ts'
import type { RoundState } from '../../store/rounds.ts'

/** How long is kept, ms; what is absent stays for ever. */
export interface CallAges {
  /** Rows of calls. What they cost stays in the ledger and on budgets. */
  readonly calls?: number
  /** Request and answer of a row; those in a trace are the trace's. */
  readonly content?: number
}

/** Rows of one transaction: others write between two of them. */
const BATCH = 500

const OLDEST = 'ORDER BY started, id LIMIT ?'
const DELETE = `DELETE FROM llm_calls WHERE id IN (SELECT id FROM llm_calls WHERE started < ? ${OLDEST})`
const CLEAR = `UPDATE llm_calls SET content = NULL
  WHERE id IN (SELECT id FROM llm_calls WHERE content IS NOT NULL AND started < ? ${OLDEST})`

/** What a round removed. */
export interface Removed {
  /** Rows of calls. */
  readonly calls: number
  /** Rows that lost request and answer. */
  readonly contents: number
}

export interface ExpiryState {
  readonly ages: CallAges
  readonly rounds: RoundState
  /** By the last round that went well; null = none yet. */
  readonly removed: Removed | null
}

interface ExpiryDeps {
  readonly db: Pick<Db, 'tx'>
  readonly clock: Clock
  readonly ages: CallAges
  readonly onError: (error: unknown) => void
}

/** Removes what is too old from the start on, and each hour again. Several at once remove the same. */
export class Expiry {
  readonly #deps: ExpiryDeps
  readonly #rounds: Rounds
  #removed: Removed | null = null
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #stopped = false

  constructor(deps: ExpiryDeps) {
    this.#deps = deps
    this.#rounds = new Rounds(deps.clock)
  }

  get state(): ExpiryState {
    return { ages: this.#deps.ages, rounds: this.#rounds.state, removed: this.#removed }
  }

  start(): void {
    const { ages, onError } = this.#deps
    if (ages.calls === undefined && ages.content === undefined) return
    const run = (): void => void this.run().catch(onError)
    this.#timer = setInterval(run, HOUR_MS).unref()
    run()
  }

  /** Ends it; resolves when the batch under way is done. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopped = true
    // what failed was told
    await Promise.allSettled([this.#running])
  }

  /**
   * Removes what is too old now, in batches. Whole days (UTC) go, so that of an hour of the ledger all calls are there or none. Joins a run that
   * is under way.
   */
  run(): Promise<void> {
    this.#running ??= this.#round().finally(() => (this.#running = undefined))
    return this.#running
  }

  async #round(): Promise<void> {
    try {
      const { calls: ofCalls, content: ofContents } = this.#deps.ages
      const calls = await this.#expire(DELETE, ofCalls)
      this.#removed = { calls, contents: await this.#expire(CLEAR, ofContents) }
      this.#rounds.went()
    } catch (error) {
      this.#rounds.failed(error)
      throw error
    }
  }

  /** Runs a statement until it finds nothing more; the rows that it changed. */
  async #expire(statement: string, age: number | undefined): Promise<number> {
    if (age === undefined) return 0
    const { db, clock } = this.#deps
    const before = Math.floor((clock() - age) / DAY_MS) * DAY_MS
    let sum = 0
    for (let changed = BATCH; changed === BATCH && !this.#stopped; sum += changed)
      changed = await db.tx((t) => t.run(statement, [before, BATCH]))
    return sum
  }
}
