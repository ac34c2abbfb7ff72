/** Calls of an MLflow server: who it is asked as, what is asked again, what its refusals become, and bytes that do not come whole. */
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { after, before, beforeEach, describe, it } from 'node:test'
import { listOf, objectOf, openServer, pagesOf, textOf, wholeOf } from './calls.ts'
import type { MlflowServer } from './calls.ts'
import { startSpoken } from './mlflow-server.fixture.ts'
import type { Asked, SpokenServer } from './mlflow-server.fixture.ts'

let spoken: SpokenServer
before(async () => {
  spoken = await startSpoken()
})
after(() => spoken.close())
beforeEach(() => {
  spoken.answers = {}
})

const last = (): Asked | undefined => spoken.asked.at(-1)
/** Answers of one path, one after the other. */
function inTurn(
  ...replies: readonly (readonly [status: number, body: string | Buffer, headers?: Record<string, string>])[]
) {
  let at = 0
  spoken.answers = {
    '/x': (_, reply) => {
      const [status, body, headers = {}] = replies[Math.min(at++, replies.length - 1)] ?? [500, '']
      reply.writeHead(status, headers).end(body)
    },
  }
  return () => at
}

async function read(server: MlflowServer, size?: number): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of server.bytes('/x', { path: 'a b/ü' }, size)) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

describe('an MLflow server', () => {
  it('is known by its address without a slash at the end, and asked below its prefix', async () => {
    const { url } = spoken
    for (const [address, plain] of [
      [url, url],
      [`${url}/`, url],
      [`${url}/prefix//`, `${url}/prefix`],
      [`${url}/prefix?a=b#c`, `${url}/prefix`],
    ] as const) {
      assert.equal((await openServer(address, {})).url, plain)
      assert.equal(last()?.path, `${new URL(plain).pathname.replace(/\/$/, '')}/api/2.0/mlflow/experiments/search`)
    }
  })

  for (const [credentials, header] of [
    [{}, undefined],
    [{ token: 'abc' }, 'Bearer abc'],
    [{ token: 'abc', user: 'ada', password: 'x' }, 'Bearer abc'],
    // base64 of "ada:" and of "ada:se cret"
    [{ user: 'ada' }, 'Basic YWRhOg=='],
    [{ user: 'ada', password: 'se cret' }, 'Basic YWRhOnNlIGNyZXQ='],
    [{ password: 'x' }, undefined],
  ] as const)
    it(`is asked ${header ?? 'without a name'} by ${JSON.stringify(credentials)}`, async () => {
      await openServer(spoken.url, credentials)
      assert.equal(last()?.authorization, header)
    })

  for (const address of ['', 'localhost:5000', 'ftp://host', 'sqlite:///a.db', 'http://'])
    it(`is not at "${address}"`, async () => {
      await assert.rejects(openServer(address, {}), { code: 'invalid_field', message: /expected http:\/\/host:port/ })
    })

  it('is not asked with a password in its address, which no message repeats', async () => {
    const address = `http://ada:secret@${new URL(spoken.url).host}`
    await assert.rejects(openServer(address, {}), ({ message }: Error) => {
      assert.match(message, /an address without a password/)
      assert.doesNotMatch(message, /secret|ada/)
      return true
    })
  })

  it('is asked again while it is busy, and not when it refuses', async () => {
    const server = await openServer(spoken.url, {})
    for (const status of [429, 503]) {
      const times = inTurn([status, 'busy'], [200, '{"a": 1}'])
      assert.deepEqual(await server.json('/x'), { a: 1 })
      assert.equal(times(), 2)
    }
    const times = inTurn([400, '{"message": "no such column"}'], [200, '{}'])
    await assert.rejects(server.json('/x'), { code: 'upstream_failed', message: /400 no such column/ })
    assert.equal(times(), 1)
  })

  it('waits as long as it is told to', async () => {
    const server = await openServer(spoken.url, {})
    inTurn([503, '', { 'retry-after': '1' }], [200, '{}'])
    const start = performance.now()
    await server.json('/x')
    // by the clock: a timer comes no sooner than it is set to, however slow the machine is
    assert.ok(performance.now() - start >= 990)
  })

  for (const [status, body, headers, code, says] of [
    [401, 'who', {}, 'unprocessable', /wants credentials: set SLIPWAY_IMPORT_TOKEN/],
    [403, 'no', {}, 'unprocessable', /does not let these credentials read \/x/],
    [302, '', { location: '/login' }, 'unprocessable', /it sends \/x to \/login/],
    [307, '', {}, 'unprocessable', /it sends \/x to nowhere/],
    [404, '', {}, 'unprocessable', /\/x is not there \(404\)/],
    [200, '<html>', {}, 'unprocessable', /\/x is no JSON/],
    [200, '[1]', {}, 'unprocessable', /\/x is no JSON/],
    [200, 'null', {}, 'unprocessable', /\/x is no JSON/],
    [418, 'short and stout', {}, 'upstream_failed', /418 short and stout/],
    [400, '{"error": 1}', {}, 'upstream_failed', /400 \{"error": 1\}/],
  ] as const)
    it(`that answers ${status} ${body} is told by ${code}`, async () => {
      const server = await openServer(spoken.url, {})
      inTurn([status, body, headers])
      await assert.rejects(server.json('/x'), { code, message: says })
    })

  it('may not know a call, which is no fault', async () => {
    const server = await openServer(spoken.url, {})
    assert.equal(await server.text('/nowhere'), undefined)
  })

  it('has its pages read until there is no token', async () => {
    const server = await openServer(spoken.url, {})
    const pages = [
      { items: [{ id: 1 }, 'odd', null], next_page_token: 'two' },
      { next_page_token: 'three' },
      { items: [{ id: 2 }], next_page_token: '' },
    ]
    const read = async (asked: object): Promise<unknown[]> => {
      let at = 0
      spoken.answers = { '/x': (_, reply) => void reply.end(JSON.stringify(pages[at++])) }
      const found: unknown[] = []
      for await (const page of pagesOf(server, '/x', 'items', asked)) found.push(page)
      return found
    }
    const tokens = (of: 'query' | 'body'): unknown[] => spoken.asked.slice(-3).map((one) => one[of])
    assert.deepEqual(await read({ query: { max: '5' } }), [[{ id: 1 }], [], [{ id: 2 }]])
    assert.deepEqual(tokens('query'), [
      { max: '5' },
      { max: '5', page_token: 'two' },
      { max: '5', page_token: 'three' },
    ])
    assert.deepEqual(
      spoken.asked.slice(-3).map(({ method }) => method),
      ['GET', 'GET', 'GET'],
    )
    assert.deepEqual(await read({ body: { max: 5 } }), [[{ id: 1 }], [], [{ id: 2 }]])
    assert.deepEqual(tokens('body'), [{ max: 5 }, { max: 5, page_token: 'two' }, { max: 5, page_token: 'three' }])
    assert.deepEqual(
      spoken.asked.slice(-3).map(({ method }) => method),
      ['POST', 'POST', 'POST'],
    )
  })
})

describe('the bytes of a file', () => {
  it('come as they are, by the path that is named', async () => {
    const server = await openServer(spoken.url, {})
    inTurn([200, 'héllo'])
    assert.equal(await read(server, 6), 'héllo')
    assert.deepEqual(last()?.query, { path: 'a b/ü' })
    inTurn([200, ''])
    assert.equal(await read(server, 0), '')
  })

  it('that are fewer or more than the list says are refused', async () => {
    const server = await openServer(spoken.url, {})
    inTurn([200, 'hello'])
    for (const size of [4, 6, 0])
      await assert.rejects(read(server, size), {
        code: 'upstream_failed',
        message: new RegExp(`the file has ${size} bytes, and 5 came`),
      })
  })

  it('may come compressed, and are counted as they are', async () => {
    const server = await openServer(spoken.url, {})
    const zipped = gzipSync('hello'.repeat(100))
    inTurn([200, zipped, { 'content-encoding': 'gzip', 'content-length': String(zipped.length) }])
    assert.equal(await read(server), 'hello'.repeat(100))
    assert.equal(await read(server, 500), 'hello'.repeat(100))
    await assert.rejects(read(server, zipped.length), { code: 'upstream_failed' })
  })

  it('that are listed and not there are a fault of the server', async () => {
    const server = await openServer(spoken.url, {})
    await assert.rejects(read(server), { code: 'upstream_failed', message: /the file is listed and is not there/ })
  })
})

describe('what JSON says', () => {
  it('is taken where it has the kind that is wanted, else as absent', () => {
    assert.deepEqual(listOf([{ a: 1 }, null, 'x', 3]), [{ a: 1 }])
    for (const odd of [undefined, null, 'x', {}]) assert.deepEqual(listOf(odd), [])
    assert.deepEqual(objectOf({ a: 1 }), { a: 1 })
    for (const odd of [undefined, null, 'x', [1]]) assert.deepEqual(objectOf(odd), {})
    assert.deepEqual(['a', '', 0, 1.5, null, {}, true].map(textOf), [
      'a',
      '',
      '0',
      '1.5',
      undefined,
      undefined,
      undefined,
    ])
    assert.deepEqual(
      [5, '5', '0', '', null, undefined].map((one) => wholeOf(one, 'absent')),
      [5, 5, 0, 'absent', 'absent', 'absent'],
    )
  })
})
