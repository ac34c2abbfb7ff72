/** Runs jobs: claims what is due, renews leases while handlers run, retries with growing pauses, buries what keeps failing. */
import { HOUR_MS } from '../contract/ids.ts'
import type { Db, Tx } from '../store/db.ts'
import { faultPoint } from '../store/fault.ts'
import { watchClock, type WatchedClock } from './clock-jumps.ts'
import { hasEnded, holderName } from './holder.ts'
import {
  bury,
  claim,
  clockWentBack,
  complete,
  freeEnded,
  holds,
  nextClaimable,
  onEnqueued,
  prune,
  putBack,
  renew,
  type Job,
} from './queue.ts'

/** What a handler may do besides its work. Every transaction here fails with `LeaseLost` once another holds the job. */
export interface JobContext {
  /** Aborted when the lease is lost or the worker stops. */
  readonly signal: AbortSignal
  /** A transaction of the handler, valid only while it holds the job. */
  tx<T>(work: (t: Tx) => Promise<T>): Promise<T>
  /** Does `work` and marks the job done in one transaction: the effect happens exactly once. */
  finish<T>(work: (t: Tx) => Promise<T>): Promise<T>
  /** Not failed, but to be run again at `runAt` (ms) with fresh attempts; `work` is done in the same transaction. */
  again(runAt: number, work?: (t: Tx) => Promise<void>): Promise<void>
}

/** Does one job. Returning without `finish` or `again` marks it done; a throw counts as a failed attempt. */
export type Handler = (job: Job, context: JobContext) => Promise<void>

/** Thrown by a handler for a job that no further attempt can help: it is dead at once. */
export class GiveUp extends Error {}

/** Another worker has taken the job, because this one's lease ran out. */
export class LeaseLost extends Error {}

export interface WorkerOptions {
  /** Name in the rows. Default: that of this process with a random part. */
  readonly id?: string
  /** Jobs at the same time. Default 8. */
  readonly concurrency?: number
  /** A job whose worker has not renewed for so long is taken by another, ms. Default 30 000. */
  readonly leaseMs?: number
  /** Longest time between two looks, ms. Default 1000. */
  readonly pollMs?: number
  /** How long jobs that ended are kept, ms. Default 14 days. */
  readonly keepMs?: number
  /** First pause after a failure, ms; doubles with each, to 5 minutes at most. Default 1000. */
  readonly backoffMs?: number
  readonly now?: () => number
  /** Monotonic clock, ms. Default: `performance.now`. */
  readonly steady?: () => number
  /** A number in [0, 1), for the spread of pauses. */
  readonly random?: () => number
  /** Called for failed attempts (with the job) and for faults of the worker itself (without). */
  readonly onError?: (error: unknown, job: Job | undefined) => void
}

interface Running {
  readonly job: Job
  readonly abort: AbortController
  /** When the lease runs out unless it is renewed, ms of the monotonic clock. */
  leaseUntil: number
  ended: Promise<void>
}

const MAX_BACKOFF_MS = 5 * 60_000

export class Worker {
  readonly id: string
  readonly #db: Db
  readonly #options: Required<Omit<WorkerOptions, 'id'>>
  readonly #handlers = new Map<string, Handler>()
  readonly #most = new Map<string, number>()
  readonly #running = new Map<string, Running>()
  #timer: NodeJS.Timeout | undefined
  #heartbeat: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #freed: Promise<void> | undefined
  #again = false
  #pruneAt = 0
  readonly #clock: WatchedClock
  #unlisten: (() => void) | undefined

  constructor(db: Db, options: WorkerOptions = {}) {
    this.id = options.id ?? holderName()
    this.#db = db
    this.#options = {
      concurrency: options.concurrency ?? 8,
      leaseMs: options.leaseMs ?? 30_000,
      pollMs: options.pollMs ?? 1000,
      keepMs: options.keepMs ?? 14 * 24 * HOUR_MS,
      backoffMs: options.backoffMs ?? 1000,
      now: options.now ?? Date.now,
      steady: options.steady ?? (() => performance.now()),
      random: options.random ?? Math.random,
      onError: options.onError ?? (() => undefined),
    }
    this.#clock = watchClock(this.#options.now, this.#options.steady)
  }

  /**
   * Sets the handler of a kind of jobs; no more than `most` of them run at the same time, ≥ 1, and the others wait in their order
   * without a place. Default: as many as there are places. Throws when the kind has a handler already.
   */
  register(kind: string, handler: Handler, most?: number): this {
    if (this.#handlers.has(kind)) throw new Error(`jobs of kind ${kind} have a handler already`)
    this.#handlers.set(kind, handler)
    if (most !== undefined) this.#most.set(kind, most)
    return this
  }

  /** Begins to look for jobs, first for those of processes that have ended. */
  start(): void {
    if (this.#unlisten !== undefined) return
    this.#unlisten = onEnqueued(() => this.wake())
    this.#heartbeat = setInterval(() => void this.#renewAll(), this.#options.leaseMs / 3)
    this.#freed = this.#db
      .tx(async (t) => {
        await freeEnded(t, hasEnded, this.#options.now())
        await this.#clockWentBack(t)
      })
      .catch((error: unknown) => this.#options.onError(error, undefined))
      .then(() => this.wake())
  }

  /** Looks for jobs now. */
  wake(): void {
    if (this.#unlisten === undefined) return
    this.#again = true
    this.#looking ??= this.#lookRepeatedly()
  }

  /** Takes no more jobs, aborts those that run after `graceMs`, and resolves when they have ended. */
  async stop(graceMs = 0): Promise<void> {
    this.#unlisten?.()
    this.#unlisten = undefined
    clearTimeout(this.#timer)
    await this.#freed
    await this.#looking
    clearTimeout(this.#timer)
    const abort = setTimeout(() => {
      for (const { abort } of this.#running.values()) abort.abort(new Error('the worker stops'))
    }, graceMs)
    await Promise.all([...this.#running.values()].map((running) => running.ended))
    clearTimeout(abort)
    clearInterval(this.#heartbeat)
  }

  async #lookRepeatedly(): Promise<void> {
    try {
      while (this.#again && this.#unlisten !== undefined) {
        this.#again = false
        await this.#look()
      }
    } catch (error) {
      this.#options.onError(error, undefined)
      this.#sleep(this.#options.pollMs)
    } finally {
      this.#looking = undefined
    }
  }

  async #look(): Promise<void> {
    const { leaseMs, concurrency, pollMs } = this.#options
    const most = this.#room()
    const kinds = [...this.#handlers.keys()].filter((kind) => (most.get(kind) ?? 1) > 0)
    const limit = concurrency - this.#running.size
    if (kinds.length === 0 || limit <= 0) return
    await this.#handleJump()
    // a jump of the clock during this look is handled at the next one
    const now = (): number => Math.ceil(this.#clock.now())
    const next = await nextClaimable(this.#db, kinds)
    if (next === undefined || next > now()) {
      await this.#pruneHourly()
      this.#sleep(Math.min(pollMs, (next ?? Infinity) - now()))
      return
    }
    const claimed = await this.#db.tx((t) => claim(t, { worker: this.id, kinds, now: now(), leaseMs, limit, most }))
    faultPoint('jobs.claimed')
    for (const job of claimed) this.#run(job)
    if (claimed.length === 0) this.#sleep(Math.min(pollMs, 50))
    else this.#again = true
  }

  /** How many more may run of each kind that has a bound. */
  #room(): Map<string, number> {
    const room = new Map(this.#most)
    for (const { job } of this.#running.values()) {
      const left = room.get(job.kind)
      if (left !== undefined) room.set(job.kind, left - 1)
    }
    return room
  }

  /** Handles a jump of the wall clock: after one forward our own leases seem to have run out, after one back jobs seem to lie in the future. */
  async #handleJump(): Promise<void> {
    const moved = this.#clock.jumped()
    if (moved > 0) await this.#renewAll()
    else if (moved < 0) await this.#db.tx((t) => this.#clockWentBack(t))
  }

  async #clockWentBack(t: Tx): Promise<void> {
    const { now, leaseMs } = this.#options
    await clockWentBack(t, { now: now(), leaseMs, pauseMs: MAX_BACKOFF_MS })
  }

  async #pruneHourly(): Promise<void> {
    const { now, steady, keepMs } = this.#options
    if (steady() < this.#pruneAt) return
    this.#pruneAt = steady() + HOUR_MS
    await prune(this.#db, now() - keepMs)
  }

  #sleep(ms: number): void {
    clearTimeout(this.#timer)
    if (this.#unlisten !== undefined) this.#timer = setTimeout(() => this.wake(), ms)
  }

  #run(job: Job): void {
    const running: Running = {
      job,
      abort: new AbortController(),
      leaseUntil: this.#options.steady() + this.#options.leaseMs,
      ended: Promise.resolve(),
    }
    this.#running.set(job.id, running)
    running.ended = this.#attempt(running).finally(() => {
      this.#running.delete(job.id)
      this.wake()
    })
  }

  async #attempt(running: Running): Promise<void> {
    const { job, abort } = running
    const handler = this.#handlers.get(job.kind)
    const context = new Attempt(this.#db, job, abort.signal, this.#options.now)
    try {
      await handler?.(job, context)
      faultPoint('jobs.handled')
      if (!context.ended) await context.finish(async () => undefined)
      faultPoint('jobs.finished')
    } catch (error) {
      this.#options.onError(error, job)
      if (error instanceof LeaseLost || context.ended) return
      const told = abort.signal.aborted ? this.#interrupted(job) : this.#failed(job, error)
      await told.catch((fault: unknown) => this.#options.onError(fault, job))
    }
  }

  /** The worker stops: the attempt is not counted, and another worker may begin at once. */
  async #interrupted(job: Job): Promise<void> {
    const now = this.#options.now()
    await this.#db.tx((t) => putBack(t, job, { runAt: now, attempts: job.attempts - 1, error: job.last_error, now }))
  }

  async #failed(job: Job, error: unknown): Promise<void> {
    const whole = error instanceof Error ? (error.stack ?? error.message) : String(error)
    // it may quote what it read, and no table keeps NUL in a text
    const text = whole.replaceAll('\0', '�')
    const now = this.#options.now()
    const last = error instanceof GiveUp || job.attempts >= job.max_attempts
    await this.#db.tx(async (t) => {
      if (last) await bury(t, job, text, now)
      else await putBack(t, job, { runAt: now + this.#pause(job.attempts), attempts: job.attempts, error: text, now })
    })
    this.wake()
  }

  /** Half of the pause is fixed and half random, so that jobs that failed at the same time are not retried at the same time. */
  #pause(attempts: number): number {
    const full = Math.min(MAX_BACKOFF_MS, this.#options.backoffMs * 2 ** (attempts - 1))
    return Math.round(full / 2 + this.#options.random() * (full / 2))
  }

  async #renewAll(): Promise<void> {
    const { now, steady, leaseMs, onError } = this.#options
    const running = [...this.#running.values()]
    if (running.length === 0) return
    try {
      const until = now() + leaseMs
      const leaseUntil = steady() + leaseMs
      const held = await this.#db.tx(async (t) => {
        const still: boolean[] = []
        for (const each of running) still.push(await renew(t, each.job, until))
        return still
      })
      running.forEach((each, index) => {
        // A job that has just ended is not held either; aborting it then changes nothing.
        if (held[index] === true) each.leaseUntil = leaseUntil
        else each.abort.abort(new LeaseLost(`another worker has job ${each.job.id}`))
      })
    } catch (error) {
      onError(error, undefined)
      for (const each of running) {
        if (each.leaseUntil < steady()) each.abort.abort(new LeaseLost(`the lease of job ${each.job.id} ran out`))
      }
    }
  }
}

class Attempt implements JobContext {
  readonly signal: AbortSignal
  readonly #db: Db
  readonly #job: Job
  readonly #now: () => number
  /** True once the job was finished or put back. */
  ended = false

  constructor(db: Db, job: Job, signal: AbortSignal, now: () => number) {
    this.#db = db
    this.#job = job
    this.signal = signal
    this.#now = now
  }

  tx<T>(work: (t: Tx) => Promise<T>): Promise<T> {
    return this.#db.tx(async (t) => {
      this.#must(await holds(t, this.#job))
      return work(t)
    })
  }

  async finish<T>(work: (t: Tx) => Promise<T>): Promise<T> {
    const value = await this.#db.tx(async (t) => {
      const done = await work(t)
      this.#must(await complete(t, this.#job, this.#now()))
      return done
    })
    this.ended = true
    return value
  }

  async again(runAt: number, work?: (t: Tx) => Promise<void>): Promise<void> {
    await this.#db.tx(async (t) => {
      await work?.(t)
      this.#must(await putBack(t, this.#job, { runAt, attempts: 0, error: null, now: this.#now() }))
    })
    this.ended = true
  }

  #must(held: boolean): void {
    if (!held) throw new LeaseLost(`another worker has job ${this.#job.id}`)
  }
}
