/** The playground through the whole program: a real gateway answers in the name of who asks, a budget refuses, and who leaves ends the call of the provider. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventsOf } from '../../src/client/events.ts'
import { llmBudgetsApi } from '../../src/contract/llm/budgets.ts'
import { llmPlaygroundApi, PlaygroundEvent } from '../../src/contract/llm/playground.ts'
import type { PlaygroundEnd } from '../../src/contract/llm/playground.ts'
import { llmPricesApi } from '../../src/contract/llm/prices.ts'
import { llmProvidersApi } from '../../src/contract/llm/providers.ts'
import { llmCallsApi } from '../../src/contract/llm-calls.ts'
import { fakeProvider, PIECES } from '../../src/gateway/llm/upstream.fixture.ts'
import { startTestServer } from '../server.ts'
import { until } from '../until.ts'

const messages = [{ role: 'user' as const, content: 'how late will it be?' }]

/** Text and end of an answer, each event held against the contract. */
async function answerOf(response: Response): Promise<{ text: string; end: PlaygroundEnd }> {
  let text = ''
  let end: PlaygroundEnd | undefined
  for await (const { event, data } of eventsOf(response)) {
    const one = PlaygroundEvent.parse({ event, data: JSON.parse(data) as unknown })
    if (one.event === 'text') text += one.data.text
    if (one.event === 'end') end = one.data
  }
  assert.ok(end !== undefined)
  return { text, end }
}

test('a page asks through the gateway: answered, charged to its user, refused by a budget, left', async (t) => {
  const provider = await fakeProvider(t)
  const server = await startTestServer({ gateways: 1, env: { SLIPWAY_EGRESS_ALLOW: '127.0.0.1' } })
  t.after(() => server.stop())
  const { client } = server
  await client.call(llmProvidersApi.createLlmProvider, {
    body: { name: 'local', provider: 'vllm', base_url: provider.url, api_key: 'sk-of-the-provider' },
  })
  for (const model of ['own-model', 'gate-model']) {
    const models = [{ provider: 'local', model }]
    await client.call(llmProvidersApi.createLlmEndpoint, { body: { name: model, models, trace: false } })
    await client.call(llmPricesApi.setLlmPrice, { body: { provider: 'vllm', model, input: '1', output: '2' } })
  }
  const open = (endpoint: string, signal?: AbortSignal) =>
    client.open(llmPlaygroundApi.askPlayground, { body: { endpoint, messages, max_tokens: 100 } }, signal)
  const ask = async (endpoint: string) => answerOf(await open(endpoint))

  // the first call already is made with a token that the gateway knows
  const { text, end } = await ask('own-model')
  assert.equal(text, PIECES.join(''))
  assert.deepEqual(
    [end.refusal, end.model, end.tokens, end.cost_status, end.cost_nanodollars],
    [null, 'local/own-model', { input: 11, output: 5 }, 'priced', 21_000],
  )
  const call = await client.call(llmCallsApi.getLlmCall, { params: { id: String(end.call) } })
  assert.deepEqual([call.tags, call.outcome], [['playground'], 'ok'])
  const user = String(call.user)
  assert.ok(call.user)

  // who leaves ends the call of the provider
  const left = new AbortController()
  for await (const { event } of eventsOf(await open('gate-model', left.signal))) if (event === 'text') break
  left.abort()
  await until('the provider to be left', () => provider.aborted === 1)

  await client.call(llmBudgetsApi.createLlmBudget, {
    body: { scope: 'user', of: user, window: 'total', limit: '0.00001', hard: true },
  })
  const refused = await ask('own-model')
  assert.deepEqual([refused.text, refused.end.refusal?.kind, refused.end.refusal?.status], ['', 'budget', 429])
})
