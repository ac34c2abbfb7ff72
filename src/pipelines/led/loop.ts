/** A loop of which one control process at a time does the work: it looks every so often, and at once when it is woken. */
import type { Leases } from '../../jobs/leases.ts'

/** A process that dies where nobody sees it is replaced after this long, ms. */
const LEASE_MS = 10_000

export interface Led {
  /** Of its lease. */
  readonly name: string
  /** Between looks, ms. */
  readonly every: number
  /** Does what can be done now; `leads` turns false when another process may have begun to. */
  readonly look: (leads: () => boolean) => Promise<void>
  readonly onError: (error: unknown) => void
}

export class LedLoop {
  readonly #led: Led
  readonly #leases: Leases
  readonly #stopping = new AbortController()
  #leading: Promise<void> | undefined
  #looking: Promise<void> | undefined
  #again = false
  #leads = false

  constructor(led: Led, leases: Leases) {
    this.#led = led
    this.#leases = leases
  }

  /** Begins to look, as soon as no other process does. */
  start(): void {
    this.#leading = this.#leases.lead(this.#led.name, LEASE_MS, {
      signal: this.#stopping.signal,
      fn: (lease) => this.#lead(AbortSignal.any([lease.signal, this.#stopping.signal])),
      onError: this.#led.onError,
    })
  }

  /** Stops looking, once the look that goes on is over. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#leading
  }

  /** Looks soon, if this process is the one that does. */
  wake(): void {
    if (!this.#leads) return
    if (this.#looking !== undefined) this.#again = true
    else this.#looking = this.#lookOn()
  }

  async #lead(signal: AbortSignal): Promise<void> {
    this.#leads = true
    const timer = setInterval(() => this.wake(), this.#led.every)
    this.wake()
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    this.#leads = false
    clearInterval(timer)
    await this.#looking
  }

  async #lookOn(): Promise<void> {
    try {
      do {
        this.#again = false
        await this.#led.look(() => this.#leads)
      } while (this.#again && this.#leads)
    } catch (error) {
      this.#led.onError(error)
    } finally {
      this.#looking = undefined
    }
  }
}
