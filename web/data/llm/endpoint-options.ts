/** Routing, cache and guardrails of an endpoint in words, and what its form is filled with, as the server takes it. */
import { duration } from '../../../src/contract/text/format.ts'
import type { LlmRouting } from '../../../src/contract/llm/options.ts'
import type { llmProvidersApi } from '../../../src/contract/llm/providers.ts'
import type { Request } from '../../../src/contract/route.ts'
import type { LlmEndpoint } from './queries.ts'

type Guardrail = LlmEndpoint['guardrails'][number]

/** How a model is chosen, by policy. */
export const ROUTING_WORDS: Readonly<Record<LlmRouting, string>> = {
  weighted: 'by their shares',
  least_busy: 'the least busy',
  latency: 'the fastest lately',
  cost: 'the cheapest',
  prefix: 'the one that knows the beginning',
}

/** For whom and how long answers are given again. */
export function cacheWords({ cache }: Pick<LlmEndpoint, 'cache'>): string {
  if (cache === null) return 'no cache'
  return `cache for ${duration(cache.ttl_s * 1000)}${cache.share === 'key' ? ', for each key its own' : ''}`
}

const ACTS: Readonly<Record<Guardrail['action'], string>> = { block: 'blocks', redact: 'redacts', flag: 'notes' }
const PLACES: Readonly<Record<Guardrail['on'], string>> = {
  request: 'requests',
  answer: 'answers',
  both: 'requests and answers',
}

/** What a guardrail does to what; of a hook also where the texts go. */
export function guardrailWords(one: Guardrail): string {
  return `${ACTS[one.action]} ${foundBy(one)} in ${PLACES[one.on]}`
}

function foundBy(one: Guardrail): string {
  if (one.kind === 'pii') return `personal data (${one.find.join(', ')})`
  if (one.kind === 'secrets') return 'secrets'
  if (one.kind === 'length') return `more than ${one.most.toLocaleString('en')} characters`
  if (one.kind === 'schema') return 'what is not of its schema'
  if (one.kind === 'hook') return `what ${new URL(one.url).host}, which is sent the texts, does not allow`
  return one.patterns.length === 1 ? 'what fits a pattern' : `what fits one of ${one.patterns.length} patterns`
}

/** Fields of routing and cache as they were typed. */
export interface OptionsForm {
  readonly routing: LlmRouting
  readonly cache: 'none' | 'endpoint' | 'key'
  readonly seconds: string
}

/** Seconds of a cache that had none. */
const HOUR_S = 3600

/** The form of an endpoint as it is. */
export function optionsForm({ routing, cache }: Pick<LlmEndpoint, 'routing' | 'cache'>): OptionsForm {
  return { routing, cache: cache?.share ?? 'none', seconds: String(cache?.ttl_s ?? HOUR_S) }
}

type Body = NonNullable<Request<typeof llmProvidersApi.changeLlmEndpoint>['body']>

/** What a filled-in form changes; undefined where that is nothing, or a number is none. */
export function optionsAsked(before: Pick<LlmEndpoint, 'routing' | 'cache'>, form: OptionsForm): Body | undefined {
  const ttl_s = Number(form.seconds)
  if (form.cache !== 'none' && !(Number.isSafeInteger(ttl_s) && ttl_s >= 1 && ttl_s <= 2_592_000)) return undefined
  const cache = form.cache === 'none' ? null : { ttl_s, share: form.cache }
  const isSame = cache?.ttl_s === before.cache?.ttl_s && cache?.share === before.cache?.share
  if (isSame && form.routing === before.routing) return undefined
  return { ...(form.routing !== before.routing && { routing: form.routing }), ...(!isSame && { cache }) }
}
