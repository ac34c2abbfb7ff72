/** Routing through a whole gateway: who is called, what is told of the models, and that no end of a call leaves it under way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { ADMIN, llmGateway, PRICE, routeOf } from './gateway.fixture.ts'
import type { LlmBench } from './gateway.fixture.ts'
import { fakeProvider } from './upstream.fixture.ts'
import type { FakeProvider } from './upstream.fixture.ts'
import type { BudgetRoute } from '../table/llm.ts'

const messages = [{ role: 'user', content: 'hi' }]

async function metrics(bench: LlmBench): Promise<string> {
  return (await fetch(`${bench.url}/metrics`, { headers: { authorization: `Bearer ${ADMIN}` } })).text()
}

/** Values of a family, by the name of the model at its provider. */
async function valuesOf(bench: LlmBench, family: string): Promise<Record<string, number>> {
  const lines = (await metrics(bench)).split('\n').filter((line) => line.startsWith(`${family}{`))
  return Object.fromEntries(
    lines.map((line) => [/model="([^"]*)"/.exec(line)?.[1] ?? '', Number(line.slice(line.lastIndexOf(' ')))]),
  )
}

async function twoOf(t: TestContext, provider: FakeProvider, routing: 'least_busy' | 'latency' | 'cost' | 'prefix') {
  const { url } = provider
  const dear = { ...PRICE, input: 2 * PRICE.input }
  const models = [
    { model: 'gate-a', url, fallback: null, price: dear },
    { model: 'gate-b', url, fallback: null },
  ]
  return llmGateway(t, routeOf({ m: models }, { endpoint: { routing } }))
}

const modelsOf = ({ asked }: FakeProvider): string[] =>
  asked.map(({ text }) => (JSON.parse(text) as { model: string }).model)

test('the least busy is called while others are still answering', async (t) => {
  const provider = await fakeProvider(t)
  const bench = await twoOf(t, provider, 'least_busy')
  const ask = () => bench.post('/v1/chat/completions', { model: 'm', messages, stream: true })
  const first = [await ask(), await ask(), await ask(), await ask()]
  assert.deepEqual(modelsOf(provider).toSorted(), ['gate-a', 'gate-a', 'gate-b', 'gate-b'])
  assert.deepEqual(await valuesOf(bench, 'slipway_llm_model_open'), { 'gate-a': 2, 'gate-b': 2 })
  provider.open()
  for (const response of first) await response.text()
  await until('none is under way', async () => {
    const open = await valuesOf(bench, 'slipway_llm_model_open')
    return open['gate-a'] === 0 && open['gate-b'] === 0
  })
  const speeds = await valuesOf(bench, 'slipway_llm_model_first_byte_seconds')
  assert.ok((speeds['gate-a'] ?? 0) > 0 && (speeds['gate-b'] ?? 0) > 0, JSON.stringify(speeds))
})

test('the cheapest is called', async (t) => {
  const provider = await fakeProvider(t)
  const bench = await twoOf(t, provider, 'cost')
  for (let i = 0; i < 3; i++) await (await bench.post('/v1/chat/completions', { model: 'm', messages })).text()
  assert.deepEqual(modelsOf(provider), ['gate-b', 'gate-b', 'gate-b'])
})

test('conversations stay with the model that read their beginning, over a new table too, and predictions are counted', async (t) => {
  const provider = await fakeProvider(t)
  const bench = await twoOf(t, provider, 'prefix')
  const turns = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => ({ role: 'user', content: `${name} ${i} `.repeat(200) }))
  const say = async (name: string, count: number): Promise<string> => {
    const body = { model: 'm', messages: turns(name, count), temperature: count }
    await (await bench.post('/v1/chat/completions', body)).text()
    return modelsOf(provider).at(-1) ?? ''
  }
  const places = { x: await say('x', 1), y: await say('y', 1) }
  assert.notEqual(places.x, places.y)
  assert.deepEqual([await say('y', 2), await say('x', 2)], [places.y, places.x])
  const models = ['gate-a', 'gate-b'].map((model) => ({ model, url: provider.url, fallback: null }))
  await bench.follow(routeOf({ m: models }, { endpoint: { routing: 'prefix' } }))
  assert.deepEqual([await say('y', 3), await say('x', 3)], [places.y, places.x])
  // the fake tells of 3 cached tokens each time
  assert.match(await metrics(bench), /slipway_llm_prefix_predictions_total\{result="hit"\} 4\n/)
})

test('a model that rests is told as such', async (t) => {
  const { url } = await fakeProvider(t)
  const models = [
    { model: 'err-500', url },
    { model: 'good', url },
  ]
  const bench = await llmGateway(t, routeOf({ m: models }))
  for (let i = 0; i < 3; i++) await (await bench.post('/v1/chat/completions', { model: 'm', messages })).text()
  assert.deepEqual(await valuesOf(bench, 'slipway_llm_model_resting'), { 'err-500': 1, good: 0 })
})

test('whatever the end of a call, it is under way nowhere', async (t) => {
  const provider = await fakeProvider(t)
  const names = [
    'good',
    'gate',
    'cut',
    'short',
    'reset',
    'hang',
    'packed',
    'elsewhere',
    'err-400',
    'err-401',
    'err-500',
  ]
  const endpoints = Object.fromEntries(
    names.map((name) => [
      name,
      [
        { model: name, url: provider.url },
        { model: `${name}-`, url: provider.url },
      ],
    ]),
  )
  const hard: BudgetRoute = {
    id: 'b',
    project: 'p',
    scope: 'project',
    of: 'p',
    window: 'total',
    limit: 100_000_000,
    hard: true,
    spent: 0,
    since: 0,
  }
  const bench = await llmGateway(
    t,
    routeOf(
      { ...endpoints, dear: [{ model: 'dear', url: provider.url, max_output: 1_000_000 }] },
      { budgets: [hard], endpoint: { routing: 'least_busy', attempts: 2 } },
    ),
  )
  const leaves = new Set(['gate', 'hang'])
  const end = async (model: string, stream: boolean): Promise<void> => {
    const left = new AbortController()
    const seen = provider.asked.length
    const asked = fetch(`${bench.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model, messages, stream }),
      headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
      signal: left.signal,
    }).then((response) => response.text())
    const ended = asked.catch((error: unknown) => error)
    if (leaves.has(model) && (stream || model === 'hang')) {
      await until('it is asked', () => provider.asked.length > seen)
      left.abort()
    }
    await ended
  }
  for (const name of [...names, 'dear']) for (const stream of [false, true]) await end(name, stream)
  const records = await bench.records(2 * names.length + 2)
  assert.deepEqual(
    [...new Set(records.map(({ outcome }) => outcome))].toSorted(),
    ['aborted', 'cut', 'failed', 'ok', 'refused'],
    'all ends were met',
  )
  const open = await valuesOf(bench, 'slipway_llm_model_open')
  assert.equal(Object.keys(open).length, 2 * names.length + 1)
  assert.ok(
    Object.values(open).every((count) => count === 0),
    JSON.stringify(open),
  )
})
