/** Which calls are the same to a cache: the key that an answer is kept under, and what a client says of caches. */
import { createHash, hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Json } from '../dialects/dialects.ts'
import { isObject } from '../dialects/fields.ts'
import type { Dialect, LlmEndpointRoute, LlmRoute } from '../../table/llm.ts'

/** What a call asks, as its body says it. */
interface Question {
  readonly dialect: Dialect
  readonly stream: boolean
  readonly body: Json
  readonly bytes: Buffer
  /** The members of the body in its bytes: the decoded name, and where the value stands. */
  readonly members: readonly { readonly name: string; readonly from: number; readonly to: number }[]
}

/** A call as a cache looks at it. */
export interface Asker {
  readonly route: LlmRoute
  readonly endpoint: LlmEndpointRoute
  /** Id of the token; null = none. */
  readonly token: string | null
  readonly headers: IncomingHttpHeaders
  readonly ask: Question
}

/** Headers of a client that go on to a provider and may change its answer. */
const HEADERS = ['openai-beta', 'anthropic-version', 'anthropic-beta'] as const

/**
 * SHA-256 of all that decides an answer; null for a call whose answer must not be given again. The values of the body count byte by byte, so
 * that two that differ in a number's digits or a text's escapes are two; the order and the spacing of its members do not count, nor does
 * whether the answer is to come as a stream. The endpoint's models, providers, guardrails and cache count too: a change of them makes all
 * that was kept before unreachable.
 */
export function keyOf({ route, endpoint, token, headers, ask }: Asker): string | null {
  const { cache } = endpoint
  if (cache === null || keepsAtProvider(ask) || !isPlain(ask)) return null
  const digest = createHash('sha256')
  const sharers = cache.share === 'key' ? [token] : []
  const said = HEADERS.map((name) => headers[name] ?? null)
  digest.update(JSON.stringify([rulesOf(route, endpoint), ask.dialect, sharers, said]))
  for (const { name, from, to } of asked(ask)) {
    // the length keeps a value from passing for the next member
    digest.update(`\n${JSON.stringify(name)} ${to - from} `)
    digest.update(ask.bytes.subarray(from, to))
  }
  return digest.digest('hex')
}

/** The members that decide the answer. The name of the model is the endpoint's, and is put in its place anyway. */
function asked({ members, ...ask }: Question): Question['members'] {
  return members
    .filter(({ name }) => name !== 'model' && !saysForm(name, ask))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Whether a member says only in which form the answer is to come. Gemini's clients say it by the path. */
function saysForm(name: string, { dialect, stream, body }: Omit<Question, 'members'>): boolean {
  if (name === 'stream') return dialect !== 'generate'
  return name === 'stream_options' && stream && (dialect === 'chat' || dialect === 'completions') && isUsage(body[name])
}

/** Options that ask for the usage at the end, or for nothing. */
function isUsage(options: unknown): boolean {
  if (options === null) return true
  return isObject(options) && Object.entries(options).every(isIncludeUsage)
}

function isIncludeUsage([name, value]: [string, unknown]): boolean {
  return name === 'include_usage' && typeof value === 'boolean'
}

/** A call that leaves something at the provider, or builds on what lies there, is not the same a second time. OpenAI keeps responses unless told not to. */
function keepsAtProvider({ dialect, body }: Question): boolean {
  if (dialect !== 'responses') return body['store'] === true || (dialect === 'messages' && body['thread'] != null)
  const builds = ['previous_response_id', 'conversation', 'prompt'].some((name) => body[name] != null)
  return body['store'] !== false || builds
}

/** Of a name that comes twice servers take one or the other, and what is no ASCII is not always decoded alike. */
function isPlain({ members }: Question): boolean {
  return (
    new Set(members.map(({ name }) => name)).size === members.length &&
    members.every(({ name }) => /^[\x20-\x7e]*$/.test(name))
  )
}

/** Of each table once. */
const rules = new WeakMap<LlmEndpointRoute, { readonly route: LlmRoute; readonly digest: string }>()

/** Digest of what decides answers on our side. Prices, credentials and limits do not. */
function rulesOf(route: LlmRoute, endpoint: LlmEndpointRoute): string {
  const known = rules.get(endpoint)
  if (known?.route === route) return known.digest
  const models = endpoint.models.map(({ id, provider, model, weight, fallback }) => {
    const found = route.providers.find((one) => one.id === provider)
    const to = found && [
      found.id,
      found.kind,
      found.base_url,
      Object.entries(found.settings).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ]
    return [id, model, weight, fallback, to ?? null]
  })
  const { project, name, cache, guardrails } = endpoint
  const digest = hash('sha256', JSON.stringify([project, name, models, cache, guardrails]))
  rules.set(endpoint, { route, digest })
  return digest
}

/** What a client wants of caches: `use` one, `renew` what is kept there, or `none` at all. */
type Wish = 'use' | 'renew' | 'none'

/** Reads a header `cache-control` of RFC 9111: `no-store`, `no-cache`; others are as if absent. */
export function wishOf(header: string | undefined): Wish {
  if (header === undefined) return 'use'
  const words = header.split(',').map((word) => word.trim().toLowerCase())
  if (words.includes('no-store')) return 'none'
  return words.includes('no-cache') ? 'renew' : 'use'
}
