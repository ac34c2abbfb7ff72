/** The breaker of a canary: takes it to weight 0 in the gateway itself, on the request that decides, before any window closes. */
import { changeTest } from '../../stats/sequential-change.ts'
import type { ChangeTest } from '../../stats/sequential-change.ts'
import type { BreakerRoute } from '../table.ts'

/**
 * Counts the outcomes of one canary's requests. It trips once, on the first of: `consecutive` failures in a row; enough evidence that
 * the rate of failures is, or has become, greater than `limit` (the chance of that for a canary that fails no more is `alpha`, however
 * many requests it has). A tripped breaker never closes by itself: a canary comes back only as a new variant.
 */
export class Breaker {
  readonly #rule: BreakerRoute
  readonly #change: ChangeTest
  #seen = 0
  #failed = 0
  #streak = 0
  #reason: string | null = null

  constructor(rule: BreakerRoute) {
    this.#rule = rule
    this.#change = changeTest(rule)
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
    const over = this.#change.record(!ok)
    this.#reason = ok ? null : this.#judge(over)
    return this.#reason !== null
  }

  #judge(over: boolean): string | null {
    if (this.#streak >= this.#rule.consecutive) return `${this.#streak} requests in a row failed`
    if (!over) return null
    return `${this.#failed} of ${this.#seen} requests failed (limit ${(this.#rule.limit * 100).toFixed(0)} %, e-value ${this.#change.e.toFixed(0)})`
  }
}
