/** What is noted of a call from its beginning to its end, and the record that this becomes. */
import { createHash, hash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import type { AttemptRecord, CostStatus, GuardRecord, LlmCallRecord, Outcome, Usage } from '../records/record.ts'
import type { KeyRoute, LlmEndpointRoute, ModelRoute, PriceRoute, ProviderRoute } from '../../table/llm.ts'
import type { Tape } from '../cache/tape.ts'
import type { Guards } from '../guards/guards.ts'
import { costOf } from '../money/prices.ts'
import type { Flight } from '../upstream/flight.ts'
import type { Extras } from './extras.ts'
import { extrasOf, priceWith } from './extras.ts'
import type { LlmAsk } from './request.ts'

/** Who calls, and from what. */
export interface LlmCaller {
  /** Project of the token; null = all. */
  readonly project: string | null
  /** Id of the token; null = none. */
  readonly token: string | null
  readonly key: KeyRoute | null
}

/** How a call ended. */
export interface End {
  readonly status: number
  readonly outcome: Outcome
  readonly error?: string | undefined
}

/** Longest text of a request or an answer that is kept, bytes. */
export const KEPT_BYTES = 64 * 1024

export class Journey {
  readonly id: string
  readonly started: number
  readonly #began = performance.now()
  /** As it came, or as guardrails have left it. */
  ask: LlmAsk
  readonly caller: LlmCaller
  readonly extras: Extras
  readonly traceparent: string | null
  endpoint: LlmEndpointRoute | undefined
  provider: ProviderRoute | undefined
  model: ModelRoute | undefined
  /** Absent until models are chosen. */
  flight: Flight | undefined
  readonly attempts: AttemptRecord[] = []
  reserved = 0
  budgets: readonly string[] = []
  lost: readonly string[] = []
  cache: 'hit' | 'miss' | null = null
  saved = 0
  /** Of a call whose endpoint has a cache, unless it is answered from there. */
  tape: Tape | undefined
  readonly guards: GuardRecord[] = []
  /** What looks at its answer; null = nothing does. */
  guardrails: Guards | null = null
  /** True = a guardrail ended the answer: what came of it is paid for. */
  isBlocked = false
  /** Length until the first upstream was called, µs. */
  ownUs: number | undefined
  firstUs: number | null = null
  usage: Usage | null = null
  raw: unknown = null
  finish: string | null = null
  /** Output that passed, tokens: a guess from events, or bytes. */
  guessed = 0
  #answer: Hash | undefined
  #text = ''

  constructor(of: { id: string; started: number; ask: LlmAsk; caller: LlmCaller; traceparent: string | null }) {
    this.id = of.id
    this.started = of.started
    this.ask = of.ask
    this.extras = extrasOf(of.ask)
    this.caller = of.caller
    this.traceparent = of.traceparent
  }

  /** µs since the beginning. */
  get us(): number {
    return Math.round((performance.now() - this.#began) * 1000)
  }

  /** True once a provider was asked, or its kept answer found. */
  get sent(): boolean {
    return this.ownUs !== undefined
  }

  /** True when prompts and answers are kept; of a call that nobody was asked for nothing is. */
  get keeps(): boolean {
    return this.sent && this.endpoint?.experiment != null && this.caller.key?.content !== false
  }

  /** Bytes of the answer as they pass. */
  saw(bytes: Buffer): void {
    this.#answer ??= createHash('sha256')
    this.#answer.update(bytes)
    this.tape?.saw(bytes)
  }

  /** Text of the answer, of which the beginning is kept. */
  said(text: string): void {
    if (this.#text.length < KEPT_BYTES) this.#text += text
  }

  /** What the call cost by what is known when it ends. */
  cost(outcome: Outcome): { status: CostStatus; usage: Usage | null; nano: number | null } {
    if (
      this.model === undefined ||
      this.cache === 'hit' ||
      this.ask.dialect === 'count_tokens' ||
      (outcome === 'failed' && this.usage === null && !this.isBlocked)
    )
      return { status: 'none', usage: null, nano: 0 }
    const told = outcome === 'ok' || (this.usage?.output ?? 0) >= this.guessed ? this.usage : null
    const usage = told ?? this.#estimate()
    const price = priceWith(this.model.price, this.extras)
    if (price === null) return { status: 'unknown_price', usage: this.usage, nano: null }
    const isExact = told !== null && this.extras.isListed
    return { status: isExact ? 'priced' : 'estimated', usage, nano: costOf(usage, price) }
  }

  /** A token is about four bytes of text. What was told before the end stays: a stream of Anthropic's tells its input first, and its output last. */
  #estimate(): Usage {
    const input = Math.ceil(this.ask.bytes.length / 4)
    const none = { input, output: 0, cache_read: 0, cache_write: 0, reasoning: 0 }
    return { ...(this.usage ?? none), output: this.guessed }
  }

  record(end: End): LlmCallRecord {
    const { ask, endpoint } = this
    return {
      t: 'l',
      id: this.id,
      started: this.started,
      us: this.us,
      first_us: this.firstUs,
      own_us: this.ownUs ?? this.us,
      ...callerPart(this.caller),
      project: endpoint?.project ?? this.caller.project ?? 'default',
      endpoint: endpoint?.name ?? '',
      dialect: ask.dialect,
      stream: ask.stream,
      ...providerPart(this.provider, this.model),
      status: end.status,
      outcome: end.outcome,
      ...(end.error !== undefined && { error: end.error.slice(0, 500) }),
      attempts: this.attempts,
      ...this.#moneyPart(end.outcome),
      reserved: this.reserved,
      budgets: this.budgets,
      cache: this.cache,
      saved: this.saved,
      guards: this.guards,
      lost: this.lost,
      experiment: this.sent ? (endpoint?.experiment ?? null) : null,
      traceparent: this.traceparent,
      finish: this.finish,
      digest: { request: hash('sha256', ask.bytes), answer: this.#answer?.digest('hex') ?? null },
      ...(this.keeps && { content: { request: clipped(ask.bytes), answer: this.#text.slice(0, KEPT_BYTES) } }),
    }
  }

  #moneyPart(outcome: Outcome): Pick<LlmCallRecord, 'usage' | 'raw_usage' | 'cost_status' | 'cost' | 'price'> {
    const { status, usage, nano } = this.cost(outcome)
    return {
      usage,
      raw_usage: this.raw,
      cost_status: status,
      cost: nano,
      price: priceId(status, this.model?.price ?? null),
    }
  }
}

function callerPart({ token, key }: LlmCaller): Pick<LlmCallRecord, 'key' | 'user' | 'team' | 'tags'> {
  return { key: token, user: key?.user ?? null, team: key?.team ?? null, tags: key?.tags ?? [] }
}

function providerPart(
  provider: ProviderRoute | undefined,
  model: ModelRoute | undefined,
): Pick<LlmCallRecord, 'provider' | 'kind' | 'model'> {
  return { provider: provider?.name ?? null, kind: provider?.kind ?? null, model: model?.model ?? null }
}

function priceId(status: CostStatus, price: PriceRoute | null): string | null {
  return status === 'none' ? null : (price?.id ?? null)
}

function clipped(bytes: Buffer): string {
  return bytes.subarray(0, KEPT_BYTES).toString('utf8')
}
