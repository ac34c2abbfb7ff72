/** How fast a model answers, by what was measured of it lately. */

/** Time in which what was measured before comes to count half, ms. */
const HALF_LIFE_MS = 10_000
/** Age from which a measure says nothing, ms. */
const OLD_MS = 600_000
/** Least share of a slower answer: it counts at once, and is forgotten slowly. */
const PEAK_SHARE = 0.5

/**
 * An exponentially weighted mean whose weights fall with time, not with calls, and which follows peaks at once (after Finagle's `PeakEwma`, with half a
 * peak in place of a whole one: a long prompt is no fault of a model). A failure counts as the slowest answer, until the next success, which
 * then counts alone.
 */
export class Speed {
  readonly #failureUs: number
  #us: number | null = null
  #at = 0
  #isFailure = false
  /** When it was last tried, ms; null = never. */
  triedAt: number | null = null

  /** `failureUs`: how slow a failure is, in the unit of what is measured. */
  constructor(failureUs: number) {
    this.#failureUs = failureUs
  }

  /** The mean; null = nothing is known, or what is known is too old. */
  known(now: number): number | null {
    return now - this.#at < OLD_MS ? this.#us : null
  }

  measured(us: number, now: number): void {
    const before = this.known(now)
    if (before === null || this.#isFailure) this.#us = us
    else {
      const fresh = 1 - 2 ** (-Math.max(0, now - this.#at) / HALF_LIFE_MS)
      this.#us = before + (us - before) * (us > before ? Math.max(PEAK_SHARE, fresh) : fresh)
    }
    this.#isFailure = false
    this.#at = now
  }

  failed(now: number): void {
    this.#us = Math.max(this.known(now) ?? 0, this.#failureUs)
    this.#isFailure = true
    this.#at = now
  }
}
