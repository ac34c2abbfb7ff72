/** Bodies that are read whole: in time, or refused after a minute however steadily they trickle. */
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { route } from '../../contract/route.ts'
import { mount } from '../mount.ts'
import { exchange } from '../raw-socket.fixture.ts'
import { startOpen } from '../open-server.fixture.ts'
import type { RunningServer } from '../server.ts'
import { Deadlines } from './deadlines.ts'
import { stopTime } from './passing-time.fixture.ts'
import { readBytes } from './request-body.ts'

test('a body that trickles is refused a minute after its first byte was waited for', async (t) => {
  const pass = stopTime(t)
  const request = new PassThrough()
  const body = readBytes(request as unknown as IncomingMessage, { limit: 1000, bodies: new Deadlines(60_000) })
  const refused = assert.rejects(body, { code: 'too_slow', status: 408, data: { what: 'the body', limit: 60_000 } })
  for (let second = 0; second < 60; second++) {
    request.write('x')
    pass(1000)
  }
  await refused
})

test('a body that ends within the minute is taken, and nothing is refused later', async (t) => {
  const pass = stopTime(t)
  const request = new PassThrough()
  const body = readBytes(request as unknown as IncomingMessage, { limit: 1000, bodies: new Deadlines(60_000) })
  request.write('a')
  pass(59_999)
  request.end('b')
  assert.equal(String(await body), 'ab')
  pass(60_000)
})

describe('a JSON body beyond a limit is refused before it has ended', () => {
  const taken: unknown[] = []
  let server: RunningServer
  before(async () => {
    const posted = route({
      access: 'public',
      summary: 'for tests',
      method: 'POST',
      path: '/json',
      body: 'json',
      reply: 'json',
      limit: 16_000_000,
    })
    server = await startOpen([mount(posted, ({ body }) => ({ taken: taken.push(body) }))])
  })
  after(() => server.stop())

  const head = (type: string): string =>
    `POST /json HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${type}\r\nContent-Length: 15000000\r\n\r\n`
  for (const [what, begin, code] of [
    ['lists', '['.repeat(300_000), 'malformed_body'],
    ['objects', '{"a":'.repeat(60_000), 'malformed_body'],
    ['fields', `{${'"a":1,'.repeat(110_000)}`, 'too_many_values'],
    ['values', `[${'[],'.repeat(2_100_000)}`, 'too_many_values'],
  ] as const)
    test(what, async () => {
      const said = await exchange(server.port, head('application/json') + begin)
      assert.match(said, new RegExp(`^HTTP/1.1 4(00|13) .*"${code}"`, 's'))
    })

  test('one of another type is refused for its type', async () => {
    const said = await exchange(
      server.port,
      head('text/plain').replace('15000000', '300000\r\nConnection: close') + '['.repeat(300_000),
    )
    assert.match(said, /"unsupported_media_type"/)
  })

  test('what comes in many pieces is what was sent', async () => {
    const sent = Array.from({ length: 200_000 }, (_, i) => ({ i, text: `é${'['.repeat(i % 7)}\\"` }))
    const reply = await fetch(`http://127.0.0.1:${server.port}/json`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(sent),
    })
    assert.equal(reply.status, 200)
    assert.deepEqual(taken.pop(), sent)
  })
})
