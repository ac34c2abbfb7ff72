/** Sources over HTTP in whole runs: etags, redirects, tokens, limits, and servers that are away, slow or break off. */
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { untilRun } from '../../bench.fixture.ts'
import { failure, pinned, serving, sourced } from '../sources.fixture.ts'

test('an answer is kept with its etag and time; the same etag is taken as unchanged without its bytes', async (t) => {
  const sent: (string | undefined)[] = []
  let [body, etag] = ['a,b\n1,2\n', '"v1"']
  const { url, host } = await serving(t, (request, reply) => {
    const asked = request.headers['if-none-match']
    sent.push(asked)
    reply.setHeader('etag', etag).setHeader('last-modified', 'Tue, 03 Feb 2026 10:00:00 GMT')
    if (asked === etag) return void reply.writeHead(304).end()
    reply.end(body)
  })
  const { run, got } = await sourced(t, { allow: [host] })
  const first = await run({ http: `${url}/a.csv`, table: 'csv' })
  const { version, data_at, rows, place } = pinned(first)
  assert.deepEqual([version, data_at, rows, place], ['"v1"', '2026-02-03T10:00:00.000Z', 1, `${url}/a.csv`])
  const second = await run({ http: `${url}/a.csv`, table: 'csv' })
  assert.deepEqual([pinned(second).unchanged, pinned(second).rows, second.steps[0]?.state], [true, 1, 'cached'])
  ;[body, etag] = ['a,b\n', '"v2"']
  assert.deepEqual(await got(await run({ http: `${url}/a.csv`, table: 'csv' })), { '': 'a,b\n' })
  assert.deepEqual(sent, [undefined, '"v1"', '"v1"'])
})

test('a weak etag, a time alone and a 304 that nobody asked for are not taken as unchanged', async (t) => {
  let body = 'one'
  const { url, host } = await serving(t, (request, reply) => {
    if (request.url === '/304') return void reply.writeHead(304).end()
    reply.setHeader('etag', 'W/"same"').setHeader('last-modified', 'Tue, 03 Feb 2026 10:00:00 GMT').end(body)
  })
  const { run, got } = await sourced(t, { allow: [host] })
  await run({ http: url })
  body = 'two'
  assert.deepEqual(await got(await run({ http: url })), { '': 'two' })
  assert.match(failure(await run({ http: `${url}/304` })), /\/304 answered 304/)
})

test('an etag is that of one address: where a redirect leads elsewhere, the same etag is not taken as unchanged', async (t) => {
  let [now, asked] = ['/one', [] as unknown[]]
  const { url, host } = await serving(t, (request, reply) => {
    if (request.url === '/newest') return void reply.writeHead(302, { location: now }).end()
    asked.push([request.url, request.headers['if-none-match']])
    if (request.headers['if-none-match'] === '"1"') return void reply.writeHead(304).end()
    reply.setHeader('etag', '"1"').end(request.url)
  })
  const { run, got } = await sourced(t, { allow: [host] })
  assert.deepEqual(await got(await run({ http: `${url}/newest` })), { '': '/one' })
  assert.equal(pinned(await run({ http: `${url}/newest` })).unchanged, true)
  now = '/two'
  asked = []
  assert.deepEqual(await got(await run({ http: `${url}/newest` })), { '': '/two' })
  assert.deepEqual(asked, [['/two', undefined]])
})

test('packed bytes that nobody asked for are refused and not handed over as the data', async (t) => {
  const { url, host } = await serving(t, (request, reply) => {
    assert.equal(request.headers['accept-encoding'], 'identity')
    if (request.url === '/plain') return void reply.setHeader('content-encoding', 'Identity').end('a')
    reply.setHeader('content-encoding', 'gzip').end(gzipSync('a'))
  })
  const { run, got } = await sourced(t, { allow: [host] })
  assert.match(failure(await run({ http: url })), /source "given": 127.* answered packed \(content-encoding gzip\)/)
  assert.deepEqual(await got(await run({ http: `${url}/plain` })), { '': 'a' })
})

test('a token goes to the host of the address and to no other, and no message repeats it', async (t) => {
  const seen: (string | undefined)[] = []
  const away = await serving(t, (request, reply) => {
    seen.push(request.headers.authorization)
    reply.end('from there')
  })
  const { url, host } = await serving(t, (request, reply) => {
    seen.push(request.headers.authorization)
    if (request.url === '/secret-token-1') return void reply.writeHead(404).end()
    reply.writeHead(302, { location: `${away.url}/x` }).end()
  })
  const { run, got } = await sourced(t, { allow: [host, away.host], secrets: { DATA_TOKEN: 'secret-token-1' } })
  assert.deepEqual(await got(await run({ http: url, token: 'DATA_TOKEN' })), { '': 'from there' })
  assert.deepEqual(seen, ['Bearer secret-token-1', undefined])
  const refused = failure(await run({ http: `${url}/secret-token-1`, token: 'DATA_TOKEN' }))
  assert.match(refused, /\/\[secret\] answered 404/)
  assert.match(
    failure(await run({ http: url, token: 'NO_TOKEN' })),
    /the secret "NO_TOKEN" is not set; set SLIPWAY_SECRET_NO_TOKEN/,
  )
})

test('private addresses are refused unless they are allowed, also behind a redirect; redirects end', async (t) => {
  const closed = await serving(t, (_request, reply) => reply.end('inside'))
  const { url, host } = await serving(t, (request, reply) => {
    reply.writeHead(307, { location: request.url === '/in' ? closed.url : '/round' }).end()
  })
  const { run } = await sourced(t, { allow: [host] })
  assert.match(
    failure(await run({ http: closed.url })),
    /source "given": .*a public address \(127\.0\.0\.1 is private\)/,
  )
  assert.match(failure(await run({ http: `${url}/in` })), /127\.0\.0\.1 is private/)
  assert.match(failure(await run({ http: `${url}/round` })), /leads on more than 5 times/)
})

test('more than the limit is not kept, with and without a length before it', async (t) => {
  const { url, host } = await serving(
    t,
    (_request, reply) => void reply.write(Buffer.alloc(100_000), () => reply.end()),
  )
  const { run } = await sourced(t, { allow: [host] })
  assert.match(failure(await run({ http: url, limit: '50kB' })), /more than 50000 bytes, its limit/)
  assert.equal(pinned(await run({ http: url, limit: 100_000 })).size, 100_000)
})

test('one that is away is tried again while the run says so; one that drips ends with its timeout', async (t) => {
  const faults: ((reply: ServerResponse) => void)[] = [
    (reply) => reply.writeHead(503).end(),
    (reply) => {
      reply.writeHead(200, { 'content-length': '10' }).write('half', () => reply.destroy())
    },
  ]
  const { url, host } = await serving(t, (request, reply) => {
    if (request.url === '/drip') {
      const timer = setInterval(() => reply.write('x'), 20)
      reply.once('close', () => clearInterval(timer))
      return
    }
    const fault = faults.shift()
    if (fault === undefined) reply.end('whole')
    else fault(reply)
  })
  let now = Date.now()
  const { begin, run, got, bench } = await sourced(t, { allow: [host] }, { clock: () => now })
  const id = await begin({ http: url })
  for (const said of [
    /tried again \(try 1 of 6\): source "given": .* answered 503/,
    /tried again \(try 2 of 6\): source "given": .*broke off/,
  ]) {
    await untilRun(bench, id, ({ message }) => said.test(message), String(said))
    now += 60_000
  }
  assert.deepEqual(await got(await bench.end(id)), { '': 'whole' })
  assert.match(failure(await run({ http: `${url}/drip`, timeout: '300ms' })), /not read within 300 ms, its timeout/)
})

test('a run that is cancelled while its source is read ends at once', async (t) => {
  const { url, host } = await serving(t, (_request, reply) => void reply.write('x'))
  const { begin, bench } = await sourced(t, { allow: [host] })
  const id = await begin({ http: url, timeout: '1h' })
  await untilRun(bench, id, ({ message }) => message.includes('reads source'), 'it reads the source')
  const { db } = bench.store
  await db.tx((t2) => t2.run("UPDATE pipeline_runs SET desired_state = 'cancel' WHERE id = ?", [id]))
  bench.room.wake(id)
  assert.equal((await bench.end(id)).state, 'cancelled')
})
