/** A Python backend: a pool of scorer processes fed by work-conserving batches from one bounded queue. */
import type { Problem } from '../../contract/errors.ts'
import { problem } from '../../contract/errors.ts'
import type { Backend, CallLimits, Outgrown } from '../../scoring/rows/backend.ts'
import type { Scored } from '../../scoring/rows/scores.ts'
import { toJson } from '../../scoring/rows/json.ts'
import type { Value } from '../../scoring/rows/rows.ts'
import { Calls } from '../../scoring/queue/calls.ts'
import type { CallBounds } from '../../scoring/queue/calls.ts'
import { decodeRows, encodeRows } from './frames.ts'
import type { Call } from '../../scoring/queue/queue.ts'
import { ModelError, RowsRefused, Scorer, ScorerDied } from './scorer.ts'
import type { ScorerOptions } from './scorer.ts'
import { QUARANTINE_DEATHS, Suspects } from './suspects.ts'

export interface PoolOptions extends ScorerOptions, CallBounds {
  readonly workers: number
  readonly memoryMb: number
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
  /** When it may be replaced for its memory, ms of the monotonic clock; Infinity while its successor loads. */
  replaceAt: number
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
 * Starts `workers` scorers and keeps them. While many callers are about, a free scorer waits a moment until its share of them is back: the
 * fixed cost of a call of the model is then paid once for them all. A scorer that dies is replaced, and input with which two died is refused.
 * One that outgrows its memory is replaced before it is ended.
 */
export class PythonBackend implements Backend {
  readonly #options: Required<Omit<PoolOptions, keyof CallBounds | 'dims' | 'list'>> &
    Pick<PoolOptions, 'dims' | 'list'>
  readonly #workers = new Set<Worker>()
  readonly #calls: Calls<Worker>
  readonly #suspects = new Suspects()
  readonly #memoryCheck: NodeJS.Timeout
  #deaths: number[] = []
  #retryAt: NodeJS.Timeout | undefined
  #lastError: string | null = null
  #outgrown: Outgrown | undefined
  #closing = false
  #closed = false
  /** Callers that were about lately: waiting and running calls, the most of the last batches. */
  #peak = 0
  #held: NodeJS.Timeout | undefined

  constructor(options: PoolOptions) {
    this.#options = {
      killGraceMs: 1000,
      splits: false,
      // a scorer is replaced at its limit; what one call may take beyond that is bounded too
      capMb: Math.max(2 * options.memoryMb, options.memoryMb + 1024),
      ...options,
    }
    this.#calls = new Calls(options, {
      count: options.workers,
      score: (worker, calls, answered) => this.#score(worker, calls, answered),
      fault: faultOf,
      refusal: (error) =>
        error instanceof RowsRefused ? problem('bad_request', { detail: error.message }, error) : undefined,
      condemn: (call, alone) => this.#condemn(call, alone),
      unavailable: () => this.#unavailable(),
      free: (worker) => this.#free(worker),
      wake: () => this.#dispatch(),
    })
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
    this.#stop()
    for (const worker of this.#workers) worker.scorer.kill()
  }

  #stop(): void {
    this.#closed = true
    clearInterval(this.#memoryCheck)
    clearTimeout(this.#retryAt)
    clearTimeout(this.#held)
  }

  ready(): boolean {
    return [...this.#workers].some(({ state }) => state === 'idle' || state === 'busy')
  }

  score(rows: readonly Value[][], limits: CallLimits): Promise<Scored[]> {
    const paramsKey = limits.params === null ? '' : toJson(limits.params)
    const deaths = this.#suspects.deathsOf({ rows, paramsKey }, performance.now())
    if (deaths >= QUARANTINE_DEATHS) return Promise.reject(this.#unavailable() ?? poisoned())
    const answer = this.#calls.accept(rows, limits, { paramsKey, deaths })
    this.#dispatch()
    return answer
  }

  /** Waits until nothing runs or waits, then ends the scorers. Calls that come meanwhile are still answered. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closing = true
    await this.#calls.idle()
    this.#stop()
    for (const worker of this.#workers) worker.scorer.end()
  }

  outgrown(): Outgrown | undefined {
    return this.#outgrown
  }

  describe(): Record<string, unknown> {
    return {
      kind: 'python',
      ...this.#calls.describe(),
      quarantined: this.#suspects.quarantined,
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
      replaceAt: 0,
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
    if (this.#deaths.length >= this.#loopDeaths()) this.#backOff()
    // the successor of one that outgrew its memory loads already
    else if (worker.replaceAt !== Infinity) void this.#spawn().catch(() => undefined)
    this.#calls.giveUp()
  }

  /** In a crash loop that has left no scorer callers are told so at once. While one lives it answers them. */
  #unavailable(): Problem | undefined {
    if (!this.#closed && (this.#retryAt === undefined || this.#workers.size > 0)) return undefined
    const detail = this.#lastError ?? 'its scorer processes keep dying'
    return problem('unavailable', { what: 'the model', detail, retry_after: 1 })
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
      if (this.#calls.waiting === 0) break
      if (worker.state !== 'idle' || this.#holds(worker)) continue
      this.#peak *= 0.8
      worker.state = 'busy'
      void this.#calls.run(worker)
    }
  }

  /** True while it pays to wait for more callers; a timer then looks again. Of W scorers and the gateway each has a share of them at work. */
  #holds(worker: Worker): boolean {
    const { workers } = this.#options
    const { waiting, running, fixedMs } = this.#calls
    this.#peak = Math.max(waiting + running, this.#peak)
    if (this.#closing || waiting >= this.#peak / (workers + 1)) return false
    const left = worker.freeAt + Math.min(HOLD_MS, fixedMs / 2) - performance.now()
    if (left <= 0) return false
    this.#held ??= setTimeout(() => {
      this.#held = undefined
      this.#dispatch()
    }, left)
    return true
  }

  #free(worker: Worker): void {
    if (worker.state === 'retiring') worker.scorer.end()
    if (worker.state === 'busy') {
      worker.state = 'idle'
      worker.freeAt = performance.now()
    }
    this.#dispatch()
  }

  async #score(worker: Worker, calls: readonly Call[], answered: () => void): Promise<Scored[]> {
    const [first] = calls
    const rows = calls.length === 1 && first !== undefined ? first.rows : calls.flatMap((call) => call.rows)
    const payload = encodeRows(this.#options.inputs, rows, first?.params ?? null)
    const latest = Math.max(...calls.map((call) => call.deadline))
    const overdue = setTimeout(() => worker.scorer.kill(), Math.max(0, latest - Date.now()) + this.#options.killGraceMs)
    const answer = await worker.scorer.predict(payload).finally(() => clearTimeout(overdue))
    // The scorer goes on while this answer is read and sent.
    answered()
    const scored = decoded(answer, rows.length)
    if (this.#options.splits) this.#deaths = []
    // a piece alone says nothing of the rows behind it
    for (const call of calls) if (call.deaths > 0 && call.whole === undefined) this.#suspects.acquit(call)
    return scored
  }

  /** A call that was there at two deaths is taken for their cause. */
  #condemn(call: Call, alone: boolean): Problem | undefined {
    this.#suspects.blame(call, alone, performance.now())
    const enough = this.#options.splits && call.rows.length > 1 ? 1 : QUARANTINE_DEATHS
    return call.deaths >= enough ? poisoned() : undefined
  }

  #checkMemory(): void {
    const now = performance.now()
    for (const worker of this.#workers) {
      if ((worker.state !== 'idle' && worker.state !== 'busy') || now < worker.replaceAt) continue
      if ((worker.scorer.residentMb() ?? 0) <= this.#options.memoryMb) continue
      const reason = `a scorer outgrew ${this.#options.memoryMb} MB and was replaced`
      this.#outgrown = { times: (this.#outgrown?.times ?? 0) + 1, reason }
      this.#lastError = reason
      void this.#replace(worker)
    }
  }

  /** A worker answers until its successor can, and goes on where none can be started: it is tried again later. */
  async #replace(worker: Worker): Promise<void> {
    worker.replaceAt = Infinity
    try {
      await this.#spawn()
    } catch {
      worker.replaceAt = performance.now() + MAX_BACKOFF_MS
      return
    }
    if (worker.state === 'idle') worker.scorer.end()
    // a busy one ends when it has answered
    if (worker.state !== 'dead') worker.state = 'retiring'
  }
}

function faultOf(error: Error): 'died' | 'one' | 'all' {
  if (error instanceof ScorerDied) return 'died'
  return error instanceof ModelError || error instanceof RowsRefused ? 'one' : 'all'
}

function poisoned(): Problem {
  const detail = 'the scorer process died twice while it scored this request'
  return problem('upstream_failed', { what: 'the model', detail })
}

/** The rows of an answer. Throws where it is none to so many. */
function decoded(answer: Buffer, rows: number): Scored[] {
  try {
    return decodeRows(answer, rows)
  } catch (error) {
    throw new Error(`the scorer gave no valid answer: ${(error as Error).message}`, { cause: error })
  }
}
