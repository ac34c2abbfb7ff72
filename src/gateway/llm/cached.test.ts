/** Calls that are answered from the cache of their endpoint, through HTTP: which are, what the client gets, what is recorded, and what is never kept. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { until } from '../../../test/until.ts'
import type { LlmEndpointRoute, LlmRoute } from '../table/llm.ts'
import { richProvider } from './cached.fixture.ts'
import { ADMIN, llmGateway, routeOf, TOKEN } from './gateway.fixture.ts'
import type { LlmBench, TestModel } from './gateway.fixture.ts'
import { budgetOf, keyOf } from './money/money.fixture.ts'
import { fakeProvider, PIECES } from './upstream.fixture.ts'
import type { FakeProvider } from './upstream.fixture.ts'

const messages = [{ role: 'user' as const, content: 'hi' }]
const OTHER = TOKEN.replace('t1', 't2')
/** What a call of the fake provider costs, nanodollars. */
const COST = 19_500

interface Stage {
  readonly bench: LlmBench
  readonly provider: FakeProvider
  /** ms. */
  readonly clock: { now: number }
  /** A call, by default of a whole chat of the model `a`. */
  readonly ask: (more?: Ask) => Promise<Got>
}

interface Ask {
  readonly body?: object
  readonly path?: string
  readonly headers?: Record<string, string>
}

interface Got {
  readonly status: number
  readonly cache: string | null
  readonly headers: Headers
  readonly text: string
}

function cached(endpoint: Partial<LlmEndpointRoute> = {}): { endpoint: Partial<LlmEndpointRoute> } {
  return { endpoint: { cache: { ttl_s: 60, share: 'endpoint' }, ...endpoint } }
}

async function stage(t: TestContext, route: (url: string) => LlmRoute = routeTo): Promise<Stage> {
  const provider = await fakeProvider(t)
  // of today, for tokens and connections have clocks of their own
  const clock = { now: Date.now() }
  const bench = await llmGateway(t, route(provider.url), { clock: () => clock.now })
  return {
    bench,
    provider,
    clock,
    ask: async ({ body = {}, path = '/v1/chat/completions', headers = {} } = {}) => {
      const response = await bench.post(path, { model: 'a', messages, ...body }, headers)
      const text = await response.text().catch((error: Error) => error.message)
      return {
        status: response.status,
        cache: response.headers.get('x-slipway-cache'),
        headers: response.headers,
        text,
      }
    },
  }
}

function routeTo(url: string): LlmRoute {
  return routeOf({ a: [{ model: 'real', url }] }, cached())
}

test('an equal call is given the same bytes, costs nothing, and is recorded as what it is', async (t) => {
  const { bench, provider, clock, ask } = await stage(t)
  const first = await ask()
  clock.now += 7900
  const second = await ask({ headers: { 'user-agent': 'another' } })
  const third = await ask({ body: { temperature: 0 } })
  assert.deepEqual([first.cache, second.cache, third.cache], ['miss', 'hit', 'miss'])
  assert.equal(provider.asked.length, 2)
  assert.equal(second.text, first.text)
  for (const name of ['content-type', 'content-length', 'x-slipway-model'])
    assert.equal(second.headers.get(name), first.headers.get(name), name)
  assert.deepEqual([first.headers.get('age'), second.headers.get('age')], [null, '7'])
  assert.deepEqual([first.headers.get('x-request-id'), second.headers.get('x-request-id')], ['req_fake', null])
  const [missed, hit] = await bench.records(3)
  assert.ok(missed !== undefined && hit !== undefined)
  assert.notEqual(hit.id, missed.id)
  assert.partialDeepStrictEqual(missed, { cache: 'miss', saved: 0, cost: COST })
  assert.partialDeepStrictEqual(hit, {
    id: second.headers.get('x-slipway-call'),
    outcome: 'ok',
    status: 200,
    cache: 'hit',
    saved: COST,
    cost: 0,
    cost_status: 'none',
    price: null,
    usage: null,
    finish: 'stop',
    provider: missed.provider,
    model: missed.model,
    digest: missed.digest,
  })
  assert.deepEqual(hit.attempts, [])
})

test('an answer is given for as long as its endpoint says', async (t) => {
  const { clock, ask } = await stage(t)
  await ask()
  clock.now += 59_999
  assert.equal((await ask()).cache, 'hit')
  clock.now += 1
  assert.equal((await ask()).cache, 'miss')
  assert.equal((await ask()).cache, 'hit')
})

test('a stream is given event by event as it came, with usage or without', async (t) => {
  const { provider, ask, bench } = await stage(t)
  const first = await ask({ body: { stream: true } })
  const second = await ask({ body: { stream: true } })
  assert.deepEqual([first.cache, second.cache, second.text], ['miss', 'hit', first.text])
  assert.equal(second.headers.get('content-type'), 'text/event-stream')
  const told = await ask({ body: { stream: true, stream_options: { include_usage: true } } })
  assert.equal(told.cache, 'hit')
  const usage = told.text.split('\n\n').filter((event) => event.includes('"prompt_tokens":11'))
  assert.equal(usage.length, 1)
  assert.equal(told.text.replace(`${usage[0]}\n\n`, ''), first.text)
  assert.equal(provider.asked.length, 1)
  const options = { stream: true, stream_options: { include_usage: true }, seed: 1 }
  const [having, without] = [await ask({ body: options }), await ask({ body: { stream: true, seed: 1 } })]
  assert.deepEqual([having.cache, without.cache, without.text], ['miss', 'hit', first.text])
  const [, hit] = await bench.records(5)
  assert.deepEqual([hit?.stream, hit?.cache, hit?.outcome, hit?.saved], [true, 'hit', 'ok', COST])
})

test('an endpoint without a cache answers as if there were none', async (t) => {
  const { bench, provider, ask } = await stage(t, (url) => routeOf({ a: [{ model: 'real', url }] }))
  for (let i = 0; i < 2; i++) assert.equal((await ask()).cache, null)
  assert.equal(provider.asked.length, 2)
  assert.ok((await bench.records(2)).every(({ cache, saved }) => cache === null && saved === 0))
})

test('a client does without the cache, or renews what it keeps', async (t) => {
  const { bench, provider, ask } = await stage(t)
  const none = { headers: { 'cache-control': 'no-store' } }
  assert.equal((await ask(none)).cache, 'bypass')
  assert.equal((await ask()).cache, 'miss', 'what was not to be stored was not')
  assert.equal((await ask(none)).cache, 'bypass')
  assert.equal((await ask({ headers: { 'cache-control': 'no-cache' } })).cache, 'bypass')
  assert.equal((await ask()).cache, 'hit')
  assert.equal(provider.asked.length, 4)
  const records = await bench.records(5)
  assert.deepEqual(
    records.map(({ cache }) => cache),
    [null, 'miss', null, null, 'hit'],
  )
})

test('what was renewed is as old as its renewal', async (t) => {
  const { clock, ask } = await stage(t)
  await ask()
  clock.now += 50_000
  await ask({ headers: { 'cache-control': 'no-cache' } })
  clock.now += 50_000
  const again = await ask()
  assert.deepEqual([again.cache, again.headers.get('age')], ['hit', '50'])
})

test('another key is given an answer only where keys share', async (t) => {
  const of = (share: 'endpoint' | 'key', url: string) =>
    routeOf({ a: [{ model: 'real', url }] }, cached({ cache: { ttl_s: 60, share } }))
  const admin = { headers: { authorization: `Bearer ${ADMIN}` } }
  const { bench, provider, ask } = await stage(t, (url) => of('endpoint', url))
  assert.deepEqual([(await ask()).cache, (await ask(admin)).cache], ['miss', 'hit'])
  await bench.follow(of('key', provider.url))
  assert.deepEqual([(await ask()).cache, (await ask(admin)).cache, (await ask()).cache], ['miss', 'miss', 'hit'])
})

test('another project is never given an answer', async (t) => {
  const { ask } = await stage(t, (url) => {
    const route = routeTo(url)
    return { ...route, endpoints: route.endpoints.flatMap((one) => [one, { ...one, project: 'other' }]) }
  })
  const other = { headers: { authorization: `Bearer ${OTHER}` } }
  assert.deepEqual([(await ask()).cache, (await ask(other)).cache, (await ask(other)).cache], ['miss', 'miss', 'hit'])
})

test('a key that may not call the endpoint is refused, whatever is kept', async (t) => {
  const { bench, provider, ask } = await stage(t)
  await ask()
  await bench.follow({ ...routeTo(provider.url), keys: [keyOf({ token: 't1', models: ['b'] })] })
  const { status, cache } = await ask()
  assert.deepEqual([status, cache], [404, null])
})

test('a change of what decides an answer begins anew, and what was kept is back with what it was', async (t) => {
  const { bench, provider, ask } = await stage(t)
  const { url } = provider
  const elsewhere = await fakeProvider(t)
  const guardrail = { kind: 'secrets', name: 's', on: 'request', action: 'flag' } as const
  const model = (more: Partial<TestModel>) => routeOf({ a: [{ model: 'real', url, ...more }] }, cached())
  await ask()
  for (const changed of [
    model({ model: 'newer' }),
    model({ url: elsewhere.url }),
    routeOf({ a: [{ model: 'real', url }] }, cached({ guardrails: [guardrail] })),
    routeOf({ a: [{ model: 'real', url }] }, cached({ cache: { ttl_s: 600, share: 'endpoint' } })),
  ]) {
    await bench.follow(changed)
    assert.equal((await ask()).cache, 'miss')
  }
  await bench.follow(model({ price: null }))
  assert.equal((await ask()).cache, 'hit', 'a price decides no answer')
})

test('what is no whole and good answer is not kept', async (t) => {
  const models = ['cut', 'short', 'revoked', 'err-400', 'err-429', 'err-500']
  const { provider, ask } = await stage(t, (url) =>
    routeOf(Object.fromEntries(models.map((model) => [model, [{ model, url }]])), cached()),
  )
  for (const model of models) {
    const before = provider.asked.length
    for (let i = 0; i < 2; i++) {
      const { cache } = await ask({ body: { model, stream: true } })
      assert.equal(cache, 'miss', model)
    }
    assert.equal(provider.asked.length, before + 2, model)
  }
})

test('a call that its client left is not kept', async (t) => {
  const { bench, provider, ask } = await stage(t, (url) => routeOf({ a: [{ model: 'gate', url }] }, cached()))
  const left = new AbortController()
  const body = JSON.stringify({ model: 'a', messages, stream: true })
  const response = await fetch(`${bench.url}/v1/chat/completions`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
    signal: left.signal,
  })
  await response.body?.getReader().read()
  left.abort()
  const [record] = await bench.records(1)
  assert.equal(record?.outcome, 'aborted')
  const again = ask({ body: { stream: true } })
  await until('the second call to end', () => {
    provider.open()
    return provider.finished > 0
  })
  assert.equal((await again).cache, 'miss')
})

test('a hit needs no room in a budget, and nothing else is answered without', async (t) => {
  const { bench, provider, ask } = await stage(t)
  await ask()
  const budget = budgetOf('b1', { limit: 1000, spent: 1000 })
  await bench.follow({ ...routeTo(provider.url), budgets: [budget] })
  const hit = await ask()
  assert.deepEqual([hit.status, hit.cache], [200, 'hit'])
  assert.equal((await ask({ body: { temperature: 0 } })).status, 429)
  const [, record] = await bench.records(3)
  assert.deepEqual([record?.reserved, record?.budgets], [0, []])
})

test('a hit counts among the calls a minute of its key', async (t) => {
  const { bench, provider, ask } = await stage(t, (url) => ({
    ...routeTo(url),
    keys: [keyOf({ token: 't1', rpm: 2 })],
  }))
  assert.deepEqual([(await ask()).cache, (await ask()).cache], ['miss', 'hit'])
  const third = await ask()
  assert.deepEqual([third.status, third.cache], [429, null])
  assert.equal(provider.asked.length, 1)
  const [, , refused] = await bench.records(3)
  assert.deepEqual([refused?.outcome, refused?.cache, refused?.saved], ['refused', null, 0])
})

test('a hit leaves what tokens a minute its key has', async (t) => {
  // the bytes as tokens and 100 of output are held to while it runs, 16 are used
  const { ask } = await stage(t, (url) => ({ ...routeTo(url), keys: [keyOf({ token: 't1', tpm: 160 })] }))
  await ask()
  for (let i = 0; i < 20; i++) assert.equal((await ask()).cache, 'hit')
  assert.equal((await ask({ body: { seed: 1 } })).status, 200)
})

function shown({ id, model, choices, usage }: OpenAI.ChatCompletion): object {
  const said = choices.map(({ message, finish_reason }) => [
    message.content || null,
    message.tool_calls?.map((call) =>
      call.type === 'function' ? [call.id, call.function.name, call.function.arguments] : call,
    ),
    finish_reason,
  ])
  return [id, model, said, usage?.prompt_tokens, usage?.completion_tokens, usage?.prompt_tokens_details?.cached_tokens]
}

test('official clients get a whole answer as a stream, and a stream whole', async (t) => {
  const { url, asked } = await richProvider(t)
  const endpoints = { a: [{ model: 'gpt', url }], c: [{ model: 'claude', kind: 'anthropic', url }] } as const
  const bench = await llmGateway(t, routeOf(endpoints, cached()))
  const openai = new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: TOKEN, maxRetries: 0 })
  const whole = (seed: number) => openai.chat.completions.create({ model: 'a', messages, n: 2, seed })
  const stream = (seed: number) =>
    openai.chat.completions
      .stream({ model: 'a', messages, n: 2, seed, stream_options: { include_usage: true } })
      .finalChatCompletion()
  const expected = [
    'c1',
    'gpt',
    [
      ['né', undefined, 'stop'],
      [null, [['call_1', 'f', '{"x":1}']], 'tool_calls'],
    ],
    11,
    5,
    3,
  ]
  for (const found of [await whole(1), await stream(1), await stream(2), await whole(2)])
    assert.deepEqual(shown(found), expected)
  assert.deepEqual(asked, ['whole', 'stream'])
  const anthropic = new Anthropic({ baseURL: bench.url, apiKey: TOKEN, maxRetries: 0 })
  const of = { model: 'c', max_tokens: 9, messages }
  const message = await anthropic.messages.create(of)
  const final = await anthropic.messages.stream(of).finalMessage()
  assert.deepEqual(
    final.content.map((block) => (block.type === 'text' ? block.text : block)),
    message.content.map((block) => (block.type === 'text' ? block.text : block)),
  )
  assert.deepEqual([final.stop_reason, final.usage.input_tokens, final.usage.output_tokens], ['tool_use', 8, 5])
  assert.deepEqual(asked, ['whole', 'stream', 'whole'])
  assert.deepEqual(
    (await bench.records(6)).map(({ cache }) => cache),
    ['miss', 'hit', 'miss', 'hit', 'miss', 'hit'],
  )
})

test('an answer that would lose something in another form is asked for anew, and both forms are kept', async (t) => {
  // the fake provider adds a field of its own
  const { provider, ask } = await stage(t)
  const stream = { body: { stream: true } }
  const got = [await ask(), await ask(stream), await ask(), await ask(stream)]
  assert.deepEqual(
    got.map(({ cache }) => cache),
    ['miss', 'miss', 'hit', 'hit'],
  )
  assert.deepEqual([got[2]?.text, got[3]?.text], [got[0]?.text, got[1]?.text])
  assert.equal(provider.asked.length, 2)
})

test('embeddings and translated answers are kept as the client got them', async (t) => {
  const { provider, ask } = await stage(t, (url) =>
    routeOf({ a: [{ model: 'real', url, settings: { dialects: 'chat,embeddings' } }] }, cached()),
  )
  const calls = [
    { path: '/v1/embeddings', body: { input: 'x', messages: undefined } },
    { path: '/v1/messages', body: { max_tokens: 9, metadata: { user_id: 'u' }, top_k: 3 } },
    { path: '/v1/messages', body: { max_tokens: 9, top_k: 3, stream: true, seed: 1 } },
    { path: '/v1/responses', body: { input: 'hi', messages: undefined, store: false } },
    { path: '/v1/completions', body: { prompt: 'hi', messages: undefined } },
  ]
  for (const call of calls) {
    const [first, second] = [await ask(call), await ask(call)]
    assert.deepEqual(
      [first.status, first.cache, second.cache, second.text],
      [200, 'miss', 'hit', first.text],
      call.path,
    )
    for (const name of ['content-type', 'x-slipway-translated', 'x-slipway-lost'])
      assert.equal(second.headers.get(name), first.headers.get(name), name)
  }
  assert.equal(provider.asked.length, calls.length)
})

test('an answer that stays at the provider is never kept here', async (t) => {
  const { provider, ask } = await stage(t)
  for (const more of [{}, { store: true }, { store: false, previous_response_id: 'r' }]) {
    const call = { path: '/v1/responses', body: { input: 'hi', messages: undefined, ...more } }
    assert.deepEqual([(await ask(call)).cache, (await ask(call)).cache], ['bypass', 'bypass'])
  }
  assert.equal(provider.asked.length, 6)
})

test('hits are traced with their content like other calls', async (t) => {
  const { bench, ask } = await stage(t, (url) => routeOf({ a: [{ model: 'real', url }] }, cached({ experiment: '1' })))
  for (const body of [{}, {}, { stream: true }, { stream: true }]) await ask({ body })
  const records = await bench.records(4)
  assert.deepEqual(
    records.map(({ cache, experiment, content }) => [cache, experiment, content?.answer]),
    [
      ['miss', '1', 'hello world'],
      ['hit', '1', 'hello world'],
      ['miss', '1', PIECES.join('')],
      ['hit', '1', PIECES.join('')],
    ],
  )
})

test('hits, misses, what they saved and what is held are counted', async (t) => {
  const { bench, ask } = await stage(t)
  await ask()
  const metrics = async (): Promise<string> =>
    (await fetch(`${bench.url}/metrics`, { headers: { authorization: `Bearer ${ADMIN}` } })).text()
  const held = (text: string): number => Number(/^slipway_llm_cache_bytes (\d+)$/m.exec(text)?.[1])
  const before = held(await metrics())
  assert.ok(before > 0)
  await ask()
  await ask()
  await ask({ body: { temperature: 0 } })
  await bench.records(4)
  const text = await metrics()
  assert.ok(held(text) > before)
  const labels = 'project="p",endpoint="a",provider="a-0",model="real"'
  for (const line of [
    `slipway_llm_cache_total{${labels},result="hit"} 2`,
    `slipway_llm_cache_total{${labels},result="miss"} 2`,
    `slipway_llm_cache_saved_dollars_total{${labels}} 0.000039`,
    `slipway_llm_calls_total{${labels},outcome="ok"} 4`,
    `slipway_llm_first_byte_seconds_count{${labels}} 2`,
  ])
    assert.ok(text.includes(`${line}\n`), `${line}\n${text}`)
})
