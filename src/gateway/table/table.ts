/** The routing table: all that a gateway needs to answer, as plain data that control writes and gateways hold. */
import type { Role } from '../../contract/access.ts'
import type { LlmRoute } from './llm.ts'
import type { Service, View } from '../../features/definitions/definitions.ts'
import type { InputField, LimitsRoute, OnnxAnswer } from '../../scoring/rows/fields.ts'
import type { AnswerShape } from '../../scoring/rows/outputs.ts'

/** Where a version's rows are scored. `dir` holds the lowered model (native) or the model folder (python). */
export type BackendRoute =
  | { readonly kind: 'native'; readonly dir: string }
  | {
      readonly kind: 'onnx'
      /** The graph. */
      readonly file: string
      /** Folder from which ONNX Runtime is required. */
      readonly runtime: string
      /** Sessions, each on a thread of its own, ≥ 1. */
      readonly sessions: number
      /** What its answers look like, where the signature says it. */
      readonly answers?: AnswerShape | undefined
      /** How an export of a model of another library answers; absent = a model of mlflow's `onnx` flavour, with all its outputs. */
      readonly answer?: OnnxAnswer | undefined
    }
  | {
      readonly kind: 'python'
      readonly dir: string
      readonly python: string
      /** numpy type of a tensor signature; null = the model is fed a DataFrame. */
      readonly tensor: string | null
      /** Shape of one row of the array; absent = [inputs]. */
      readonly dims?: readonly number[] | undefined
      /** True = the model is fed a list of the values of its only input. */
      readonly list?: true | undefined
      /** What its answers look like, where the signature says it. */
      readonly answers?: AnswerShape | undefined
      /** Scorer processes of the pool, ≥ 1. */
      readonly workers: number
      /** A scorer above this resident size is recycled. */
      readonly memory_mb: number
    }

export type VariantRole = 'stable' | 'canary' | 'shadow'

export interface VariantRoute {
  readonly role: VariantRole
  readonly version: string
  /** Ten-thousandths of the buckets; only a canary's counts, stable takes the rest. */
  readonly weight: number
  /** When the variant took this role, ms: a breaker that has tripped stays so for the same (version, since). */
  readonly since: number
  /** The rule of its breaker; absent = the endpoint's. */
  readonly breaker?: BreakerRoute
  readonly inputs: readonly InputField[]
  readonly backend: BackendRoute
  /** Absent where requests bring all inputs. */
  readonly features?: FeaturesRoute
}

/** When a canary is taken to weight 0: evidence of level `alpha` that its failure rate is, or has become, above `limit` (each 0 … 1, excluded). */
export interface BreakerRoute {
  readonly limit: number
  readonly alpha: number
}

/** The feature service from which what a request leaves out is filled for a version, as it was when it was set. */
export interface FeaturesRoute {
  readonly service: string
  readonly version: number
  readonly definition: Service
  /** Its views by the name that each has there. */
  readonly views: Readonly<Record<string, View>>
}

export interface EndpointRoute {
  readonly name: string
  readonly project: string
  readonly model: string
  readonly salt: string
  readonly threshold: number | null
  readonly breaker: BreakerRoute
  /** Bounds of this endpoint; absent = the defaults. */
  readonly limits?: LimitsRoute
  readonly variants: readonly VariantRoute[]
  /** Versions kept loaded without traffic, so that a rollback is a pointer swap. */
  readonly standby: readonly VariantRoute[]
}

/** A token as the gateway checks it: the sha256 of its secret, never the secret. */
export interface TokenRoute {
  readonly id: string
  readonly hash: string
  readonly role: Role
  readonly project: string | null
  readonly expires_at: number | null
}

export interface RoutingTable {
  readonly format: 'slipway.routing/1'
  readonly epoch: number
  /** True with --no-auth: requests without a credential are answered. */
  readonly open: boolean
  readonly endpoints: readonly EndpointRoute[]
  readonly tokens: readonly TokenRoute[]
  /** Language models; absent in tables of before there were any, and where nobody says them. */
  readonly llm?: LlmRoute
}

/** The rule of a canary that no plan of a rollout gives one. */
export const BREAKER: BreakerRoute = { limit: 0.02, alpha: 0.001 }

/** The key under which a loaded backend is kept over table swaps. */
export function backendKey(backend: BackendRoute): string {
  if (backend.kind === 'onnx') return `onnx ${backend.file} ${backend.sessions} ${backend.answer?.output ?? ''}`
  return backend.kind === 'native'
    ? `native ${backend.dir}`
    : `python ${backend.python} ${backend.dir} ${backend.workers}`
}

/** A table without endpoints, held until control has pushed one. */
export const EMPTY_TABLE: RoutingTable = {
  format: 'slipway.routing/1',
  epoch: 0,
  open: false,
  endpoints: [],
  tokens: [],
}

/** Checks what a file or a push holds. Throws a plain Error that says what is wrong. */
export function asTable(value: unknown): RoutingTable {
  const table = value as Partial<RoutingTable> | null
  if (typeof table !== 'object' || table === null || table.format !== 'slipway.routing/1')
    throw new Error(`not a routing table of format slipway.routing/1: ${JSON.stringify(value)?.slice(0, 80)}`)
  if (!Number.isSafeInteger(table.epoch))
    throw new Error(`routing table: epoch ${String(table.epoch)} is no whole number`)
  if (!Array.isArray(table.endpoints) || !Array.isArray(table.tokens))
    throw new Error('routing table: endpoints and tokens must be lists')
  for (const endpoint of table.endpoints as EndpointRoute[]) checkEndpoint(endpoint)
  if (table.llm !== undefined) checkLlm(table.llm)
  return table as RoutingTable
}

/** Most of it is checked where it is used. */
function checkLlm(llm: unknown): void {
  const lists = ['providers', 'endpoints', 'keys', 'budgets', 'allow']
  const missing = lists.find((name) => !Array.isArray((llm as Readonly<Record<string, unknown>> | null)?.[name]))
  if (missing !== undefined) throw new Error(`routing table: llm.${missing} must be a list`)
}

function checkEndpoint(endpoint: EndpointRoute): void {
  for (const variant of endpoint.variants) {
    const whole = Number.isInteger(variant.weight) && variant.weight >= 0 && variant.weight <= 10_000
    if (!whole) throw new Error(`endpoint ${endpoint.name}: weight ${variant.weight} is not a whole number 0..10000`)
  }
  for (const role of ['stable', 'canary']) {
    const count = endpoint.variants.filter((variant) => variant.role === role).length
    if (count > 1) throw new Error(`endpoint ${endpoint.name}: ${count} ${role} variants`)
  }
}
