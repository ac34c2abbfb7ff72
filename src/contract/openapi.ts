/** OpenAPI 3.1 made from the route tables, so that the document cannot say anything but what the server parses. */
import { z } from 'zod'
import { ERRORS } from './errors.ts'
import type { ErrorCode } from './errors.ts'
import { takesKey } from './route.ts'
import type { Route } from './route.ts'

/** JSON, as deep as it needs to be. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

type JsonObject = { readonly [key: string]: Json }

/** Errors that any route may answer with, whatever it does. */
const ALWAYS: readonly ErrorCode[] = [
  'bad_request',
  'too_costly',
  'headers_too_large',
  'internal',
  'unavailable',
  'storage_unreadable',
]

/** Errors of routes that write, and of those that take a body. */
const WRITING: readonly ErrorCode[] = ['storage_full', 'storage_corrupt']
const TAKING: readonly ErrorCode[] = ['payload_too_large']

/** Errors of routes that support an idempotency key. */
const KEYED: readonly ErrorCode[] = ['conflict', 'unprocessable']

/** Errors of routes that ask who calls. */
const GUARDED: readonly ErrorCode[] = ['unauthenticated', 'forbidden', 'too_many_requests']

/** What the document is made from. Operations are named `table.key`, for example `registry.listModels`. */
export interface ApiDescription {
  readonly tables: Readonly<Record<string, Readonly<Record<string, Route>>>>
  /** Schemas that become components of their own, by name. */
  readonly schemas: Readonly<Record<string, z.ZodType>>
  readonly version: string
}

/** Makes the document. Throws when two routes have the same method and path. */
export function openApi({ tables, schemas, version }: ApiDescription): JsonObject {
  const components = new Components(schemas)
  const paths: Record<string, Record<string, Json>> = {}
  for (const [tag, routes] of Object.entries(tables)) {
    for (const [key, description] of Object.entries(routes)) {
      const path = description.path.replace(/(?<=\/):(\w+)/g, '{$1}')
      const method = description.method.toLowerCase()
      const known = (paths[path] ??= {})
      if (method in known) throw new Error(`${description.method} ${description.path} is described twice`)
      known[method] = operation(`${tag}.${key}`, description, components)
    }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Slipway', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      responses: errorResponses(),
      schemas: { Error: ERROR_SCHEMA, ...components.used() },
    },
  }
}

/** Turns zod schemas into JSON Schema and collects the named ones, once as callers send them and once as they are answered. */
class Components {
  readonly #registry = z.registry<{ id: string }>()
  readonly #used: Record<string, Json> = {}

  constructor(schemas: Readonly<Record<string, z.ZodType>>) {
    for (const [id, schema] of Object.entries(schemas)) this.#registry.add(schema, { id })
  }

  /** The schema with references to components; a name is followed by `Input` where it is the form that callers send. */
  schema(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
    const whole = z.toJSONSchema(schema, { io, unrepresentable: 'any', metadata: this.#registry })
    const suffix = io === 'input' ? 'Input' : ''
    const text = JSON.stringify(whole).replace(/"#\/\$defs\/(\w+)"/g, `"#/components/schemas/$1${suffix}"`)
    const { $schema: _, $defs, id, ...rest } = JSON.parse(text) as Record<string, Json>
    for (const [name, definition] of Object.entries(($defs ?? {}) as JsonObject))
      this.#define(name + suffix, definition)
    if (typeof id !== 'string') return rest
    this.#define(id + suffix, rest)
    return { $ref: `#/components/schemas/${id}${suffix}` }
  }

  used(): JsonObject {
    return Object.fromEntries(Object.entries(this.#used).sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  #define(name: string, definition: Json): void {
    const { id: _, ...rest } = definition as Record<string, Json>
    this.#used[name] = rest
  }
}

function operation(name: string, description: Route, components: Components): Json {
  const { access, body, summary } = description
  const writing = [...(description.method === 'GET' ? [] : WRITING), ...(body === undefined ? [] : TAKING)]
  const codes = new Set([
    ...(description.errors ?? []),
    ...(access === 'public' ? [] : GUARDED),
    ...ALWAYS,
    ...writing,
    ...(takesKey(description) ? KEYED : []),
  ])
  return {
    operationId: name,
    tags: [name.split('.')[0] ?? name],
    summary,
    security: access === 'public' ? [] : [{ token: [] }],
    ...(access !== 'public' && { 'x-access': { verb: access.verb, resource: access.resource } }),
    'x-errors': [...codes],
    parameters: [
      ...pathParameters(description, components),
      ...queryParameters(description, components),
      ...(takesKey(description) ? [KEY_PARAMETER] : []),
    ],
    ...(body !== undefined && { requestBody: { required: true, content: content(body, 'input', components) } }),
    responses: {
      [String(description.status ?? 200)]: {
        description: 'Success',
        content: content(description.reply, 'output', components),
      },
      ...Object.fromEntries([...codes].map((code) => [String(ERRORS[code].status), errorReference(code)])),
    },
  }
}

function errorReference(code: ErrorCode): Json {
  return { $ref: `#/components/responses/${ERRORS[code].status}` }
}

/** One response a status, which names the codes of that status. */
function errorResponses(): JsonObject {
  const codes = Object.keys(ERRORS) as ErrorCode[]
  const statuses = [...new Set(codes.map((code) => ERRORS[code].status))].sort((a, b) => a - b)
  return Object.fromEntries(
    statuses.map((status) => [
      String(status),
      {
        description: codes.filter((code) => ERRORS[code].status === status).join(', '),
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    ]),
  )
}

interface ObjectSchema {
  readonly properties?: Record<string, Json>
  readonly required?: readonly string[]
}

function pathParameters(description: Route, components: Components): Json[] {
  const { params } = description
  const properties = params === undefined ? {} : (components.schema(params, 'input') as ObjectSchema).properties
  return [...description.path.matchAll(/(?<=\/):(\w+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: properties?.[name] ?? { type: 'string' },
  }))
}

function queryParameters({ query }: Route, components: Components): Json[] {
  if (query === undefined) return []
  const { properties = {}, required = [] } = components.schema(query, 'input') as ObjectSchema
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }))
}

function content(kind: Route['reply'], io: 'input' | 'output', components: Components): Json {
  if (kind === 'stream') return { 'application/octet-stream': {} }
  if (kind === 'json') return { 'application/json': {} }
  if (kind === 'events') return { 'text/event-stream': {} }
  if (kind === 'text') return { 'text/plain': { schema: { type: 'string' } } }
  return { 'application/json': { schema: components.schema(kind, io) } }
}

const KEY_PARAMETER: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Repeated within 24 hours by the same caller with the same request, it is answered with the first reply and the header Idempotency-Replayed: true.',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
}

const ERROR_SCHEMA: Json = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message', 'details', 'request_id', 'help'],
      properties: {
        code: { type: 'string', enum: Object.keys(ERRORS) },
        message: { type: 'string' },
        details: { type: 'object' },
        request_id: { type: 'string' },
        help: { type: 'string' },
      },
    },
  },
}
