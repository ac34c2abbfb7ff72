/** Moves backfills on: looks at what is, does the next thing, and may be stopped and repeated at any point. One process at a time does it. */
import type { Leases } from '../../jobs/leases.ts'
import { LedLoop } from '../led/loop.ts'
import { Troubles } from '../led/troubles.ts'
import { beginDue, cancelOpen, collectEnded, conclude } from './move.ts'
import { openBackfills, readBackfill, readPartitions } from './rows.ts'
import { cancelRevoked, type BackfillDeps } from './start.ts'

/** Between looks, ms. */
const LOOK_MS = 500

export class Backfills {
  readonly deps: BackfillDeps
  readonly #loop: LedLoop
  readonly #troubles: Troubles

  constructor(deps: BackfillDeps, leases: Leases) {
    this.deps = deps
    const { db, onError } = deps.context.deps
    this.#troubles = new Troubles({ db, onError, table: 'pipeline_backfills', changed: deps.changed })
    this.#loop = new LedLoop({ name: 'backfills', every: LOOK_MS, look: (leads) => this.#look(leads), onError }, leases)
  }

  start(): void {
    this.#loop.start()
  }

  /** Stops looking. Runs go on; the next start finds them. */
  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** Looks at all backfills soon, if this process moves them on. */
  wake(): void {
    this.#loop.wake()
  }

  async #look(leads: () => boolean): Promise<void> {
    const ids = await openBackfills(this.deps.context.deps.db)
    this.#troubles.keep(ids)
    for (const id of ids) await this.#troubles.guard(id, () => this.#moveOn(id, leads))
  }

  async #moveOn(id: string, leads: () => boolean): Promise<void> {
    let changed = false
    while (leads() && (await this.#next(id))) changed = true
    if (changed) this.deps.changed?.(id)
  }

  /** Does what can be done now; true when something changed, so that it is worth looking again. */
  async #next(id: string): Promise<boolean> {
    const { db } = this.deps.context.deps
    const backfill = await readBackfill(db, id)
    if (backfill === undefined || backfill.finished_at !== null) return false
    if (backfill.state === 'running' && (await this.deps.isRevoked(backfill.who.id)))
      return cancelRevoked(this.deps, backfill)
    const running = await readPartitions(db, id, { state: 'running', limit: 1000 })
    if (await collectEnded(this.deps, running)) return true
    if (backfill.state === 'cancelling') await cancelOpen(this.deps, backfill)
    else if (await beginDue(this.deps, backfill, running.length)) return true
    return conclude(this.deps, backfill)
  }
}
