/** Calls, or only what was asked and answered in them, go when they are older than they are to be kept. */
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import type { Clock } from '../../contract/ids.ts'
import type { Db } from '../../store/db.ts'

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

interface ExpiryDeps {
  readonly db: Pick<Db, 'tx'>
  readonly clock: Clock
  readonly ages: CallAges
  readonly onError: (error: unknown) => void
}

/** Removes what is too old from the start on, and each hour again. Several at once remove the same. */
export class Expiry {
  readonly #deps: ExpiryDeps
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #stopped = false

  constructor(deps: ExpiryDeps) {
    this.#deps = deps
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
    this.#running ??= this.#expire().finally(() => (this.#running = undefined))
    return this.#running
  }

  async #expire(): Promise<void> {
    const { db, clock, ages } = this.#deps
    const steps = [
      [DELETE, ages.calls],
      [CLEAR, ages.content],
    ] as const
    for (const [statement, age] of steps) {
      if (age === undefined) continue
      const before = Math.floor((clock() - age) / DAY_MS) * DAY_MS
      for (let changed = BATCH; changed === BATCH && !this.#stopped;)
        changed = await db.tx((t) => t.run(statement, [before, BATCH]))
    }
  }
}
