/** Language models through the whole program: settings, calls with an official client, rows, budgets, ledger and traces, over deaths of gateways and of the server. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import OpenAI from 'openai'
import { costApi } from '../../src/contract/cost.ts'
import { llmBudgetsApi } from '../../src/contract/llm/budgets.ts'
import { llmHealthApi } from '../../src/contract/llm/health.ts'
import type { LlmHealth } from '../../src/contract/llm/health.ts'
import { llmKeysApi } from '../../src/contract/llm/keys.ts'
import { llmPricesApi } from '../../src/contract/llm/prices.ts'
import { llmProvidersApi } from '../../src/contract/llm/providers.ts'
import { llmCallsApi } from '../../src/contract/llm-calls.ts'
import { tracesApi } from '../../src/contract/traces.ts'
import { fakeProvider, PIECES } from '../../src/gateway/llm/upstream.fixture.ts'
import { gatewayFile } from '../../src/gateway/run-files.ts'
import { startTestServer } from '../server.ts'
import { until } from '../until.ts'

const messages = [{ role: 'user' as const, content: 'how late will it be?' }]
/** 11 tokens at 1 000 nanodollars, 5 at 2 000: whole micro-dollars, so that the hour in which a call falls rounds nothing. */
const COST = 21_000

test('a call is answered, limited, priced, traced and in the ledger, whoever dies meanwhile', async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'slipway-llm-story-'))
  t.after(() => rmSync(data, { recursive: true, force: true, maxRetries: 5 }))
  const options = { data, gateways: 1, env: { SLIPWAY_EGRESS_ALLOW: '127.0.0.1' } }
  const provider = await fakeProvider(t)
  let server = await startTestServer(options)
  t.after(() => server.stop())
  const { client } = server

  const body = { name: 'local', provider: 'vllm', base_url: provider.url, api_key: 'sk-of-the-provider' }
  await client.call(llmProvidersApi.createLlmProvider, { body })
  const models = [
    { provider: 'local', model: 'err-500' },
    { provider: 'local', model: 'own-model', fallback: 0 },
  ]
  await client.call(llmProvidersApi.createLlmEndpoint, { body: { name: 'chat', models, trace: true } })
  for (const model of ['err-500', 'own-model']) {
    const price = { provider: 'vllm', model, input: '1', output: '2' }
    await client.call(llmPricesApi.setLlmPrice, { body: price })
  }
  const made = await client.call(llmKeysApi.createLlmKey, { body: { name: 'app', models: ['chat'], team: 'ops' } })
  await client.call(llmBudgetsApi.createLlmBudget, {
    body: { scope: 'team', of: 'ops', window: 'total', limit: '0.01', hard: true, alert_at: [0.8] },
  })

  // a key works as soon as it is told
  const openai = new OpenAI({ baseURL: `${server.gatewayUrl}/v1`, apiKey: made.token, maxRetries: 2 })
  const ask = { model: 'chat', messages, max_tokens: 100 }
  const whole = await openai.chat.completions.create(ask)
  assert.equal(whole.choices[0]?.message.content, 'hello world')
  const final = await openai.chat.completions.stream(ask).finalChatCompletion()
  assert.equal(final.choices[0]?.message.content, PIECES.join(''))
  assert.ok(provider.asked.every(({ headers }) => headers.authorization === 'Bearer sk-of-the-provider'))

  const listed = () => client.call(llmCallsApi.listLlmCalls, { query: {} })
  const calls = await until('both calls in the table', async () => {
    const { items } = await listed()
    return items.length === 2 ? items : undefined
  })
  for (const call of calls) {
    assert.deepEqual([call.outcome, call.cost_nanodollars, call.model, call.team], ['ok', COST, 'own-model', 'ops'])
    const detail = await client.call(llmCallsApi.getLlmCall, { params: { id: call.id } })
    assert.deepEqual(
      detail.attempts.map(({ status }) => status),
      [500, 200],
    )
    assert.match(String(detail.content?.request), /how late/)
  }
  const { items: budgets } = await client.call(llmBudgetsApi.listLlmBudgets, { query: {} })
  assert.deepEqual(
    budgets.map(({ spent }) => spent),
    ['0.000042'],
  )

  // the trace has the tokens, and what it cost
  const trace = await client.call(tracesApi.getTrace, { params: { id: calls[0]?.trace ?? '' } })
  assert.match(JSON.stringify(trace), /gen_ai\.usage\.output_tokens/)
  assert.match(JSON.stringify(trace), /how late will it be\?/)

  assertTold(await client.call(llmHealthApi.llmProvidersHealth, { query: {} }))

  // what gateways answer while nobody is there to take it in is taken in later
  await server.kill()
  await openai.chat.completions.create(ask)
  const { pid } = JSON.parse(readFileSync(gatewayFile(data, 0), 'utf8')) as { pid: number }
  process.kill(pid, 'SIGKILL')
  server = await startTestServer(options)
  const again = new OpenAI({ baseURL: `${server.gatewayUrl}/v1`, apiKey: made.token, maxRetries: 2 })
  await again.chat.completions.create(ask)
  const { total } = await until('four calls', async () => {
    const overview = await server.client.call(llmCallsApi.llmOverview, { query: {} })
    return overview.total.requests === 4 && overview
  })
  assert.equal(total.cost_nanodollars, 4 * COST)
  const report = await server.client.call(costApi.report, { query: { by: 'endpoint' } })
  const line = report.items.find(({ llm_calls }) => llm_calls > 0)
  assert.deepEqual([line?.llm_calls, line?.micro_dollars, line?.input_tokens, line?.output_tokens], [4, 84, 44, 20])

  // a budget that is spent stops the next call, and a revoked key too
  const [budget] = (await server.client.call(llmBudgetsApi.listLlmBudgets, { query: {} })).items
  await server.client.call(llmBudgetsApi.changeLlmBudget, {
    params: { id: budget?.id ?? '' },
    body: { limit: '0.000084' },
  })
  await assert.rejects(again.chat.completions.create(ask), { status: 429, code: 'insufficient_quota' })
  await server.client.call(llmKeysApi.removeLlmKey, { params: { id: made.key.id } })
  await assert.rejects(again.chat.completions.create(ask), OpenAI.AuthenticationError)
})

/** Of the provider both models are told: the one that fails, and the one that answers in its place. */
function assertTold({ providers }: LlmHealth): void {
  assert.deepEqual(
    providers.map(({ name, total, last_failure }) => [
      name,
      total.calls,
      total.failures.server_error,
      last_failure?.status,
    ]),
    [['local', 4, 2, 500]],
  )
  assert.deepEqual(
    providers[0]?.models.map(({ model, state, total }) => [model, state, total.calls]),
    [
      ['err-500', 'failing', 2],
      ['own-model', 'ok', 2],
    ],
  )
}
