/** MLflow's calls as one table, from which come the routes under `/api` and `/ajax-api`. */
import { VERBS } from '../contract/access.ts'
import type { Access, Principal, Resource, Verb } from '../contract/access.ts'
import { Problem } from '../contract/errors.ts'
import { route } from '../contract/route.ts'
import type { Method } from '../contract/route.ts'
import { readJson } from '../http/json.ts'
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
  readonly version: '2.0' | '3.0'
  readonly summary: string
  readonly access: Access
  readonly fields: F
  /** Largest body in bytes (default 1 MiB). */
  readonly limit?: number
  readonly handle: (input: InputOf<F>, who: Principal, headers: Call['headers']) => Promise<object | Raw>
}

/** What a call reads and does; the handler's argument gets its type from the fields. */
type Work<F extends Fields> = Pick<Rpc<F>, 'fields' | 'limit' | 'handle'>

type Describe = <F extends Fields>(path: string, summary: string, work: Work<F>) => Rpc

/** Describes calls that a verb gives access to, by method. */
export type Calls = Readonly<Record<'get' | 'post' | 'put' | 'patch' | 'delete' | 'postOrGet', Describe>>

/** Describes the calls about a resource in a version of the protocol: `callsOf('runs').read.get(path, summary, …)`. */
export function callsOf(resource: Resource, version: Rpc['version'] = '2.0'): Readonly<Record<Verb, Calls>> {
  const describe =
    (verb: Verb, method: Rpc['method']): Describe =>
    (path, summary, work) =>
      ({ ...work, method, path, version, summary, access: { verb, resource } }) as unknown as Rpc
  const calls = (verb: Verb): Calls => ({
    get: describe(verb, 'GET'),
    post: describe(verb, 'POST'),
    put: describe(verb, 'PUT'),
    patch: describe(verb, 'PATCH'),
    delete: describe(verb, 'DELETE'),
    postOrGet: describe(verb, ['POST', 'GET']),
  })
  return Object.fromEntries(VERBS.map((verb) => [verb, calls(verb)])) as Record<Verb, Calls>
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
    path: `${prefix}/${call.version}/mlflow/${call.path}`,
    summary: call.summary,
    access: call.access,
    reply: 'json',
    dialect: 'mlflow',
    ...(method !== 'GET' && { body: 'json' as const }),
    ...(call.limit !== undefined && { limit: call.limit }),
  })
  const handle = (request: Call) => {
    const { who, headers } = request
    const answer = (body: unknown) =>
      call.handle(readFields(call.fields, argumentsOf(call, method, request, body)), inWorkspace(who, headers), headers)
    return typeof request.body === 'string' ? withinText(request.body).then(answer) : answer(request.body)
  }
  return mount(description, handle as Parameters<typeof mount>[1], mlflowFailure)
}

function argumentsOf(call: Rpc, method: Method, request: Call, body: unknown): Record<string, unknown> {
  const asked = (): Record<string, unknown> => fromQuery(call.fields, request.search)
  const sent = method === 'GET' ? asked() : method === 'DELETE' ? { ...asked(), ...fromBody(body) } : fromBody(body)
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
async function withinText(text: string): Promise<unknown> {
  try {
    return (await readJson(Buffer.from(text), { uniqueKeys: false })) ?? text
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'malformed_body') throw error
    throw invalid(`The request body is a JSON string that does not hold JSON: ${error.message}`)
  }
}

function fromBody(body: unknown): Record<string, unknown> {
  const value = body ?? {}
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid('The request body must be a JSON object.')
  return value as Record<string, unknown>
}
