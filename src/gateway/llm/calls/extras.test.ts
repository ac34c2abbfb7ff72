/** What requests cost that ask for more than the list sells. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Dialect, PriceRoute } from '../../table/llm.ts'
import { extrasOf, priceWith } from './extras.ts'
import { readAsk } from './request.ts'

const of = (body: object | string, dialect: Dialect = 'chat') =>
  extrasOf(readAsk(dialect, Buffer.from(typeof body === 'string' ? body : JSON.stringify({ model: 'm', ...body }))))

const PRICE: PriceRoute = {
  id: 'p',
  input: 1000,
  output: 2001,
  cache_read: 100,
  cache_write: 1250,
  request: 7,
  tiers: [{ above: 10, input: 1500, output: 3000, cache_read: null, cache_write: null }],
}

test('what is asked for at the list price stays at it', () => {
  for (const body of [
    {},
    { service_tier: null },
    { service_tier: 'auto' },
    { service_tier: 'default' },
    { service_tier: 'standard_only' },
    { inference_geo: 'global', speed: 'standard' },
    { messages: [{ cache_control: { type: 'ephemeral', ttl: '5m' } }] },
    { messages: [{ content: 'in "1h"' }] },
  ]) {
    const extras = of(body)
    assert.deepEqual(extras, { factor: 1, isHourly: false, isListed: true }, JSON.stringify(body))
    assert.equal(priceWith(PRICE, extras), PRICE)
  }
})

test('faster tiers are bounded by twice the list, and unknown ones too; cheaper ones by the list, as an estimate', () => {
  for (const [body, factor] of [
    [{ service_tier: 'priority' }, 2],
    [{ service_tier: 'next' }, 2],
    [{ service_tier: ['priority'] }, 2],
    [{ serviceTier: 'PRIORITY' }, 2],
    [{ serviceTier: { type: 'reserved' } }, 2],
    [{ performanceConfig: { latency: 'optimized' } }, 2],
    [{ service_tier: 'flex' }, 1],
    [{ speed: 'fast' }, 6],
    [{ inference_geo: 'us' }, 1.1],
  ] as const) {
    const extras = of(body)
    assert.deepEqual([extras.factor, extras.isListed], [factor, false], JSON.stringify(body))
  }
  assert.deepEqual(priceWith(PRICE, of({ service_tier: 'priority' })), {
    id: 'p',
    input: 2000,
    output: 4002,
    cache_read: 200,
    cache_write: 2500,
    request: 7,
    tiers: [{ above: 10, input: 3000, output: 6000, cache_read: null, cache_write: null }],
  })
  assert.equal(priceWith(null, of({ service_tier: 'priority' })), null)
})

test('input that is kept for an hour costs twice its price to write, wherever and however it is marked', () => {
  const marked = { type: 'ephemeral', ttl: '1h' }
  for (const extras of [
    of({ cache_control: marked }, 'messages'),
    of({ system: [{ type: 'text', text: 'x', cache_control: marked }] }, 'messages'),
    of({ messages: [{ content: [{ cachePoint: { type: 'default', ttl: '1h' } }] }] }, 'converse'),
    of(String.raw`{"model":"m","system":[{"cache_control":{"t\u0074l" : "1\u0068"}}]}`, 'messages'),
  ]) {
    assert.deepEqual(extras, { factor: 1, isHourly: true, isListed: false })
    const { cache_write, input, tiers } = priceWith(PRICE, extras)
    assert.deepEqual([input, cache_write, tiers[0]?.cache_write], [1000, 2000, 3000])
  }
})

test('a tier that stands twice is refused: servers take one or the other', () => {
  assert.throws(() => of('{"model":"m","service_tier":"priority","service_tier":"default"}'), { code: 'invalid_field' })
})

test('a conversation that the provider keeps is input of which nothing is seen', () => {
  const ask = (dialect: Dialect, more: object) =>
    readAsk(dialect, Buffer.from(JSON.stringify({ model: 'm', ...more }))).extraInput
  assert.equal(ask('responses', { input: 'hi', previous_response_id: 'r' }), 200_000)
  assert.equal(ask('messages', { messages: [], thread: { type: 'continue', previous_message_id: 'm' } }), 200_000)
  assert.equal(ask('messages', { messages: [], thread: { type: 'create' } }), 0)
  assert.equal(ask('messages', { messages: [], thread: null }), 0)
})
