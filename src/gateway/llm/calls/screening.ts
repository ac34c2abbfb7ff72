/** Where guardrails stand in a call: before its request is sent, and before its answer goes on. */
import { Problem, problem } from '../../../contract/errors.ts'
import { SseParser } from '../dialects/events.ts'
import type { StreamWatch } from '../guards/guards.ts'
import { guardsOf } from '../guards/guards.ts'
import type { Dialect } from '../../table/llm.ts'
import type { Journey } from './journey.ts'
import { membersOf } from './members.ts'
import type { Passage } from './passage.ts'
import { textOf } from './text.ts'

/** Dialects whose answers have no texts. */
const MUTE = new Set<Dialect>(['embeddings', 'count_tokens'])

/**
 * Looks at the request, which from then on is what guardrails have left of it. `allow`: private hosts that hooks may be at. Rejects with
 * `guardrail_blocked`, and with `unavailable` where a guardrail cannot look.
 */
export async function screenAsk(journey: Journey, allow: readonly string[]): Promise<void> {
  const { ask, endpoint } = journey
  const guards = endpoint === undefined ? null : guardsOf(endpoint, allow)
  if (guards === null) return
  if (guards.onAnswer && !MUTE.has(ask.dialect)) journey.guardrails = guards
  const source = ask.bytes.toString('utf8')
  const out = await guards.request(source, journey.guards)
  if (out === source) return
  const bytes = Buffer.from(out)
  journey.ask = { ...ask, bytes, body: JSON.parse(out) as typeof ask.body, members: membersOf(bytes) }
}

/** A whole answer in the client's dialect as it may go on. Rejects with `guardrail_blocked`, and with `upstream_failed` where it is no JSON. */
export async function screenedAnswer(journey: Journey, bytes: Buffer): Promise<Buffer> {
  const { guardrails, ask, provider } = journey
  if (guardrails === null) return bytes
  const source = bytes.toString('utf8')
  checkJson(source, provider?.name ?? '')
  try {
    const out = await guardrails.answer(ask.dialect, source, journey.guards)
    if (journey.keeps) journey.said(textOf(ask.dialect, JSON.parse(out) as Readonly<Record<string, unknown>>))
    return out === source ? bytes : Buffer.from(out)
  } catch (error) {
    journey.isBlocked = true
    // it came whole, so that the usage that it tells is what it cost
    if (journey.usage !== null) journey.guessed = 0
    throw error
  }
}

function checkJson(source: string, provider: string): void {
  try {
    JSON.parse(source)
  } catch (error) {
    const detail = 'its answer is no JSON, so that guardrails cannot look at it'
    throw problem('upstream_failed', { what: `provider ${provider}`, detail }, error)
  }
}

/** Most characters of an answer that is held back whole. */
const MOST_HELD = 64 * 1024 * 1024
const NOTHING = Buffer.alloc(0)

/** A passage whose events are looked at in the client's dialect before they go on. */
export class ScreenedPassage implements Passage {
  readonly #inner: Passage
  readonly #watch: StreamWatch
  readonly #journey: Journey
  readonly #kept: SseParser | undefined
  #held: string[] = []
  #size = 0

  constructor(inner: Passage, journey: Journey, watch: StreamWatch) {
    this.#inner = inner
    this.#journey = journey
    this.#watch = watch
    this.#kept = journey.keeps ? new SseParser() : undefined
  }

  /** True = nothing goes on before `rest`. */
  get holds(): boolean {
    return this.#watch.holds
  }

  push(chunk: Buffer): Buffer {
    return this.#guarded(() => this.#watch.stream.push(this.#inner.push(chunk)))
  }

  end(): Buffer {
    return this.#guarded(() => this.#watch.stream.push(this.#inner.end()) + this.#watch.stream.end())
  }

  async rest(left: AbortSignal): Promise<Buffer> {
    try {
      await this.#watch.judge()
    } catch (error) {
      throw this.#fallen(error)
    }
    if (left.aborted) return NOTHING
    const held = this.#held.join('')
    this.#held = []
    return this.#said(held)
  }

  get ended(): boolean {
    return this.#inner.ended
  }

  get isOver(): boolean {
    return this.#inner.isOver && !this.#journey.isBlocked
  }

  get error(): string | null {
    return this.#inner.error
  }

  note(): void {
    this.#inner.note()
    this.#watch.note()
  }

  #guarded(passed: () => string): Buffer {
    let text: string
    try {
      text = passed()
    } catch (error) {
      throw this.#fallen(error)
    }
    if (!this.holds) return this.#said(text)
    this.#size += text.length
    if (this.#size > MOST_HELD) {
      const detail = `its answer has more than ${MOST_HELD} characters, and is held back whole`
      throw problem('upstream_failed', { what: `provider ${this.#journey.provider?.name}`, detail })
    }
    this.#held.push(text)
    return NOTHING
  }

  #fallen(error: unknown): unknown {
    if (isBlock(error)) this.#journey.isBlocked = true
    this.#held = []
    return error
  }

  /** What goes on is what is kept. */
  #said(text: string): Buffer {
    if (text === '') return NOTHING
    const bytes = Buffer.from(text)
    for (const { data } of this.#kept?.push(bytes) ?? []) this.#journey.said(saidBy(this.#journey.ask.dialect, data))
    return bytes
  }
}

function saidBy(dialect: Dialect, data: string): string {
  try {
    return textOf(dialect, JSON.parse(data) as Readonly<Record<string, unknown>>)
  } catch {
    // such as the mark of the end
    return ''
  }
}

/** True for the refusal of a guardrail. */
export function isBlock(error: unknown): boolean {
  return error instanceof Problem && error.code === 'guardrail_blocked'
}
