/** One call as the rooms below see it that bound what is done for callers. */
import type { ServerResponse } from 'node:http'
import type { Principal } from '../../contract/access.ts'
import type { Route } from '../../contract/route.ts'

/** Runs work in the name of a call; see `Caller` of the store. */
export type AsCaller = <T>(caller: Calling, work: () => T) => T

export class Calling {
  readonly key: string
  readonly #response: ServerResponse
  readonly #reads: boolean
  #handled = false

  constructor(response: ServerResponse, who: Principal, { access }: Route) {
    this.key = who.id
    this.#response = response
    // what was begun to be written is finished, whoever waits for it
    this.#reads = access !== 'public' && access.verb.startsWith('read')
  }

  /** True once the call has been answered or left, unless it is `left` and at work still. */
  get over(): boolean {
    return this.#response.closed && !this.left
  }

  /**
   * True once the caller has gone away before the end of its answer, if its call only reads and is at work still. What it has begun besides, as a loop
   * of the server, goes on after it and is not its own any more.
   */
  get left(): boolean {
    return this.#reads && !this.#handled && this.#response.closed && !this.#response.writableFinished
  }

  /** Does the work of the call. */
  async during<T>(work: () => T): Promise<Awaited<T>> {
    try {
      return await work()
    } finally {
      this.#handled = true
    }
  }

  /** Calls `then` when the caller goes away before the end of its answer, if its call only reads and is not `left`; returns what takes that back. */
  onLeave(then: () => void): () => void {
    if (!this.#reads) return () => undefined
    const closed = (): void => {
      if (!this.#response.writableFinished) then()
    }
    // a call may wait for many reads at once
    this.#response.setMaxListeners(0).once('close', closed)
    return () => this.#response.off('close', closed)
  }
}
