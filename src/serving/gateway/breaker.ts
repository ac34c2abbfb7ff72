/** The breaker of a canary: takes it to weight 0 in the gateway itself, on the request that decides, before any window closes. */
import type { BreakerRoute } from '../table.ts'

/**
 * Counts the outcomes of one canary's requests. It trips once, on the first of: `consecutive` failures in a row; at least
 * `failures` failures and a rate above `rate` among the last `window` requests. A tripped breaker never closes by itself:
 * a canary comes back only as a new variant.
 */
export class Breaker {
  readonly #rule: BreakerRoute
  readonly #recent: Uint8Array
  #seen = 0
  #failed = 0
  #streak = 0
  #reason: string | null = null

  constructor(rule: BreakerRoute) {
    this.#rule = rule
    this.#recent = new Uint8Array(Math.max(1, rule.window))
  }

  /** Why it has tripped; null while it has not. */
  get reason(): string | null {
    return this.#reason
  }

  /** Counts one request; returns true when this very request trips the breaker. */
  record(ok: boolean): boolean {
    if (this.#reason !== null) return false
    const at = this.#seen % this.#recent.length
    this.#failed += (ok ? 0 : 1) - (this.#recent[at] as number)
    this.#recent[at] = ok ? 0 : 1
    this.#seen++
    this.#streak = ok ? 0 : this.#streak + 1
    this.#reason = ok ? null : this.#judge()
    return this.#reason !== null
  }

  #judge(): string | null {
    const { consecutive, failures, rate } = this.#rule
    if (this.#streak >= consecutive) return `${this.#streak} requests in a row failed`
    const window = Math.min(this.#seen, this.#recent.length)
    if (this.#failed < failures || this.#failed / window <= rate) return null
    return `${this.#failed} of the last ${window} requests failed (limit ${(rate * 100).toFixed(0)} %)`
  }
}
