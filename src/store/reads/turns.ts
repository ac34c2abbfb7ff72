/** Shares a few places between callers: each has its turn, and none holds more than a part of the places. */
import { problem } from '../../contract/errors.ts'
import type { Caller } from './caller.ts'

export interface TurnsOptions {
  readonly places: number
  /** Places that one caller holds at once, at most. */
  readonly perCaller: number
  /** Longest wait for a place, ms. */
  readonly patienceMs?: number
  /** Most reads of one caller that wait. */
  readonly waiting?: number
}

/** Longest wait for a place, ms, and most reads of one caller that wait, unless said otherwise. */
const PATIENCE_MS = 30_000
const WAITING = 256

/** The key of the server's own work, whose reads wait as long as they must. */
const OWN = ''

interface Waiting {
  readonly start: () => void
  readonly refuse: (error: Error) => void
}

export class Turns {
  readonly #options: Required<TurnsOptions>
  readonly #held = new Map<string, number>()
  /** Callers with reads that wait, the one whose turn is next first. */
  readonly #queues = new Map<string, Set<Waiting>>()
  #free: number

  constructor(options: TurnsOptions) {
    this.#options = { patienceMs: PATIENCE_MS, waiting: WAITING, ...options }
    this.#free = options.places
  }

  /**
   * Does the work once the caller has a place; undefined is the server itself. Throws `too_many_requests` for a caller with too many
   * reads that wait, and for a read that waited too long; `bad_request` for one whose caller has left.
   */
  async during<T>(caller: Caller | undefined, work: () => Promise<T>): Promise<T> {
    refuseGone(caller)
    const key = caller?.key ?? OWN
    if (this.#mayStart(key)) this.#take(key)
    else await this.#turn(key, caller)
    try {
      // it may have left after its turn came
      refuseGone(caller)
      return await work()
    } finally {
      this.#give(key)
    }
  }

  /** Refuses all that wait with this error. */
  refuse(error: Error): void {
    for (const queue of this.#queues.values()) for (const one of queue) one.refuse(error)
    this.#queues.clear()
  }

  #mayStart(key: string): boolean {
    return this.#free > 0 && (this.#held.get(key) ?? 0) < this.#options.perCaller
  }

  #take(key: string): void {
    this.#free--
    this.#held.set(key, (this.#held.get(key) ?? 0) + 1)
  }

  #give(key: string): void {
    this.#free++
    const held = (this.#held.get(key) ?? 1) - 1
    if (held === 0) this.#held.delete(key)
    else this.#held.set(key, held)
    this.#next()
  }

  /** Gives free places to the first callers that may have one; a caller that got one goes behind the others. */
  #next(): void {
    for (const [key, queue] of this.#queues) {
      if (this.#free === 0) return
      if (!this.#mayStart(key)) continue
      const [first] = queue
      if (first === undefined) continue
      queue.delete(first)
      this.#queues.delete(key)
      if (queue.size > 0) this.#queues.set(key, queue)
      this.#take(key)
      first.start()
    }
  }

  async #turn(key: string, caller: Caller | undefined): Promise<void> {
    const queue = this.#queues.get(key) ?? new Set<Waiting>()
    const { waiting, patienceMs } = this.#options
    if (caller !== undefined && queue.size >= waiting) throw tooMany()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const one: Waiting = { start: resolve, refuse: reject }
    this.#queues.set(key, queue.add(one))
    const late = caller && setTimeout(() => this.#drop(key, one, tooMany()), patienceMs)
    const stay = caller?.onLeave(() => this.#drop(key, one, callerLeft()))
    try {
      await promise
    } finally {
      clearTimeout(late)
      stay?.()
    }
  }

  #drop(key: string, one: Waiting, error: Error): void {
    const queue = this.#queues.get(key)
    queue?.delete(one)
    if (queue?.size === 0) this.#queues.delete(key)
    one.refuse(error)
  }
}

/** What a read is refused with when nobody waits for it any more; nobody hears it. */
export function callerLeft(): Error {
  return problem('bad_request', { detail: 'the caller went away' })
}

function refuseGone(caller: Caller | undefined): void {
  if (caller?.left === true) throw callerLeft()
}

/** Seconds after which a caller may try again. */
const RETRY_AFTER_S = 5

function tooMany(): Error {
  return problem('too_many_requests', { what: 'the number of long reads of this caller', retry_after: RETRY_AFTER_S })
}
