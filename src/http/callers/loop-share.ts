/** Shares the event loop between callers: while several call, none has more than a few of its calls begun in a turn of the loop. */

/** Calls of one caller that begin in one turn while others call too. */
const AT_ONCE = 8

/** Callers count as several for so long after calls of two of them came, ms. */
const MIXED_MS = 1000

export class LoopShare {
  #last: string | undefined
  /** 0 while one caller is alone. */
  #mixedUntil = 0
  #armed = false
  readonly #begun = new Map<string, number>()
  readonly #waiting = new Map<string, (() => void)[]>()

  /** Undefined when a call may begin now; else a promise that resolves in a later turn, in the order of the caller's calls. */
  turn(key: string): Promise<void> | undefined {
    if (key === this.#last && this.#mixedUntil === 0) return undefined
    const now = performance.now()
    if (key !== this.#last) {
      if (this.#last !== undefined) this.#mixedUntil = now + MIXED_MS
      this.#last = key
    }
    const queue = this.#waiting.get(key)
    if (queue === undefined && now >= this.#mixedUntil) {
      if (this.#waiting.size === 0) this.#mixedUntil = 0
      return undefined
    }
    this.#arm()
    const begun = this.#begun.get(key) ?? 0
    if (queue === undefined && begun < AT_ONCE) {
      this.#begun.set(key, begun + 1)
      return undefined
    }
    return new Promise((resolve) => {
      if (queue === undefined) this.#waiting.set(key, [resolve])
      else queue.push(resolve)
    })
  }

  #arm(): void {
    if (this.#armed) return
    this.#armed = true
    setImmediate(() => this.#next())
  }

  /** A new turn: those that came first of each caller begin. */
  #next(): void {
    this.#armed = false
    this.#begun.clear()
    for (const [key, queue] of this.#waiting) {
      const first = queue.splice(0, AT_ONCE)
      if (queue.length === 0) this.#waiting.delete(key)
      this.#begun.set(key, first.length)
      for (const begin of first) begin()
    }
    if (this.#waiting.size > 0) this.#arm()
  }
}
