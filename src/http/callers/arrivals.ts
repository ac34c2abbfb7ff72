/** Takes up together what came in one turn of the loop, behind it: Node gives a request before it reads on, and by then its body is there. */
export class Arrivals<T> {
  readonly #take: (come: readonly T[]) => void
  #come: T[] = []

  /** `take` gets what came, in order, and throws nothing. */
  constructor(take: (come: readonly T[]) => void) {
    this.#take = take
  }

  add(one: T): void {
    if (this.#come.push(one) === 1) setImmediate(() => this.#go())
  }

  #go(): void {
    const come = this.#come
    this.#come = []
    this.#take(come)
  }
}
