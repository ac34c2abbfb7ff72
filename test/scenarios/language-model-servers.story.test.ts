/** A hard budget of language models on two servers of one PostgreSQL: never passed, though one is killed, and spent whole in the end. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { llmBudgetsApi } from '../../src/contract/llm/budgets.ts'
import { llmPricesApi } from '../../src/contract/llm/prices.ts'
import { llmProvidersApi } from '../../src/contract/llm/providers.ts'
import { llmCallsApi } from '../../src/contract/llm-calls.ts'
import { fakeProvider } from '../../src/gateway/llm/upstream.fixture.ts'
import { gatewayFile } from '../../src/gateway/run-files.ts'
import { startPostgres } from '../postgres.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { until } from '../until.ts'

/** Nanodollars of the budget, of a call (11 tokens at 1,000, 5 at 2,000), and about what a call reserves (100 output tokens, and its bytes). */
const LIMIT = 8_000_000
const COST = 21_000
const RESERVE = 400_000

const ASK = JSON.stringify({ model: 'chat', max_tokens: 100, messages: [{ role: 'user', content: 'how late is it?' }] })

/** Calls until it is told to end; a gateway that is away is asked again. */
function load(server: TestServer, told: { isOver: boolean; answered: number }): Promise<unknown> {
  const one = async (): Promise<void> => {
    while (!told.isOver) {
      try {
        const reply = await fetch(`${server.gatewayUrl}/v1/chat/completions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
          body: ASK,
        })
        const text = await reply.text()
        if (reply.status === 200) told.answered++
        // its table has no endpoint yet
        else if (reply.status !== 404 && reply.status !== 503)
          assert.deepEqual([reply.status, /no room/.test(text)], [429, true], text)
      } catch (error) {
        if (!(error instanceof TypeError)) throw error
        return
      }
    }
  }
  return Promise.all(Array.from({ length: 4 }, one))
}

test('two servers, one of which is killed, spend a budget and no more', async (t) => {
  const database = await startPostgres()
  t.after(() => database.stop())
  const provider = await fakeProvider(t)
  const env = { SLIPWAY_DATABASE_URL: database.url, SLIPWAY_EGRESS_ALLOW: '127.0.0.1' }
  let one = await startTestServer({ env, gateways: 1 })
  const two = await startTestServer({ env, gateways: 1 })
  t.after(async () => void (await Promise.all([one.stop(), two.stop()])))
  const { client } = two
  const body = { name: 'local', provider: 'vllm', base_url: provider.url }
  await client.call(llmProvidersApi.createLlmProvider, { body })
  const price = { provider: 'vllm', model: 'own-model', input: '1', output: '2' }
  await client.call(llmPricesApi.setLlmPrice, { body: price })
  const models = [{ provider: 'local', model: 'own-model' }]
  await client.call(llmProvidersApi.createLlmEndpoint, { body: { name: 'chat', models, trace: false } })
  await client.call(llmBudgetsApi.createLlmBudget, { body: { scope: 'project', window: 'total', limit: '0.008' } })

  const told = { isOver: false, answered: 0 }
  t.after(() => void (told.isOver = true))
  const loads = [load(one, told), load(two, told)]
  await until('both gateways under load', () => told.answered > 60)
  const { pid } = JSON.parse(readFileSync(gatewayFile(one.data, 0), 'utf8')) as { pid: number }
  await one.kill()
  process.kill(pid, 'SIGKILL')
  one = await startTestServer({ env, gateways: 1, data: one.data })
  loads.push(load(one, told))

  const spent = await until('the budget to be spent but for less than what two calls reserve', async () => {
    const { total } = await client.call(llmCallsApi.llmOverview, { query: {} })
    return total.cost_nanodollars > LIMIT - 2 * RESERVE && total
  })
  told.isOver = true
  await Promise.all(loads)
  const { total } = await until('all calls in the table', async () => {
    const overview = await client.call(llmCallsApi.llmOverview, { query: {} })
    return overview.total.cost_nanodollars >= told.answered * COST && overview
  })
  assert.ok(total.cost_nanodollars <= LIMIT, `${total.cost_nanodollars} of ${LIMIT}`)
  assert.ok(provider.finished * COST <= LIMIT, `${provider.finished} calls were answered by the provider`)
  assert.ok(spent.cost_nanodollars <= LIMIT)
})
