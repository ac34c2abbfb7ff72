/** What a gateway logs of a call of a language model: JSON, one object a call, appended when the call has ended. */
import type { Dialect, ProviderKind } from '../../table/llm.ts'

/** Tokens of a call in one form for all providers. `input` counts all input tokens, those of the cache too. */
export interface Usage {
  readonly input: number
  readonly output: number
  /** Input tokens that came from the provider's cache. */
  readonly cache_read: number
  /** Input tokens that were written to it. */
  readonly cache_write: number
  /** Output tokens that the client does not see. */
  readonly reasoning: number
}

/** One upstream call. */
export interface AttemptRecord {
  /** Id of the model's definition. */
  readonly model: string
  /** HTTP status; null = no answer. */
  readonly status: number | null
  readonly us: number
  readonly error?: string
}

/**
 * ok: answered whole. refused: not sent, for the caller's fault, a limit or a budget. failed: an upstream refused or did not answer. aborted: the
 * caller left. cut: the upstream broke off. lost: the gateway was killed; what the call cost is not known, and its reserve is charged.
 */
export type Outcome = 'ok' | 'refused' | 'failed' | 'aborted' | 'cut' | 'lost'

/** priced: from usage and price. estimated: from what was seen, for the upstream told no usage. unknown_price: the price is not known. none: nothing was sent. reserved: a lost call, charged with its reserve. */
export type CostStatus = 'priced' | 'estimated' | 'unknown_price' | 'none' | 'reserved'

/** What a guardrail found. */
export interface GuardRecord {
  readonly name: string
  readonly on: 'request' | 'answer'
  /** failed: it could not look, and its setting let the call pass. */
  readonly action: 'block' | 'redact' | 'flag' | 'failed'
  /** Places that it found, ≥ 1. */
  readonly found: number
  /** Why, in words that repeat nothing of the text. */
  readonly detail?: string
}

export interface LlmCallRecord {
  readonly t: 'l'
  readonly id: string
  /** Beginning, ms since 1970. */
  readonly started: number
  /** Length, µs. */
  readonly us: number
  /** From the beginning to the first byte of the answer, µs; null = none came. */
  readonly first_us: number | null
  /** Time of it that passed in the gateway before the upstream was called, µs. */
  readonly own_us: number
  readonly project: string
  /** Name that the client called. */
  readonly endpoint: string
  readonly dialect: Dialect
  readonly stream: boolean
  /** Token's id; null = a server that is open to callers without one. */
  readonly key: string | null
  readonly user: string | null
  readonly team: string | null
  readonly tags: readonly string[]
  /** Who answered, or was called last; null = nobody was called. */
  readonly provider: string | null
  readonly kind: ProviderKind | null
  /** Name of the model at the provider. */
  readonly model: string | null
  /** HTTP status that the client got; 499 = it had left before. */
  readonly status: number
  readonly outcome: Outcome
  readonly error?: string
  readonly attempts: readonly AttemptRecord[]
  readonly usage: Usage | null
  /** Usage as the upstream told it. */
  readonly raw_usage: unknown
  readonly cost_status: CostStatus
  /** Nanodollars; null where the price is not known. */
  readonly cost: number | null
  /** Row of the price book. */
  readonly price: string | null
  /** Nanodollars that were reserved. */
  readonly reserved: number
  /** Budgets that it was charged to. */
  readonly budgets: readonly string[]
  /** hit: answered from the cache. miss: looked for there. null: no cache, or the client did without it. */
  readonly cache: 'hit' | 'miss' | null
  /** What the answer from the cache had cost when it was made, nanodollars; 0 without a hit. */
  readonly saved: number
  readonly guards: readonly GuardRecord[]
  /** Fields that a translation dropped or approximated, as JSON paths. */
  readonly lost: readonly string[]
  readonly experiment: string | null
  /** W3C header `traceparent` of the client. */
  readonly traceparent: string | null
  readonly finish: string | null
  /** SHA-256 of the request's body and of the answer's text, hexadecimal. */
  readonly digest: { readonly request: string; readonly answer: string | null }
  /** Request and answer as they were, each up to 64 KiB; absent where the key keeps no content. */
  readonly content?: { readonly request: string; readonly answer: string }
}
