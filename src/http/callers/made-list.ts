/** A list whose items are made when they are written, so that a reply of a million of them keeps none. */
export class MadeList<T> {
  readonly length: number
  readonly #make: (at: number) => T

  /** `make` gives the item of a place, the same each time. */
  constructor(length: number, make: (at: number) => T) {
    this.length = length
    this.#make = make
  }

  /** Some of the items, as `slice` of a list. */
  slice(from: number, to: number): T[] {
    const items: T[] = []
    for (let at = from; at < Math.min(to, this.length); at++) items.push(this.#make(at))
    return items
  }

  /** All of them, for whatever writes them at once. */
  toJSON(): T[] {
    return this.slice(0, this.length)
  }
}
