/** A request for every route, made from the route's own schema and, where that says nothing, from what the server says is missing. */
import { z } from 'zod'
import type { Route } from '../../src/contract/route.ts'
import { tar } from '../fixtures/tar.ts'
import type { Values } from './values.ts'

type Json = Readonly<Record<string, unknown>>

/** A request to one route. `fields` are those of its body or query. */
export interface Request {
  readonly route: Route
  /** `GET /v1/runs/:id`: how a list names it. */
  readonly name: string
  readonly url: string
  readonly fields: Json
}

/** What came back. */
export interface Answer {
  readonly status: number
  readonly text: string
}

/** A request with what was answered. */
export interface Asked {
  readonly request: Request
  readonly answer: Answer
}

/** Longest wait for an answer, ms; one that does not come counts as a hang, status 0. */
const HANG_MS = 300_000
/** Requests at the same time. */
const LANES = 16
/** Fields that one request may have to learn. */
const MOST_FIELDS = 12

/** The request to a route, of the fields that its schema needs. */
export function requestOf(route: Route, url: string, values: Values): Request {
  const value = (name: string): unknown => valueOf(values, route.path, name)
  const path = route.path
    .replace(/(?<=\/):(\w+)/g, (_, name: string) => encodeURIComponent(textOf(value(name) ?? 'a')))
    .replace('*', () => textOf(value('*') ?? ''))
  const asked = route.method === 'GET' ? route.query : route.body
  const needed = asked instanceof z.ZodType ? (exampleOf(schemaOf(asked), value) as Json) : {}
  const also = ((value('$also') ?? []) as readonly string[]).map((name) => [name, value(name)])
  const fields = { ...needed, ...(Object.fromEntries(also) as Json) }
  const query =
    route.method !== 'GET' && route.query instanceof z.ZodType ? exampleOf(schemaOf(route.query), value) : {}
  const search = queryOf(query as Json)
  const address = `${url}${path}${search === '' ? '' : `?${search}`}`
  return { route, name: `${route.method} ${route.path}`, url: address, fields }
}

/** The value of a field on a path: of the longest prefix of the path that has it. */
function valueOf(values: Values, path: string, name: string): unknown {
  const below = path.replace(/^\/(?:ajax-)?api(?=\/)/, '')
  const found = Object.keys(values)
    .filter((prefix) => below.startsWith(prefix) && values[prefix]?.[name] !== undefined)
    .sort((a, b) => b.length - a.length)[0]
  return found === undefined ? undefined : values[found]?.[name]
}

interface Schema {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly minItems?: number
}

function schemaOf(of: z.ZodType): Schema {
  return z.toJSONSchema(of, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as Schema
}

/** The least value that a schema allows; named fields have the values of the world. */
function exampleOf(schema: Schema, value: (name: string) => unknown, name = ''): unknown {
  const known = name === '' ? undefined : value(name)
  const allowed = schema.const === undefined ? schema.enum : [schema.const]
  if (allowed !== undefined) return allowed.includes(known) ? known : allowed[0]
  if (known !== undefined) return known
  const [first] = schema.anyOf ?? schema.oneOf ?? []
  return first === undefined ? leastOf(schema, value) : exampleOf(first, value, name)
}

function leastOf(schema: Schema, value: (name: string) => unknown): unknown {
  const [type = 'object'] = [schema.type].flat()
  if (type === 'array') return (schema.minItems ?? 0) > 0 ? [exampleOf(schema.items ?? {}, value)] : []
  return type === 'object' ? exampleObject(schema, value) : PLAIN[type]
}

function exampleObject({ required = [], properties = {} }: Schema, value: (name: string) => unknown): Json {
  return Object.fromEntries(required.map((key) => [key, exampleOf(properties[key] ?? {}, value, key)]))
}

const PLAIN: Json = { string: 'a', integer: 1, number: 1, boolean: false, null: null }

/** Sends a request; a body of events is not waited for. */
export async function send({ route, url, fields }: Request, more: Json = {}): Promise<Answer> {
  const bare = route.method === 'GET' || route.body === undefined
  const inUrl = bare || route.body === 'stream'
  const { body, type } = bare ? { body: undefined, type: undefined } : bodyOf(route, fields)
  const search = inUrl ? queryOf(fields) : ''
  const headers = { ...(type !== undefined && { 'content-type': type }), 'x-mlflow-experiment-id': '0', ...more }
  const stop = new AbortController()
  // by the clock: what never comes; it is many times what the server waits for a database
  const late = setTimeout(() => stop.abort(), HANG_MS)
  try {
    const address = search === '' ? url : `${url}${url.includes('?') ? '&' : '?'}${search}`
    const request = { method: route.method, headers: headers as Record<string, string>, redirect: 'manual' as const }
    const reply = await fetch(address, { ...request, signal: stop.signal, ...(body !== undefined && { body }) })
    const endless = route.reply === 'events' && reply.status === 200
    const text = endless ? '' : await reply.text()
    if (endless) stop.abort()
    return { status: reply.status, text }
  } catch (error) {
    return { status: 0, text: String(error) }
  } finally {
    clearTimeout(late)
  }
}

function bodyOf(route: Route, fields: Json): { body: string | Buffer; type: string } {
  if (route.body !== 'stream') return { body: JSON.stringify(fields), type: 'application/json' }
  if (['/v1/trees', '/v1/data-trees'].includes(route.path))
    return { body: tar([{ path: 'b.py', body: 'y = 2' }]), type: 'application/x-tar' }
  if (route.path === '/v1/traces') return { body: JSON.stringify(SPANS), type: 'application/json' }
  return { body: 'an upload', type: 'application/octet-stream' }
}

/** What a client of OpenTelemetry sends. */
const SPANS = {
  resourceSpans: [
    {
      scopeSpans: [
        {
          spans: [
            {
              traceId: 'c'.repeat(32),
              spanId: 'd'.repeat(16),
              name: 'a span',
              startTimeUnixNano: '1700000000000000000',
              endTimeUnixNano: '1700000000100000000',
            },
          ],
        },
      ],
    },
  ],
}

function queryOf(fields: Json): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(fields)) for (const one of [value].flat()) search.append(key, textOf(one))
  return search.toString()
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** How a refusal names a field that it misses. */
const MISSING = [
  /Missing value for required parameter '(?:\w+\.)*(\w+)/,
  /must (?:specify|include) (?:at least one |the |a )?"?(\w+)/,
  /^(?:query|body|path)\.(\w+): got nothing/,
  /"(\w+)" (?:query )?parameter/,
  /^Exactly one of (\w+)/,
  /^Either `(\w+)`/,
  /^Parameter '(\w+)' must be/,
]

/** The request with the field that a refusal misses; undefined where it misses none, or one that the world does not know. */
export function completed(request: Request, { status, text }: Answer, values: Values): Request | undefined {
  if (status !== 400) return undefined
  const said = messageOf(text)
  const name = MISSING.map((one) => one.exec(said)?.[1]).find((found) => found !== undefined)
  if (name === undefined || request.fields[name] !== undefined) return undefined
  const value = valueOf(values, request.route.path, name)
  return value === undefined ? undefined : { ...request, fields: { ...request.fields, [name]: value } }
}

function messageOf(text: string): string {
  try {
    const { error, message } = JSON.parse(text) as { error?: { message?: string }; message?: string }
    return error?.message ?? message ?? ''
  } catch (error) {
    if (error instanceof SyntaxError) return text
    throw error
  }
}

/** Sends each request, completed as often as the server misses a field; gives the requests that were sent last and what was answered. */
export async function askAll(requests: readonly Request[], values: Values, headers: Json = {}): Promise<Asked[]> {
  const asked: Asked[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < requests.length) {
      const place = next++
      let request = requests[place] as Request
      let answer = await send(request, headers)
      for (let i = 0; i < MOST_FIELDS; i++) {
        const more = completed(request, answer, values)
        if (more === undefined) break
        request = more
        answer = await send(request, headers)
      }
      asked[place] = { request, answer }
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return asked
}
