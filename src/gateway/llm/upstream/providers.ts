/** How each kind of provider is addressed and authenticated, and which dialects it speaks itself. */
import { DIALECTS } from '../../table/llm.ts'
import type { Dialect, ProviderKind, ProviderRoute } from '../../table/llm.ts'

/** What opens a provider. */
export type Credentials = Readonly<Record<string, string>>

/** Dialects that an upstream of a kind answers itself, the best one for translations first. */
const NATIVE: Readonly<Record<ProviderKind, readonly Dialect[]>> = {
  openai: ['chat', 'completions', 'responses', 'embeddings'],
  azure: ['chat', 'completions', 'responses', 'embeddings'],
  anthropic: ['messages', 'count_tokens'],
  gemini: ['generate'],
  bedrock: ['converse'],
}

/** Dialects that a provider speaks, where its setting `dialects` (names with commas) says otherwise those. Names that are no dialect are left out. */
export function spokenBy({ kind, settings }: ProviderRoute): readonly Dialect[] {
  const named = settings['dialects']?.split(',').map((name) => name.trim())
  return named === undefined ? NATIVE[kind] : DIALECTS.filter((dialect) => named.includes(dialect))
}

/** Where a call goes. */
export interface Destination {
  readonly origin: string
  readonly path: string
}

const OPENAI_PATHS: Readonly<Partial<Record<Dialect, string>>> = {
  chat: '/chat/completions',
  completions: '/completions',
  responses: '/responses',
  embeddings: '/embeddings',
  messages: '/messages',
  count_tokens: '/messages/count_tokens',
}

/** The address of a model at its provider for one dialect. */
export function destinationOf(
  provider: ProviderRoute,
  of: { dialect: Dialect; model: string; stream: boolean },
): Destination {
  const { origin, pathname } = new URL(provider.base_url)
  const base = pathname.replace(/\/+$/, '')
  return { origin, path: base + pathOf(provider, base, of) }
}

function pathOf(
  { kind, settings }: ProviderRoute,
  base: string,
  of: { dialect: Dialect; model: string; stream: boolean },
): string {
  const model = encodeURIComponent(of.model)
  const path = OPENAI_PATHS[of.dialect] ?? ''
  switch (kind) {
    case 'azure': {
      const version = settings['api_version']
      // without a version it is the interface that OpenAI's client speaks as it is
      if (version === undefined) return `/openai/v1${path}`
      return `/openai/deployments/${model}${path}?api-version=${encodeURIComponent(version)}`
    }
    case 'gemini':
      return of.stream ? `/models/${model}:streamGenerateContent?alt=sse` : `/models/${model}:generateContent`
    case 'bedrock':
      return `/model/${model}/${of.stream ? 'converse-stream' : 'converse'}`
    case 'anthropic':
      // its client is told the address without the version
      return base.endsWith('/v1') ? path : `/v1${path}`
    default:
      return path
  }
}

/** The version of its API that Anthropic answers with where a client names none. */
const ANTHROPIC_VERSION = '2023-06-01'

/** Headers that authenticate at a provider and that it needs. AWS's signature is made apart, for it covers the body. */
export function authHeaders({ kind }: ProviderRoute, credentials: Credentials): Record<string, string> {
  const key = credentials['api_key']
  switch (kind) {
    case 'anthropic':
      return { 'anthropic-version': ANTHROPIC_VERSION, ...(key !== undefined && { 'x-api-key': key }) }
    case 'azure':
      return key === undefined ? {} : { 'api-key': key }
    case 'gemini':
      return key === undefined ? {} : { 'x-goog-api-key': key }
    default:
      return key === undefined || key === '' ? {} : { authorization: `Bearer ${key}` }
  }
}
