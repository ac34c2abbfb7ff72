/** One thing at a time: who comes later waits for its turn, or leaves. */
import { problem } from '../../contract/errors.ts'

export class Lane {
  readonly #most: number
  #last: Promise<unknown> = Promise.resolve()
  #open = 0

  /** `most`: who may be in it at once, with the one whose turn it is. */
  constructor(most: number) {
    this.#most = most
  }

  /**
   * Waits for its turn and works. Throws the reason of `signal` as soon as that is aborted; the next one's turn comes when the work has really
   * ended. Throws `too_many_requests` where too many are there already.
   */
  async run<T>(what: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#open >= this.#most) throw problem('too_many_requests', { what, retry_after: 10 })
    this.#open += 1
    const own = this.#last.then(() => {
      signal.throwIfAborted()
      return work()
    })
    this.#last = Promise.allSettled([own]).then(() => (this.#open -= 1))
    return unlessAborted(own, signal)
  }
}

function unlessAborted<T>(own: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const leave = (): void => reject(signal.reason as Error)
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  void own.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  return promise
}
