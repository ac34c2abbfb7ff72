/** Limits of a token for language models, kept in the memory of this gateway: calls and tokens a minute, calls at once. */
import { problem } from '../../../contract/errors.ts'
import type { KeyRoute } from '../../table/llm.ts'

/** A bucket that fills at a steady rate, up to what it may hold. */
interface Bucket {
  level: number
  at: number
}

interface State {
  readonly calls: Bucket
  readonly tokens: Bucket
  /** Calls under way. */
  open: number
}

/** Tokens whose state is kept; the oldest that has no call under way is dropped beyond it, which forgives its caller. */
const MAX_KEYS = 10_000

const MINUTE_S = 60

/** What sums of parts may miss, so that who waits as long as was told is let through. */
const ROUNDING = 1e-6

/** A call that was let through. The first of `end` and `undo` counts, all others do nothing. */
export interface Taken {
  /** It has ended, and used so many tokens, input and output together. */
  end(tokens: number, now: number): void
  /** It was never sent: all is as if it had not come, but for the time that passed. */
  undo(): void
}

const NOTHING: Taken = { end: () => undefined, undo: () => undefined }

/**
 * Each of several gateways grants its share: a rate divided by their number, and at least one call at once. A bucket holds what a minute gives, so
 * that a token which was quiet may use a whole minute's share at a time.
 */
export class Limits {
  readonly #gateways: number
  readonly #states = new Map<string, State>()

  constructor(gateways = 1) {
    this.#gateways = gateways
  }

  /**
   * Lets a call through that may use so many tokens, or throws `too_many_requests` and takes nothing; `retry_after` in seconds where waiting helps. A call of
   * more tokens than a minute gives passes where its token was quiet for a minute, and is paid for by those that come after it.
   */
  take(key: KeyRoute | null, tokens: number, now: number): Taken {
    if (key === null || (key.rpm === null && key.tpm === null && key.concurrency === null)) return NOTHING
    const state = this.#stateOf(key.token, now)
    const calls = fill(state.calls, this.#most(key.rpm), this.#share(key.rpm), now)
    const left = fill(state.tokens, this.#share(key.tpm), this.#share(key.tpm), now)
    this.#requireFree(key, state)
    requireLevel(calls, 1, 'the number of calls a minute of this token')
    const wanted = key.tpm === 0 ? 1 : Math.min(tokens, this.#share(key.tpm))
    requireLevel(left, wanted, 'the number of tokens a minute of this token')
    state.open += 1
    calls.bucket.level -= 1
    left.bucket.level -= tokens
    return once(state, (used) => (left.bucket.level += tokens - used), calls.bucket)
  }

  /** Calls under way of all tokens that have a limit. */
  get open(): number {
    let sum = 0
    for (const { open } of this.#states.values()) sum += open
    return sum
  }

  #share(limit: number | null): number {
    return limit === null ? Infinity : limit / this.#gateways
  }

  /** Of a bucket of calls: one at least, unless none is allowed. */
  #most(limit: number | null): number {
    return limit === 0 ? 0 : Math.max(1, this.#share(limit))
  }

  #requireFree({ concurrency }: KeyRoute, { open }: State): void {
    if (concurrency === null) return
    const most = concurrency === 0 ? 0 : Math.max(1, Math.floor(concurrency / this.#gateways))
    // nobody knows when a call ends; a second is short
    const wait = most === 0 ? {} : { retry_after: 1 }
    if (open >= most) throw problem('too_many_requests', { what: 'the number of calls at once of this token', ...wait })
  }

  #stateOf(token: string, now: number): State {
    const known = this.#states.get(token)
    if (known !== undefined) return known
    if (this.#states.size >= MAX_KEYS) this.#drop()
    const state = { calls: { level: Infinity, at: now }, tokens: { level: Infinity, at: now }, open: 0 }
    this.#states.set(token, state)
    return state
  }

  #drop(): void {
    for (const [token, { open }] of this.#states) {
      if (open > 0) continue
      this.#states.delete(token)
      return
    }
  }
}

interface Filled {
  readonly bucket: Bucket
  readonly rate: number
}

/** Fills a bucket until now. One that begins, or whose limit was lowered, is full. */
function fill(bucket: Bucket, most: number, perMinute: number, now: number): Filled {
  const rate = perMinute / MINUTE_S
  // a clock that was set back must not empty the bucket
  const came = rate === Infinity ? Infinity : (Math.max(0, now - bucket.at) / 1000) * rate
  bucket.level = Math.min(most, bucket.level + came)
  bucket.at = now
  return { bucket, rate }
}

function requireLevel({ bucket, rate }: Filled, wanted: number, what: string): void {
  const lack = wanted - bucket.level
  if (lack <= ROUNDING) return
  throw problem('too_many_requests', rate > 0 ? { what, retry_after: lack / rate } : { what })
}

/** Of the bucket of tokens an end gives back what was not used; what was never sent gives back all. */
function once(state: State, correct: (used: number) => void, calls: Bucket): Taken {
  let isOver = false
  const over = (): boolean => {
    if (isOver) return false
    isOver = true
    state.open -= 1
    return true
  }
  return {
    end: (used) => {
      if (over()) correct(used)
    },
    undo: () => {
      if (!over()) return
      correct(0)
      calls.level += 1
    },
  }
}
