/** How many rows came, went and changed from one table to another, by hashes of their keys and of all that they say. */
import { RowCounts } from './row-counts.ts'
import { SpilledHashes, type TableOf } from './spilled.ts'

/** Different keys that are held at once, about 200 MB; of more, parts of them are held one after the other. */
const HELD = 4_000_000

export interface Counted {
  added: number
  removed: number
  /** Rows of the same key that say something else; 0 without keys. */
  changed: number
  /** Rows whose key another row of their table had before. */
  repeated_before: number
  repeated_after: number
}

export interface Counting {
  /** Rows of both tables together. */
  readonly rows: number
  /** Rows with the same key are the same row; else whole rows are counted. */
  readonly byKey: boolean
  /** Where hashes may lie meanwhile. */
  readonly folder: string
  /** Rows that are held at once; `HELD` if not given. */
  readonly held?: number
}

/** Takes the rows of both tables, all of the first before those of the second. */
export class Changes {
  readonly #counting: Counting
  readonly #parts: number
  readonly #only: PartChanges | undefined
  readonly #spilled: SpilledHashes | undefined

  constructor(counting: Counting) {
    this.#counting = counting
    this.#parts = Math.max(1, Math.ceil(counting.rows / (counting.held ?? HELD)))
    if (this.#parts === 1) this.#only = new PartChanges(counting, 1)
    else this.#spilled = new SpilledHashes(counting.folder, this.#parts)
  }

  add(of: TableOf, key: number, row: number): void {
    if (this.#only === undefined) this.#spilled?.add(of, key, row)
    else this.#only.add(of, key, row)
  }

  counted(): Counted {
    if (this.#only !== undefined) return this.#only.counted()
    const total = { added: 0, removed: 0, changed: 0, repeated_before: 0, repeated_after: 0 }
    for (let part = 0; part < this.#parts; part++) {
      const changes = new PartChanges(this.#counting, this.#parts)
      for (const table of ['before', 'after'] as const)
        this.#spilled?.each(table, part, (key, row) => changes.add(table, key, row))
      const found = changes.counted()
      for (const name of ['added', 'removed', 'changed', 'repeated_before', 'repeated_after'] as const)
        total[name] += found[name]
    }
    return total
  }

  close(): void {
    this.#spilled?.close()
  }
}

/** The changes of the rows whose keys fall into one part. */
class PartChanges {
  readonly #counts: RowCounts
  readonly #byKey: boolean
  readonly #found = { added: 0, removed: 0, changed: 0, repeated_before: 0, repeated_after: 0 }
  /** Rows of the first table that the second has not shown so far. */
  #kept = 0

  constructor({ rows, byKey }: Counting, parts: number) {
    this.#counts = new RowCounts(Math.ceil((1.1 * rows) / parts) + 1000)
    this.#byKey = byKey
  }

  add(of: TableOf, key: number, row: number): void {
    if (!this.#byKey) this.#counts.count(key, of === 'before' ? 1 : -1)
    else if (of === 'before') this.#keep(key, row)
    else this.#meet(key, row)
  }

  #keep(key: number, row: number): void {
    if (this.#counts.keep(key, row)) this.#kept++
    else this.#found.repeated_before++
  }

  #meet(key: number, row: number): void {
    const met = this.#counts.meet(key, row)
    if (met === 'same' || met === 'changed') this.#kept--
    if (met === 'repeated') this.#found.repeated_after++
    else if (met !== 'same') this.#found[met]++
  }

  counted(): Counted {
    return this.#byKey ? { ...this.#found, removed: this.#kept } : { ...this.#found, ...this.#counts.balance() }
  }
}
