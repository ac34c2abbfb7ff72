/** The official clients of OpenAI and Anthropic against the gateway, with fake providers behind it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { llmGateway, routeOf, TOKEN } from './gateway.fixture.ts'
import type { LlmBench } from './gateway.fixture.ts'
import { fakeProvider, PIECES } from './upstream.fixture.ts'
import type { FakeProvider } from './upstream.fixture.ts'

const MODELS = [
  'fake',
  'emb',
  'split',
  'gate',
  'cut',
  'short',
  'hang',
  'reset',
  'err-400',
  'err-echo',
  'err-401',
  'err-429',
  'err-500',
]
const messages = [{ role: 'user' as const, content: 'hi' }]

interface Stage {
  readonly bench: LlmBench
  readonly provider: FakeProvider
  readonly openai: OpenAI
}

async function stage(t: TestContext): Promise<Stage> {
  const provider = await fakeProvider(t)
  const endpoints = Object.fromEntries(MODELS.map((name) => [name, [{ model: name, url: provider.url }]]))
  const bench = await llmGateway(t, routeOf(endpoints))
  return { bench, provider, openai: new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: TOKEN, maxRetries: 0 }) }
}

test('a chat is answered with every field of the provider, and every field of the client reaches it', async (t) => {
  const { bench, provider, openai } = await stage(t)
  const { data, response } = await openai.chat.completions
    .create({ model: 'fake', messages, top_k: 5, unknown: null } as never)
    .withResponse()
  const answer = data as OpenAI.ChatCompletion & { x_vendor_field: unknown }
  assert.equal(answer.choices[0]?.message.content, 'hello world')
  assert.deepEqual(answer.x_vendor_field, { keep: [1, 2] })
  assert.equal(response.headers.get('x-request-id'), 'req_fake')
  const [asked] = provider.asked
  assert.deepEqual(JSON.parse(asked?.text ?? ''), { model: 'fake', messages, top_k: 5, unknown: null })
  assert.equal(asked?.headers.authorization, 'Bearer upstream-key')
  assert.ok(!JSON.stringify(asked?.headers).includes(TOKEN), 'the key of the client goes no further')
  const [record] = await bench.records(1)
  assert.deepEqual(record?.usage, { input: 11, output: 5, cache_read: 3, cache_write: 0, reasoning: 0 })
  // 8 tokens at 1 000 nanodollars, 3 at 500, 5 at 2 000
  assert.equal(record?.cost, 19_500)
  assert.deepEqual([record?.outcome, record?.status, record?.finish, record?.key], ['ok', 200, 'stop', 't1'])
})

test('a stream comes piece by piece, and ends without a usage that was not asked for', async (t) => {
  const { bench, provider, openai } = await stage(t)
  const stream = await openai.chat.completions.create({ model: 'gate', messages, stream: true })
  const chunks: OpenAI.ChatCompletionChunk[] = []
  for await (const chunk of stream) {
    chunks.push(chunk)
    // the provider goes on only when its first piece has come through
    if (chunk.choices[0]?.delta.content === PIECES[0]) provider.open()
  }
  assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), PIECES.join(''))
  assert.ok(chunks.every((chunk) => chunk.choices.length === 1))
  const [record] = await bench.records(1)
  assert.equal(record?.usage?.output, 5, 'the gateway knows the usage all the same')
  assert.equal(record?.cost, 19_500)
  assert.equal(record?.outcome, 'ok')
})

test('a usage that was asked for comes in a last chunk without choices', async (t) => {
  const { openai } = await stage(t)
  const options = { model: 'fake', messages, stream: true, stream_options: { include_usage: true } } as const
  const chunks = []
  for await (const chunk of await openai.chat.completions.create(options)) chunks.push(chunk)
  assert.deepEqual(chunks.at(-1)?.choices, [])
  assert.equal(chunks.at(-1)?.usage?.total_tokens, 16)
})

test('letters that come byte by byte are whole', async (t) => {
  const { openai } = await stage(t)
  const stream = openai.chat.completions.stream({ model: 'split', messages })
  const final = await stream.finalChatCompletion()
  assert.equal(final.choices[0]?.message.content, PIECES.join(''))
})

test('a bare stream is what the provider sent, byte for byte', async (t) => {
  const { bench, provider } = await stage(t)
  const body = { model: 'fake', messages, stream: true, stream_options: { include_usage: true } }
  const through = await (await bench.post('/v1/chat/completions', body)).bytes()
  const headers = { 'content-type': 'application/json' }
  const direct = await fetch(`${provider.url}/chat/completions`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers,
  })
  assert.deepEqual(Buffer.from(through), Buffer.from(await direct.bytes()))
})

test('embeddings pass, as text and as tokens', async (t) => {
  const { provider, openai } = await stage(t)
  const floats = await openai.embeddings.create({ model: 'emb', input: [[1, 2, 3]], encoding_format: 'float' })
  assert.deepEqual(floats.data[0]?.embedding, [0.5, -0.25])
  assert.deepEqual(JSON.parse(provider.asked[0]?.text ?? '')['input'], [[1, 2, 3]])
  const packed = await openai.embeddings.create({ model: 'emb', input: 'a' })
  assert.deepEqual(packed.data[0]?.embedding, [0])
})

test('failures of a provider keep their status, code and headers', async (t) => {
  const { bench, openai } = await stage(t)
  const failed = (model: string) => openai.chat.completions.create({ model, messages }).catch((error: unknown) => error)
  const bad = await failed('err-400')
  assert.ok(bad instanceof OpenAI.BadRequestError)
  assert.equal(bad.code, 'context_length_exceeded')
  const echo = await failed('err-echo')
  assert.ok(echo instanceof OpenAI.BadRequestError)
  assert.match(echo.message, /what is \*\*\* for/)
  const slow = await failed('err-429')
  assert.ok(slow instanceof OpenAI.RateLimitError)
  assert.equal(slow.headers.get('retry-after'), '7')
  assert.equal(slow.headers.get('x-ratelimit-remaining-requests'), '0')
  assert.ok((await failed('err-500')) instanceof OpenAI.InternalServerError)
  const ours = await failed('err-401')
  assert.ok(ours instanceof OpenAI.InternalServerError, 'a key of ours that is refused is no fault of the client')
  assert.ok(!ours.message.includes('upstream-key'), 'and what the provider says of it is not told')
  assert.deepEqual(
    (await bench.records(5)).map(({ outcome, cost }) => [outcome, cost]),
    [
      ['failed', 0],
      ['failed', 0],
      ['failed', 0],
      ['failed', 0],
      ['failed', 0],
    ],
  )
})

test('a client that tries again makes as many calls as it means to', async (t) => {
  const { bench, provider } = await stage(t)
  const patient = new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: TOKEN, maxRetries: 2 })
  await assert.rejects(patient.chat.completions.create({ model: 'err-500', messages }), OpenAI.InternalServerError)
  assert.equal(provider.asked.length, 3)
})

test('wrong keys, bad bodies and unknown models are refused in words that the client knows', async (t) => {
  const { bench, provider, openai } = await stage(t)
  const stranger = new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: 'sk-wrong', maxRetries: 0 })
  await assert.rejects(stranger.chat.completions.create({ model: 'fake', messages }), OpenAI.AuthenticationError)
  const other = new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: TOKEN.replace('t1', 't2'), maxRetries: 0 })
  await assert.rejects(other.chat.completions.create({ model: 'fake', messages }), {
    status: 404,
    code: 'model_not_found',
  })
  await assert.rejects(openai.chat.completions.create({ model: 'nobody', messages }), OpenAI.NotFoundError)
  for (const [body, text] of [
    ['{"model":', /JSON/],
    ['[]', /no object/],
    ['{"messages":[]}', /model/],
    ['{"model":"fake","model":"gate"}', /model/],
    ['{"model":"fake","stream":"yes"}', /stream/],
    ['{"model":"fake","max_tokens":1.5}', /max_tokens/],
  ] as const) {
    const response = await bench.post('/v1/chat/completions', body)
    const { error } = (await response.json()) as { error: { message: string; type: string } }
    assert.deepEqual([response.status, error.type], [400, 'invalid_request_error'], body)
    assert.match(error.message, text)
  }
  assert.equal(provider.asked.length, 0)
})

test('a stream that is cut, or ends before its end, is an error to the client', async (t) => {
  const { bench, openai } = await stage(t)
  for (const model of ['cut', 'short']) {
    const read = async (): Promise<string> => {
      let text = ''
      for await (const chunk of await openai.chat.completions.create({ model, messages, stream: true }))
        text += chunk.choices[0]?.delta.content ?? ''
      return text
    }
    await assert.rejects(read, OpenAI.APIError, model)
  }
  const records = await bench.records(2)
  assert.deepEqual(
    records.map(({ outcome, cost_status }) => [outcome, cost_status]),
    [
      ['cut', 'estimated'],
      ['cut', 'estimated'],
    ],
  )
})

test('a client that leaves ends the call of the provider', async (t) => {
  const { bench, provider, openai } = await stage(t)
  const stream = await openai.chat.completions.create({ model: 'gate', messages, stream: true })
  for await (const _ of stream) break
  await assert.rejects(
    openai.chat.completions.create({ model: 'hang', messages }, { timeout: 50 }),
    OpenAI.APIConnectionTimeoutError,
  )
  const records = await bench.records(2)
  assert.deepEqual(
    records.map(({ outcome, status, error, attempts }) => [outcome, status, error, attempts.length]),
    [
      ['aborted', 499, undefined, 1],
      ['aborted', 499, undefined, 1],
    ],
  )
  assert.equal(provider.finished, 0)
})

test('Anthropic’s client speaks its own dialect with a provider that does', async (t) => {
  const provider = await fakeProvider(t)
  const claude = [{ model: 'claude', kind: 'anthropic' as const, url: provider.url }]
  const bench = await llmGateway(t, routeOf({ claude }))
  const client = new Anthropic({ baseURL: bench.url, apiKey: TOKEN, maxRetries: 0 })
  const whole = await client.messages.create({ model: 'claude', max_tokens: 9, messages })
  assert.deepEqual(whole.content, [{ type: 'text', text: 'hello world' }])
  const final = await client.messages.stream({ model: 'claude', max_tokens: 9, messages }).finalMessage()
  assert.equal(final.content[0]?.type === 'text' ? final.content[0].text : '', PIECES.join(''))
  await assert.rejects(client.messages.create({ model: 'none', max_tokens: 9, messages }), Anthropic.NotFoundError)
  const [asked] = provider.asked
  assert.deepEqual([asked?.path, asked?.headers['x-api-key']], ['/v1/messages', 'upstream-key'])
  const records = await bench.records(2)
  // input tokens of Anthropic leave out those of the cache: 8 + 3
  for (const record of records.slice(0, 2)) {
    assert.deepEqual(record.usage, { input: 11, output: 5, cache_read: 3, cache_write: 0, reasoning: 0 })
    assert.equal(record.cost, 19_500)
  }
})

test('the models of a project are listed for both clients', async (t) => {
  const { bench, openai } = await stage(t)
  const ids = []
  for await (const { id } of openai.models.list()) ids.push(id)
  assert.deepEqual(ids, MODELS.toSorted())
  const client = new Anthropic({ baseURL: bench.url, apiKey: TOKEN, maxRetries: 0 })
  assert.equal((await client.models.retrieve('fake')).display_name, 'fake')
  assert.equal((await openai.models.retrieve('fake')).owned_by, 'slipway')
  await assert.rejects(openai.models.retrieve('nobody'), OpenAI.NotFoundError)
})
