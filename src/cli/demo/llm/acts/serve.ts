/** Act 1: two providers, an endpoint with a fallback, a price, a key; a chat is answered as a stream and charged by its tokens. */
import { costApi } from '../../../../contract/cost.ts'
import { llmKeysApi } from '../../../../contract/llm/keys.ts'
import { llmPricesApi } from '../../../../contract/llm/prices.ts'
import { llmProvidersApi } from '../../../../contract/llm/providers.ts'
import { tracesApi } from '../../../../contract/traces.ts'
import { until } from '../../stage/world.ts'
import type { Notebook } from '../../stage/world.ts'
import { callsSince, chatBody, dollarsText, ENDPOINT, MODEL_NAME, PRICE, priceOf, through } from '../stage/llm-world.ts'
import type { LlmWorld } from '../stage/llm-world.ts'

const VENDOR = 'vllm'
const QUESTION = 'Why do flights leave late? Name three reasons.'

export async function serve(world: LlmWorld, notes: Notebook): Promise<void> {
  await setUp(world, notes)
  const since = new Date().toISOString()
  const { text, pieces, usage } = await chat(world)
  world.out.line(`  “${QUESTION}”`)
  world.out.line(`  “${text.trim()}” (a base model of 270 million weights: it continues texts, and knows little)`)
  const [call] = await callsSince(world, since, 1)
  if (call === undefined) throw new Error('the call is not in the log')
  const first = ((call.first_us ?? Number.NaN) / 1000).toFixed(0)
  notes.check('streamed', `${pieces} pieces, the first after ${first} ms`, pieces > 0 && call.outcome === 'ok')
  const { input, output } = call.tokens
  notes.check(
    'tokens',
    `${input} in, ${output} out, as the provider told the client`,
    input === usage?.prompt_tokens && output === usage?.completion_tokens,
  )
  const cost = call.cost_nanodollars ?? Number.NaN
  notes.check('cost', `${dollarsText(cost)} = tokens × price`, cost === priceOf(call))
  await ledger(world, notes, priceOf(call))
  await traced(world, notes, call.trace, text)
  notes.link(`${world.client.url}/llm/calls/${call.id}`)
}

async function setUp(world: LlmWorld, notes: Notebook): Promise<void> {
  const { client, models } = world
  for (const [name, model] of Object.entries(models)) {
    const body = { name, provider: VENDOR, base_url: `${model.url}/v1` }
    await client.call(llmProvidersApi.createLlmProvider, { body })
  }
  await client.call(llmPricesApi.setLlmPrice, {
    body: {
      provider: VENDOR,
      model: MODEL_NAME,
      input: String(PRICE.input / 1000),
      output: String(PRICE.output / 1000),
      note: 'the price of the demo',
    },
  })
  const made = await client.call(llmProvidersApi.createLlmEndpoint, {
    body: {
      name: ENDPOINT,
      models: [
        { provider: 'near', model: MODEL_NAME },
        { provider: 'spare', model: MODEL_NAME, fallback: 0 },
      ],
      trace: true,
    },
  })
  const behind = made.models.map(({ provider, fallback }) => (fallback === null ? provider : `else ${provider}`))
  const price = made.models[0]?.price
  notes.check(
    'endpoint',
    `${ENDPOINT} → ${behind.join(', ')}; $${price?.input} in and $${price?.output} out a million tokens`,
    made.fault === null && made.models.every((one) => one.fault === null && one.price?.source === 'operator'),
  )
  const body = { name: 'demo', models: [ENDPOINT], team: 'demo' }
  world.key = (await client.call(llmKeysApi.createLlmKey, { body })).token
}

async function chat(world: LlmWorld) {
  const stream = await through(world).chat.completions.create({
    ...chatBody(QUESTION, 32),
    stream: true,
    stream_options: { include_usage: true },
  })
  let [text, pieces] = ['', 0]
  let usage
  for await (const chunk of stream) {
    const more = chunk.choices[0]?.delta.content ?? ''
    text += more
    if (more !== '') pieces++
    usage = chunk.usage ?? usage
  }
  return { text, pieces, usage }
}

/** What was charged stands in the same ledger as machines, in micro-dollars: a token is one or two of them here. */
async function ledger(world: LlmWorld, notes: Notebook, nanodollars: number): Promise<void> {
  const line = await until('the call in the ledger', async () => {
    const report = await world.client.call(costApi.report, { query: { by: 'endpoint' } })
    return report.items.find(({ llm_calls }) => llm_calls > 0)
  })
  notes.check(
    'ledger',
    `${line.llm_calls} call, ${line.micro_dollars} micro-dollars, $${((line.micro_dollars_per_1m_tokens ?? Number.NaN) / 1e6).toFixed(2)} a million tokens`,
    line.llm_calls === 1 && line.micro_dollars * 1000 === nanodollars,
  )
}

async function traced(world: LlmWorld, notes: Notebook, id: string | null, text: string): Promise<void> {
  if (id === null) throw new Error('the call has no trace')
  const trace = await world.client.call(tracesApi.getTrace, { params: { id } })
  const all = JSON.stringify(trace)
  // as it stands in a text within a JSON text
  const told = JSON.stringify(JSON.stringify(text)).slice(3, -3)
  notes.check(
    'trace',
    `with the tokens, the cost and the words`,
    all.includes('gen_ai.usage.output_tokens') && all.includes(told),
  )
}
