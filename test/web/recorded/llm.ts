/** Recorded calls of language models, and what they are set up with. */
import { LlmBy } from '../../../src/contract/llm-calls.ts'
import type { llmCallsApi, LlmFigures } from '../../../src/contract/llm-calls.ts'
import type { llmBudgetsApi } from '../../../src/contract/llm/budgets.ts'
import type { llmKeysApi } from '../../../src/contract/llm/keys.ts'
import type { llmPricesApi } from '../../../src/contract/llm/prices.ts'
import type { llmProvidersApi } from '../../../src/contract/llm/providers.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { before } from '../fixture-tracking.ts'
import { wholeCall } from './llm-call.ts'
import { findings, OPTIONS, PLAIN } from './llm-options.ts'

type Call = Reply<typeof llmCallsApi.getLlmCall>
type Key = Reply<typeof llmKeysApi.listLlmKeys>['items'][number]
type Budget = Reply<typeof llmBudgetsApi.listLlmBudgets>['items'][number]
type Provider = Reply<typeof llmProvidersApi.listLlmProviders>['items'][number]
type Endpoint = Reply<typeof llmProvidersApi.listLlmEndpoints>['items'][number]
type Priced = Reply<typeof llmPricesApi.listLlmPrices>['items'][number]
type Overview = Reply<typeof llmCallsApi.llmOverview>
type Price = NonNullable<Priced['price']>

const DAY_MS = 86_400_000
const STEP_MS = 1_800_000
const STEPS = 48

/** The key of a program whose budget runs out. */
const SUPPORT = 'tok_support'

/** Figures of `n` calls, of which some failed and `unpriced` have no known price. */
function figures(n: number, unpriced = 0): LlmFigures {
  const failed = Math.round(n * 0.0021)
  const refused = Math.round(n * 0.004)
  const aborted = Math.round(n * 0.001)
  const first = n === 0 ? null : 360_000 + (n % 97) * 1000
  return {
    requests: n,
    outcomes: { ok: n - failed - refused - aborted, refused, failed, aborted, cut: 0, lost: 0 },
    input_tokens: n * 1480,
    output_tokens: n * 190,
    cache_read_tokens: n * 459,
    cost_nanodollars: n * 1_002_500,
    unpriced,
    first_us: { p50: first, p95: first === null ? null : first * 2.7, p99: first === null ? null : first * 4 },
    total_us: { p50: first === null ? null : first * 6, p95: first === null ? null : first * 12, p99: null },
  }
}

const GROUPS: Readonly<Record<string, readonly (readonly [key: string | null, n: number, unpriced: number])[]>> = {
  endpoint: [
    ['chat', 96_200, 0],
    ['notes', 61_300, 61_300],
    ['embed', 35_400, 0],
    ['chat-large', 21_480, 0],
  ],
  model: [
    ['gpt-4.1-mini', 96_200, 0],
    ['llama-3.3-70b', 61_300, 61_300],
    ['text-embedding-3-small', 35_400, 0],
    ['claude-haiku-4-5', 21_480, 0],
  ],
  key: [
    [SUPPORT, 132_300, 0],
    ['tok_notes', 47_680, 47_680],
    [null, 34_400, 13_620],
  ],
  team: [
    ['travel', 132_300, 0],
    [null, 82_080, 61_300],
  ],
  user: [[null, 214_380, 61_300]],
}

/** The traffic of a day: a wave, and an hour without any call. */
function callsAt(step: number): number {
  if (step === 30 || step === 31) return 0
  return Math.round(4200 + 2600 * Math.sin(step / 8) + (step % 5) * 90)
}

/** What calls come to; `empty` is a server that nobody has called. */
export function overview(now: number, by: string, empty: boolean): Overview {
  const groups = empty ? [] : (GROUPS[by] ?? [])
  const count = groups.reduce((sum, [, n]) => sum + n, 0)
  const unpriced = groups.reduce((sum, [, , n]) => sum + n, 0)
  return {
    since: before(now, DAY_MS),
    until: before(now, 0),
    by: LlmBy.catch('endpoint').parse(by),
    total: figures(count, unpriced),
    ...findings(empty),
    groups: groups.map(([key, n, without]) => {
      const all = figures(n, without)
      return { ...all, key, project: by === 'endpoint' ? 'default' : null, ...(without > 0 && { cost_nanodollars: 0 }) }
    }),
    more_groups: 0,
    step_ms: STEP_MS,
    series: Array.from({ length: STEPS }, (_, step) => ({
      ...figures(empty ? 0 : callsAt(step)),
      at: before(now, DAY_MS - step * STEP_MS),
    })),
    measured: Math.min(count, 100_000),
    cut: count > 100_000,
  }
}

/** Calls of every outcome, and with every kind of cost. */
export function calls(now: number): Call[] {
  const call = wholeCall(now, SUPPORT)
  const silent = { content: null, lost: [], budgets: [], trace: null, cache: null, guards: [] }
  const nothing = { input: null, output: null, cache_read: null, cache_write: null, reasoning: null }
  return [
    call,
    {
      ...call,
      ...silent,
      id: 'llm_01k2notes',
      endpoint: 'notes',
      key: 'tok_notes',
      provider: 'own-vllm',
      model: 'llama-3.3-70b',
      started: before(now, 55_000),
      cost_status: 'unknown_price',
      cost_nanodollars: null,
      price: null,
      attempts: [{ model: 'mdl_llama', status: 200, us: 1_900_000 }],
    },
    {
      ...call,
      ...silent,
      id: 'llm_01k2refused',
      started: before(now, 130_000),
      provider: null,
      model: null,
      us: 240,
      first_us: null,
      own_us: 240,
      status: 429,
      outcome: 'refused',
      error: 'the budget of key support-bot is spent until 1 October',
      tokens: nothing,
      cost_status: 'none',
      cost_nanodollars: 0,
      price: null,
      attempts: [],
      raw_usage: null,
      finish: null,
      reserved_nanodollars: 0,
      digest: { request: 'ef'.repeat(32), answer: null },
    },
    {
      ...call,
      ...silent,
      id: 'llm_01k2cut',
      endpoint: 'chat-large',
      key: null,
      started: before(now, 400_000),
      outcome: 'cut',
      status: 200,
      error: 'the provider ended the stream before its end',
      cost_status: 'estimated',
      cost_nanodollars: 1_204_000,
    },
    {
      ...call,
      ...silent,
      id: 'llm_01k2left',
      started: before(now, 900_000),
      outcome: 'aborted',
      status: 499,
      cost_status: 'estimated',
      cost_nanodollars: 88_000,
    },
    {
      ...call,
      ...silent,
      id: 'llm_01k2lost',
      started: before(now, 1_900_000),
      outcome: 'lost',
      status: 502,
      first_us: null,
      tokens: nothing,
      cost_status: 'reserved',
      cost_nanodollars: 6_553_600,
    },
    {
      ...call,
      ...silent,
      id: 'llm_01k2failed',
      endpoint: 'embed',
      model: 'text-embedding-3-small',
      started: before(now, 4_000_000),
      outcome: 'failed',
      status: 502,
      error: 'openai answered 500: The server had an error while processing your request',
      first_us: null,
      tokens: nothing,
      cost_status: 'none',
      cost_nanodollars: 0,
    },
  ]
}

/** Keys of programs: one in use, one that keeps no content, one that was revoked. */
export function keys(now: number): Key[] {
  const key: Key = {
    id: SUPPORT,
    name: 'support-bot',
    project: 'default',
    models: ['chat', 'embed'],
    rpm: 600,
    tpm: 400_000,
    concurrency: 32,
    user: null,
    team: 'travel',
    tags: ['production'],
    content: true,
    created_at: before(now, 20 * DAY_MS),
    created_by: 'first',
    expires_at: before(now, -70 * DAY_MS),
    revoked: false,
  }
  const free = { rpm: null, tpm: null, concurrency: null, team: null, tags: [], expires_at: null }
  return [
    key,
    { ...key, ...free, id: 'tok_notes', name: 'crew-notes', models: null, content: false, user: 'grace@example.org' },
    { ...key, ...free, id: 'tok_old', name: 'old-eval', models: ['chat'], revoked: true },
  ]
}

/** The beginning of the calendar's month of a time, ISO. */
function monthOf(now: number): string {
  const at = new Date(now)
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1)).toISOString()
}

/** Budgets: one nearly spent, one soft one that is passed, one whose state is not known, one of all time. */
export function budgets(now: number): Budget[] {
  const budget: Budget = {
    id: 'bud_support',
    project: 'default',
    scope: 'key',
    of: SUPPORT,
    window: 'month',
    limit: '1200',
    hard: true,
    alert_at: [0.5, 0.8],
    spent: '1068.4',
    since: monthOf(now),
    created_at: before(now, 20 * DAY_MS),
    created_by: 'first',
  }
  return [
    budget,
    {
      ...budget,
      id: 'bud_project',
      scope: 'project',
      of: 'default',
      window: 'day',
      limit: '250',
      spent: '270.12',
      hard: false,
      since: `${before(now, 0).slice(0, 10)}T00:00:00.000Z`,
    },
    {
      ...budget,
      id: 'bud_team',
      scope: 'team',
      of: 'travel',
      window: 'week',
      limit: '400',
      spent: null,
      since: null,
      alert_at: [],
    },
    { ...budget, id: 'bud_tag', scope: 'tag', of: 'evaluation', window: 'total', limit: '50', spent: '0', since: null },
  ]
}

const MINI: Price = {
  id: 'genai-prices:openai:gpt-4.1-mini:2026-05-01',
  source: 'genai-prices',
  input: '0.4',
  output: '1.6',
  cache_read: '0.1',
  cache_write: null,
  request: '0',
  tiers: [],
  not_charged: [],
}
const HAIKU: Price = {
  ...MINI,
  id: 'price_01k2',
  source: 'operator',
  input: '1',
  output: '5',
  cache_read: null,
  tiers: [{ above: 200_000, input: '2', output: '10', cache_read: null, cache_write: null }],
  not_charged: ['search_context_cost_per_query'],
}

/** What the models in use cost: known, set by the operator against another source, and unknown. */
export function prices(): Priced[] {
  return [
    {
      provider: 'openai',
      model: 'gpt-4.1-mini',
      status: 'known',
      price: MINI,
      max_output: 32_768,
      others: [],
      conflict: false,
      endpoints: ['chat'],
    },
    {
      provider: 'anthropic',
      model: 'claude-haiku-4-5',
      status: 'known',
      price: HAIKU,
      max_output: 64_000,
      others: [{ ...HAIKU, id: 'litellm:claude-haiku-4-5', source: 'litellm', input: '0.8', output: '4', tiers: [] }],
      conflict: true,
      endpoints: ['chat', 'chat-large'],
    },
    {
      provider: 'vllm',
      model: 'llama-3.3-70b',
      status: 'unknown',
      price: null,
      max_output: null,
      others: [],
      conflict: false,
      endpoints: ['notes'],
    },
  ]
}

/** Providers: one that is called, one without a key, one that cannot be called. */
export function providers(now: number): Provider[] {
  const provider: Provider = {
    id: 'prv_openai',
    name: 'openai',
    project: 'default',
    provider: 'openai',
    kind: 'openai',
    base_url: 'https://api.openai.com/v1',
    has_key: true,
    settings: {},
    fault: null,
    created_at: before(now, 20 * DAY_MS),
    created_by: 'first',
  }
  return [
    provider,
    {
      ...provider,
      id: 'prv_anthropic',
      name: 'anthropic',
      provider: 'anthropic',
      kind: 'anthropic',
      base_url: 'https://api.anthropic.com',
    },
    {
      ...provider,
      id: 'prv_vllm',
      name: 'own-vllm',
      provider: 'vllm',
      base_url: 'http://10.0.4.17:8000/v1',
      has_key: false,
    },
    {
      ...provider,
      id: 'prv_watson',
      name: 'watson',
      provider: 'watsonx',
      kind: null,
      base_url: null,
      fault: 'watsonx has an API that is not called yet',
    },
  ]
}

/** Endpoints: one with a fallback, one without a price, one that is not answered. */
export function endpoints(now: number): Endpoint[] {
  const mini = {
    definition: 'mdl_mini',
    provider: 'openai',
    vendor: 'openai',
    model: 'gpt-4.1-mini',
    weight: 3,
    fallback: null,
    price: MINI,
    fault: null,
  }
  const haiku = {
    definition: 'mdl_haiku',
    provider: 'anthropic',
    vendor: 'anthropic',
    model: 'claude-haiku-4-5',
    weight: 1,
    fallback: null,
    price: HAIKU,
    fault: null,
  }
  const llama = {
    definition: 'mdl_llama',
    provider: 'own-vllm',
    vendor: 'vllm',
    model: 'llama-3.3-70b',
    weight: 1,
    fallback: null,
    price: null,
    fault: null,
  }
  const endpoint: Endpoint = {
    id: 'lep_chat',
    name: 'chat',
    project: 'default',
    models: [mini, haiku, { ...llama, fallback: 0 }],
    attempts: 3,
    ...OPTIONS,
    experiment: '12',
    fault: null,
    created_at: before(now, 20 * DAY_MS),
    created_by: 'first',
  }
  return [
    endpoint,
    { ...endpoint, id: 'lep_notes', name: 'notes', models: [llama], attempts: 1, experiment: null, ...PLAIN },
    {
      ...endpoint,
      id: 'lep_summaries',
      name: 'summaries',
      ...PLAIN,
      models: [
        {
          ...llama,
          definition: 'mdl_granite',
          provider: 'watson',
          vendor: 'watsonx',
          model: 'granite-3',
          fault: 'its provider is not called',
        },
      ],
      fault: 'none of its models can be called',
    },
  ]
}
