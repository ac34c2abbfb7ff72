/** A Python backend: a pool of scorer processes fed by work-conserving batches from one bounded queue. */
import type { Problem } from '../../../contract/errors.ts'
import { problem } from '../../../contract/errors.ts'
import type { Backend, CallLimits, Scored } from '../backend.ts'
import { toJson } from '../json.ts'
import type { Value } from '../rows.ts'
import { decodeRows, encodeRows } from './frames.ts'
import { ModelError, Scorer, ScorerDied } from './scorer.ts'
import type { ScorerOptions } from './scorer.ts'

export interface PoolOptions extends ScorerOptions {
  readonly workers: number
  readonly memoryMb: number
  /** Rows of one batch. */
  readonly maxBatch?: number
  /** Rows that may wait; more are refused with 429. */
  readonly maxQueue?: number
  /** Time a batch may run on after the last deadline in it before its scorer is killed, ms. */
  readonly killGraceMs?: number
}

/** One caller's rows. */
interface Call {
  readonly rows: readonly Value[][]
  readonly params: Readonly<Record<string, unknown>> | null
  /** Calls are merged only when these are equal. */
  readonly paramsKey: string
  readonly deadline: number
  readonly resolve: (scored: Scored[]) => void
  readonly reject: (error: Problem) => void
  /** Scorers that died with this call in their batch. */
  deaths: number
  settled: boolean
  timer: NodeJS.Timeout | undefined
}

interface Worker {
  readonly scorer: Scorer
  state: 'loading' | 'idle' | 'busy' | 'retiring' | 'dead'
}

/** Deaths within this time make a crash loop. */
const LOOP_MS = 60_000
const LOOP_DEATHS = 5
const MAX_BACKOFF_MS = 30_000
const MEMORY_CHECK_MS = 1000

/**
 * Starts `workers` scorers and keeps them. Whatever waits when a scorer gets free goes to it in one batch, without any delay.
 * A batch in which a row makes the model raise is split until only that row's caller fails. A scorer that dies is replaced and
 * its calls are tried once more, alone. One that outgrows its memory is replaced before it is ended.
 */
export class PythonBackend implements Backend {
  readonly #options: Required<PoolOptions>
  readonly #workers = new Set<Worker>()
  readonly #queue: Call[] = []
  readonly #memoryCheck: NodeJS.Timeout
  #queuedRows = 0
  #runningRows = 0
  #deaths: number[] = []
  #retryAt: NodeJS.Timeout | undefined
  #lastError: string | null = null
  #closing: (() => void) | undefined
  #closed = false
  #batches = 0
  #batchedRows = 0
  #perRowMs = 1

  constructor(options: PoolOptions) {
    this.#options = { maxBatch: 256, maxQueue: 4096, killGraceMs: 1000, ...options }
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
    for (let i = 0; i < this.#options.workers; i++) void this.#spawn().catch(() => undefined)
  }

  #abort(): void {
    this.#closed = true
    clearInterval(this.#memoryCheck)
    clearTimeout(this.#retryAt)
    for (const worker of this.#workers) worker.scorer.kill()
  }

  ready(): boolean {
    return [...this.#workers].some(({ state }) => state === 'idle' || state === 'busy')
  }

  score(rows: readonly Value[][], limits: CallLimits): Promise<Scored[]> {
    if (this.#closed || this.#retryAt !== undefined) return Promise.reject(this.#unavailable())
    const { maxQueue } = this.#options
    if (this.#queuedRows + rows.length > maxQueue && this.#queuedRows > 0) return Promise.reject(this.#full())
    return new Promise((resolve, reject) => {
      const call: Call = {
        rows,
        params: limits.params,
        paramsKey: limits.params === null ? '' : toJson(limits.params),
        deadline: limits.deadline,
        resolve,
        reject,
        deaths: 0,
        settled: false,
        timer: undefined,
      }
      this.#arm(call)
      this.#queue.push(call)
      this.#queuedRows += rows.length
      this.#dispatch()
    })
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
    for (const worker of this.#workers) worker.scorer.end()
  }

  describe(): Record<string, unknown> {
    return {
      kind: 'python',
      queued_rows: this.#queuedRows,
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
    const worker: Worker = { scorer: new Scorer(this.#options, () => this.#died(worker)), state: 'loading' }
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
    const now = Date.now()
    this.#deaths = [...this.#deaths.filter((at) => now - at < LOOP_MS), now]
    if (this.#deaths.length < LOOP_DEATHS) {
      void this.#spawn().catch(() => undefined)
      return
    }
    this.#backOff()
  }

  /** In a crash loop nothing is started for a while, and callers are told so at once. */
  #backOff(): void {
    if (this.#retryAt !== undefined) return
    const delay = Math.min(MAX_BACKOFF_MS, 1000 * 2 ** (this.#deaths.length - LOOP_DEATHS))
    this.#retryAt = setTimeout(() => {
      this.#retryAt = undefined
      this.startLater()
    }, delay).unref()
    if (!this.ready()) for (const call of this.#queue.splice(0)) this.#fail(call, this.#unavailable())
    this.#queuedRows = this.#queue.reduce((sum, call) => sum + call.rows.length, 0)
  }

  #dispatch(): void {
    for (const worker of this.#workers) {
      if (this.#queue.length === 0) break
      if (worker.state === 'idle') void this.#run(worker, this.#take())
    }
    this.#checkClosing()
  }

  /** All that waits, up to the batch size, as far as it may be merged with the oldest call. Calls that died once go alone. */
  #take(): Call[] {
    const batch: Call[] = []
    let rows = 0
    while (this.#queue.length > 0) {
      const call = this.#queue[0] as Call
      const [first] = batch
      const fits =
        first === undefined ||
        (call.paramsKey === first.paramsKey &&
          first.deaths + call.deaths === 0 &&
          rows + call.rows.length <= this.#options.maxBatch)
      if (!fits) break
      this.#queue.shift()
      this.#queuedRows -= call.rows.length
      if (call.settled) continue
      batch.push(call)
      rows += call.rows.length
    }
    return batch
  }

  async #run(worker: Worker, batch: readonly Call[]): Promise<void> {
    if (batch.length === 0) return
    worker.state = 'busy'
    const rows = batch.reduce((sum, call) => sum + call.rows.length, 0)
    this.#runningRows += rows
    try {
      await this.#runSplit(worker, batch)
    } finally {
      this.#runningRows -= rows
      if (worker.state === 'busy') worker.state = 'idle'
      this.#dispatch()
    }
  }

  /** Runs a batch; where the model raises, its halves, until a call fails alone. */
  async #runSplit(worker: Worker, batch: readonly Call[]): Promise<void> {
    const alive = batch.filter((call) => !call.settled)
    if (alive.length === 0) return
    try {
      await this.#runOnce(worker, alive)
    } catch (error) {
      if (error instanceof ScorerDied) {
        this.#retry(alive)
        return
      }
      const [only] = alive
      if (alive.length === 1 && only !== undefined) {
        this.#fail(only, this.#raised(error as Error))
        return
      }
      const half = Math.ceil(alive.length / 2)
      await this.#runSplit(worker, alive.slice(0, half))
      await this.#runSplit(worker, alive.slice(half))
    }
  }

  async #runOnce(worker: Worker, batch: readonly Call[]): Promise<void> {
    const [first] = batch
    const rows = batch.length === 1 && first !== undefined ? first.rows : batch.flatMap((call) => call.rows)
    const payload = encodeRows(this.#options.inputs, rows, first?.params ?? null)
    const latest = Math.max(...batch.map((call) => call.deadline))
    const overdue = setTimeout(() => worker.scorer.kill(), Math.max(0, latest - Date.now()) + this.#options.killGraceMs)
    const started = performance.now()
    try {
      const scored = decodeRows(await worker.scorer.predict(payload), rows.length)
      this.#perRowMs = 0.9 * this.#perRowMs + (0.1 * (performance.now() - started)) / rows.length
      this.#batches++
      this.#batchedRows += rows.length
      let at = 0
      for (const call of batch) {
        this.#settle(call)
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
      if (call.settled) continue
      if (call.deaths >= 2) {
        const detail = 'the scorer process died twice while it scored this request'
        this.#fail(call, problem('upstream_failed', { what: 'the model', detail }))
      } else if (this.#retryAt !== undefined) this.#fail(call, this.#unavailable())
      else {
        this.#queue.unshift(call)
        this.#queuedRows += call.rows.length
      }
    }
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
    const retry_after = Math.max(1, (this.#queuedRows * this.#perRowMs) / 1000)
    return problem('too_many_requests', { what: 'the queue of the model', rows: this.#queuedRows, retry_after })
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
    if (this.#closing === undefined || this.#queue.length > 0 || this.#runningRows > 0) return
    const done = this.#closing
    this.#closing = undefined
    done()
  }
}
