/** An ONNX backend: sessions on worker threads, fed with whatever waits, so that the gateway's own loop never blocks. */
import type { Problem } from '../../contract/errors.ts'
import { problem } from '../../contract/errors.ts'
import { OnnxError, OnnxGone, OnnxSession } from './session.ts'
import { onlyOutput, planFeeds, toAnswers, toScored, toTensors } from './tensors.ts'
import type { ThreadData } from './thread.ts'
import type { InputField, OnnxAnswer } from '../rows/fields.ts'
import type { Backend, CallLimits } from '../rows/backend.ts'
import type { Scored } from '../rows/scores.ts'
import type { Value } from '../rows/rows.ts'
import { Calls } from '../queue/calls.ts'
import type { CallBounds } from '../queue/calls.ts'
import type { Call } from '../queue/queue.ts'

export interface OnnxOptions extends Omit<ThreadData, 'outputs'>, CallBounds {
  /** How an export answers; absent = with all outputs. */
  readonly answer?: OnnxAnswer | undefined
  readonly inputs: readonly InputField[]
  /** Sessions, each on a thread of its own, ≥ 1. */
  readonly sessions: number
}

/** A thread that dies so often within a minute is not started again until the table changes. */
const MAX_DEATHS = 5
const DEATHS_MS = 60_000

/** Rows that may wait where the options do not say. */
const MAX_QUEUE = 16_384

interface Seat {
  session: OnnxSession | undefined
  busy: boolean
}

/**
 * Calls of one turn of the loop are merged. A thread that dies is replaced; where none is left and none can be opened, calls are refused
 * at once.
 */
export class OnnxBackend implements Backend {
  readonly #options: Omit<OnnxOptions, 'answer' | keyof CallBounds>
  readonly #answer: OnnxAnswer | undefined
  readonly #seats: Seat[] = []
  readonly #calls: Calls<Seat>
  readonly #deaths: number[] = []
  #feeds: ReturnType<typeof planFeeds> = []
  #soon = false
  #closed = false
  /** Why it could not be started. */
  #fault: string | undefined
  /** Sessions that are being opened. */
  #opening = 0

  constructor({ answer, ...options }: OnnxOptions) {
    this.#answer = answer
    this.#options = options
    this.#calls = new Calls<Seat>(
      { maxQueue: MAX_QUEUE, ...options },
      {
        count: options.sessions,
        score: (seat, calls, answered) => this.#score(seat, calls, answered),
        fault: (error) => (error instanceof OnnxGone ? 'died' : 'one'),
        condemn,
        unavailable: () => this.#unavailable(),
        free: (seat) => this.#free(seat),
        wake: () => this.#dispatchSoon(),
      },
    )
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

  /** Starts the sessions without waiting; calls wait until one is ready, and are refused with the reason where none can be. */
  startLater(): void {
    void this.start().catch((error: Error) => {
      this.#fault = error.message
      this.#calls.giveUp()
    })
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
    if (this.#deaths.length < MAX_DEATHS) void this.#open().catch(() => this.#calls.giveUp())
    else this.#calls.giveUp()
  }

  /** Where nobody answers, nobody will. */
  #unavailable(): Problem | undefined {
    if (!this.#closed && (this.#seats.length > 0 || this.#opening > 0)) return undefined
    const detail = this.#fault ?? 'its sessions ended and cannot be opened again'
    return problem('unavailable', { what: 'the model', detail, retry_after: 1 })
  }

  ready(): boolean {
    return this.#seats.length > 0
  }

  score(rows: readonly Value[][], limits: CallLimits): Promise<Scored[]> {
    const refusal = given(limits) ?? this.#missing(rows)
    if (refusal !== undefined) return Promise.reject(refusal)
    const answer = this.#calls.accept(rows, limits)
    this.#dispatchSoon()
    return answer
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
      if (this.#calls.waiting === 0) break
      if (seat.busy) continue
      seat.busy = true
      void this.#calls.run(seat)
    }
  }

  #free(seat: Seat): void {
    seat.busy = false
    this.#dispatch()
  }

  async #score(seat: Seat, calls: readonly Call[], answered: () => void): Promise<Scored[]> {
    if (seat.session === undefined) throw new OnnxError('the session is gone')
    const rows = calls.flatMap((call) => call.rows)
    const outputs = await seat.session.run(toTensors(this.#feeds, rows))
    const scored =
      this.#answer === undefined ? toScored(outputs, rows.length) : toAnswers(outputs, rows.length, this.#answer)
    answered()
    return scored
  }

  async close(): Promise<void> {
    if (this.#closed) return
    await this.#calls.idle()
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
      ...this.#calls.describe(),
      deaths: this.#deaths.length,
      error: this.#fault ?? null,
    }
  }
}

const ZEROS = { number: 0, integer: 0, boolean: false, string: '' } as const

/** Params, which no graph takes. */
function given({ params }: CallLimits): Problem | undefined {
  if (params === null || Object.keys(params).length === 0) return undefined
  return problem('invalid_field', { field: 'params', value: params, expected: 'none: an ONNX model takes no params' })
}

/** A call that was there at two deaths is taken for their cause. */
function condemn({ deaths }: Call): Problem | undefined {
  if (deaths < 2) return undefined
  return problem('upstream_failed', {
    what: 'the model',
    detail: 'its thread ended twice while it scored this request',
  })
}
