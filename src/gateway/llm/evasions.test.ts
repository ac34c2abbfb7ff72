/** Bodies, clients and providers that would have a call cost less than it does, reach what it may not, or look whole where it is not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { llmGateway, routeOf, TOKEN } from './gateway.fixture.ts'
import type { LlmBench, TestModel } from './gateway.fixture.ts'
import { budgetOf } from './money/money.fixture.ts'
import { fakeProvider } from './upstream.fixture.ts'
import type { FakeProvider } from './upstream.fixture.ts'

const messages = [{ role: 'user' as const, content: 'hi' }]

interface Stage {
  readonly bench: LlmBench
  readonly provider: FakeProvider
  readonly openai: OpenAI
}

/** Endpoints of the same names as the models of their provider. */
async function stage(t: TestContext, names: readonly string[], more: Partial<TestModel> = {}): Promise<Stage> {
  const provider = await fakeProvider(t)
  const endpoints = Object.fromEntries(names.map((name) => [name, [{ model: name, url: provider.url, ...more }]]))
  const bench = await llmGateway(t, routeOf(endpoints))
  return { bench, provider, openai: new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: TOKEN, maxRetries: 0 }) }
}

test('a path that names the endpoint names the model too, whatever the body says', async (t) => {
  const { bench, provider } = await stage(t, ['cheap'])
  const response = await bench.post('/gateway/cheap/mlflow/invocations', { model: 'dear', messages })
  assert.equal(response.status, 200)
  assert.equal((JSON.parse(provider.asked[0]?.text ?? '') as { model: string }).model, 'cheap')
})

test('names that a server may read otherwise are refused', async (t) => {
  const { bench, provider } = await stage(t, ['a'])
  for (const [body, field] of [
    ['{"model":"a","Model":"b","messages":[]}', 'Model'],
    ['{"model":"a","MAX_TOKENS":9,"messages":[]}', 'MAX_TOKENS'],
  ] as const) {
    const response = await bench.post('/v1/chat/completions', body)
    assert.equal(response.status, 400, body)
    assert.match(await response.text(), new RegExp(field))
  }
  const background = await bench.post('/v1/responses', { model: 'a', input: 'hi', background: true })
  assert.deepEqual([background.status, /background/.test(await background.text())], [400, true])
  assert.equal(provider.asked.length, 0)
})

test('usage is asked for whatever the options of a stream say, once', async (t) => {
  const { bench, provider } = await stage(t, ['a'])
  for (const options of ['{"include_usage":false,"include_usage":false}', '{"x":1}', 'null', 'false']) {
    const body = `{"model":"a","messages":[],"stream":true,"stream_options":${options}}`
    await (await bench.post('/v1/chat/completions', body)).text()
    const sent = /"stream_options":(\{[^}]*\})/.exec(provider.asked.at(-1)?.text ?? '')?.[1] ?? ''
    assert.equal(sent.match(/include_usage/g)?.length, 1, sent)
    assert.match(sent, /"include_usage":true/)
  }
  assert.ok((await bench.records(4)).every(({ cost }) => cost === 19_500))
})

/** Output tokens that are reserved, at 2,000 nanodollars: what is above the bytes of the body at 1,000. */
async function reservedOutput(bench: LlmBench, path: string, body: object, nth: number): Promise<number> {
  await (await bench.post(path, body)).text()
  const record = (await bench.records(nth))[nth - 1]
  return ((record?.reserved ?? 0) - Buffer.byteLength(JSON.stringify(body)) * 1000) / 2000
}

test('what is reserved counts every spelling of a bound, and what stands elsewhere', async (t) => {
  const provider = await fakeProvider(t)
  const { url } = provider
  const a: TestModel[] = [{ model: 'a', url, settings: { dialects: 'chat,responses' } }]
  const bench = await llmGateway(t, routeOf({ a }, { budgets: [budgetOf('b', { limit: 1e12 })] }))
  const chat = '/v1/chat/completions'
  const gemini = '/v1beta/models/a:generateContent'
  const contents = [{ role: 'user', parts: [{ text: 'hi' }] }]
  const fetched = [{ role: 'user', parts: [{ file_data: { file_uri: 'gs://x/y.mp4', mime_type: 'video/mp4' } }] }]
  const cases: readonly (readonly [string, object, number])[] = [
    [chat, { model: 'a', messages, max_tokens: 7 }, 7],
    [chat, { model: 'a', messages, max_tokens: 7, max_completion_tokens: 9, n: 2 }, 18],
    [chat, { model: 'a', messages, max_tokens: 0 }, 100],
    [chat, { model: 'a', messages, max_tokens: 1, n_predict: -1 }, 100],
    [gemini, { contents, generation_config: { max_output_tokens: 5, candidate_count: 3 } }, 15],
    [gemini, { contents: fetched, generationConfig: { maxOutputTokens: 5 } }, 5 + 25_000],
    ['/v1/responses', { model: 'a', prompt: { id: 'x' }, max_output_tokens: 5 }, 5 + 100_000],
  ]
  for (const [i, [path, body, output]] of cases.entries())
    assert.equal(await reservedOutput(bench, path, body, i + 1), output, JSON.stringify(body))
})

test('a stream that is left before it tells its output pays for what came', async (t) => {
  const { bench, provider } = await stage(t, ['late-gate'], { kind: 'anthropic' })
  const client = new Anthropic({ baseURL: bench.url, apiKey: TOKEN, maxRetries: 0 })
  const stream = await client.messages.create({ model: 'late-gate', max_tokens: 99, messages, stream: true })
  for await (const event of stream)
    if (event.type === 'content_block_delta' && JSON.stringify(event).includes('tok3')) break
  const [record] = await bench.records(1)
  assert.deepEqual([record?.outcome, record?.cost_status, record?.usage?.input], ['aborted', 'estimated', 11])
  // each of seven events is at most a token, and the four that have text are not one alone
  assert.equal(record?.usage?.output, 7)
  assert.equal(provider.finished, 0)
})

test('the events of a stream are counted, however many come in one piece', async (t) => {
  const { bench } = await stage(t, ['cut', 'short'])
  await (await bench.post('/v1/chat/completions', { model: 'short', messages, stream: true })).text().catch(() => '')
  const [record] = await bench.records(1)
  assert.deepEqual([record?.outcome, record?.usage?.output], ['cut', 3])
})

test('an answer that is whole is not told as cut, and one of two that ended does not make both whole', async (t) => {
  const { bench, openai } = await stage(t, ['cut-behind', 'half'])
  const read = async (model: string, n: number): Promise<number> => {
    let count = 0
    for await (const _ of await openai.chat.completions.create({ model, messages, stream: true, n })) count++
    return count
  }
  assert.ok((await read('cut-behind', 1)) > 0)
  assert.equal(await read('half', 1), 1)
  await assert.rejects(read('half', 2), OpenAI.APIError)
  assert.deepEqual(
    (await bench.records(3)).map(({ outcome }) => outcome),
    ['ok', 'ok', 'cut'],
  )
})

test('a key that a provider repeats in a stream reaches neither client nor log', async (t) => {
  const { bench } = await stage(t, ['revoked'])
  const response = await bench.post('/v1/chat/completions', { model: 'revoked', messages, stream: true })
  assert.match(await response.text(), /the key \*\*\* was revoked/)
  assert.ok(!JSON.stringify(await bench.records(1)).includes('upstream-key'))
})

test('an answer that leads elsewhere, or is packed, is none', async (t) => {
  const { bench, openai } = await stage(t, ['elsewhere', 'packed'])
  for (const model of ['elsewhere', 'packed'])
    await assert.rejects(openai.chat.completions.create({ model, messages }), { status: 502 })
  assert.deepEqual(
    (await bench.records(2)).map(({ outcome, cost }) => [outcome, cost]),
    [
      ['failed', 0],
      ['failed', 0],
    ],
  )
})

test('a first event that tells no usage goes through, for clients that asked for none', async (t) => {
  const { bench } = await stage(t, ['filtered'])
  const response = await bench.post('/v1/chat/completions', { model: 'filtered', messages, stream: true })
  const text = await response.text()
  assert.match(text, /prompt_filter_results/)
  assert.ok(!text.includes('prompt_tokens'))
})

test('the list of models takes the key where vendors’ clients have it', async (t) => {
  const { bench } = await stage(t, ['a'])
  for (const header of ['x-api-key', 'api-key', 'x-goog-api-key']) {
    const response = await fetch(`${bench.url}/v1/models`, { headers: { [header]: TOKEN } })
    assert.equal(response.status, 200, header)
    await response.text()
  }
})

test('a call that is refused keeps nothing of its text, and a made-up name is no endpoint', async (t) => {
  const provider = await fakeProvider(t)
  const endpoint = { experiment: '1' }
  const bench = await llmGateway(t, routeOf({ a: [{ model: 'a', url: provider.url }] }, { endpoint }))
  await (await bench.post('/v1/chat/completions', { model: 'made-up', messages })).text()
  await (await bench.post('/v1/embeddings', { model: 'a', input: 'x', n: -1 })).text()
  const [record] = await bench.records(1)
  assert.deepEqual([record?.endpoint, record?.experiment, record?.content], ['', null, undefined])
})
