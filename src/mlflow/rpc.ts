/** MLflow's calls as one table, from which come the routes under `/api` and `/ajax-api`. */
import type { Access, Principal } from '../contract/access.ts'
import { route } from '../contract/route.ts'
import type { Method } from '../contract/route.ts'
import { mount } from '../http/mount.ts'
import type { Call, Mounted, Raw } from '../http/mount.ts'
import type { Fields, InputOf } from './input.ts'
import { readFields } from './input.ts'
import { invalid, mlflowFailure } from './wire.ts'
import { inWorkspace } from './workspace.ts'

/** One call of MLflow's protocol. Paths are below `/api/<version>/mlflow/`; `:name` parts are fields too. */
export interface Rpc<F extends Fields = Fields> {
  readonly method: Method | readonly Method[]
  readonly path: string
  readonly version?: '2.0' | '3.0'
  readonly summary: string
  readonly access: Access
  readonly fields: F
  /** Largest body in bytes (default 1 MiB). */
  readonly limit?: number
  readonly handle: (input: InputOf<F>, who: Principal, headers: Call['headers']) => Promise<object | Raw>
}

/** Describes one call; the handler's argument gets its type from the fields. */
export function rpc<F extends Fields>(description: Rpc<F>): Rpc {
  return description as unknown as Rpc
}

const PREFIXES = ['/api', '/ajax-api'] as const

/** The routes of a table of calls, each under both prefixes. */
export function rpcRoutes(table: readonly Rpc[]): Mounted[] {
  return table.flatMap((call) =>
    [call.method].flat().flatMap((method) => PREFIXES.map((prefix) => mounted(call, method, prefix))),
  )
}

function mounted(call: Rpc, method: Method, prefix: string): Mounted {
  const description = route({
    method,
    path: `${prefix}/${call.version ?? '2.0'}/mlflow/${call.path}`,
    summary: call.summary,
    access: call.access,
    reply: 'json',
    dialect: 'mlflow',
    ...(method !== 'GET' && { body: 'json' as const }),
    ...(call.limit !== undefined && { limit: call.limit }),
  })
  const handle = (request: Call) => {
    const { who, headers } = request
    return call.handle(readFields(call.fields, argumentsOf(call, method, request)), inWorkspace(who, headers), headers)
  }
  return mount(description, handle as Parameters<typeof mount>[1], mlflowFailure)
}

function argumentsOf(call: Rpc, method: Method, request: Call): Record<string, unknown> {
  const query = method === 'GET' || method === 'DELETE' ? fromQuery(call.fields, request.search) : {}
  const sent = method === 'GET' ? query : { ...query, ...fromBody(request.body) }
  return call.path.includes(':') ? { ...sent, ...(request.params as object) } : sent
}

function fromQuery(fields: Fields, search: URLSearchParams): Record<string, unknown> {
  const sent: Record<string, unknown> = {}
  for (const key of new Set(search.keys())) {
    sent[key] = fields[key]?.many === true ? search.getAll(key) : search.get(key)
  }
  return sent
}

/** Old clients send JSON inside a JSON string. */
function fromBody(body: unknown): Record<string, unknown> {
  let value: unknown = body ?? {}
  if (typeof value === 'string') {
    try {
      value = JSON.parse(value)
    } catch {
      throw invalid('The request body is a JSON string that does not hold JSON.')
    }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('The request body must be a JSON object.')
  }
  return value as Record<string, unknown>
}
