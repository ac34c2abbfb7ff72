/** How often what tells nothing by itself is looked at: as often as asked for, unless that would take more than a small share of a core. */

/** A round of looks may take one part in so many of the time. */
const SHARE = 40
export class Pace {
  readonly #everyMs: number
  readonly #furthestMs: number
  #next = 0
  #isLooking = false

  /** `everyMs`: time from round to round where they cost little; `furthestMs`: whatever they cost. */
  constructor(everyMs: number, furthestMs: number) {
    this.#everyMs = everyMs
    this.#furthestMs = furthestMs
  }

  /** Does a round if one is due; the next is due the later the more this one took. A round that throws took what it took. */
  async round(look: () => Promise<void>): Promise<void> {
    const began = performance.now()
    if (this.#isLooking || began < this.#next) return
    this.#isLooking = true
    const before = process.cpuUsage()
    try {
      await look()
    } finally {
      this.#isLooking = false
      const { user, system } = process.cpuUsage(before)
      // what others did meanwhile is in either count, so the smaller one is nearer
      const took = Math.min(performance.now() - began, (user + system) / 1000)
      this.#next = began + Math.max(this.#everyMs, Math.min(this.#furthestMs, took * SHARE))
    }
  }
}
