/** Which calls are one to a cache, and which never are. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAsk } from '../calls/request.ts'
import { routeOf } from '../gateway.fixture.ts'
import type { Dialect, LlmEndpointRoute, LlmRoute } from '../../table/llm.ts'
import { keyOf, wishOf } from './key.ts'
import type { Asker } from './key.ts'

const CACHE = { ttl_s: 60, share: 'endpoint' } as const

function route(endpoint: Partial<LlmEndpointRoute> = {}, url = 'http://x/v1'): LlmRoute {
  return routeOf({ a: [{ model: 'm', url }] }, { endpoint: { cache: CACHE, ...endpoint } })
}

interface Of extends Partial<Pick<Asker, 'route' | 'token' | 'headers'>> {
  readonly dialect?: Dialect
  readonly path?: { readonly model: string; readonly stream?: boolean }
}

function key(body: string | object, { dialect = 'chat', path, ...more }: Of = {}): string | null {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const of = { route: more.route ?? route(), token: 't1', headers: {}, ...more }
  const [endpoint] = of.route.endpoints
  assert.ok(endpoint !== undefined)
  return keyOf({ ...of, endpoint, ask: readAsk(dialect, Buffer.from(text), path) })
}

const HI = '{"model":"a","messages":[{"role":"user","content":"hi"}],"temperature":1.0}'

test('equal calls have one key, whatever the order of their members and the form of the answer', () => {
  const one = key(HI)
  assert.match(one ?? '', /^[0-9a-f]{64}$/)
  for (const same of [
    '{"temperature":1.0,"messages":[{"role":"user","content":"hi"}],"model":"a"}',
    `\n{ "model": "a", "messages" : [{"role":"user","content":"hi"}] , "temperature":1.0 }\n`,
    HI.replace('{"model"', '{"stream":true,"model"'),
    HI.replace('{"model"', '{"stream":false,"model"'),
    HI.replace('{"model"', '{"stream":true,"stream_options":{"include_usage":true},"model"'),
    HI.replace('{"model"', '{"stream":true,"stream_options":null,"model"'),
    HI.replace('"messages"', '"m\\u0065ssages"'),
  ])
    assert.equal(key(same), one, same)
})

test('calls that could be answered otherwise have keys of their own', () => {
  const bodies = [
    HI,
    HI.replace('hi', 'ho'),
    HI.replace('hi', 'h\\u0069'),
    HI.replace('1.0', '1'),
    HI.replace('1.0', '1.00000000000000000001'),
    HI.replace('1.0', '9007199254740993'),
    HI.replace('1.0', '9007199254740992'),
    HI.replace('1.0', '1.0,"user":"u"'),
    HI.replace('1.0', '1.0,"metadata":{"x":"y"}'),
    HI.replace('1.0', '1.0,"unknown":null'),
    HI.replace('1.0', '1.0,"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}'),
    HI.replace('1.0', '1.0,"stream":true,"stream_options":{"include_usage":1}'),
    HI.replace('1.0', '1.0,"stream":true,"stream_options":"x"'),
    HI.replace('1.0', '1.0,"stream_options":{"include_usage":true}'),
    // one value holds what else is two members
    '{"model":"a","messages":"x","y":1}',
    '{"model":"a","messages":"x\\n\\"y\\" 1 1"}',
  ]
  const keys = bodies.map((body) => key(body))
  assert.equal(new Set(keys).size, bodies.length)
  assert.ok(!keys.includes(null))
})

test('a name that comes twice, or is no ASCII, leaves a call without a key', () => {
  for (const member of ['"temperature":2', '"temper\\u0061ture":1.0', '"é":1', '"\\ud800":1', '"\\ud801":1'])
    assert.equal(key(HI.replace('1.0', `1.0,${member}`)), null, member)
})

test('the dialect, the headers that choose an API and the endpoint make a key', () => {
  const body = { model: 'a', messages: [], max_tokens: 1 }
  const guardrail = { kind: 'secrets', name: 's', on: 'both', action: 'block' } as const
  const two = routeOf({
    a: [
      { model: 'm', url: 'http://x/v1' },
      { model: 'n', url: 'http://x/v1' },
    ],
  })
  const keys = [
    key(body),
    key(body, { dialect: 'messages' }),
    key(body, { headers: { 'openai-beta': 'x' } }),
    key(body, { headers: { 'anthropic-beta': 'x' } }),
    key(body, { headers: { 'anthropic-version': 'x' } }),
    key(body, { route: route({ project: 'other' }) }),
    key(body, { route: route({ name: 'b' }) }),
    key(body, { route: route({ guardrails: [guardrail] }) }),
    key(body, { route: route({ guardrails: [{ ...guardrail, action: 'flag' }] }) }),
    key(body, { route: route({ cache: { ...CACHE, ttl_s: 61 } }) }),
    key(body, { route: route({}, 'http://y/v1') }),
    key(body, { route: route({ models: two.endpoints[0]?.models ?? [] }) }),
  ]
  assert.equal(new Set(keys).size, keys.length)
  assert.equal(key(body, { headers: { 'x-request-id': 'x', 'user-agent': 'y' } }), keys[0])
})

test('a price that changes makes no other key', () => {
  const [dear] = route().endpoints[0]?.models ?? []
  assert.ok(dear !== undefined)
  assert.equal(key(HI, { route: route({ models: [{ ...dear, price: null }] }) }), key(HI))
})

test('a table that changes a provider of the same endpoint changes its keys', () => {
  const before = route()
  const after = { ...before, providers: before.providers.map((one) => ({ ...one, base_url: 'http://z/v1' })) }
  const first = key(HI, { route: before })
  assert.notEqual(key(HI, { route: after }), first)
  assert.equal(key(HI, { route: before }), first)
})

test('keys share only where the endpoint says so', () => {
  const own = route({ cache: { ttl_s: 60, share: 'key' } })
  assert.equal(key(HI, { token: 't2' }), key(HI, { token: 't1' }))
  const keys = ['t1', 't2', null].map((token) => key(HI, { token, route: own }))
  assert.equal(new Set(keys).size, 3)
})

test('a path that names the model makes the same call, but Gemini’s body says nothing of a stream', () => {
  const body = { contents: [] }
  const of = { dialect: 'generate' } as const
  const whole = key(body, { ...of, path: { model: 'a', stream: false } })
  assert.equal(key(body, { ...of, path: { model: 'a', stream: true } }), whole)
  assert.notEqual(key({ ...body, stream: true }, { ...of, path: { model: 'a', stream: true } }), whole)
})

test('what is kept at the provider is not kept here', () => {
  const none = { dialect: 'responses' } as const
  const input = { model: 'a', input: 'hi' }
  assert.equal(key(input, none), null, 'OpenAI keeps it by default')
  assert.notEqual(key({ ...input, store: false }, none), null)
  for (const more of [{ previous_response_id: 'r' }, { conversation: 'c' }, { prompt: { id: 'p' } }, { store: true }])
    assert.equal(key({ ...input, store: false, ...more }, none), null, JSON.stringify(more))
  assert.equal(key({ model: 'a', messages: [], store: true }), null)
  assert.equal(key({ model: 'a', messages: [], thread: { type: 'create' } }, { dialect: 'messages' }), null)
})

test('what a client says of caches', () => {
  assert.equal(wishOf(undefined), 'use')
  assert.equal(wishOf('max-age=0, private'), 'use')
  assert.equal(wishOf('No-Cache'), 'renew')
  assert.equal(wishOf('max-age=0,no-cache'), 'renew')
  assert.equal(wishOf('no-cache, no-store'), 'none')
})
