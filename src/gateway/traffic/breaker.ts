/** The breaker of a canary: takes it to weight 0 in the gateway itself, on the request that decides, before any window closes. */
import { changeTest } from '../../stats/change.ts'
import type { ChangeTest } from '../../stats/change.ts'
import type { Outgrown } from '../../scoring/rows/backend.ts'
import type { BreakerRoute } from '../table/table.ts'

/**
 * Counts the outcomes of one canary's requests. It trips once, when there is enough evidence that the rate of failures is, or has
 * become, greater than `limit`: a canary that fails no more than that has a chance of `alpha` to trip it, however many requests it
 * has. A tripped breaker never closes by itself: a canary comes back only as a new variant.
 */
export class Breaker {
  readonly #limit: number
  readonly #test: ChangeTest
  readonly #outgrown: number
  #seen = 0
  #failed = 0
  #streak = 0
  #reason: string | null = null

  /** `outgrown` = how often processes of the model had outgrown their memory before: that was judged already, or happened in another role. */
  constructor(rule: BreakerRoute, outgrown = 0) {
    this.#outgrown = outgrown
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

  /** Trips when a process has outgrown its memory since the breaker was made; returns true when this very call trips it. */
  outgrew({ times, reason }: Outgrown): boolean {
    if (this.#reason !== null || times <= this.#outgrown) return false
    this.#reason = reason
    return true
  }

  #said(): string {
    const [seen, failed, streak] = [this.#seen, this.#failed, this.#streak]
    const what = streak === failed ? `${streak} requests in a row failed` : `${failed} of ${seen} requests failed`
    return `${what} (at most ${Number((this.#limit * 100).toPrecision(3))} % is allowed, e-value ${this.#test.e.toPrecision(2)})`
  }
}
