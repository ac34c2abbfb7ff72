/** Settles what gateways that died have left reserved: each call once, whichever gateways look for it at the same time. */
import { isAlive } from '../../run-files.ts'
import type { Reservation } from './batch.ts'
import type { LifeLock } from './schema.ts'
import type { MoneyStore, Writer } from './store.ts'

/** What recovery asks of others. */
export interface RecoveryPorts {
  /** Nanodollars of those calls that stand in the log of a writer that is dead, by id. What it rejects with leaves the reservations for the next time. */
  readonly costIn: (writer: string, ids: readonly string[]) => Costs | Promise<Costs>
  /**
   * Told of a call that stands in no log: it is charged with its reserve. It is told before that is stored, for what is charged must stand in a log; so
   * after a kill it is told once more, maybe by another gateway, with the same id and amount: who counts takes an id once.
   */
  readonly lost: (reservation: Reservation) => void | Promise<void>
  /** Takes the lock of a writer that is dead; undefined while it lives. */
  readonly take: (lock: string) => LifeLock | undefined
}

export type Costs = ReadonlyMap<string, number>

/** Between two looks for windows that are over, ms. */
const TIDY_MS = 3_600_000

export class Recovery {
  readonly #store: MoneyStore
  readonly #ports: RecoveryPorts
  /** Told as lost already, though not stored yet. */
  readonly #told = new Set<string>()
  #tidied = -Infinity

  constructor(store: MoneyStore, ports: RecoveryPorts) {
    this.#store = store
    this.#ports = ports
  }

  /**
   * Settles what every dead writer has left: by the cost in its log, else by its reserve. A writer is dead when the operating system has taken its lock
   * away, which it does for no process that runs, stopped ones and those of other containers included; and a process that runs here
   * under its number and start is not taken for dead, even without its lock.
   */
  async run(now: number): Promise<void> {
    for (const writer of this.#store.others()) {
      const lock = lockOfDead(writer, this.#ports.take)
      if (lock === undefined) continue
      // while it is held here no other gateway settles the same
      await this.#bury(writer).finally(() => lock.release())
    }
    if (Math.abs(now - this.#tidied) < TIDY_MS) return
    await this.#store.tidy(now)
    this.#tidied = now
  }

  async #bury({ id, name }: Writer): Promise<void> {
    const open = this.#store.reservationsOf(id)
    const ids = open.map((one) => one.id)
    const logged = ids.length === 0 ? new Map<string, number>() : await this.#ports.costIn(name, ids)
    const costs = new Map<string, number>()
    for (const one of open) {
      const cost = logged.get(one.id)
      costs.set(one.id, cost ?? one.amount)
      if (cost !== undefined || this.#told.has(one.id)) continue
      await this.#ports.lost(one)
      this.#told.add(one.id)
    }
    await this.#store.bury(id, costs)
    for (const one of ids) this.#told.delete(one)
  }
}

function lockOfDead({ pid, start, lock }: Writer, take: RecoveryPorts['take']): LifeLock | undefined {
  const taken = take(lock)
  if (taken === undefined || start === null || !isAlive(pid, start)) return taken
  taken.release()
  return undefined
}
