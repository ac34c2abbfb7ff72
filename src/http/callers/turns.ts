/** Shares the loop: long work is cut in slices, one slice of one piece of work a turn, and few pieces of work at once. */

/** Most pieces of long work at once; the others wait in order, without memory for what they make. */
const AT_ONCE = 4

const slices: (() => void)[] = []

/** Resolves in a later turn of the loop; each turn lets one caller go on, in order. */
export function turnOfLoop(): Promise<void> {
  return new Promise((resolve) => {
    if (slices.push(resolve) === 1) setImmediate(next)
  })
}

function next(): void {
  slices.shift()?.()
  if (slices.length > 0) setImmediate(next)
}

/** Longest time for slices of one turn, ms: a caller meanwhile waits for one at each of the few turns that its own call takes. */
export const TURN_MS = 4

/** How many items are made between two looks at the clock. */
const BETWEEN = 500

/** As `map` of a list, some items a turn of the loop; a short list is done at once. */
export async function mapInTurns<T, R>(items: readonly T[], make: (item: T) => R): Promise<R[]> {
  const made: R[] = []
  await forInTurns(items.length, (at) => made.push(make(items[at] as T)))
  return made
}

/** Calls for each place below `count`, some of them a turn of the loop. */
export async function forInTurns(count: number, call: (at: number) => unknown): Promise<void> {
  let since = performance.now()
  for (let at = 0; at < count;) {
    for (const end = Math.min(count, at + BETWEEN); at < end; at++) call(at)
    if (at === count || performance.now() - since < TURN_MS) continue
    await turnOfLoop()
    since = performance.now()
  }
}

/** Does long work, as soon as less than `AT_ONCE` other pieces of work run; vast work as soon as no other vast work does. */
export function inTurns<T>(work: () => Promise<T>, vast = false): Promise<T> {
  return (vast ? vastWork : longWork).do(work)
}

/** Places for pieces of work; who finds none waits in order. */
class Places {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async do<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#free--
    try {
      return await work()
    } finally {
      // the place passes on without ever being free
      const first = this.#waiting.shift()
      if (first === undefined) this.#free++
      else first()
    }
  }
}

const longWork = new Places(AT_ONCE)
const vastWork = new Places(1)
