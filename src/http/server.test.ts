/** The server: parsing by contract, errors in their shape, Host and Origin checks, malformed input, shutdown. */
import assert from 'node:assert/strict'
import http from 'node:http'
import net from 'node:net'
import { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { pino } from 'pino'
import { z } from 'zod'
import type { Principal, Role } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
import { route } from '../contract/route.ts'
import { mount, Raw } from './mount.ts'
import { startOpen } from './open-server.fixture.ts'
import { startServer } from './server.ts'
import type { RunningServer } from './server.ts'

const access = { verb: 'write', resource: 'runs' } as const
const echo = route({
  method: 'POST',
  path: '/v1/echo/:id',
  summary: 'echo',
  access,
  params: z.object({ id: z.string().regex(/^[a-z]+$/, 'small letters') }),
  query: z.object({ n: z.coerce.number().int().default(1) }),
  body: z.strictObject({ text: z.string().max(10) }),
  reply: z.object({ id: z.string(), n: z.number(), text: z.string() }),
  limit: 1000,
})
const bytes = route({
  method: 'PUT',
  path: '/v1/bytes',
  summary: 'count',
  access,
  body: 'stream',
  reply: z.object({ size: z.number() }),
})
const fault = route({ method: 'GET', path: '/v1/fault', summary: 'fails', access: 'public', reply: z.object({}) })
const missing = route({
  method: 'GET',
  path: '/v1/missing',
  summary: 'not there',
  access: 'public',
  reply: z.object({}),
})
const slow = route({ method: 'GET', path: '/v1/slow', summary: 'slow', access: 'public', reply: 'text' })

const person = (role: Role): Principal => ({ id: role, name: role, role, project: null, token_id: null })

describe('server', () => {
  let server: RunningServer
  const changes: string[] = []
  /** The source of a reply of which the first half has been given. */
  let half: Readable | undefined

  before(async () => {
    server = await startServer({
      host: '127.0.0.1',
      port: 0,
      allowHosts: ['models.example.org'],
      logger: pino({ level: 'silent' }),
      changed: (change) => changes.push(change.kind),
      authenticate: async ({ headers }) =>
        headers.authorization === undefined ? undefined : person(headers.authorization as Role),
      routes: [
        mount(echo, ({ params, query, body }) => ({ id: params.id, n: query.n, text: body.text })),
        mount({ ...echo, path: '/v1/asked/:id', access: { verb: 'predict', resource: 'endpoints' } }, () => ({
          id: '',
          n: 0,
          text: '',
        })),
        mount(bytes, async ({ body }) => {
          let size = 0
          for await (const part of body) size += part.length
          return { size }
        }),
        mount({ ...bytes, path: '/v1/half' }, async ({ body }) => {
          for await (const part of body) if (part.length > 0) throw problem('storage_full')
          return { size: 0 }
        }),
        mount({ ...bytes, path: '/v1/left' }, async ({ body }) => {
          await body[Symbol.asyncIterator]().next()
          throw problem('storage_full')
        }),
        mount(fault, () => {
          throw new Error('a secret detail')
        }),
        mount(missing, () => {
          throw problem('not_found', { what: 'run', id: 'r1' })
        }),
        mount({ ...slow, path: '/v1/no-source' }, () => {
          const source = new Readable({ read: () => source.destroy(new Error('a secret detail')) })
          return new Raw(200, { 'content-type': 'text/plain', 'content-length': '5' }, source)
        }),
        mount({ ...slow, path: '/v1/half-source' }, () => {
          const source = new Readable({ read: () => undefined })
          source.push('half')
          half = source
          return new Raw(200, { 'content-type': 'text/plain' }, source)
        }),
      ],
    })
  })
  after(() => server.stop())

  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(server.url + path, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/json', authorization: 'admin', ...headers },
    })
  const errorOf = async (response: Response) =>
    ((await response.json()) as { error: { code: string; message: string; request_id: string } }).error

  test('parses params, query and body, and tells of the change', async () => {
    const response = await post('/v1/echo/abc?n=3', { text: 'hi' }, { 'x-request-id': 'mine-1' })
    assert.deepEqual(await response.json(), { id: 'abc', n: 3, text: 'hi' })
    assert.equal(response.headers.get('x-request-id'), 'mine-1')
    assert.deepEqual(changes, ['runs'])
    assert.equal((await post('/v1/asked/abc', { text: 'hi' })).status, 200)
    assert.deepEqual(changes, ['runs'], 'a prediction changes nothing')
  })

  const refusals: readonly (readonly [string, string, unknown, Record<string, string>, number, string, RegExp])[] = [
    ['a path of another form', '/v1/echo/A1', { text: 'x' }, {}, 400, 'invalid_field', /path\.id.*A1.*small letters/],
    ['a query that is no number', '/v1/echo/a?n=x', { text: 'x' }, {}, 400, 'invalid_field', /query\.n/],
    ['a missing field', '/v1/echo/a', {}, {}, 400, 'invalid_field', /body\.text/],
    ['an unknown field', '/v1/echo/a', { text: 'x', y: 1 }, {}, 400, 'invalid_field', /y/],
    ['a field too long', '/v1/echo/a', { text: 'x'.repeat(11) }, {}, 400, 'invalid_field', /body\.text/],
    ['half a JSON', '/v1/echo/a', '{"text":', {}, 400, 'malformed_body', /JSON/],
    ['no body', '/v1/echo/a', '', {}, 400, 'invalid_field', /body\.text/],
    ['a list as body', '/v1/echo/a', '[]', {}, 400, 'invalid_field', /body/],
    ['a body too large', '/v1/echo/a', { text: 'x'.repeat(2000) }, {}, 413, 'payload_too_large', /1000/],
    [
      'another content type',
      '/v1/echo/a',
      'text=x',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      'unsupported_media_type',
      /urlencoded/,
    ],
    [
      'a role that may not',
      '/v1/echo/a',
      { text: 'x' },
      { authorization: 'viewer' },
      403,
      'forbidden',
      /viewer.*write runs/,
    ],
    ['an unknown path', '/v1/nothing', {}, {}, 404, 'no_route', /\/v1\/nothing/],
    ['another site', '/v1/echo/a', { text: 'x' }, { origin: 'http://evil.example' }, 403, 'untrusted_origin', /evil/],
  ]
  for (const [what, path, body, headers, status, code, message] of refusals) {
    test(`${what} is answered ${status} ${code}`, async () => {
      const response = await post(path, body, headers)
      const error = await errorOf(response)
      assert.equal(response.status, status)
      assert.equal(error.code, code)
      assert.match(error.message, message)
      assert.notEqual(error.request_id, '')
    })
  }

  test('no credential is 401 with the ways to send one', async () => {
    const response = await fetch(`${server.url}/v1/bytes`, { method: 'PUT', body: 'x' })
    assert.equal(response.status, 401)
    assert.match(response.headers.get('www-authenticate') ?? '', /Bearer.*Basic/)
  })

  test('a fault is 500 without its detail; a problem keeps its own status', async () => {
    const response = await fetch(`${server.url}/v1/fault`)
    assert.equal(response.status, 500)
    assert.equal((await response.text()).includes('secret'), false)
    assert.equal((await fetch(`${server.url}/v1/missing`)).status, 404)
  })

  test('a reply whose source fails is 500 before its first byte, and cut after it', async () => {
    const response = await fetch(`${server.url}/v1/no-source`)
    assert.equal(response.status, 500)
    assert.equal((await errorOf(response)).code, 'internal')
    const cut = await fetch(`${server.url}/v1/half-source`)
    assert.equal(cut.status, 200)
    half?.destroy(new Error('the rest is gone'))
    await assert.rejects(cut.text())
  })

  test('a stream of 8 MB is counted, never limited', async () => {
    const response = await fetch(`${server.url}/v1/bytes`, {
      method: 'PUT',
      body: new Uint8Array(8_000_000),
      headers: { authorization: 'admin' },
    })
    assert.deepEqual(await response.json(), { size: 8_000_000 })
  })

  test('a body that nobody reads to its end does not stop the requests that follow on its connection', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const say = (method: string, path: string, body: Uint8Array, authorization: string) =>
      new Promise<number>((resolve, reject) => {
        const headers = { authorization, 'content-type': 'application/json', 'content-length': body.length }
        const request = http.request(server.url + path, { method, headers, agent }, (reply) => {
          reply.resume()
          reply.on('end', () => resolve(reply.statusCode ?? 0))
        })
        request.on('error', reject)
        request.end(body)
      })
    const big = new Uint8Array(8_000_000)
    assert.equal(await say('POST', '/v1/echo/a', big, 'admin'), 413)
    assert.equal(await say('PUT', '/v1/bytes', big, 'viewer'), 403)
    assert.equal(await say('PUT', '/v1/half', big, 'admin'), 507)
    assert.equal(await say('PUT', '/v1/left', big, 'admin'), 507)
    assert.equal(await say('PUT', '/v1/bytes', new Uint8Array(3), 'admin'), 200)
    agent.destroy()
  })

  test('a path that is known for another method is 405 with what it allows', async () => {
    const response = await fetch(`${server.url}/v1/bytes`, { headers: { authorization: 'admin' } })
    assert.equal(response.status, 405)
    assert.equal(response.headers.get('allow'), 'PUT')
    assert.equal((await errorOf(response)).code, 'method_not_allowed')
  })

  test('an address that cannot be decoded is 400 in our shape, one too long for a name 4xx', async () => {
    const broken = await fetch(`${server.url}/v1/echo/%zz`, { method: 'POST' })
    assert.equal(broken.status, 400)
    assert.match((await errorOf(broken)).message, /%zz/)
    const long = await fetch(`${server.url}/v1/echo/${'a'.repeat(5000)}`, { method: 'POST' })
    assert.equal((await errorOf(long)).code, 'bad_request')
  })

  test('bytes that are not UTF-8 and a key twice are refused by name', async () => {
    for (const [body, said] of [
      [Uint8Array.of(0x7b, 0xff, 0x7d), /UTF-8/],
      ['{"text":"a","text":"b"}', /"text" stands twice/],
    ] as const) {
      const response = await fetch(`${server.url}/v1/echo/a`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', authorization: 'admin' },
      })
      const error = await errorOf(response)
      assert.equal(error.code, 'malformed_body')
      assert.match(error.message, said)
    }
  })

  const raw = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = net.connect(server.port, '127.0.0.1', () => socket.write(text))
      let got = ''
      socket.on('data', (part) => (got += part.toString()))
      socket.on('close', () => resolve(got))
      socket.on('error', reject)
    })

  test('another Host is refused, an allowed one is not', async () => {
    assert.match(
      await raw('GET /v1/missing HTTP/1.1\r\nHost: attacker.example\r\nConnection: close\r\n\r\n'),
      /403.*untrusted_origin/s,
    )
    assert.match(
      await raw('GET /v1/missing HTTP/1.1\r\nHost: models.example.org:1\r\nConnection: close\r\n\r\n'),
      / 404 /,
    )
    assert.match(await raw('GET /v1/missing HTTP/1.0\r\n\r\n'), /403.*untrusted_origin/s)
  })

  for (const [what, text] of [
    ['nonsense', 'nonsense\r\n\r\n'],
    ['a header without colon', 'GET / HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n'],
    ['two lengths', 'POST /v1/echo/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx'],
    ['a huge header', `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'y'.repeat(70_000)}\r\n\r\n`],
    [
      'length and chunks',
      'POST /v1/echo/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
  ] as const) {
    test(`${what} is answered 4xx and the connection closed`, async () =>
      assert.match(await raw(text), /^HTTP\/1\.1 4\d\d /))
  }

  test('a request under way is answered during shutdown', async () => {
    const [begun, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const other = await startOpen([
      mount(slow, async () => {
        begun.resolve()
        await go.promise
        return new Raw(200, {}, 'done')
      }),
    ])
    const answer = fetch(`${other.url}/v1/slow`)
    await begun.promise
    const stopped = other.stop()
    await assert.rejects(fetch(`${other.url}/v1/slow`), 'nothing new is taken')
    go.resolve()
    await stopped
    assert.equal(await (await answer).text(), 'done')
    await assert.rejects(fetch(`${other.url}/v1/slow`))
  })
})
