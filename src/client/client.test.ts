/** The typed client against a real server: addresses, headers, bodies, streams, and each way that a call can fail. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { z } from 'zod'
import { callError } from './call-error.fixture.ts'
import { freePort } from '../../test/programs/free-port.ts'
import { until } from '../../test/until.ts'
import { problem } from '../contract/errors.ts'
import { route } from '../contract/route.ts'
import { mount } from '../http/mount.ts'
import { startOpen } from '../http/open-server.fixture.ts'
import type { RunningServer } from '../http/server.ts'
import { address, CallError, createClient, refused } from './client.ts'

const open = { access: 'public', summary: 'for tests' } as const
const get = route({
  ...open,
  method: 'GET',
  path: '/v1/items/:id/parts/:part',
  params: z.object({ id: z.string(), part: z.string() }),
  query: z.object({ at: z.string().optional(), list: z.union([z.string(), z.array(z.string())]).optional() }),
  reply: z.object({ id: z.string(), part: z.string(), at: z.string().nullable(), list: z.array(z.string()) }),
})
const make = route({
  ...open,
  method: 'POST',
  path: '/v1/items',
  body: z.object({ name: z.string(), note: z.string().default('none') }),
  reply: z.object({ name: z.string(), note: z.string(), headers: z.record(z.string(), z.string()) }),
  status: 201,
})
const upload = route({
  ...open,
  method: 'PUT',
  path: '/v1/bytes',
  body: 'stream',
  reply: z.object({ size: z.number() }),
})
const fail = route({ ...open, method: 'GET', path: '/v1/fail', reply: z.object({}) })
const wait = route({ ...open, method: 'GET', path: '/v1/wait', reply: z.object({}) })

describe('the client', () => {
  let server: RunningServer
  let entered = Promise.withResolvers<void>()
  const aborted: string[] = []

  before(async () => {
    server = await startOpen(
      [
        mount(get, ({ params, query }) => ({
          ...params,
          at: query.at ?? null,
          list: query.list === undefined ? [] : [query.list].flat(),
        })),
        mount(make, ({ body, headers }) => ({ ...body, headers: headers as Record<string, string> })),
        mount(upload, async ({ body }) => {
          let size = 0
          for await (const part of body) size += part.length
          return { size }
        }),
        mount(fail, () => {
          throw problem('not_found', { what: 'item', id: 'i1' })
        }),
        mount(wait, async ({ signal }) => {
          entered.resolve()
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
          aborted.push('wait')
          return {}
        }),
      ],
      {
        // the client opens a connection again after an abort and sends nothing on it
        graceMs: 50,
      },
    )
  })
  after(() => server.stop())

  const client = (more: { token?: string; headers?: Record<string, string> } = {}) =>
    createClient({ url: server.url, ...more })
  test('sends the parts of the path and the query as they are, whatever they hold', async () => {
    for (const text of ['a', 'a/b', 'a?b#c', 'ä ö', '%2F', 'a+b&c=d', "'", '日本']) {
      const reply = await client().call(get, { params: { id: text, part: 'p' }, query: { at: text } })
      assert.deepEqual(reply, { id: text, part: 'p', at: text, list: [] })
    }
  })

  test('repeats the key of a list, and leaves out what is not given', async () => {
    const reply = await client().call(get, {
      params: { id: 'a', part: 'b' },
      query: { at: undefined, list: ['x', 'y z'] },
    })
    assert.deepEqual([reply.at, reply.list], [null, ['x', 'y z']])
  })

  test('sends a body as JSON; the server fills in its defaults', async () => {
    const reply = await client({ token: 'slw_a.b', headers: { 'idempotency-key': 'k1' } }).call(make, {
      body: { name: 'n' },
    })
    assert.deepEqual([reply.name, reply.note], ['n', 'none'])
    assert.equal(reply.headers['content-type'], 'application/json')
    assert.equal(reply.headers['authorization'], 'Bearer slw_a.b')
    assert.equal(reply.headers['idempotency-key'], 'k1')
  })

  test('sends no credential where it has none', async () => {
    const { headers } = await client().call(make, { body: { name: 'n' } })
    assert.equal(headers['authorization'], undefined)
  })

  test('streams bytes without naming them JSON', async () => {
    const source = new ReadableStream({
      start(controller) {
        for (let at = 0; at < 10; at++) controller.enqueue(new Uint8Array(1000))
        controller.close()
      },
    })
    assert.deepEqual(await client().call(upload, { body: source }), { size: 10_000 })
    assert.deepEqual(await client().call(upload, { body: new Uint8Array(5) }), { size: 5 })
  })

  test('gives the response itself where it is asked for', async () => {
    const response = await client().open(get, { params: { id: 'a', part: 'b' } })
    assert.equal(response.status, 200)
    assert.match(response.headers.get('x-request-id') ?? '', /./)
    assert.equal(((await response.json()) as { id: string }).id, 'a')
  })

  test('throws what the server said: code, status, message, details, advice and request id', async () => {
    const error = await callError(client().call(fail))
    assert.deepEqual([error.code, error.status, error.message], ['not_found', 404, 'item "i1" does not exist'])
    assert.deepEqual(error.details, { what: 'item', id: 'i1' })
    assert.match(error.help, /List what exists/)
    assert.match(error.request_id, /./)
    assert.equal(error.name, 'CallError')
  })

  test('throws the refusal of a body by its field', async () => {
    const error = await callError(client().call(make, { body: { name: 5 } as never }))
    assert.deepEqual([error.code, error.details['field']], ['invalid_field', 'body.name'])
  })

  test('ends when its caller aborts it, and the server notices', async () => {
    entered = Promise.withResolvers<void>()
    const caller = new AbortController()
    const call = client().call(wait, {}, caller.signal)
    await entered.promise
    caller.abort()
    await assert.rejects(call, { name: 'AbortError' })
    await until('the server to notice', () => aborted.length > 0)
  })

  test('aborted before it began it does not call', async () => {
    const before = aborted.length
    await assert.rejects(client().call(wait, {}, AbortSignal.abort()), { name: 'AbortError' })
    assert.equal(aborted.length, before)
  })
})

describe('without a server', () => {
  test('a call says where nobody answered and what to do', async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    await assert.rejects(createClient({ url }).call(fail), (error: unknown) => {
      assert.ok(error instanceof CallError)
      assert.deepEqual([error.code, error.status], ['unreachable', 0])
      assert.ok(error.message.includes(url))
      assert.match(error.message, /ECONNREFUSED/)
      assert.match(error.help, /slipway serve/)
      return true
    })
  })
})

describe('another server', () => {
  let other: Server
  let url = ''
  before(async () => {
    other = createServer((request, reply) => {
      const path = request.url ?? ''
      if (path.startsWith('/cut')) reply.writeHead(200, { 'content-length': '100' }).write('{', () => reply.destroy())
      else if (path.startsWith('/html')) reply.writeHead(502, 'Bad Gateway').end('<h1>proxy</h1>')
      else if (path.startsWith('/empty')) reply.writeHead(503, 'Service Unavailable').end()
      else if (path.startsWith('/long')) reply.writeHead(500).end('x'.repeat(10_000))
      else if (path.startsWith('/json')) reply.writeHead(400).end('{"detail":"other shape"}')
      else if (path.startsWith('/null')) reply.writeHead(400).end('null')
      else reply.end('not json')
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
  })
  after(() => new Promise((resolve) => other.close(resolve)))

  for (const [path, status, message] of [
    ['/html', 502, '<h1>proxy</h1>'],
    ['/empty', 503, 'Service Unavailable'],
    ['/long', 500, 'x'.repeat(500)],
    ['/json', 400, '{"detail":"other shape"}'],
    ['/null', 400, 'null'],
  ] as const) {
    test(`a failure of ${path} in no shape of ours is told in its own words`, async () => {
      const error = await refused(await fetch(url + path))
      assert.deepEqual([error.status, error.code, error.message, error.help], [status, 'unknown', message, ''])
    })
  }

  for (const path of ['/cut', '/text']) {
    test(`${path}: a success that is no JSON is a fault, not a reply`, () =>
      assert.rejects(createClient({ url }).call({ ...fail, path })))
  }
})

describe('an address', () => {
  for (const [path, request, expected] of [
    ['/a', {}, '/a'],
    ['/a/:id', { params: { id: 'x y' } }, '/a/x%20y'],
    ['/a:read', { params: { read: 'x' } }, '/a:read'],
    ['/a/:id/:id', { params: { id: '/' } }, '/a/%2F/%2F'],
    ['/a', { query: {} }, '/a'],
    ['/a', { query: { b: null, c: undefined } }, '/a'],
    ['/a', { query: { b: 0, c: false, d: '' } }, '/a?b=0&c=false&d='],
    ['/a', { query: { b: [1, 2], c: [] } }, '/a?b=1&b=2'],
    ['/a', { query: { b: 'x&y=z', c: '+ ' } }, '/a?b=x%26y%3Dz&c=%2B+'],
  ] as const) {
    test(`of ${path} with ${JSON.stringify(request)} is ${expected}`, () =>
      assert.equal(address({ ...fail, path }, request), expected))
  }
})
