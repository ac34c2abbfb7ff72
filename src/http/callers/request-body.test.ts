/** Bodies that are read whole: in time, or refused after a minute however steadily they trickle. */
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { readBytes } from './request-body.ts'

test('a body that trickles is refused a minute after its first byte was waited for', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const request = new PassThrough()
  const body = readBytes(request as unknown as IncomingMessage, 1000)
  const refused = assert.rejects(body, { code: 'too_slow', status: 408, data: { what: 'the body', limit: 60_000 } })
  for (let second = 0; second < 60; second++) {
    request.write('x')
    t.mock.timers.tick(1000)
  }
  await refused
})

test('a body that ends within the minute is taken, and no timer is left', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const request = new PassThrough()
  const body = readBytes(request as unknown as IncomingMessage, 1000)
  request.write('a')
  t.mock.timers.tick(59_999)
  request.end('b')
  assert.equal(String(await body), 'ab')
  t.mock.timers.tick(60_000)
})
