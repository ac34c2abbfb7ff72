/** What a gateway needs to answer calls of language models: plain data, a part of the routing table that control pushes. */
import type { LlmOptions } from '../../contract/llm/options.ts'

/** Formats in which clients call and upstreams answer, each named after the last part of its path. */
export const DIALECTS = [
  /** OpenAI `/v1/chat/completions`. */
  'chat',
  /** OpenAI `/v1/completions`. */
  'completions',
  /** OpenAI `/v1/responses`. */
  'responses',
  /** OpenAI `/v1/embeddings`. */
  'embeddings',
  /** Anthropic `/v1/messages`. */
  'messages',
  /** Anthropic `/v1/messages/count_tokens`. */
  'count_tokens',
  /** Gemini `models/MODEL:generateContent` and `:streamGenerateContent`. */
  'generate',
  /** Bedrock `/model/MODEL/converse` and `/converse-stream`. */
  'converse',
] as const
export type Dialect = (typeof DIALECTS)[number]

/** How an upstream is addressed and authenticated. `openai` is every server that speaks OpenAI's API: vLLM, Ollama, llama.cpp and most vendors. */
export const PROVIDER_KINDS = ['openai', 'anthropic', 'azure', 'gemini', 'bedrock'] as const
export type ProviderKind = (typeof PROVIDER_KINDS)[number]

export interface ProviderRoute {
  readonly id: string
  /** For people. */
  readonly name: string
  readonly kind: ProviderKind
  /** Address without a slash at its end; what is after it is the kind's: `/chat/completions` for `openai`, so that it usually ends with `/v1`; `/models/…` for `gemini`, so that it ends with `/v1beta`; `/v1/messages` for `anthropic`. */
  readonly base_url: string
  /** JSON object of its credentials (`api_key`, or `aws_access_key_id` and `aws_secret_access_key`), sealed by `Seal` for `gateway secret ID`; null = none. */
  readonly sealed: string | null
  /** Settings that are no secret: `api_version` of Azure, `aws_region_name` of Bedrock. */
  readonly settings: Readonly<Record<string, string>>
}

/** Prices of one model; all in picodollars a token (1 USD a million tokens = 1 000 000) unless said otherwise, whole numbers. Null = not priced apart. */
export interface PriceRoute {
  /** Names the row of the price book, with its date, so that a cost can be computed again. */
  readonly id: string
  readonly input: number
  readonly output: number
  /** Input that was read from the provider's cache; null = as `input`. */
  readonly cache_read: number | null
  /** Input that was written to it; null = as `input`. */
  readonly cache_write: number | null
  /** Nanodollars a request. */
  readonly request: number
  /** Prices of calls with more input tokens than `above`, for all tokens of the call; ascending. */
  readonly tiers: readonly (Pick<PriceRoute, 'input' | 'output' | 'cache_read' | 'cache_write'> & {
    readonly above: number
  })[]
}

/** One model of an endpoint. */
export interface ModelRoute {
  /** Id of its definition. */
  readonly id: string
  /** Id of its provider. */
  readonly provider: string
  /** Name at the provider. */
  readonly model: string
  /** Share of the calls among the primary ones, ≥ 0. */
  readonly weight: number
  /** Place among the fallbacks, from 0; null = a primary one. */
  readonly fallback: number | null
  /** Null = the price is not known: calls are answered, told as such, and refused where a hard budget holds. */
  readonly price: PriceRoute | null
  /** Most output tokens of a call that sets no limit, where it is known. */
  readonly max_output: number | null
}

/** A name that clients put into `model`. */
export interface LlmEndpointRoute extends LlmOptions {
  readonly name: string
  readonly project: string
  readonly models: readonly ModelRoute[]
  /** Most upstream calls for one call of a client, ≥ 1. */
  readonly attempts: number
  /** Experiment that gets the traces; null = none. */
  readonly experiment: string | null
}

/** What a token may do with language models. A token without one is held to nothing but its role and project, and to budgets of its project. */
export interface KeyRoute {
  /** Id of the token. */
  readonly token: string
  /** Names of endpoints that it may call; null = all that it sees. */
  readonly models: readonly string[] | null
  /** Calls a minute; null = no limit. */
  readonly rpm: number | null
  /** Tokens a minute, input and output together; null = no limit. */
  readonly tpm: number | null
  /** Calls at once; null = no limit. */
  readonly concurrency: number | null
  readonly user: string | null
  readonly team: string | null
  readonly tags: readonly string[]
  /** False = of prompts and answers only digests are kept. */
  readonly content: boolean
}

export const BUDGET_SCOPES = ['key', 'user', 'team', 'project', 'tag'] as const
export type BudgetScope = (typeof BUDGET_SCOPES)[number]
export const BUDGET_WINDOWS = ['day', 'week', 'month', 'total'] as const
/** Calendar windows in UTC; a week begins on Monday. */
export type BudgetWindow = (typeof BUDGET_WINDOWS)[number]

export interface BudgetRoute {
  readonly id: string
  readonly project: string
  readonly scope: BudgetScope
  /** What of the scope: a token's id, a user, a team, a project or a tag. */
  readonly of: string
  readonly window: BudgetWindow
  /** Nanodollars, ≥ 0. */
  readonly limit: number
  /** True = a call that could pass the limit is refused; false = it is told only. */
  readonly hard: boolean
  /** Spent in the present window as the ledger knows it, nanodollars: what a gateway that remembers less begins with. */
  readonly spent: number
  /** Beginning of the window of `spent`, ms; 0 for `total`. */
  readonly since: number
  /** True = servers with money stores of their own charge it too: this one may spend the share that its store holds, and nothing without one. */
  readonly shared?: boolean
}

export interface LlmRoute {
  readonly providers: readonly ProviderRoute[]
  readonly endpoints: readonly LlmEndpointRoute[]
  readonly keys: readonly KeyRoute[]
  readonly budgets: readonly BudgetRoute[]
  /** Private hosts (`host` or `host:port`) that providers may be reached at. */
  readonly allow: readonly string[]
}
