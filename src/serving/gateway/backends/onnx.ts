/** An ONNX backend: sessions on worker threads, fed with whatever waits, so that the gateway's own loop never blocks. */
import type { Problem } from '../../../contract/errors.ts'
import { problem } from '../../../contract/errors.ts'
import { OnnxError, OnnxGone, OnnxSession } from '../../onnx/session.ts'
import { onlyOutput, planFeeds, toAnswers, toScored, toTensors } from '../../onnx/tensors.ts'
import type { ThreadData } from '../../onnx/thread.ts'
import type { InputField, OnnxAnswer } from '../../table.ts'
import type { Backend, CallLimits, Scored } from '../backend.ts'
import type { Value } from '../rows.ts'
import { BatchCost } from './cost.ts'
import type { Call } from './queue.ts'
import { ADVANCE, CallQueue } from './queue.ts'

export interface OnnxOptions extends Omit<ThreadData, 'outputs'> {
  /** How an export answers; absent = with all outputs. */
  readonly answer?: OnnxAnswer | undefined
  readonly inputs: readonly InputField[]
  /** Sessions, each on a thread of its own, ≥ 1. */
  readonly sessions: number
  /** Rows of one batch. */
  readonly maxBatch?: number
  /** Rows and bytes that may wait; more are refused with 429. */
  readonly maxQueue?: number
  readonly maxQueueBytes?: number
}

/** A thread that dies so often within a minute is not started again until the table changes. */
const MAX_DEATHS = 5
const DEATHS_MS = 60_000

interface Seat {
  session: OnnxSession | undefined
  busy: boolean
}

/**
 * Everything that waits when a session is free goes to it as one batch, up to the size that the measured cost makes worthwhile.
 * Calls of one turn of the loop are merged. A batch that fails is split until only its own caller sees the failure; calls of a thread
 * that died are tried once more, alone. Where no session is left and none can be opened, calls are refused at once.
 */
export class OnnxBackend implements Backend {
  readonly #options: Required<Omit<OnnxOptions, 'answer'>>
  readonly #answer: OnnxAnswer | undefined
  readonly #seats: Seat[] = []
  readonly #queue = new CallQueue()
  readonly #cost = new BatchCost()
  readonly #deaths: number[] = []
  #feeds: ReturnType<typeof planFeeds> = []
  #soon = false
  #closing: (() => void) | undefined
  #closed = false
  #running = 0
  /** Sessions that are being opened. */
  #opening = 0
  #batches = 0
  #rows = 0

  constructor({ answer, ...options }: OnnxOptions) {
    this.#answer = answer
    this.#options = { maxBatch: 256, maxQueue: 16_384, maxQueueBytes: 64 * 1024 * 1024, ...options }
  }

  /** Starts the sessions. Throws `upstream_failed` with the runtime's words, or with what of the signature does not fit the graph. */
  async start(): Promise<void> {
    try {
      await Promise.all(Array.from({ length: this.#options.sessions }, () => this.#open()))
      // A first run allocates what the later ones use again; a graph may well refuse a row of nothing.
      const zeros = this.#options.inputs.map(({ kind }): Value => ZEROS[kind])
      const limits = { deadline: Date.now() + 60_000, params: null, bytes: 0, priority: 'normal' } as const
      await this.score([zeros], limits).catch(() => undefined)
    } catch (error) {
      await this.#endAll()
      throw problem('upstream_failed', { what: 'loading the model', detail: (error as Error).message }, error)
    }
  }

  async #open(): Promise<void> {
    const seat: Seat = { session: undefined, busy: false }
    const answer = this.#answer
    const outputs = answer === undefined ? undefined : [answer.output]
    this.#opening++
    try {
      const session = await OnnxSession.open({ ...this.#options, outputs }, () => this.#ended(seat))
      seat.session = session
      this.#seats.push(seat)
      this.#feeds = planFeeds(
        answer === undefined ? session.graph : onlyOutput(session.graph, answer.output),
        this.#options.inputs,
      )
    } finally {
      this.#opening--
    }
    this.#dispatch()
  }

  #ended(seat: Seat): void {
    this.#seats.splice(this.#seats.indexOf(seat), 1)
    if (this.#closed) return
    const now = Date.now()
    this.#deaths.push(now)
    while ((this.#deaths[0] ?? now) < now - DEATHS_MS) this.#deaths.shift()
    if (this.#deaths.length < MAX_DEATHS) void this.#open().catch(() => this.#giveUp())
    else this.#giveUp()
  }

  /** Nobody answers, and nobody will. */
  #isDown(): boolean {
    return this.#closed || (this.#seats.length === 0 && this.#opening === 0)
  }

  #giveUp(): void {
    if (!this.#isDown()) return
    for (const call of this.#queue.drain()) this.#fail(call, this.#unavailable())
    this.#checkClosing()
  }

  ready(): boolean {
    return this.#seats.length > 0
  }

  score(rows: readonly Value[][], limits: CallLimits): Promise<Scored[]> {
    if (this.#isDown()) return Promise.reject(this.#unavailable())
    if (limits.params !== null && Object.keys(limits.params).length > 0)
      return Promise.reject(
        problem('invalid_field', {
          field: 'params',
          value: limits.params,
          expected: 'none: an ONNX model takes no params',
        }),
      )
    if (limits.deadline <= Date.now())
      return Promise.reject(problem('deadline_exceeded', { what: 'the model', limit: 0 }))
    const refusal = this.#missing(rows) ?? this.#refusal(rows, limits)
    if (refusal !== undefined) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      const { deadline, bytes, priority } = limits
      const due = Date.now() + ADVANCE[priority]
      const call: Call = { rows, bytes, params: null, paramsKey: '', deadline, due, resolve, reject, ...fresh() }
      const limit = Math.max(0, deadline - Date.now())
      call.timer = setTimeout(() => this.#fail(call, problem('deadline_exceeded', { what: 'the model', limit })), limit)
      this.#queue.push(call)
      this.#dispatchSoon()
    })
  }

  /** A missing value where the model that was exported takes none. */
  #missing(rows: readonly Value[][]): Problem | undefined {
    const whole = this.#answer?.whole ?? []
    if (whole.length === 0) return undefined
    const { inputs } = this.#options
    const place = inputs.findIndex(({ name }, j) => whole.includes(name) && rows.some((row) => row[j] === null))
    if (place < 0) return undefined
    const expected = 'a value: the model takes none that is missing'
    return problem('invalid_field', { field: inputs[place]?.name ?? '', value: null, expected })
  }

  #refusal(rows: readonly Value[][], { queue, bytes, deadline }: CallLimits): Problem | undefined {
    const { size, rows: waiting, bytes: held } = this.#queue
    if (size === 0) return undefined
    const full = waiting + rows.length > (queue?.queue_rows ?? this.#options.maxQueue)
    const heavy = held + bytes > (queue?.queue_bytes ?? this.#options.maxQueueBytes)
    const late = Date.now() + this.#waitMs() > deadline
    if (!full && !heavy && !late) return undefined
    const retry_after = Math.max(1, this.#waitMs() / 1000)
    return problem('too_many_requests', { what: 'the queue of the model', rows: waiting, retry_after })
  }

  #waitMs(): number {
    return this.#cost.waitMs(this.#queue.rows, this.#cost.worthwhile(this.#options.maxBatch)) / this.#options.sessions
  }

  /** Calls of the same turn go together. */
  #dispatchSoon(): void {
    if (this.#soon) return
    this.#soon = true
    setImmediate(() => {
      this.#soon = false
      this.#dispatch()
    })
  }

  #dispatch(): void {
    for (const seat of this.#seats) {
      if (this.#queue.size === 0) break
      if (!seat.busy) void this.#run(seat, this.#queue.take(this.#cost.worthwhile(this.#options.maxBatch)))
    }
    this.#checkClosing()
  }

  #checkClosing(): void {
    if (this.#closing !== undefined && this.#queue.size === 0 && this.#running === 0) this.#closing()
  }

  async #run(seat: Seat, batch: readonly Call[]): Promise<void> {
    if (batch.length === 0) return
    seat.busy = true
    this.#running++
    try {
      await this.#runSplit(seat, batch)
    } finally {
      seat.busy = false
      this.#running--
      this.#dispatch()
    }
  }

  async #runSplit(seat: Seat, calls: readonly Call[]): Promise<void> {
    const alive = calls.filter((call) => !call.settled)
    if (alive.length === 0) return
    const rows = alive.flatMap((call) => call.rows)
    try {
      const scored = await this.#score(seat, rows)
      let at = 0
      for (const call of alive) {
        this.#settle(call)
        call.resolve(scored.slice(at, at + call.rows.length))
        at += call.rows.length
      }
    } catch (error) {
      if (error instanceof OnnxGone) this.#retry(alive, error)
      else if (alive.length === 1) this.#fail(alive[0] as Call, raised(error as Error))
      else for (const call of alive) await this.#runSplit(seat, [call])
    }
  }

  /** Calls of a dead thread go to the front of the queue; one that was there at two deaths is taken for the cause. */
  #retry(calls: readonly Call[], error: OnnxGone): void {
    for (const call of calls.toReversed()) {
      call.deaths++
      if (call.deaths > 1) this.#fail(call, raised(error))
      else if (this.#isDown()) this.#fail(call, this.#unavailable())
      else this.#queue.unshift(call)
    }
  }

  async #score(seat: Seat, rows: readonly Value[][]): Promise<Scored[]> {
    if (seat.session === undefined) throw new OnnxError('the session is gone')
    const started = performance.now()
    const outputs = await seat.session.run(toTensors(this.#feeds, rows))
    this.#cost.add(rows.length, performance.now() - started)
    this.#batches++
    this.#rows += rows.length
    return this.#answer === undefined ? toScored(outputs, rows.length) : toAnswers(outputs, rows.length, this.#answer)
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

  #unavailable(): Problem {
    return problem('unavailable', {
      what: 'the model',
      detail: 'its sessions ended and cannot be opened again',
      retry_after: 1,
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    if (this.#queue.size > 0 || this.#running > 0)
      await new Promise<void>((resolve) => {
        this.#closing = resolve
      })
    await this.#endAll()
  }

  async #endAll(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#seats.flatMap(({ session }) => (session === undefined ? [] : [session.end()])))
  }

  describe(): Record<string, unknown> {
    return {
      kind: 'onnx',
      sessions: this.#seats.length,
      queued_rows: this.#queue.rows,
      fixed_ms: this.#cost.fixedMs,
      per_row_ms: this.#cost.perRowMs,
      batches: this.#batches,
      rows: this.#rows,
      deaths: this.#deaths.length,
    }
  }
}

const ZEROS = { number: 0, integer: 0, boolean: false, string: '' } as const

function fresh(): Pick<Call, 'deaths' | 'settled' | 'timer'> {
  return { deaths: 0, settled: false, timer: undefined }
}

function raised(error: Error): Problem {
  return problem('upstream_failed', { what: 'the model', detail: error.message }, error)
}
