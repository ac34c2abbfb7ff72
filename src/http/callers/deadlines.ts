/** Many waits of one length that share one timer: nearly all of them end before, and setting a timer each costs more than the wait. */

export interface Deadline {
  readonly at: number
  readonly tell: () => void
}

export class Deadlines {
  readonly #ms: number
  /** In the order in which they were added, which is that in which they are due. */
  readonly #waiting = new Set<Deadline>()
  #armed = false

  /** The length of every wait, ms. */
  constructor(ms: number) {
    this.#ms = ms
  }

  /** Calls `tell` once the time is over, unless the deadline is deleted before. Keeps no process alive. */
  add(tell: () => void): Deadline {
    const deadline = { at: performance.now() + this.#ms, tell }
    this.#waiting.add(deadline)
    if (!this.#armed) this.#arm(this.#ms)
    return deadline
  }

  delete(deadline: Deadline): void {
    this.#waiting.delete(deadline)
  }

  #arm(ms: number): void {
    this.#armed = true
    setTimeout(() => this.#fire(), ms).unref()
  }

  #fire(): void {
    const now = performance.now()
    for (const deadline of this.#waiting) {
      if (deadline.at > now) return this.#arm(deadline.at - now)
      this.#waiting.delete(deadline)
      deadline.tell()
    }
    this.#armed = false
  }
}
