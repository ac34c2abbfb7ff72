/** Which provider answers, what a caller may spend, and how faults of providers and limits look to the client. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { ADMIN, KEY, llmGateway, PRICE, routeOf, TOKEN } from './gateway.fixture.ts'
import type { LlmBench } from './gateway.fixture.ts'
import { budgetOf, keyOf } from './money/money.fixture.ts'
import { fakeProvider } from './upstream.fixture.ts'

const messages = [{ role: 'user', content: 'hi' }]

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: { readonly model?: string; readonly error?: { readonly message: string; readonly code: string } }
}

async function chat(bench: LlmBench, model: string, more: object = {}): Promise<Answer> {
  const response = await bench.post('/v1/chat/completions', { model, messages, ...more })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer['body'] }
}

test('a fallback answers where a model fails or is not there, and the client sees one call', async (t) => {
  const provider = await fakeProvider(t)
  const { url } = provider
  for (const model of ['err-500', 'err-429', 'err-401', 'reset']) {
    const bench = await llmGateway(
      t,
      routeOf({
        m: [
          { model, url },
          { model: 'good', url },
        ],
      }),
    )
    const { status, body, headers } = await chat(bench, 'm')
    assert.deepEqual([status, body.model, headers.get('x-slipway-model')], [200, 'good', 'm-1/good'], model)
    const [record] = await bench.records(1)
    assert.deepEqual(
      record?.attempts.map(({ model: of }) => of),
      ['m-0', 'm-1'],
    )
    assert.equal(record?.cost, 19_500, 'and pays for the one that answered')
  }
})

test('a fault of the request goes to no second model', async (t) => {
  const provider = await fakeProvider(t)
  const { url } = provider
  const bench = await llmGateway(
    t,
    routeOf({
      m: [
        { model: 'err-400', url },
        { model: 'good', url },
      ],
    }),
  )
  assert.equal((await chat(bench, 'm')).status, 400)
  assert.equal(provider.asked.length, 1)
})

test('a model that failed three times in a row is left alone while another answers', async (t) => {
  const provider = await fakeProvider(t)
  const { url } = provider
  const bench = await llmGateway(
    t,
    routeOf({
      m: [
        { model: 'err-500', url },
        { model: 'good', url },
      ],
    }),
  )
  for (let i = 0; i < 5; i++) assert.equal((await chat(bench, 'm')).status, 200)
  const failed = provider.asked.filter(({ text }) => text.includes('err-500'))
  assert.equal(failed.length, 3)
})

test('the last answer of all is told as it is', async (t) => {
  const { url } = await fakeProvider(t)
  const bench = await llmGateway(
    t,
    routeOf({
      m: [
        { model: 'err-500', url },
        { model: 'err-429', url },
      ],
    }),
  )
  const { status, headers, body } = await chat(bench, 'm')
  assert.deepEqual([status, headers.get('retry-after'), body.error?.code], [429, '7', 'rate_limit_exceeded'])
})

test('nobody there, nothing said in time, and an address that is private', async (t) => {
  const { url } = await fakeProvider(t)
  const closed = createServer()
  await new Promise<void>((listening) => closed.listen(0, '127.0.0.1', listening))
  const { port } = closed.address() as AddressInfo
  await new Promise((ended) => closed.close(ended))
  const settings = { first_byte_ms: '50' }
  const endpoints = {
    gone: [{ model: 'x', url: `http://127.0.0.1:${port}/v1` }],
    slow: [{ model: 'hang', url, settings }],
    metadata: [{ model: 'x', url: 'http://169.254.169.254/v1' }],
    name: [{ model: 'x', url: 'http://localhost:1/v1' }],
  }
  const bench = await llmGateway(t, routeOf(endpoints))
  const seen = await Promise.all(Object.keys(endpoints).map((name) => chat(bench, name)))
  assert.deepEqual(
    seen.map(({ status }) => status),
    [502, 504, 502, 502],
  )
  assert.match(seen[2]?.body.error?.message ?? '', /private/)
  assert.match(seen[3]?.body.error?.message ?? '', /private/)
})

test('a silence between two pieces ends the stream with an error', async (t) => {
  const { url } = await fakeProvider(t)
  const bench = await llmGateway(t, routeOf({ m: [{ model: 'gate', url, settings: { idle_ms: '60' } }] }))
  const response = await bench.post('/v1/chat/completions', { model: 'm', messages, stream: true })
  let text = ''
  await assert.rejects(async () => {
    for await (const part of response.body ?? []) text += Buffer.from(part).toString()
  })
  assert.match(text, /data: \{"error":\{"message":"the next part of the answer of provider m-0 took longer than 60 ms/)
  assert.equal((await bench.records(1))[0]?.outcome, 'cut')
})

test('a key calls the models of its list, and learns of no other', async (t) => {
  const { url } = await fakeProvider(t)
  const endpoints = { a: [{ model: 'a', url }], b: [{ model: 'b', url }] }
  const bench = await llmGateway(t, routeOf(endpoints, { keys: [keyOf({ token: 't1', models: ['a'] })] }))
  assert.equal((await chat(bench, 'a')).status, 200)
  const refused = await chat(bench, 'b')
  assert.deepEqual([refused.status, refused.body.error?.code], [404, 'model_not_found'])
  const headers = { authorization: `Bearer ${TOKEN}` }
  const list = (await (await fetch(`${bench.url}/v1/models`, { headers })).json()) as { data: unknown[] }
  assert.equal(list.data.length, 1)
})

test('a key whose limits did not come with the table is refused until they do, and is never without limits', async (t) => {
  const { url } = await fakeProvider(t)
  const endpoints = { a: [{ model: 'a', url }] }
  const bench = await llmGateway(t, routeOf(endpoints))
  const headers = { authorization: `Bearer ${KEY}` }
  const call = () => bench.post('/v1/chat/completions', { model: 'a', messages }, headers)
  const early = await call()
  assert.deepEqual([early.status, early.headers.get('retry-after')], [503, '1'])
  assert.match(await early.text(), /the virtual key is not available: its limits are not known here/)
  assert.equal((await fetch(`${bench.url}/v1/models`, { headers })).status, 503)
  assert.equal((await chat(bench, 'a')).status, 200, 'another token is no key')
  await bench.follow(routeOf(endpoints, { keys: [keyOf({ token: 'llm1', rpm: 1 })] }))
  assert.deepEqual([(await call()).status, (await call()).status], [200, 429])
})

test('a key has so many calls a minute, and so many at once', async (t) => {
  const provider = await fakeProvider(t)
  const endpoints = { a: [{ model: 'a', url: provider.url }], gate: [{ model: 'gate', url: provider.url }] }
  const bench = await llmGateway(t, routeOf(endpoints, { keys: [keyOf({ token: 't1', rpm: 2 })] }))
  assert.deepEqual([(await chat(bench, 'a')).status, (await chat(bench, 'a')).status], [200, 200])
  const third = await chat(bench, 'a')
  assert.deepEqual([third.status, third.body.error?.code], [429, 'rate_limit_exceeded'])
  assert.ok(Number(third.headers.get('retry-after')) > 0)

  await bench.follow(routeOf(endpoints, { keys: [keyOf({ token: 't1', concurrency: 1 })] }))
  const first = await bench.post('/v1/chat/completions', { model: 'gate', messages, stream: true })
  assert.equal((await chat(bench, 'a')).status, 429)
  provider.open()
  await first.text()
  await bench.records(5)
  assert.equal((await chat(bench, 'a')).status, 200)
})

test('a budget holds what may be spent at most, gives back what was not, and then stops', async (t) => {
  const provider = await fakeProvider(t)
  const endpoints = { a: [{ model: 'a', url: provider.url }], gate: [{ model: 'gate', url: provider.url }] }
  // a call costs 19 500 and reserves its bytes at 1 000 and 100 output tokens at 2 000
  const route = (limit: number) => routeOf(endpoints, { budgets: [budgetOf('b1', { limit })] })
  const bench = await llmGateway(t, route(300_000))
  const open = await bench.post('/v1/chat/completions', { model: 'gate', messages, stream: true })
  const during = await chat(bench, 'a')
  assert.deepEqual([during.status, during.body.error?.code], [429, 'insufficient_quota'])
  assert.match(during.body.error?.message ?? '', /0\.0003/)
  provider.open()
  await open.text()
  await bench.records(2)
  assert.equal((await chat(bench, 'a', { max_tokens: 5 })).status, 200)
  const records = await bench.records(3)
  assert.deepEqual(
    records.map(({ outcome, cost }) => [outcome, cost]),
    [
      ['refused', 0],
      ['ok', 19_500],
      ['ok', 19_500],
    ],
  )
  await bench.follow(route(39_000))
  const spent = await chat(bench, 'a', { max_tokens: 1 })
  assert.deepEqual([spent.status, spent.headers.get('x-should-retry')], [429, 'false'])
})

test('a model without a price is answered, told as such, and refused where a hard budget holds', async (t) => {
  const { url } = await fakeProvider(t)
  const endpoints = { a: [{ model: 'a', url, price: null }] }
  const bench = await llmGateway(t, routeOf(endpoints))
  assert.equal((await chat(bench, 'a')).status, 200)
  const [record] = await bench.records(1)
  assert.deepEqual([record?.cost, record?.cost_status, record?.usage?.output], [null, 'unknown_price', 5])
  await bench.follow(routeOf(endpoints, { budgets: [budgetOf('b1')] }))
  assert.equal((await chat(bench, 'a')).status, 422)
})

test('MLflow’s paths reach the endpoints of its gateway', async (t) => {
  const provider = await fakeProvider(t)
  const endpoints = { a: [{ model: 'real', url: provider.url }] }
  const bench = await llmGateway(t, routeOf(endpoints))
  for (const [path, body, to] of [
    ['/gateway/mlflow/v1/chat/completions', { model: 'a', messages }, '/v1/chat/completions'],
    ['/gateway/openai/v1/chat/completions', { model: 'a', messages }, '/v1/chat/completions'],
    ['/gateway/openai/v1/embeddings', { model: 'a', input: 'x' }, '/v1/embeddings'],
    ['/gateway/a/mlflow/invocations', { messages }, '/v1/chat/completions'],
    ['/gateway/a/mlflow/invocations', { input: 'x' }, '/v1/embeddings'],
  ] as const) {
    const response = await bench.post(path, body)
    assert.equal(response.status, 200, path)
    await response.text()
    const asked = provider.asked.at(-1)
    assert.deepEqual([asked?.path, (JSON.parse(asked?.text ?? '') as { model?: string }).model], [to, 'real'])
  }
})

test('content is kept only where an experiment gets traces and the key lets it', async (t) => {
  const { url } = await fakeProvider(t)
  const endpoints = { a: [{ model: 'a', url }] }
  const traced = { endpoint: { experiment: '1' } }
  const bench = await llmGateway(t, routeOf(endpoints))
  await chat(bench, 'a')
  await bench.follow(routeOf(endpoints, traced))
  await chat(bench, 'a')
  await (await bench.post('/v1/chat/completions', { model: 'a', messages, stream: true })).text()
  await bench.follow(routeOf(endpoints, { ...traced, keys: [keyOf({ token: 't1', content: false })] }))
  await chat(bench, 'a')
  const records = await bench.records(4)
  assert.deepEqual(
    records.map(({ content }) => content?.answer),
    [undefined, 'hello world', 'tok0 é🙂漢tok2 tok3 end', undefined],
  )
  assert.ok(records.every(({ digest }) => digest.request.length === 64 && digest.answer?.length === 64))
})

test('calls, tokens and dollars are counted for Prometheus', async (t) => {
  const { url } = await fakeProvider(t)
  const bench = await llmGateway(t, routeOf({ a: [{ model: 'x', url }], b: [{ model: 'err-500', url }] }))
  await chat(bench, 'a')
  await chat(bench, 'a')
  await chat(bench, 'b')
  await chat(bench, 'made-up-name')
  await bench.records(4)
  const headers = { authorization: `Bearer ${ADMIN}` }
  const text = await (await fetch(`${bench.url}/metrics`, { headers })).text()
  for (const line of [
    'slipway_llm_calls_total{project="p",endpoint="a",provider="a-0",model="x",outcome="ok"} 2',
    'slipway_llm_calls_total{project="p",endpoint="b",provider="b-0",model="err-500",outcome="failed"} 1',
    'slipway_llm_calls_total{project="p",endpoint="",provider="",model="",outcome="refused"} 1',
    'slipway_llm_tokens_total{project="p",endpoint="a",provider="a-0",model="x",kind="output"} 10',
    'slipway_llm_dollars_total{project="p",endpoint="a",provider="a-0",model="x"} 0.000039',
    'slipway_llm_first_byte_seconds_count{project="p",endpoint="a",provider="a-0",model="x"} 2',
    'slipway_llm_first_byte_seconds_bucket{project="p",endpoint="a",provider="a-0",model="x",le="+Inf"} 2',
  ])
    assert.ok(text.includes(`${line}\n`), `${line}\n${text}`)
  assert.ok(!text.includes('made-up-name'))
  const ofProject = await (
    await fetch(`${bench.url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })
  ).text()
  assert.ok(!ofProject.includes('slipway_llm'), 'who sees one project is told of no other')
})

test('what a price is made of stands in the record, so that the cost can be computed again', async (t) => {
  const { url } = await fakeProvider(t)
  const bench = await llmGateway(t, routeOf({ a: [{ model: 'a', url }] }))
  await chat(bench, 'a')
  const [record] = await bench.records(1)
  assert.equal(record?.price, PRICE.id)
  assert.deepEqual(record?.raw_usage, {
    prompt_tokens: 11,
    completion_tokens: 5,
    total_tokens: 16,
    prompt_tokens_details: { cached_tokens: 3 },
  })
})
