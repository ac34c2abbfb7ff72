/** Triggers of all pipelines: one process at a time looks at what they watch and starts their runs. */
import { HOUR_MS } from '../../contract/ids.ts'
import type { Leases } from '../../jobs/leases.ts'
import { LedLoop } from '../led/loop.ts'
import { fire } from './fire.ts'
import { notice, type NoticeDeps } from './notice.ts'
import { dropOldEvents } from './old-events.ts'
import { readTrigger, readTriggers, type TriggerRow } from './rows.ts'
import { isCalled } from '../spec/triggers/triggers.ts'

/** Between looks, ms. */
const LOOK_MS = 1000

export class Triggers {
  readonly deps: NoticeDeps
  readonly #loop: LedLoop
  /** Triggers that are looked at right now: a slow source holds up no other. */
  readonly #busy = new Map<string, Promise<void>>()
  /** When old events are dropped next, ms of the monotonic clock. */
  #dropsAt = 0

  constructor(deps: NoticeDeps, leases: Leases) {
    this.deps = deps
    const { onError } = deps.context.deps
    this.#loop = new LedLoop({ name: 'triggers', every: LOOK_MS, look: (leads) => this.#look(leads), onError }, leases)
  }

  start(): void {
    this.#loop.start()
  }

  async stop(): Promise<void> {
    await this.#loop.stop()
    await Promise.allSettled(this.#busy.values())
  }

  /** Looks soon, if this process is the one that does. */
  wake(): void {
    this.#loop.wake()
  }

  async #look(leads: () => boolean): Promise<void> {
    const { db, clock } = this.deps.context.deps
    const now = clock()
    if (performance.now() >= this.#dropsAt) {
      this.#dropsAt = performance.now() + HOUR_MS
      await dropOldEvents(db, now)
    }
    for (const trigger of await readTriggers(db)) {
      const key = `${trigger.project}/${trigger.name}`
      if (!leads() || this.#busy.has(key)) continue
      const isDue = trigger.due_at <= now
      const work = this.#moveOn(trigger, isDue).finally(() => this.#busy.delete(key))
      this.#busy.set(key, work)
    }
  }

  /** What cannot be done now, such as without the database, is tried again; other triggers go on. */
  async #moveOn(trigger: TriggerRow, isDue: boolean): Promise<void> {
    try {
      if (isDue && !isCalled(trigger.spec)) await notice(this.deps, trigger)
      const now = await readTrigger(this.deps.context.deps.db, trigger)
      if (now !== undefined) await fire(this.deps, now)
    } catch (error) {
      this.deps.context.deps.onError(error)
    }
  }
}
