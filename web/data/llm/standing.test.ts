/** What is told of a set-up: what is off in it, and the way to the first call. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LlmEndpoint, LlmProvider, PricedModel } from './queries.ts'
import { faultsOf, stepsOf } from './standing.ts'

const provider: LlmProvider = {
  id: 'prv_1',
  name: 'own',
  project: 'default',
  provider: 'vllm',
  kind: 'openai',
  base_url: 'http://vllm:8000/v1',
  has_key: false,
  settings: {},
  fault: null,
  created_at: '2026-01-01T00:00:00Z',
  created_by: 'ada',
}
const endpoint: LlmEndpoint = {
  id: 'lep_1',
  name: 'notes',
  project: 'default',
  models: [],
  attempts: 1,
  routing: 'weighted',
  cache: null,
  guardrails: [],
  experiment: null,
  fault: null,
  created_at: '2026-01-01T00:00:00Z',
  created_by: 'ada',
}
const priced = (model: string, of: Partial<PricedModel> = {}): PricedModel => ({
  provider: 'vllm',
  model,
  status: 'known',
  price: null,
  max_output: null,
  others: [],
  conflict: false,
  endpoints: [],
  ...of,
})

test('a set-up without faults says nothing', () => {
  assert.deepEqual(faultsOf({ providers: [provider], endpoints: [endpoint], prices: [priced('a')] }), [])
})

test('every fault is a sentence that names what is off; many models are counted', () => {
  const unknown = ['a', 'b', 'c', 'd', 'e'].map((name) => priced(name, { status: 'unknown' }))
  const said = faultsOf({
    providers: [{ ...provider, fault: 'its address is not known' }],
    endpoints: [{ ...endpoint, fault: 'none of its models can be called' }],
    prices: [...unknown, priced('f', { conflict: true })],
  })
  assert.deepEqual(said, [
    'Endpoint notes is not answered: none of its models can be called.',
    'Provider own is not called: its address is not known.',
    'The price of a, b, c and 2 more models is not known: calls of them cost what nobody counts, and are refused where a hard budget holds.',
    'The sources of prices differ over f.',
  ])
})

test('the way to the first call begins where the set-up is', () => {
  const fresh = stepsOf({ providers: [], endpoints: [], keys: 0, gateway: 'http://gw:7001' })
  assert.deepEqual(
    fresh.map(({ done }) => done),
    [false, false, false, false],
  )
  const half = stepsOf({ providers: [provider], endpoints: [endpoint], keys: 0, gateway: 'http://gw:7001' })
  assert.deepEqual(
    half.map(({ done }) => done),
    [true, true, false, false],
  )
  assert.equal(half[1]?.command, 'slipway llm endpoints add chat --model own/MODEL')
  assert.equal(half[2]?.command, 'slipway llm keys add my-app --endpoint notes')
  assert.match(half[3]?.command ?? '', /^curl http:\/\/gw:7001\/v1\/chat\/completions .*"model":"notes"/)
})
