/** How many different values a column has, in fixed memory (adaptive sampling, Flajolet 1990). */
import { hash32 } from '../../stats/hash.ts'

/** Hashes that are kept: as many different values are counted exactly. */
export const EXACT = 8192
const ALL = 2 ** 32

export class Distinct {
  #kept = new Set<number>()
  /** Only hashes below it are kept; it halves whenever they become too many. */
  #below = ALL

  add(text: string): void {
    const hash = hash32(text)
    if (hash >= this.#below) return
    this.#kept.add(hash)
    if (this.#kept.size <= EXACT) return
    while (this.#kept.size > EXACT) {
      this.#below /= 2
      this.#kept = new Set([...this.#kept].filter((one) => one < this.#below))
    }
  }

  get isExact(): boolean {
    return this.#below === ALL
  }

  get count(): number {
    return Math.round(this.#kept.size * (ALL / this.#below))
  }
}
