/**
 * Which process looks after the attempts of a machine, and whether a machine is still heard of. A process leads for its machine by a lease
 * that it renews; the others leave the attempts of a machine alone for as long as that lease may be taken up again.
 */
import { renameSync, writeFileSync } from 'node:fs'
import type { Lease, LeadOptions, Leases } from '../../jobs/leases.ts'
import type { Db } from '../../store/db.ts'
import { Silences } from '../drivers/silence.ts'
import type { Machine } from './identity.ts'

/** A process that dies where nobody sees it is replaced after this long, ms. */
const TTL_MS = 10_000
/** What the names of these leases begin with. */
const NAMES = 'machine:'
/** Steps are given this long to end before others begin in their place, ms. */
const ENDING_MS = 60_000
/** What is known of other machines is read again after this long, ms. */
const KNOWN_MS = 1000
/** A machine that was not heard of for so long is forgotten, ms: one that goes with its container leaves a lease each time. */
const FORGOTTEN_MS = 30 * 24 * 3600 * 1000

export interface MachinesDeps {
  readonly db: Pick<Db, 'kind'>
  readonly clock: () => number
  readonly onError: (error: unknown) => void
  /** Absent where there is one machine alone. */
  readonly machine?: Machine | undefined
}

export class Machines {
  readonly #deps: MachinesDeps
  readonly #leases: Leases
  readonly #silences: Silences
  #known: { readonly at: number; readonly until: ReadonlyMap<string, number> } | undefined

  constructor(deps: MachinesDeps, leases: Leases) {
    this.#deps = deps
    this.#leases = leases
    this.#silences = new Silences(deps.clock)
  }

  /** Runs `fn` while this process is the one that looks after the attempts of this machine. */
  lead({ fn, ...run }: LeadOptions): Promise<void> {
    const name = NAMES + (this.#deps.machine?.id ?? '')
    return this.#leases.lead(name, TTL_MS, { ...run, fn: (lease) => this.#hold(lease, () => fn(lease)) })
  }

  async #hold(lease: Lease, fn: () => Promise<void>): Promise<void> {
    const { clock, onError } = this.#deps
    await this.#leases.forget(NAMES, clock() - FORGOTTEN_MS)
    await this.#tell(lease)
    const timer = setInterval(() => void this.#tell(lease).catch(onError), TTL_MS / 3)
    try {
      await fn()
    } finally {
      clearInterval(timer)
    }
  }

  /** The tables lie in the data folder of this machine: what they say of another was restored from a backup, and none will come back. */
  get #isOnlyOne(): boolean {
    return this.#deps.db.kind === 'sqlite'
  }

  /**
   * Tells the steps of this machine that it is heard of; and where others would begin them anew, that they are to end once it was not for
   * too long. With no other machine they go on for ever, and are adopted.
   */
  async #tell({ name, signal }: Lease): Promise<void> {
    const { machine, clock } = this.#deps
    if (machine === undefined) return
    const heard = await this.#leases.heldUntil(NAMES, clock() - machine.awayMs)
    if (signal.aborted) return
    const isAlone = this.#isOnlyOne || [...heard.keys()].every((other) => other === name)
    const told = JSON.stringify({ ends_after_s: isAlone ? null : machine.awayMs / 1000 })
    writeFileSync(`${machine.leaseFile}.tmp`, told, { mode: 0o600 })
    renameSync(`${machine.leaseFile}.tmp`, machine.leaseFile)
  }

  /** Why attempts of another machine are lost: it was not heard of for so long that its steps have ended by themselves, or cannot come back. */
  async whyLost(machine: string): Promise<string | undefined> {
    if (this.#isOnlyOne) return 'the attempt ran where the backup was made that was restored here'
    return (await this.#isSilent(machine)) ? 'the machine of the attempt was not heard of for too long' : undefined
  }

  async #isSilent(machine: string): Promise<boolean> {
    const now = performance.now()
    if (this.#known === undefined || now - this.#known.at > KNOWN_MS)
      this.#known = { at: now, until: await this.#leases.heldUntil(NAMES, 0) }
    const away = this.#deps.machine?.awayMs ?? 0
    const silent = this.#silences.since(machine, this.#known.until.get(NAMES + machine) ?? 0)
    return silent > away + Math.min(ENDING_MS, away)
  }
}
