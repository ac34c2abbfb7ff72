/** The OpenAPI document: parameters, bodies, answers and errors of each kind of route, and references that lead somewhere. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { ERRORS } from './errors.ts'
import { openApi } from './openapi.ts'
import { route } from './route.ts'

const Inner = z.object({ at: z.string() })
const Outer = z.object({ inner: Inner, more: z.array(Inner).default([]) })
const WRITE = { verb: 'write', resource: 'runs' } as const

const get = route({
  method: 'GET',
  path: '/v1/items/:id/parts/:part',
  summary: 'A part',
  access: { verb: 'read', resource: 'runs' },
  params: z.object({ id: z.string().max(5), part: z.string() }),
  query: z.object({ limit: z.coerce.number().int().min(1).default(10), at: z.string() }),
  reply: Outer,
  errors: ['not_found'],
})
const make = route({
  method: 'POST',
  path: '/v1/items',
  summary: 'Make one',
  access: WRITE,
  body: Outer,
  reply: Outer,
  status: 201,
})
const put = route({ ...make, method: 'PUT', status: 200 })
const upload = route({
  method: 'POST',
  path: '/v1/bytes',
  summary: 'Upload',
  access: WRITE,
  body: 'stream',
  reply: 'json',
})
const open = route({ method: 'GET', path: '/v1/open', summary: 'Open', access: 'public', reply: 'text' })
const follow = route({ method: 'GET', path: '/v1/follow', summary: 'Follow', access: 'public', reply: 'events' })
const fetchBytes = route({ method: 'GET', path: '/v1/bytes', summary: 'Bytes', access: 'public', reply: 'stream' })

interface Operation {
  operationId: string
  tags: string[]
  security: unknown[]
  'x-errors': string[]
  'x-access'?: unknown
  parameters: { name: string; in: string; required: boolean; schema: Record<string, unknown> }[]
  requestBody?: { required: boolean; content: Record<string, { schema?: Record<string, unknown> }> }
  responses: Record<string, { content?: Record<string, { schema?: Record<string, unknown> }>; $ref?: string }>
}

const document = openApi({
  tables: { items: { get, make, put, upload, open, follow, fetchBytes } },
  schemas: { Inner, Outer },
  version: '9.9.9',
}) as unknown as {
  openapi: string
  info: { version: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Record<string, unknown>>; responses: Record<string, { description: string }> }
}

const operation = (path: string, method: string): Operation => {
  const found = document.paths[path]?.[method]
  assert.ok(found !== undefined, `${method} ${path}`)
  return found
}

describe('the document', () => {
  test('is OpenAPI 3.1 of the given version', () => {
    assert.equal(document.openapi, '3.1.0')
    assert.equal(document.info.version, '9.9.9')
  })

  test('has each route once, its parts in braces, named by its table', () => {
    assert.deepEqual(
      Object.entries(document.paths)
        .flatMap(([path, methods]) => Object.keys(methods).map((m) => `${m} ${path}`))
        .sort(),
      [
        'get /v1/bytes',
        'get /v1/follow',
        'get /v1/items/{id}/parts/{part}',
        'get /v1/open',
        'post /v1/bytes',
        'post /v1/items',
        'put /v1/items',
      ],
    )
    const { operationId, tags } = operation('/v1/items', 'post')
    assert.deepEqual([operationId, tags], ['items.make', ['items']])
  })

  test('is refused where two routes are the same', () => {
    assert.throws(
      () => openApi({ tables: { a: { open }, b: { open } }, schemas: {}, version: '1' }),
      /GET \/v1\/open is described twice/,
    )
  })

  test('has only references that lead somewhere', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path)
    assert.ok(references.length > 5)
    for (const path of references) {
      const target = path.split('/').reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], document)
      assert.ok(target !== undefined, path)
    }
  })
})

describe('parameters', () => {
  const { parameters } = operation('/v1/items/{id}/parts/{part}', 'get')
  test('are those of the path, always required, then those of the query', () => {
    assert.deepEqual(
      parameters.map(({ name, in: where, required }) => [name, where, required]),
      [
        ['id', 'path', true],
        ['part', 'path', true],
        ['limit', 'query', false],
        ['at', 'query', true],
      ],
    )
  })
  test('have the bounds that are checked', () => {
    assert.equal(parameters[0]?.schema['maxLength'], 5)
    assert.deepEqual([parameters[2]?.schema['minimum'], parameters[2]?.schema['default']], [1, 10])
  })
  test('of a POST that changes have the key for repetitions; of no other', () => {
    const has = (path: string, method: string): boolean =>
      operation(path, method).parameters.some(({ name }) => name === 'Idempotency-Key')
    assert.deepEqual(
      [has('/v1/items', 'post'), has('/v1/items', 'put'), has('/v1/bytes', 'post'), has('/v1/open', 'get')],
      [true, false, false, false],
    )
  })
})

describe('bodies and answers', () => {
  test('are named schemas, once as they are sent and once as they are answered', () => {
    const { requestBody, responses } = operation('/v1/items', 'post')
    assert.deepEqual(requestBody?.content['application/json']?.schema, { $ref: '#/components/schemas/OuterInput' })
    assert.deepEqual(responses['201']?.content?.['application/json']?.schema, { $ref: '#/components/schemas/Outer' })
    assert.deepEqual(document.components.schemas['OuterInput']?.['required'], ['inner'])
    assert.deepEqual(document.components.schemas['Outer']?.['required'], ['inner', 'more'])
    const { inner } = (document.components.schemas['OuterInput']?.['properties'] ?? {}) as Record<string, unknown>
    assert.deepEqual(inner, { $ref: '#/components/schemas/InnerInput' })
  })

  for (const [path, method, type] of [
    ['/v1/open', 'get', 'text/plain'],
    ['/v1/follow', 'get', 'text/event-stream'],
    ['/v1/bytes', 'get', 'application/octet-stream'],
    ['/v1/bytes', 'post', 'application/json'],
  ] as const) {
    test(`${method} ${path} answers ${type}`, () =>
      assert.deepEqual(Object.keys(operation(path, method).responses['200']?.content ?? {}), [type]))
  }

  test('an upload takes bytes, a GET takes nothing', () => {
    assert.deepEqual(Object.keys(operation('/v1/bytes', 'post').requestBody?.content ?? {}), [
      'application/octet-stream',
    ])
    assert.equal(operation('/v1/open', 'get').requestBody, undefined)
  })
})

describe('errors', () => {
  const codes = (path: string, method: string): string[] => operation(path, method)['x-errors']

  test('are those that the route names and those that come with what it does', () => {
    const read = codes('/v1/items/{id}/parts/{part}', 'get')
    for (const code of ['not_found', 'unauthenticated', 'forbidden', 'bad_request', 'internal'])
      assert.ok(read.includes(code), code)
    for (const code of ['storage_full', 'payload_too_large', 'conflict']) assert.ok(!read.includes(code), code)
    const made = codes('/v1/items', 'post')
    for (const code of ['storage_full', 'payload_too_large', 'conflict', 'unprocessable'])
      assert.ok(made.includes(code), code)
    assert.ok(!codes('/v1/items', 'put').includes('conflict'))
    assert.ok(!codes('/v1/open', 'get').includes('unauthenticated'))
  })

  test('each has its status among the answers', () => {
    for (const [path, methods] of Object.entries(document.paths))
      for (const [method, { 'x-errors': named, responses }] of Object.entries(methods))
        for (const code of named)
          assert.ok(String(ERRORS[code as keyof typeof ERRORS].status) in responses, `${method} ${path} ${code}`)
  })

  test('an answer names all codes of its status', () => {
    assert.match(document.components.responses['409']?.description ?? '', /conflict.*already_exists.*gate_refused/)
  })

  test('a public route asks for no credential, every other says what it needs', () => {
    assert.deepEqual(operation('/v1/open', 'get').security, [])
    assert.equal(operation('/v1/open', 'get')['x-access'], undefined)
    assert.deepEqual(operation('/v1/items', 'post').security, [{ token: [] }])
    assert.deepEqual(operation('/v1/items', 'post')['x-access'], WRITE)
  })
})
