/** Answers that take long and never change, by what decides them. */

export class Kept<T> {
  readonly #kept = new Map<string, Promise<T>>()
  readonly #most: number

  /** Keeps `most` answers, the latest. */
  constructor(most: number) {
    this.#most = most
  }

  /** The answer, made once for all who ask by the same key, also while it is made. A failure is not kept. */
  of(key: string, make: () => Promise<T>): Promise<T> {
    const kept = this.#kept.get(key)
    if (kept !== undefined) return kept
    const found = make()
    found.catch(() => {
      if (this.#kept.get(key) === found) this.#kept.delete(key)
    })
    const [oldest] = this.#kept.keys()
    if (this.#kept.size >= this.#most && oldest !== undefined) this.#kept.delete(oldest)
    this.#kept.set(key, found)
    return found
  }
}
