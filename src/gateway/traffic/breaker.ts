/** The breaker of a canary: takes it to weight 0 in the gateway itself, on the request that decides, before any window closes. */
import { changeTest } from '../../stats/change.ts'
import type { ChangeTest } from '../../stats/change.ts'
import type { BreakerRoute } from '../table/table.ts'

/**
 * Counts the outcomes of one canary's requests. It trips once, when there is enough evidence that the rate of failures is, or has
 * become, greater than `limit`: a canary that fails no more than that has a chance of `alpha` to trip it, however many requests it
 * has. A tripped breaker never closes by itself: a canary comes back only as a new variant.
 */
export class Breaker {
  readonly #limit: number
  readonly #test: ChangeTest
  #seen = 0
  #failed = 0
  #streak = 0
  #reason: string | null = null

  constructor(rule: BreakerRoute) {
    this.#limit = rule.limit
    this.#test = changeTest(rule)
  }

  /** Why it has tripped; null while it has not. */
  get reason(): string | null {
    return this.#reason
  }

  /** Counts one request; returns true when this very request trips the breaker. */
  record(ok: boolean): boolean {
    if (this.#reason !== null) return false
    this.#seen++
    this.#failed += ok ? 0 : 1
    this.#streak = ok ? 0 : this.#streak + 1
    if (this.#test.record(!ok)) this.#reason = this.#said()
    return this.#reason !== null
  }

  /** Trips it for a reason that needs no counting; returns true unless it has tripped already. */
  trip(reason: string): boolean {
    if (this.#reason !== null) return false
    this.#reason = reason
    return true
  }

  #said(): string {
    const [seen, failed, streak] = [this.#seen, this.#failed, this.#streak]
    const what = streak === failed ? `${streak} requests in a row failed` : `${failed} of ${seen} requests failed`
    return `${what} (at most ${Number((this.#limit * 100).toPrecision(3))} % is allowed, e-value ${this.#test.e.toPrecision(2)})`
  }
}
