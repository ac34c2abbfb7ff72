/** The gateway's paths, read by hand: what a method and a path mean. */
import type { Verb } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { Problem } from '../../contract/errors.ts'
import type { Protocol, Reply } from './exchange.ts'
import type { LiveEndpoint, LiveTable } from './live.ts'
import { mlflowFailure, mlflowProtocol } from './protocols/mlflow.ts'
import { nativeFailure, nativeProtocol } from './protocols/native.ts'
import { modelMetadata, modelReady, oipFailure, oipProtocol, serverMetadata } from './protocols/oip.ts'

/** What the gateway knows of itself, for pages that tell it. */
export interface GatewayView {
  readonly table: LiveTable
  readonly version: string
  readonly draining: boolean
  metrics(): string
}

/** A request to predict, before its body is read. */
export interface PredictTarget {
  readonly kind: 'predict'
  readonly endpoint: LiveEndpoint
  readonly version: string | undefined
  readonly protocol: Protocol
}

/** A page that needs no body. `verb` null = public. */
export interface PageTarget {
  readonly kind: 'page'
  readonly verb: Verb | null
  readonly project: string | null
  readonly reply: () => Reply
  readonly fail: (error: Problem) => Reply
}

export type Target = PredictTarget | PageTarget

/** How errors of a path are worded before its target is known. */
export function failureOf(path: string): (error: Problem) => Reply {
  if (path.startsWith('/v2')) return oipFailure
  return path.endsWith('/invocations') ? mlflowFailure : nativeFailure
}

const NATIVE = '/v1/endpoints/'
const PREDICT = ':predict'

/** Finds the target of a request. Throws `not_found`, `no_route` or `method_not_allowed`. */
export function findTarget(view: GatewayView, method: string, path: string): Target {
  if (path.startsWith(NATIVE) && path.endsWith(PREDICT)) {
    const name = path.slice(NATIVE.length, -PREDICT.length)
    return predict(view, need(method, 'POST', path, { name, protocol: nativeProtocol }))
  }
  const parts = path.split('/').map(decode)
  if (parts[1] === 'v2') return v2(view, method, path, parts.slice(2))
  return invocations(view, method, path, parts.slice(1)) ?? page(view, method, path)
}

interface Wanted {
  readonly name: string | undefined
  readonly protocol: Protocol
  readonly version?: string
}

function need(method: string, allowed: string, path: string, wanted: Wanted): Wanted {
  if (method !== allowed) throw problem('method_not_allowed', { method, path, allowed })
  return wanted
}

function predict(view: GatewayView, wanted: Wanted): PredictTarget {
  const endpoint = endpointOf(view.table, wanted.name)
  return { kind: 'predict', endpoint, version: wanted.version, protocol: wanted.protocol }
}

/** The endpoint of a name; without a name, the only one. */
function endpointOf(table: LiveTable, name: string | undefined): LiveEndpoint {
  const endpoint = name === undefined ? table.only : table.endpoints.get(decode(name))
  if (endpoint !== undefined) return endpoint
  if (name !== undefined) throw problem('not_found', { what: 'endpoint', id: name })
  const detail = `the path names no endpoint, and there are ${table.endpoints.size}; use /endpoints/NAME/invocations`
  throw problem(table.endpoints.size === 0 ? 'unavailable' : 'bad_request', { what: 'the gateway', detail })
}

function decode(part: string): string {
  if (!part.includes('%')) return part
  try {
    return decodeURIComponent(part)
  } catch {
    throw problem('bad_request', { detail: `the path part "${part}" is not valid percent-encoding` })
  }
}

/** /v2: Open Inference Protocol. */
function v2(view: GatewayView, method: string, path: string, parts: readonly string[]): Target {
  const [area, name, ...rest] = parts
  if (area === undefined || area === '') return get(method, path, null, () => serverMetadata(view.version))
  if (area === 'health') return v2Health(view, method, path, name)
  if (area !== 'models') throw problem('no_route', { method, path })
  if (name === undefined || name === '') {
    return get(method, path, 'read', () => json({ models: [...view.table.endpoints.keys()] }))
  }
  const named = rest[0] === 'versions' && rest[1] !== undefined
  const version = named ? rest[1] : undefined
  const action = named ? rest[2] : rest[0]
  if (action === 'infer') {
    const wanted = { name, protocol: oipProtocol, ...(version !== undefined && { version }) }
    return predict(view, need(method, 'POST', path, wanted))
  }
  const endpoint = endpointOf(view.table, name)
  checkVersion(endpoint, version)
  const { project } = endpoint.route
  if (action === undefined || action === '')
    return { ...get(method, path, 'read', () => modelMetadata(endpoint)), project }
  if (action === 'ready') return { ...get(method, path, null, () => modelReady(endpoint)), project }
  throw problem('no_route', { method, path })
}

function checkVersion(endpoint: LiveEndpoint, version: string | undefined): void {
  const known = [endpoint.stable, endpoint.canary].some((variant) => variant?.route.version === version)
  if (version !== undefined && !known) throw problem('not_found', { what: 'version', id: version })
}

function v2Health(view: GatewayView, method: string, path: string, what: string | undefined): PageTarget {
  if (what === 'live') return get(method, path, null, () => json({ live: true }))
  if (what !== 'ready') throw problem('no_route', { method, path })
  return get(method, path, null, () => {
    const ready = isReady(view)
    return json({ live: true, ready }, ready ? 200 : 503)
  })
}

/** /invocations and /endpoints/NAME/invocations, with MLflow's health paths beside them. */
function invocations(view: GatewayView, method: string, path: string, parts: readonly string[]): Target | undefined {
  const named = parts[0] === 'endpoints' && parts.length === 3
  const action = named ? parts[2] : parts.length === 1 ? parts[0] : undefined
  const name = named ? (parts[1] as string) : undefined
  if (action === 'invocations') return predict(view, need(method, 'POST', path, { name, protocol: mlflowProtocol }))
  if (action !== 'ping' && action !== 'health') return undefined
  return get(method, path, null, () => {
    const endpoint = name === undefined ? view.table.only : view.table.endpoints.get(name)
    const ready = endpoint === undefined ? name === undefined && isReady(view) : endpoint.stable?.backend.ready()
    return { status: ready ? 200 : 404, type: JSON_TEXT, body: '\n' }
  })
}

const JSON_TEXT = 'application/json'

function page(view: GatewayView, method: string, path: string): PageTarget {
  if (path === '/version')
    return get(method, path, null, () => ({ status: 200, type: 'text/plain', body: view.version }))
  if (path === '/metrics') {
    const type = 'text/plain; version=0.0.4; charset=utf-8'
    return get(method, path, 'read', () => ({ status: 200, type, body: view.metrics() }))
  }
  throw problem('no_route', { method, path })
}

/** Ready: a table is loaded, every stable version answers, and the gateway is not on its way out. */
function isReady(view: GatewayView): boolean {
  if (view.draining || view.table.epoch === 0) return false
  return [...view.table.endpoints.values()].every((endpoint) => endpoint.stable?.backend.ready() ?? true)
}

function get(method: string, path: string, verb: Verb | null, reply: () => Reply): PageTarget {
  if (method !== 'GET' && method !== 'HEAD') throw problem('method_not_allowed', { method, path, allowed: 'GET' })
  return { kind: 'page', verb, project: null, reply, fail: failureOf(path) }
}

function json(value: unknown, status = 200): Reply {
  return { status, type: JSON_TEXT, body: JSON.stringify(value) }
}
