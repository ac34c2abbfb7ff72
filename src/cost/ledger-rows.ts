/** What every part of the cost room works with, and the rows of its ledger. */
import type { Audit } from '../auth/audit.ts'
import type { Clock } from '../contract/ids.ts'
import type { Db } from '../store/db.ts'

/** What every part of the room works with. */
export interface Cost {
  readonly db: Db
  readonly clock: Clock
  readonly audit: Audit
}

/** What was used, in whole units: ms of CPU, KiB seconds of memory, KiB seconds of storage. */
export interface Quantities {
  readonly cpu_ms: number
  readonly memory_kib_s: number
  readonly storage_kib_s: number
}

/** Micro-dollars for an hour of a vCPU, an hour of a GiB of memory, and 30 days of a GiB of storage. */
export interface Prices {
  readonly cpu_price: number
  readonly memory_price: number
  readonly storage_price: number
}

/**
 * attempt: one try of a step. serving: an hour of a version at an endpoint. storage: a day of a version's files. llm: an hour of a
 * provider's model at an endpoint for language models.
 */
export type EntryKind = 'attempt' | 'serving' | 'storage' | 'llm'

/** What an entry is for. */
export interface Subject {
  readonly id: string
  readonly kind: EntryKind
  readonly project: string
  readonly run: string | null
  readonly endpoint: string | null
  readonly model: string | null
  readonly version: string | null
  /** How an attempt ended. */
  readonly outcome: string | null
}

/** What the calls of language models of an entry come to, each by the name of its column. */
export const LLM_SUMS = [
  'nanodollars',
  'llm_calls',
  'unpriced_calls',
  'input_tokens',
  'output_tokens',
  'unpriced_tokens',
] as const

/** Sums over calls of language models. */
export interface LlmPart {
  /** What they cost, nanodollars: the amount of an entry is this, rounded once. */
  readonly nanodollars: number
  readonly llm_calls: number
  /** Those of them whose price is not known: they are in no amount. */
  readonly unpriced_calls: number
  readonly input_tokens: number
  readonly output_tokens: number
  /** Tokens of the unpriced calls, input and output. */
  readonly unpriced_tokens: number
}

/** A row of the ledger; times in ms since 1970. The sums over calls of language models are 0 of all kinds but llm. */
export interface EntryRow extends Subject, Quantities, Prices, LlmPart {
  readonly from_at: number
  readonly to_at: number
  readonly predictions: number
  readonly micro_dollars: number
  /** 1 = more was used than could be measured. */
  readonly unmeasured: number
  /** Of an entry of the kind llm: who was called; null of others, and where nobody is named. */
  readonly provider: string | null
}
