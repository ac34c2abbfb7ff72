/** What a batch costs, fitted to the batches that ran: a fixed part and a part for each row. */

/** Weight that a batch keeps when the next one is added: about the last fifty count. */
const KEEP = 0.98

/** Rows at which the fixed part is a tenth of a batch: beyond, larger batches only make callers wait. */
const WORTH = 9

/** Weighted least squares of time = fixed + rows × perRow, both never negative. */
export class BatchCost {
  #weight = 0
  #rows = 0
  #squares = 0
  #time = 0
  #products = 0

  /** One batch of `rows` rows that took `ms`. */
  add(rows: number, ms: number): void {
    this.#weight = this.#weight * KEEP + 1
    this.#rows = this.#rows * KEEP + rows
    this.#squares = this.#squares * KEEP + rows * rows
    this.#time = this.#time * KEEP + ms
    this.#products = this.#products * KEEP + rows * ms
  }

  /** Milliseconds for each row; 0 while batches of one size alone were seen, whose time is then taken as fixed. */
  get perRowMs(): number {
    const spread = this.#weight * this.#squares - this.#rows * this.#rows
    if (spread <= 1e-9 * this.#squares * this.#weight) return 0
    const slope = (this.#weight * this.#products - this.#rows * this.#time) / spread
    return Math.min(Math.max(0, slope), this.#rows > 0 ? this.#time / this.#rows : 0)
  }

  /** Milliseconds for each batch beside its rows; 0 before the first batch. */
  get fixedMs(): number {
    if (this.#weight === 0) return 0
    return Math.max(0, (this.#time - this.perRowMs * this.#rows) / this.#weight)
  }

  /** Milliseconds that `rows` rows take in batches of up to `most` rows. */
  waitMs(rows: number, most: number): number {
    return Math.ceil(rows / most) * this.fixedMs + rows * this.perRowMs
  }

  /** Rows of a batch that takes so long; undefined before the first batch. */
  rowsWithin(ms: number): number | undefined {
    if (this.#time === 0) return undefined
    const { perRowMs } = this
    if (perRowMs === 0) return Math.round((ms * this.#rows) / this.#time)
    return Math.max(0, Math.round((ms - this.fixedMs) / perRowMs))
  }

  /** Rows of a batch, at most `most`, from which on merging saves less than a tenth. */
  worthwhile(most: number): number {
    const { perRowMs } = this
    if (perRowMs === 0) return most
    return Math.min(most, Math.max(1, Math.round((WORTH * this.fixedMs) / perRowMs)))
  }
}
