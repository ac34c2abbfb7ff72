/** For how long something has lasted, such as the silence of an attempt: a clock that is set makes nothing older. */

export class Silences {
  readonly #clock: () => number
  /** The newest sign of each, and since when there is no newer one, ms of the monotonic clock. */
  readonly #signs = new Map<string, { readonly at: number; readonly since: number }>()

  constructor(clock: () => number) {
    this.#clock = clock
  }

  /** Time since the sign `at` (ms since 1970): by the wall clock where it is seen first, from then on by the monotonic clock. ms. */
  since(attempt: string, at: number): number {
    const now = performance.now()
    const known = this.#signs.get(attempt)
    if (known?.at === at) return now - known.since
    const silent = known === undefined ? Math.max(0, this.#clock() - at) : 0
    this.#signs.set(attempt, { at, since: now - silent })
    return silent
  }

  forget(attempt: string): void {
    this.#signs.delete(attempt)
  }

  /** Forgets all whose names begin so. */
  forgetAll(start: string): void {
    for (const key of this.#signs.keys()) if (key.startsWith(start)) this.#signs.delete(key)
  }
}
