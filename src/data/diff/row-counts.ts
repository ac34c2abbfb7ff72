/** Which rows two tables share, by hashes in typed arrays: 25 bytes a place, whatever the rows hold. */

/** Rows of both tables by the hash of their key (53 bits, so that of 5 million keys two are taken for one in about one comparison of a thousand). */
export class RowCounts {
  readonly #keys: Float64Array
  readonly #rows: Float64Array
  /** Rows of the first table less those of the second. */
  readonly #counts: Int32Array
  readonly #used: Uint8Array
  readonly #mask: number

  /** `most` is the largest number of different keys. */
  constructor(most: number) {
    const size = 2 ** Math.max(10, Math.ceil(Math.log2(most * 1.5)))
    this.#keys = new Float64Array(size)
    this.#rows = new Float64Array(size)
    this.#counts = new Int32Array(size)
    this.#used = new Uint8Array(size)
    this.#mask = size - 1
  }

  #place(key: number): number {
    let at = (key % 2 ** 32) & this.#mask
    while (this.#used[at] !== 0 && this.#keys[at] !== key) at = (at + 1) & this.#mask
    return at
  }

  /** Counts a row of the first table (1) or the second (−1), by what it says whole. */
  count(key: number, by: 1 | -1): void {
    const at = this.#place(key)
    this.#used[at] = 1
    this.#keys[at] = key
    this.#counts[at]! += by
  }

  /** Rows that only the first table has, and only the second. */
  balance(): { readonly removed: number; readonly added: number } {
    let [removed, added] = [0, 0]
    for (const count of this.#counts) {
      if (count > 0) removed += count
      else added -= count
    }
    return { removed, added }
  }

  /** A row of the first table under its key; false where one had it before. */
  keep(key: number, row: number): boolean {
    const at = this.#place(key)
    if (this.#used[at] !== 0) return false
    this.#used[at] = BEFORE
    this.#keys[at] = key
    this.#rows[at] = row
    return true
  }

  /** A row of the second table under its key. */
  meet(key: number, row: number): 'same' | 'changed' | 'added' | 'repeated' {
    const at = this.#place(key)
    if (this.#used[at] === 0) {
      this.#used[at] = AFTER
      this.#keys[at] = key
      return 'added'
    }
    if (this.#used[at] !== BEFORE) return 'repeated'
    this.#used[at] = BOTH
    return this.#rows[at] === row ? 'same' : 'changed'
  }
}

const BEFORE = 1
const AFTER = 2
const BOTH = 3
