/** The routing table as the gateway holds it: loaded models, counters and breakers behind it; replaced as a whole by one assignment. */
import { problem } from '../../contract/errors.ts'
import type { BreakerRoute, EndpointRoute, RoutingTable, TokenRoute, VariantRoute } from '../table/table.ts'
import { backendKey, BREAKER, EMPTY_TABLE } from '../table/table.ts'
import type { Backend } from '../../scoring/rows/backend.ts'
import type { EndpointFeatures } from '../features/fill.ts'
import type { FeaturesOf } from '../features/none.ts'
import { Breaker } from './breaker.ts'
import { CachedBackend } from './cache.ts'
import { VariantStats } from './stats.ts'

export interface LiveVariant {
  readonly route: VariantRoute
  readonly backend: Backend
  readonly stats: VariantStats
  readonly breaker: Breaker
  /** Fills what requests leave out; absent where the version has no feature service. */
  readonly features?: EndpointFeatures | undefined
}

export interface LiveEndpoint {
  readonly route: EndpointRoute
  readonly epoch: number
  readonly stable: LiveVariant | undefined
  readonly canary: LiveVariant | undefined
  readonly shadows: readonly LiveVariant[]
}

export interface LiveTable {
  readonly source: RoutingTable
  readonly epoch: number
  readonly endpoints: ReadonlyMap<string, LiveEndpoint>
  readonly tokens: ReadonlyMap<string, TokenRoute>
  /** The endpoint that the paths without a name mean: the only one, or undefined. */
  readonly only: LiveEndpoint | undefined
}

/** Throws `unavailable` before the first table: nothing that is asked about endpoints or tokens can be said then. */
export function requireTable(table: LiveTable): void {
  // a server without endpoints pushes a table of epoch 0
  if (table.source !== EMPTY_TABLE) return
  const detail = 'it has not been told yet what it answers'
  throw problem('unavailable', { what: 'the gateway', detail, retry_after: 1 })
}

/** Counters and breakers by variant; they outlive a swap of the table as long as the variant stays the same. */
export interface VariantMemory {
  readonly stats: Map<string, VariantStats>
  readonly breakers: Map<string, Breaker>
  readonly caches: Map<string, CachedBackend>
  /** Plans by what they are made of; absent where the process reads no features. */
  readonly features?: FeaturesOf
}

/** Builds the live table. `backends` holds a loaded backend for each key that is in use; a variant without one is left out. */
export function goLive(
  source: RoutingTable,
  backends: ReadonlyMap<string, Backend>,
  memory: VariantMemory,
  now: number,
): LiveTable {
  const endpoints = new Map<string, LiveEndpoint>()
  for (const route of source.endpoints) {
    const variants = route.variants.flatMap((variant) => liveVariant(route, variant, { backends, memory, now }))
    endpoints.set(route.name, {
      route,
      epoch: source.epoch,
      stable: variants.find((variant) => variant.route.role === 'stable'),
      canary: variants.find((variant) => variant.route.role === 'canary'),
      shadows: variants.filter((variant) => variant.route.role === 'shadow'),
    })
  }
  const tokens = new Map(source.tokens.map((t) => [t.id, t]))
  return { source, epoch: source.epoch, endpoints, only: onlyOf(endpoints), tokens }
}

/** The only endpoint of some. */
export function onlyOf(endpoints: ReadonlyMap<string, LiveEndpoint>): LiveEndpoint | undefined {
  const [only] = endpoints.size === 1 ? endpoints.values() : []
  return only
}

interface Parts {
  readonly backends: ReadonlyMap<string, Backend>
  readonly memory: VariantMemory
  readonly now: number
}

function liveVariant(endpoint: EndpointRoute, route: VariantRoute, parts: Parts): LiveVariant[] {
  const backend = parts.backends.get(backendKey(route.backend))
  if (backend === undefined) return []
  const { memory } = parts
  const statsKey = `${endpoint.name}\n${route.role}\n${route.version}`
  const breakerKey = `${endpoint.name}\n${route.version}\n${route.since}`
  const stats = memory.stats.get(statsKey) ?? new VariantStats(parts.now)
  const breaker = memory.breakers.get(breakerKey) ?? new Breaker(ruleOf(endpoint, route), backend.outgrown?.()?.times)
  memory.stats.set(statsKey, stats)
  memory.breakers.set(breakerKey, breaker)
  const features = memory.features?.(endpoint.project, route)
  return [{ route, backend: cached(endpoint, route, backend, memory), stats, breaker, features }]
}

/** A table that an earlier version of this program has written has other rules. */
function ruleOf(endpoint: EndpointRoute, route: VariantRoute): BreakerRoute {
  const rule = route.breaker ?? endpoint.breaker
  return rule.limit > 0 && rule.alpha > 0 ? rule : BREAKER
}

/** The backend behind the endpoint's cache of answers, where it has one; shadows are always scored. */
function cached(endpoint: EndpointRoute, route: VariantRoute, backend: Backend, memory: VariantMemory): Backend {
  const settings = endpoint.limits?.cache
  if (settings === undefined || settings === null || route.role === 'shadow') return backend
  const key = `${endpoint.name}\n${route.version}\n${backendKey(route.backend)}\n${settings.seconds} ${settings.rows}`
  const known = memory.caches.get(key) ?? new CachedBackend(backend, settings)
  memory.caches.set(key, known)
  return known
}

/** Drops the counters and breakers of variants that the table no longer has. */
export function forget(memory: VariantMemory, table: LiveTable): void {
  const variants = [...table.endpoints.values()].flatMap((e) => [e.stable, e.canary, ...e.shadows])
  const stats = new Set(variants.map((v) => v?.stats))
  const breakers = new Set(variants.map((v) => v?.breaker))
  for (const [key, value] of memory.stats) if (!stats.has(value)) memory.stats.delete(key)
  const backends = new Set<Backend | undefined>(variants.map((v) => v?.backend))
  for (const [key, value] of memory.caches) if (!backends.has(value)) memory.caches.delete(key)
  for (const [key, value] of memory.breakers) if (!breakers.has(value)) memory.breakers.delete(key)
}

/** True when a routing key belongs to the canary: its bucket lies below the weight, so a growing weight never sends a key back. */
export function takesCanary(canary: LiveVariant, bucketOfKey: number): boolean {
  return canary.breaker.reason === null && bucketOfKey < canary.route.weight
}
