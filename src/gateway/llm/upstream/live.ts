/** The part of a routing table about language models as a gateway holds it: looked up by name, credentials opened. */
import { problem } from '../../../contract/errors.ts'
import { isKeyId } from '../../../contract/llm/key-id.ts'
import type { LlmEndpointRoute, LlmRoute, KeyRoute, ProviderRoute } from '../../table/llm.ts'
import { Balance } from './balance.ts'
import { Prefixes } from './prefixes.ts'
import type { Credentials } from './providers.ts'

/** Opens what was sealed. Throws where it was sealed with another key. */
export type OpenSealed = (sealed: string, of: string) => string

export interface LiveProvider {
  readonly route: ProviderRoute
  readonly credentials: Credentials
  /** Why its credentials cannot be opened; null = they can. */
  readonly fault: string | null
}

const NOTHING: LlmRoute = { providers: [], endpoints: [], keys: [], budgets: [], allow: [] }

export class LiveLlm {
  readonly route: LlmRoute
  readonly #endpoints = new Map<string, LlmEndpointRoute>()
  readonly #providers = new Map<string, LiveProvider>()
  readonly #keys: ReadonlyMap<string, KeyRoute>
  readonly #balances = new Map<string, Balance>()
  readonly prefixes: Prefixes

  /** `before`: what was held until now, from which the standing of models is taken over. */
  constructor(route: LlmRoute | undefined, open: OpenSealed, before?: LiveLlm) {
    this.route = route ?? NOTHING
    this.prefixes = before?.prefixes ?? new Prefixes()
    this.#keys = new Map(this.route.keys.map((key) => [key.token, key]))
    for (const provider of this.route.providers) this.#providers.set(provider.id, opened(provider, open))
    for (const endpoint of this.route.endpoints) {
      const key = keyOf(endpoint.project, endpoint.name)
      this.#endpoints.set(key, endpoint)
      this.#balances.set(key, before?.balanceOf(endpoint) ?? new Balance(this.prefixes, key))
    }
  }

  /** The endpoint that a caller means: one of its project, or for a caller of all projects that of `default` or of the first project that has one. */
  endpoint(project: string | null, name: string): LlmEndpointRoute | undefined {
    if (project !== null) return this.#endpoints.get(keyOf(project, name))
    return this.#endpoints.get(keyOf('default', name)) ?? this.seenBy(null).find((one) => one.name === name)
  }

  /** The endpoints that a caller may know of, by project and name. */
  seenBy(project: string | null): readonly LlmEndpointRoute[] {
    const seen = this.route.endpoints.filter((one) => project === null || one.project === project)
    return seen.toSorted((a, b) => compare(a.project, b.project) || compare(a.name, b.name))
  }

  provider(id: string): LiveProvider | undefined {
    return this.#providers.get(id)
  }

  /** What a token may do; null = it is no virtual key. Throws `unavailable` for a key whose limits did not come with the table. */
  key(token: string | undefined): KeyRoute | null {
    const key = token === undefined ? undefined : this.#keys.get(token)
    if (key !== undefined) return key
    if (token === undefined || !isKeyId(token)) return null
    throw problem('unavailable', { what: 'the virtual key', detail: 'its limits are not known here', retry_after: 1 })
  }

  balanceOf({ project, name }: LlmEndpointRoute): Balance | undefined {
    return this.#balances.get(keyOf(project, name))
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function keyOf(project: string, name: string): string {
  return `${project}\n${name}`
}

function opened(route: ProviderRoute, open: OpenSealed): LiveProvider {
  if (route.sealed === null) return { route, credentials: {}, fault: null }
  try {
    const credentials = JSON.parse(open(route.sealed, `gateway secret ${route.id}`)) as Credentials
    return { route, credentials, fault: null }
  } catch (error) {
    return { route, credentials: {}, fault: (error as Error).message }
  }
}
