/** A Python backend: a pool of scorer processes fed by work-conserving batches from one bounded queue. */
import type { Problem } from '../../../contract/errors.ts'
import { problem } from '../../../contract/errors.ts'
import type { Backend, CallLimits, Scored } from '../backend.ts'
import { toJson } from '../json.ts'
import type { Value } from '../rows.ts'
import { BatchCost } from './cost.ts'
import { decodeRows, encodeRows } from './frames.ts'
import type { Call } from './queue.ts'
import { ADVANCE, CallQueue } from './queue.ts'
import { ModelError, Scorer, ScorerDied } from './scorer.ts'
import type { ScorerOptions } from './scorer.ts'
import { QUARANTINE_DEATHS, Suspects } from './suspects.ts'

export interface PoolOptions extends ScorerOptions {
  readonly workers: number
  readonly memoryMb: number
  /** Rows of one batch. */
  readonly maxBatch?: number
  /** Rows and bytes of requests that may wait; more are refused with 429. */
  readonly maxQueue?: number
  readonly maxQueueBytes?: number
  /** Time a batch may run on after the last deadline in it before its scorer is killed, ms. */
  readonly killGraceMs?: number
  /**
   * Whoever asks splits what fails until the row at fault stands alone, as batch-predict does: several rows with which a scorer died
   * are not tried again, and a scorer is started again at once while any rows are answered.
   */
  readonly splits?: boolean
}

interface Worker {
  readonly scorer: Scorer
  state: 'loading' | 'idle' | 'busy' | 'retiring' | 'dead'
  /** When it got free, ms of the monotonic clock. */
  freeAt: number
  /** What it works at. */
  batch: readonly Call[] | undefined
}

/** Deaths within this time make a crash loop. */
const LOOP_MS = 60_000
const LOOP_DEATHS = 5
/** The same where rows that kill are looked for: deaths without an answer between them. */
const SEARCH_DEATHS = 50
const MAX_BACKOFF_MS = 30_000
const MEMORY_CHECK_MS = 1000
/** A free scorer waits for callers that are due to come back at most so long, and at most half of what a batch costs, ms. */
const HOLD_MS = 5

/**
 * Starts `workers` scorers and keeps them. What waits when a scorer gets free goes to it in one batch, as large as the measured cost
 * makes worthwhile. While many callers are about, a free scorer waits a moment until its share of them is back: the fixed cost of a call
 * of the model is then paid once for them all. A batch in which a row makes the model raise is split until only that row's caller fails. A scorer that dies is replaced and
 * its calls are tried once more, alone. One that outgrows its memory is replaced before it is ended.
 */
export class PythonBackend implements Backend {
  readonly #options: Required<PoolOptions>
  readonly #workers = new Set<Worker>()
  readonly #queue = new CallQueue()
  readonly #cost = new BatchCost()
  readonly #suspects = new Suspects()
  readonly #memoryCheck: NodeJS.Timeout
  #runningRows = 0
  #deaths: number[] = []
  #retryAt: NodeJS.Timeout | undefined
  #lastError: string | null = null
  #closing: (() => void) | undefined
  #closed = false
  #batches = 0
  #batchedRows = 0
  #runningCalls = 0
  /** Callers that were about lately: waiting and running calls, the most of the last batches. */
  #peak = 0
  #held: NodeJS.Timeout | undefined

  constructor(options: PoolOptions) {
    this.#options = {
      maxBatch: 256,
      maxQueue: 4096,
      maxQueueBytes: 64 * 1024 * 1024,
      killGraceMs: 1000,
      splits: false,
      // a scorer is replaced at its limit; what one call may take beyond that is bounded too
      capMb: Math.max(2 * options.memoryMb, options.memoryMb + 1024),
      ...options,
    }
    this.#memoryCheck = setInterval(() => this.#checkMemory(), MEMORY_CHECK_MS).unref()
  }

  /** Starts the scorers; resolves when the first can answer. Throws when it cannot be loaded. */
  async start(): Promise<void> {
    const started = Array.from({ length: this.#options.workers }, () => this.#spawn())
    await Promise.any(started).catch((error: unknown) => {
      this.#abort()
      const [first] = (error as AggregateError).errors as Error[]
      throw first ?? error
    })
  }

  /** Starts the scorers without waiting; calls wait in the queue until one is ready. */
  startLater(): void {
    for (let i = this.#workers.size; i < this.#options.workers; i++) void this.#spawn().catch(() => undefined)
  }

  #abort(): void {
    this.#closed = true
    clearInterval(this.#memoryCheck)
    clearTimeout(this.#retryAt)
    clearTimeout(this.#held)
    for (const worker of this.#workers) worker.scorer.kill()
  }

  ready(): boolean {
    return [...this.#workers].some(({ state }) => state === 'idle' || state === 'busy')
  }

  score(rows: readonly Value[][], limits: CallLimits): Promise<Scored[]> {
    if (this.#closed || this.#isDown()) return Promise.reject(this.#unavailable())
    const paramsKey = limits.params === null ? '' : toJson(limits.params)
    const refusal = this.#refusal(rows, paramsKey, limits)
    if (refusal !== undefined) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      const call: Call = {
        rows,
        bytes: limits.bytes,
        params: limits.params,
        paramsKey,
        deadline: limits.deadline,
        due: performance.now() + ADVANCE[limits.priority],
        resolve,
        reject,
        deaths: this.#suspects.deathsOf({ rows, paramsKey }, performance.now()),
        settled: false,
        timer: undefined,
      }
      this.#arm(call)
      this.#queue.push(call)
      this.#dispatch()
    })
  }

  /** Why a call cannot be taken, if so: its input kills scorers, the queue is full, or it would wait beyond its deadline. */
  #refusal(rows: readonly Value[][], paramsKey: string, limits: CallLimits): Problem | undefined {
    if (this.#suspects.deathsOf({ rows, paramsKey }, performance.now()) >= QUARANTINE_DEATHS) return this.#poisoned()
    const maxQueue = limits.queue?.queue_rows ?? this.#options.maxQueue
    const maxQueueBytes = limits.queue?.queue_bytes ?? this.#options.maxQueueBytes
    const { size, rows: waiting, bytes } = this.#queue
    const full = waiting + rows.length > maxQueue || bytes + limits.bytes > maxQueueBytes
    if (size > 0 && full) return this.#full()
    return size > 0 && Date.now() + this.#waitMs() > limits.deadline ? this.#full() : undefined
  }

  /** Time that a call which comes now waits before it runs, as the batches so far foretell, ms. */
  #waitMs(): number {
    const { maxBatch, workers } = this.#options
    const ahead = this.#queue.rows + this.#runningRows / 2
    return this.#cost.waitMs(ahead, this.#cost.worthwhile(maxBatch)) / workers
  }

  /** Waits until nothing runs or waits, then ends the scorers. Calls that come meanwhile are still answered. */
  async close(): Promise<void> {
    if (this.#closed) return
    await new Promise<void>((resolve) => {
      this.#closing = resolve
      this.#checkClosing()
    })
    this.#closed = true
    clearInterval(this.#memoryCheck)
    clearTimeout(this.#retryAt)
    clearTimeout(this.#held)
    for (const worker of this.#workers) worker.scorer.end()
  }

  describe(): Record<string, unknown> {
    return {
      kind: 'python',
      queued_rows: this.#queue.rows,
      queued_bytes: this.#queue.bytes,
      fixed_ms: this.#cost.fixedMs,
      per_row_ms: this.#cost.perRowMs,
      quarantined: this.#suspects.quarantined,
      batches: this.#batches,
      rows: this.#batchedRows,
      deaths: this.#deaths.length,
      error: this.#lastError,
      scorers: [...this.#workers].map(({ scorer, state }) => ({
        pid: scorer.pid,
        state,
        ...scorer.facts,
        resident_mb: scorer.residentMb(),
        cpu_seconds_now: scorer.cpuSeconds(),
      })),
    }
  }

  async #spawn(): Promise<void> {
    const worker: Worker = {
      scorer: new Scorer(this.#options, () => this.#died(worker)),
      state: 'loading',
      freeAt: 0,
      batch: undefined,
    }
    this.#workers.add(worker)
    try {
      await worker.scorer.load(this.#options)
    } catch (error) {
      this.#lastError = (error as Error).message
      worker.scorer.kill()
      throw problem('upstream_failed', { what: 'loading the model', detail: (error as Error).message }, error)
    }
    if (worker.state === 'loading') worker.state = 'idle'
    this.#dispatch()
  }

  #died(worker: Worker): void {
    const expected = worker.state === 'retiring' || this.#closed
    worker.state = 'dead'
    this.#workers.delete(worker)
    if (expected) return
    const now = performance.now()
    this.#deaths = [...this.#deaths.filter((at) => now - at < LOOP_MS), now]
    if (this.#deaths.length < this.#loopDeaths()) void this.#spawn().catch(() => undefined)
    else this.#backOff()
    if (this.#isDown()) for (const call of this.#queue.drain()) this.#fail(call, this.#unavailable())
  }

  /** True in a crash loop that has left no scorer: callers are told so at once. While one lives it answers them. */
  #isDown(): boolean {
    return this.#retryAt !== undefined && this.#workers.size === 0
  }

  #loopDeaths(): number {
    return this.#options.splits ? SEARCH_DEATHS : LOOP_DEATHS
  }

  /** In a crash loop nothing is started for a while. */
  #backOff(): void {
    if (this.#retryAt !== undefined) return
    const delay = Math.min(MAX_BACKOFF_MS, 1000 * 2 ** (this.#deaths.length - this.#loopDeaths()))
    this.#retryAt = setTimeout(() => {
      this.#retryAt = undefined
      this.startLater()
    }, delay).unref()
  }

  #dispatch(): void {
    for (const worker of this.#workers) {
      if (this.#queue.size === 0) break
      if (worker.state === 'idle' && !this.#holds(worker)) void this.#run(worker, this.#take())
    }
    this.#checkClosing()
  }

  /** True while it pays to wait for more callers; a timer then looks again. Of W scorers and the gateway each has a share of them at work. */
  #holds(worker: Worker): boolean {
    const { workers } = this.#options
    const about = this.#queue.size + this.#runningCalls
    this.#peak = Math.max(about, this.#peak)
    if (this.#closing !== undefined || this.#queue.size >= this.#peak / (workers + 1)) return false
    const left = worker.freeAt + Math.min(HOLD_MS, this.#cost.fixedMs / 2) - performance.now()
    if (left <= 0) return false
    this.#held ??= setTimeout(() => {
      this.#held = undefined
      this.#dispatch()
    }, left)
    return true
  }

  #take(): Call[] {
    this.#peak *= 0.8
    return this.#queue.take(this.#cost.worthwhile(this.#options.maxBatch))
  }

  async #run(worker: Worker, batch: readonly Call[]): Promise<void> {
    if (batch.length === 0) return
    worker.state = 'busy'
    worker.batch = batch
    const rows = batch.reduce((sum, call) => sum + call.rows.length, 0)
    this.#runningRows += rows
    this.#runningCalls += batch.length
    try {
      await this.#runSplit(worker, batch, batch)
    } finally {
      this.#runningRows -= rows
      this.#runningCalls -= batch.length
      this.#free(worker, batch)
    }
  }

  /** The scorer has answered a batch and takes the next, unless it has that already. */
  #free(worker: Worker, batch: readonly Call[]): void {
    if (worker.state === 'busy' && worker.batch === batch) {
      worker.state = 'idle'
      worker.freeAt = performance.now()
      worker.batch = undefined
    }
    this.#dispatch()
  }

  /** Runs a batch; where the model raises, its halves, until a call fails alone. `last`: the batch after which the scorer is free. */
  async #runSplit(worker: Worker, batch: readonly Call[], last?: readonly Call[]): Promise<void> {
    const alive = batch.filter((call) => !call.settled)
    if (alive.length === 0) return
    try {
      await this.#runOnce(worker, alive, last)
    } catch (error) {
      if (error instanceof ScorerDied) {
        this.#retry(alive)
        return
      }
      if (alive.length === 1 || !(error instanceof ModelError)) {
        for (const call of alive) this.#fail(call, this.#raised(error as Error))
        return
      }
      const half = Math.ceil(alive.length / 2)
      await this.#runSplit(worker, alive.slice(0, half))
      await this.#runSplit(worker, alive.slice(half), last)
    }
  }

  async #runOnce(worker: Worker, batch: readonly Call[], last?: readonly Call[]): Promise<void> {
    const [first] = batch
    const rows = batch.length === 1 && first !== undefined ? first.rows : batch.flatMap((call) => call.rows)
    const payload = encodeRows(this.#options.inputs, rows, first?.params ?? null)
    const latest = Math.max(...batch.map((call) => call.deadline))
    const overdue = setTimeout(() => worker.scorer.kill(), Math.max(0, latest - Date.now()) + this.#options.killGraceMs)
    const started = performance.now()
    try {
      const answer = await worker.scorer.predict(payload)
      this.#cost.add(rows.length, performance.now() - started)
      // The scorer goes on while this answer is read and sent.
      if (last !== undefined) this.#free(worker, last)
      const scored = decodeRows(answer, rows.length)
      this.#batches++
      this.#batchedRows += rows.length
      if (this.#options.splits) this.#deaths = []
      let at = 0
      for (const call of batch) {
        this.#settle(call)
        if (call.deaths > 0) this.#suspects.acquit(call)
        call.resolve(scored.slice(at, at + call.rows.length))
        at += call.rows.length
      }
    } finally {
      clearTimeout(overdue)
    }
  }

  /** Calls of a dead scorer go to the front of the queue once more; one that was there at two deaths is taken for the cause. */
  #retry(batch: readonly Call[]): void {
    for (const call of [...batch].reverse()) {
      call.deaths++
      this.#suspects.blame(call, batch.length === 1, performance.now())
      if (call.settled) continue
      const enough = this.#options.splits && call.rows.length > 1 ? 1 : QUARANTINE_DEATHS
      if (call.deaths >= enough) this.#fail(call, this.#poisoned())
      else if (this.#isDown()) this.#fail(call, this.#unavailable())
      else this.#queue.unshift(call)
    }
  }

  #poisoned(): Problem {
    const detail = 'the scorer process died twice while it scored this request'
    return problem('upstream_failed', { what: 'the model', detail })
  }

  #arm(call: Call): void {
    const wait = call.deadline - Date.now()
    call.timer = setTimeout(() => {
      const limit = Math.max(0, Math.round(wait))
      this.#fail(call, problem('deadline_exceeded', { what: 'the model', limit }))
    }, wait)
  }

  #settle(call: Call): void {
    call.settled = true
    clearTimeout(call.timer)
  }

  #fail(call: Call, error: Problem): void {
    if (call.settled) return
    this.#settle(call)
    call.reject(error)
  }

  #raised(error: Error): Problem {
    const detail = error instanceof ModelError ? error.message : `the scorer gave no valid answer: ${error.message}`
    return problem('upstream_failed', { what: 'the model', detail }, error)
  }

  #full(): Problem {
    const { rows } = this.#queue
    const retry_after = Math.max(1, this.#waitMs() / 1000)
    return problem('too_many_requests', { what: 'the queue of the model', rows, retry_after })
  }

  #unavailable(): Problem {
    const detail = this.#lastError ?? 'its scorer processes keep dying'
    return problem('unavailable', { what: 'the model', detail, retry_after: 1 })
  }

  #checkMemory(): void {
    for (const worker of this.#workers) {
      if (worker.state !== 'idle' && worker.state !== 'busy') continue
      if ((worker.scorer.residentMb() ?? 0) <= this.#options.memoryMb) continue
      this.#lastError = `a scorer outgrew ${this.#options.memoryMb} MB and was replaced`
      void this.#replace(worker)
    }
  }

  /** Starts the successor first, so that the pool answers all the time. */
  async #replace(worker: Worker): Promise<void> {
    const before = worker.state
    worker.state = 'retiring'
    await this.#spawn().catch(() => undefined)
    // A busy scorer gets its answer out; `end` is read after it.
    if (before === 'busy' || before === 'idle') worker.scorer.end()
  }

  #checkClosing(): void {
    if (this.#closing === undefined || this.#queue.size > 0 || this.#runningRows > 0) return
    const done = this.#closing
    this.#closing = undefined
    done()
  }
}
