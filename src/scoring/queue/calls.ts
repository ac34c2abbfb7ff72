/** Calls on their way through a backend: taken or refused, merged, split where a batch fails, tried again where a worker dies, answered. */
import type { Problem } from '../../contract/errors.ts'
import { problem } from '../../contract/errors.ts'
import type { CallLimits } from '../rows/backend.ts'
import type { Scored } from '../rows/scores.ts'
import type { Value } from '../rows/rows.ts'
import { BatchCost } from './cost.ts'
import type { Call } from './queue.ts'
import { ADVANCE, CallQueue } from './queue.ts'

export interface CallBounds {
  /** Rows of one batch; 256 unless given. */
  readonly maxBatch?: number
  /** Rows that may wait; more are refused with 429. 4096 unless given. */
  readonly maxQueue?: number
  /** The same in bytes of requests; 64 MiB unless given. */
  readonly maxQueueBytes?: number
}

/** Those who score: processes or threads, each working at one batch. `W` is what the backend keeps of one. */
export interface Workers<W> {
  /** How many there are to be, ≥ 1. */
  readonly count: number
  /** Scores calls as one batch, rows in their order. Calls `answered` as soon as the worker could take the next batch. */
  score(worker: W, calls: readonly Call[], answered: () => void): Promise<Scored[]>
  /**
   * What an error of `score` tells: `died`, the worker is gone; `one`, a call of the batch is at fault, and splitting finds it; `all`,
   * they fail together.
   */
  fault(error: Error): 'died' | 'one' | 'all'
  /** What a caller is told whose own rows or params are at fault, not the model; absent or undefined = `upstream_failed`. */
  refusal?(error: Error): Problem | undefined
  /** A worker died with this call in its batch, `alone` or in company, and `call.deaths` counts that. Why it is not tried again, if so. */
  condemn(call: Call, alone: boolean): Problem | undefined
  /** Why nobody answers and nobody will soon, if so: calls are then refused at once. */
  unavailable(): Problem | undefined
  /** The worker has answered its batch, or died with it. Called once for every `run`. */
  free(worker: W): void
  /** Something waits anew that nobody asked for just now: who is free may take it. */
  wake(): void
}

/** What a backend knows of a call: what its params are told apart by, and deaths of workers with this input. */
type Known = Pick<Call, 'paramsKey' | 'deaths'>

/** A call whose rows take longer than this goes in pieces, so that those of others have their turns between them, ms. */
const PIECE_MS = 100

/** Rows of a piece, at least, while it is not known what a row costs and what a batch. */
const FIRST_PIECE = 32

/**
 * One bounded queue in front of several workers, in which callers have their turns: none can fill it for the others, or keep them waiting by
 * the size of its calls. What waits goes to a free worker as one batch, as large as the measured cost makes worthwhile. A batch that fails by
 * the fault of a call is halved until only that call fails. Calls of a worker that died go back to the front of the queue, each alone.
 */
export class Calls<W> {
  readonly #workers: Workers<W>
  readonly #bounds: Required<CallBounds>
  readonly #queue = new CallQueue()
  readonly #cost = new BatchCost()
  readonly #running = { calls: 0, rows: 0 }
  readonly #done = { batches: 0, rows: 0 }
  #idle: PromiseWithResolvers<void> | undefined
  /** Calls that go in pieces and are not answered yet. */
  #long = 0

  constructor({ maxBatch = 256, maxQueue = 4096, maxQueueBytes = 64 * 1024 * 1024 }: CallBounds, workers: Workers<W>) {
    this.#bounds = { maxBatch, maxQueue, maxQueueBytes }
    this.#workers = workers
  }

  /** Calls that wait. */
  get waiting(): number {
    return this.#queue.size
  }

  /** Calls that are being scored. */
  get running(): number {
    return this.#running.calls
  }

  /** Fixed part of what a batch costs, ms. */
  get fixedMs(): number {
    return this.#cost.fixedMs
  }

  /**
   * Takes a call; resolves to its answer. Who asks then dispatches. Rejects with `unavailable`, `deadline_exceeded`, `too_many_requests`
   * with the time to wait in seconds, or `upstream_failed`.
   */
  accept(rows: readonly Value[][], limits: CallLimits, known: Known = { paramsKey: '', deaths: 0 }): Promise<Scored[]> {
    const refusal = this.#workers.unavailable() ?? this.#refusal(rows, limits)
    if (refusal !== undefined) return Promise.reject(refusal)
    const due = performance.now() + ADVANCE[limits.priority]
    if (rows.length <= this.#pieceSize()) return this.#wait({ rows, due }, limits, known)
    return this.#inPieces({ rows, due }, limits, known)
  }

  #pieceSize(): number {
    const { maxBatch } = this.#bounds
    const within = this.#cost.rowsWithin(PIECE_MS)
    if (within === undefined) return maxBatch
    return Math.max(within, this.#cost.perRowMs === 0 ? FIRST_PIECE : this.#cost.worthwhile(maxBatch))
  }

  /** Only one piece waits or runs at a time; each is as large as what is known by then makes it. */
  async #inPieces({ rows, due }: Pick<Call, 'rows' | 'due'>, limits: CallLimits, known: Known): Promise<Scored[]> {
    const { bytes, caller = '' } = limits
    const scored: Scored[] = []
    let left = rows.length
    this.#long++
    this.#queue.later(caller, { rows: left, bytes })
    try {
      while (left > 0) {
        const refusal = this.#workers.unavailable()
        if (refusal !== undefined) throw refusal
        const piece = rows.slice(scored.length, scored.length + this.#pieceSize())
        const answer = this.#wait({ rows: piece, whole: rows, due }, { ...limits, bytes: 0 }, known)
        this.#queue.later(caller, { rows: -piece.length, bytes: 0 })
        left -= piece.length
        if (scored.length > 0) this.#workers.wake()
        for (const one of await answer) scored.push(one)
      }
    } finally {
      this.#long--
      this.#queue.later(caller, { rows: -left, bytes: -bytes })
      this.#checkIdle()
    }
    return scored
  }

  #wait(
    asked: Pick<Call, 'rows' | 'whole' | 'due'>,
    { bytes, params, deadline, caller = '' }: CallLimits,
    known: Known,
  ): Promise<Scored[]> {
    return new Promise((resolve, reject) => {
      const { paramsKey, deaths } = known
      const rest = { resolve, reject, settled: false, timer: undefined }
      const call: Call = { ...asked, bytes, params, caller, deadline, paramsKey, deaths, ...rest }
      arm(call)
      this.#queue.push(call)
    })
  }

  /** Too late, too much, or it would wait beyond its deadline. Where nobody waits, a call of any size is taken. */
  #refusal(rows: readonly Value[][], { queue, bytes, deadline, caller = '' }: CallLimits): Problem | undefined {
    if (deadline <= Date.now()) return late(0)
    if (this.#queue.size === 0 && this.#queue.of(caller).rows === 0) return undefined
    const { maxQueue, maxQueueBytes } = this.#bounds
    const most = { rows: queue?.queue_rows ?? maxQueue, bytes: queue?.queue_bytes ?? maxQueueBytes }
    const full = this.#queue.isFull({ caller, rows: rows.length, bytes }, most)
    const wait = this.#waitMs(this.#queue.ahead(caller, rows.length))
    if (!full && Date.now() + wait <= deadline) return undefined
    const retry_after = Math.max(1, wait / 1000)
    return problem('too_many_requests', { what: 'the queue of the model', rows: this.#queue.rows, retry_after })
  }

  /** Time that a call waits before it runs behind so many rows, as the batches so far foretell, ms. What runs is half done on average. */
  #waitMs(rows: number): number {
    const ahead = rows + this.#running.rows / 2
    return this.#cost.waitMs(ahead, this.#cost.worthwhile(this.#bounds.maxBatch)) / this.#workers.count
  }

  /** Gives a free worker what waits. Never rejects. */
  async run(worker: W): Promise<void> {
    const batch = this.#queue.take(this.#cost.worthwhile(this.#bounds.maxBatch))
    let freed = false
    const free = (): void => {
      if (freed) return
      freed = true
      this.#workers.free(worker)
    }
    this.#count(batch, 1)
    try {
      await this.#split(worker, batch, free)
    } finally {
      this.#count(batch, -1)
      free()
      this.#checkIdle()
    }
  }

  #count(batch: readonly Call[], sign: 1 | -1): void {
    this.#running.calls += sign * batch.length
    this.#running.rows += sign * rowsOf(batch)
  }

  async #split(worker: W, batch: readonly Call[], answered?: () => void): Promise<void> {
    const alive = batch.filter((call) => !call.settled)
    if (alive.length === 0) return
    try {
      await this.#score(worker, alive, answered)
    } catch (error) {
      const fault = this.#workers.fault(error as Error)
      if (fault === 'died') return this.#retry(alive)
      if (fault === 'all' || alive.length === 1) {
        const told = this.#workers.refusal?.(error as Error) ?? raised(error as Error)
        return alive.forEach((call) => fail(call, told))
      }
      const half = Math.ceil(alive.length / 2)
      await this.#split(worker, alive.slice(0, half))
      await this.#split(worker, alive.slice(half), answered)
    }
  }

  async #score(worker: W, calls: readonly Call[], answered?: () => void): Promise<void> {
    const rows = rowsOf(calls)
    const started = performance.now()
    const scored = await this.#workers.score(worker, calls, () => {
      this.#cost.add(rows, performance.now() - started)
      answered?.()
    })
    this.#done.batches++
    this.#done.rows += rows
    let at = 0
    for (const call of calls) {
      settle(call)
      call.resolve(scored.slice(at, at + call.rows.length))
      at += call.rows.length
    }
  }

  #retry(calls: readonly Call[]): void {
    for (const call of calls.toReversed()) {
      call.deaths++
      const reason = this.#workers.condemn(call, calls.length === 1) ?? this.#workers.unavailable()
      if (reason !== undefined) fail(call, reason)
      else if (!call.settled) this.#queue.unshift(call)
    }
  }

  /** Fails what waits, if nobody will answer it. */
  giveUp(): void {
    const reason = this.#workers.unavailable()
    if (reason === undefined) return
    for (const call of this.#queue.drain()) fail(call, reason)
    this.#checkIdle()
  }

  /** Resolves once nothing waits or runs. */
  idle(): Promise<void> {
    this.#idle ??= Promise.withResolvers<void>()
    const { promise } = this.#idle
    this.#checkIdle()
    return promise
  }

  #checkIdle(): void {
    if (this.#queue.size > 0 || this.#running.calls > 0 || this.#long > 0) return
    this.#idle?.resolve()
    this.#idle = undefined
  }

  /** What waits, what batches cost, and what was scored so far. */
  describe(): Record<string, number> {
    return {
      queued_rows: this.#queue.rows,
      queued_bytes: this.#queue.bytes,
      fixed_ms: this.#cost.fixedMs,
      per_row_ms: this.#cost.perRowMs,
      ...this.#done,
    }
  }
}

function rowsOf(calls: readonly Call[]): number {
  return calls.reduce((sum, call) => sum + call.rows.length, 0)
}

function arm(call: Call): void {
  const wait = call.deadline - Date.now()
  call.timer = setTimeout(() => fail(call, late(Math.max(0, Math.round(wait)))), wait)
}

function settle(call: Call): void {
  call.settled = true
  clearTimeout(call.timer)
}

function fail(call: Call, error: Problem): void {
  if (call.settled) return
  settle(call)
  call.reject(error)
}

function late(limit: number): Problem {
  return problem('deadline_exceeded', { what: 'the model', limit })
}

function raised(error: Error): Problem {
  return problem('upstream_failed', { what: 'the model', detail: error.message }, error)
}
