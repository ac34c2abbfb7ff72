/** An answer whose head cannot be written. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Pool } from 'undici'
import { until } from '../../../../test/until.ts'
import { PRICE } from '../gateway.fixture.ts'
import { Journey } from './journey.ts'
import { relay } from './relay.ts'
import { readAsk } from './request.ts'

test('a head that cannot be written is a fault of the provider, whose stream is not left open', async (t) => {
  let isLeft = false
  const provider = createServer((_, response) => {
    response.on('close', () => (isLeft = true))
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n')
  })
  await new Promise<void>((listening) => provider.listen(0, '127.0.0.1', listening))
  t.after(() => provider.close())
  const pool = new Pool(`http://127.0.0.1:${(provider.address() as AddressInfo).port}`)
  t.after(() => pool.destroy())
  // a response that has a head already refuses another
  const client = createServer((_, response) => {
    response.flushHeaders()
    void (async () => {
      const ask = readAsk('chat', Buffer.from('{"model":"m","stream":true}'))
      const caller = { project: null, token: null, key: null }
      const journey = new Journey({ id: 'c', started: 0, ask, caller, traceparent: null })
      const route = { id: 'p', name: 'p', kind: 'openai', base_url: '', sealed: null, settings: {} } as const
      journey.model = { id: 'x', provider: 'p', model: 'x', weight: 1, fallback: null, price: PRICE, max_output: null }
      const reply = await pool.request({ method: 'POST', path: '/' })
      const to = {
        journey,
        provider: { route, credentials: {}, fault: null },
        reply,
        way: { dialect: 'chat' as const },
      }
      const end = { settle: () => Promise.resolve(), broke: () => undefined, left: new AbortController().signal }
      await assert.rejects(relay({ ...to, ...end, strip: false, response, draining: false }), {
        code: 'upstream_failed',
        message: /provider p failed: the head of its answer cannot be given on/,
      })
    })().then(
      () => response.end('as expected'),
      (error: unknown) => response.end(String(error)),
    )
  })
  await new Promise<void>((listening) => client.listen(0, '127.0.0.1', listening))
  t.after(() => client.close())
  const told = await fetch(`http://127.0.0.1:${(client.address() as AddressInfo).port}`)
  assert.equal(await told.text(), 'as expected')
  await until('the provider is left', () => isLeft)
})
