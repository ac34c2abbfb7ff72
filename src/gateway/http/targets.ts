/** What the gateway's paths lead to: requests to predict and pages, and the pieces that both are found with. */
import type { Verb } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { Problem } from '../../contract/errors.ts'
import type { Protocol, Reply } from '../protocols/exchange.ts'
import { JSON_TYPE } from '../protocols/exchange.ts'
import type { LiveEndpoint, LiveTable } from '../traffic/live.ts'
import { requireTable } from '../traffic/live.ts'
import { kserveFailure, vertexFailure } from '../protocols/instances.ts'
import { mlflowFailure } from '../protocols/mlflow.ts'
import { nativeFailure } from '../protocols/native.ts'
import { oipFailure } from '../protocols/oip.ts'

/** What the gateway knows of itself, for pages that tell it. */
export interface GatewayView {
  readonly table: LiveTable
  readonly version: string
  readonly draining: boolean
  /** What shows that this is a gateway of its data folder, asked with a nonce; undefined where the folder has no key. */
  proof(nonce: string): { readonly url: string; readonly proof: string } | undefined
  /** Prometheus text of the endpoints of a table, the whole one or the part that a caller sees. */
  metrics(table: LiveTable): string
}

/** A request to predict, before its body is read. */
export interface PredictTarget {
  readonly kind: 'predict'
  readonly endpoint: LiveEndpoint
  readonly version: string | undefined
  readonly protocol: Protocol
}

/** Anything else. `verb` null = public. */
export interface PageTarget {
  readonly kind: 'page'
  readonly verb: Verb | null
  /** True when `reply` needs the body. */
  readonly takesBody: boolean
  readonly reply: (body: Buffer) => Reply
  readonly fail: (error: Problem) => Reply
}

export type Target = PredictTarget | PageTarget

/** A request as its first line says it. */
export interface Asked {
  readonly view: GatewayView
  readonly method: string
  readonly path: string
  /** The address as it was sent. */
  readonly url: string
  /** The endpoints that the caller may know of, so that nobody learns a name from a refusal. Throws `unauthenticated`. */
  seen(): LiveTable
  /** The names of language models that the caller may call. Throws as `seen`. */
  models(): readonly string[]
}

/** How errors of a path are worded before its target is known. */
export function failureOf(path: string): (error: Problem) => Reply {
  if (path.startsWith('/v2')) return oipFailure
  if (path.startsWith('/v1/models')) return kserveFailure
  if (path.startsWith('/v1/projects/')) return vertexFailure
  return path.endsWith('/invocations') || path.startsWith('/models') ? mlflowFailure : nativeFailure
}

export interface Wanted {
  readonly name: string | undefined
  readonly protocol: Protocol
  readonly version?: string | undefined
}

/** The endpoint of a name, where a version of it is loaded. Throws as endpointOf, and `unavailable`. */
export function servedEndpoint(table: LiveTable, name: string | undefined): LiveEndpoint {
  const endpoint = endpointOf(table, name)
  if (endpoint.stable !== undefined || endpoint.canary !== undefined) return endpoint
  throw problem('unavailable', { what: `endpoint ${endpoint.route.name}`, detail: 'no version of it is loaded' })
}

/** The target of a request to predict. Throws `method_not_allowed` for anything but POST, `not_found` and `unavailable`. */
export function predictTarget(asked: Asked, wanted: Wanted): PredictTarget {
  const { method, path } = asked
  if (method !== 'POST') throw problem('method_not_allowed', { method, path, allowed: 'POST' })
  const endpoint = servedEndpoint(asked.seen(), wanted.name)
  return { kind: 'predict', endpoint, version: wanted.version, protocol: wanted.protocol }
}

/** The endpoint of a name; without a name, the only one. Throws `not_found`, `bad_request` or `unavailable`. */
export function endpointOf(table: LiveTable, name: string | undefined): LiveEndpoint {
  requireTable(table)
  const endpoint = name === undefined ? table.only : table.endpoints.get(decode(name))
  if (endpoint !== undefined) return endpoint
  if (name !== undefined) throw problem('not_found', { what: 'endpoint', id: name })
  const detail = `the path names no endpoint, and there are ${table.endpoints.size}; use /endpoints/NAME/invocations`
  throw problem(table.endpoints.size === 0 ? 'unavailable' : 'bad_request', { what: 'the gateway', detail })
}

/** A path part without its percent-encoding. Throws `bad_request`. */
export function decode(part: string): string {
  if (!part.includes('%')) return part
  try {
    return decodeURIComponent(part)
  } catch {
    throw problem('bad_request', { detail: `the path part "${part}" is not valid percent-encoding` })
  }
}

/** Ready: a table is loaded, every stable version answers, and the gateway is not on its way out. */
export function isReady(view: GatewayView): boolean {
  if (view.draining || view.table.epoch === 0) return false
  return [...view.table.endpoints.values()].every((endpoint) => endpoint.stable?.backend.ready() ?? true)
}

/** A page that is read. Throws `method_not_allowed` for anything but GET and HEAD. */
export function get({ method, path }: Asked, verb: Verb | null, reply: () => Reply): PageTarget {
  if (method !== 'GET' && method !== 'HEAD') throw problem('method_not_allowed', { method, path, allowed: 'GET' })
  return { kind: 'page', verb, takesBody: false, reply, fail: failureOf(path) }
}

export function json(value: unknown, status = 200): Reply {
  return { status, type: JSON_TYPE, body: JSON.stringify(value) }
}

/** What the gateway knows of itself, with the endpoints that a caller sees in place of all. */
export function narrowed(view: GatewayView, table: LiveTable): GatewayView {
  const { version, draining } = view
  return { table, version, draining, proof: (nonce) => view.proof(nonce), metrics: (of) => view.metrics(of) }
}
