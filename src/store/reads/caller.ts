/** For whom a read is made: what it may take and when nobody waits for it any more. */
import { AsyncLocalStorage } from 'node:async_hooks'

/** One call from outside, as far as its reads are concerned. */
export interface Caller {
  /** Who calls: the reads of one key share what one caller may take. */
  readonly key: string
  /** True once the call has been answered or left, and is not at work for its caller any more; what goes on in its name is the server's own work. */
  readonly over: boolean
  /** True once the caller has gone away without its answer, while its call is at work: nothing is to be done for it any more. */
  readonly left: boolean
  /** Calls `then` when the caller goes away without its answer, unless it has left already; returns what takes that back. */
  onLeave(then: () => void): () => void
}

const callers = new AsyncLocalStorage<Caller>()

/** Runs `work`, and whatever it starts, in the name of a caller. */
export function asCaller<T>(caller: Caller, work: () => T): T {
  return callers.run(caller, work)
}

/** For whom the running code works; undefined for the server's own work. */
export function callerNow(): Caller | undefined {
  const caller = callers.getStore()
  return caller === undefined || caller.over ? undefined : caller
}
