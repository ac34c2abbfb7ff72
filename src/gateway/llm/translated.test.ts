/** Clients of one dialect with providers of another: the official clients take what the gateway makes, and what is lost is named. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { llmGateway, routeOf, TOKEN } from './gateway.fixture.ts'
import type { LlmBench } from './gateway.fixture.ts'
import { fakeProvider, PIECES } from './upstream.fixture.ts'
import type { FakeProvider } from './upstream.fixture.ts'

const messages = [{ role: 'user' as const, content: 'hi' }]

interface Stage {
  readonly bench: LlmBench
  readonly provider: FakeProvider
  readonly openai: OpenAI
  readonly anthropic: Anthropic
}

async function stage(t: TestContext): Promise<Stage> {
  const provider = await fakeProvider(t)
  const { url } = provider
  const claude = { kind: 'anthropic', url } as const
  const endpoints = {
    claude: [{ model: 'claude', ...claude }],
    local: [{ model: 'local', url, settings: { dialects: 'chat' } }],
    'err-400': [{ model: 'err-400', ...claude }],
    cut: [{ model: 'cut', ...claude }],
    short: [{ model: 'short', ...claude }],
  }
  const bench = await llmGateway(t, routeOf(endpoints))
  const openai = new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: TOKEN, maxRetries: 0 })
  const anthropic = new Anthropic({ baseURL: bench.url, apiKey: TOKEN, maxRetries: 0 })
  return { bench, provider, openai, anthropic }
}

test('OpenAI’s client with a provider that speaks as Anthropic', async (t) => {
  const { bench, provider, openai } = await stage(t)
  const asked = { model: 'claude', messages, max_tokens: 50, logit_bias: { '5': 1 } } as const
  const { data, response } = await openai.chat.completions.create(asked).withResponse()
  assert.equal(data.choices[0]?.message.content, 'hello world')
  assert.equal(data.choices[0]?.finish_reason, 'stop')
  assert.equal(data.usage?.prompt_tokens, 11)
  assert.equal(response.headers.get('x-slipway-translated'), 'chat to messages')
  assert.match(response.headers.get('x-slipway-lost') ?? '', /logit_bias/)
  assert.equal(provider.asked[0]?.path, '/v1/messages')
  const stream = openai.chat.completions.stream({ ...asked, stream_options: { include_usage: true } })
  assert.equal((await stream.finalChatCompletion()).choices[0]?.message.content, PIECES.join(''))
  for (const record of await bench.records(2)) {
    assert.equal(record.cost, 19_500)
    assert.deepEqual(record.lost, ['logit_bias'])
  }
})

test('Anthropic’s client with a provider that speaks as OpenAI', async (t) => {
  const { bench, provider, anthropic } = await stage(t)
  const whole = await anthropic.messages.create({ model: 'local', max_tokens: 50, messages })
  assert.deepEqual(
    whole.content.map((block) => (block.type === 'text' ? block.text : block.type)),
    ['hello world'],
  )
  assert.equal(whole.stop_reason, 'end_turn')
  const final = await anthropic.messages.stream({ model: 'local', max_tokens: 50, messages }).finalMessage()
  assert.equal(final.content[0]?.type === 'text' ? final.content[0].text : '', PIECES.join(''))
  assert.equal(final.usage.output_tokens, 5)
  assert.equal(provider.asked[0]?.path, '/v1/chat/completions')
  assert.ok((await bench.records(2)).every(({ cost }) => cost === 19_500))
})

test('OpenAI’s responses with a provider that knows only chats', async (t) => {
  const { bench, openai } = await stage(t)
  const whole = await openai.responses.create({ model: 'local', input: 'hi' })
  assert.equal(whole.output_text, 'hello world')
  const stream = openai.responses.stream({ model: 'local', input: 'hi' })
  assert.equal((await stream.finalResponse()).output_text, PIECES.join(''))
  assert.ok((await bench.records(2)).every(({ cost }) => cost === 19_500))
})

test('Gemini’s form of a call with a provider that knows only chats', async (t) => {
  const { bench, provider } = await stage(t)
  const body = { contents: [{ role: 'user', parts: [{ text: 'hi' }] }] }
  const whole = await bench.post('/v1beta/models/local:generateContent', body)
  const answer = (await whole.json()) as { candidates: { content: { parts: { text: string }[] } }[] }
  assert.equal(answer.candidates[0]?.content.parts[0]?.text, 'hello world')
  const stream = await bench.post('/gateway/gemini/v1beta/models/local:streamGenerateContent?alt=sse', body)
  const texts = [...(await stream.text()).matchAll(/"text":"([^"]*)"/g)].map(([, text]) => text)
  assert.equal(texts.join(''), PIECES.join(''))
  assert.ok(provider.asked.every(({ path }) => path === '/v1/chat/completions'))
  const newer = await bench.post('/v1/models/local:generateContent', body)
  assert.deepEqual([newer.status, Object.keys((await newer.json()) as object)[0]], [200, 'candidates'])
  const missing = await bench.post('/v1beta/models/nobody:generateContent', body)
  assert.deepEqual(
    [missing.status, ((await missing.json()) as { error: { status: string } }).error.status],
    [404, 'NOT_FOUND'],
  )
})

test('failures and cuts are told in the client’s dialect', async (t) => {
  const { bench, openai, anthropic } = await stage(t)
  await assert.rejects(
    openai.chat.completions.create({ model: 'err-400', messages, max_tokens: 5 }),
    OpenAI.BadRequestError,
  )
  for (const model of ['cut', 'short']) {
    const stream = await openai.chat.completions.create({ model, messages, max_tokens: 5, stream: true })
    await assert.rejects(async () => {
      for await (const _ of stream);
    }, OpenAI.APIError)
  }
  await assert.rejects(anthropic.messages.create({ model: 'nobody', max_tokens: 5, messages }), Anthropic.NotFoundError)
  assert.deepEqual(
    (await bench.records(4)).map(({ outcome }) => outcome),
    ['failed', 'cut', 'cut', 'refused'],
  )
})

test('what cannot be translated is refused by name, before anybody is called', async (t) => {
  const { bench, provider } = await stage(t)
  const response = await bench.post('/v1/embeddings', { model: 'claude', input: 'x' })
  const { error } = (await response.json()) as { error: { message: string; param: string } }
  assert.deepEqual([response.status, error.param], [400, 'model'])
  assert.match(error.message, /embeddings/)
  const wrong = await bench.post('/v1/chat/completions', { model: 'claude', messages: 'hi' })
  assert.equal(wrong.status, 400)
  assert.equal(provider.asked.length, 0)
})
