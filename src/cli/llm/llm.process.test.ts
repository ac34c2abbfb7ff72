/** `slipway llm`: what is sent for the flags, what is listed, keys that come from files alone, and what is refused before anything is sent. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { llmBudgetsApi, type LlmBudget } from '../../contract/llm/budgets.ts'
import { llmKeysApi, type LlmKey } from '../../contract/llm/keys.ts'
import { llmPricesApi, type KeptPrice, type LlmPrice } from '../../contract/llm/prices.ts'
import { llmProvidersApi, type LlmEndpoint, type LlmProvider } from '../../contract/llm/providers.ts'
import { llmStateApi } from '../../contract/llm/state.ts'
import type { Route } from '../../contract/route.ts'
import * as states from '../../../test/web/recorded/llm-state.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import { usage } from '../run-command.fixture.ts'

const MADE = { created_at: '2026-05-03T10:00:00.000Z', created_by: 'ada' }
const PROVIDER: LlmProvider = {
  id: 's-1',
  name: 'openai',
  project: 'red',
  provider: 'openai',
  kind: 'openai',
  base_url: 'https://api.openai.com/v1',
  has_key: true,
  settings: {},
  fault: null,
  ...MADE,
}
const PRICE: LlmPrice = {
  id: 'genai-prices 0.1.8 openai/gpt-4o-mini 1970-01-01',
  source: 'genai-prices',
  input: '0.15',
  output: '0.6',
  cache_read: '0.075',
  cache_write: null,
  request: '0',
  tiers: [],
  not_charged: [],
}
const MODEL = { definition: 'd-1', provider: 'openai', vendor: 'openai', model: 'gpt-4o-mini', weight: 3, fault: null }
const ENDPOINT: LlmEndpoint = {
  id: 'e-1',
  name: 'chat',
  project: 'red',
  models: [
    { ...MODEL, fallback: null, price: PRICE },
    { ...MODEL, provider: 'local', vendor: 'ollama', model: 'org/own', fallback: 0, price: null },
  ],
  attempts: 2,
  routing: 'weighted',
  cache: null,
  guardrails: [],
  experiment: null,
  fault: null,
  ...MADE,
}
const KEY: LlmKey = {
  id: 'k1',
  name: 'bot',
  project: 'red',
  models: ['chat'],
  rpm: 60,
  tpm: null,
  concurrency: 4,
  user: 'ada',
  team: null,
  tags: [],
  content: true,
  expires_at: null,
  revoked: false,
  ...MADE,
}
const BUDGET: LlmBudget = {
  id: 'b-1',
  project: 'red',
  scope: 'team',
  of: 'search',
  window: 'month',
  limit: '12.5',
  hard: true,
  alert_at: [0.8],
  spent: null,
  since: null,
  ...MADE,
}
const KEPT: KeptPrice = {
  id: 'operator ollama/org/own 2026-05-03T10:00:00.000Z',
  source: 'operator',
  provider: 'ollama',
  model: 'org/own',
  input: '0.1',
  output: '0.2',
  cache_read: null,
  cache_write: null,
  request: '0',
  tiers: [],
  max_output: null,
  from: '2026-05-03T10:00:00.000Z',
  note: '',
  ...MADE,
}

const folder = mkdtempSync(join(tmpdir(), 'slipway-llm-'))
const keyFile = join(folder, 'key')
let server: RecordedServer
before(async () => {
  writeFileSync(keyFile, 'sk-1\n')
  server = await startRecorded()
})
after(() => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => {
  server.answer(llmProvidersApi.createLlmProvider, PROVIDER)
  server.answer(llmProvidersApi.listLlmProviders, { items: [PROVIDER] })
  server.answer(llmProvidersApi.removeLlmProvider, {})
  server.answer(llmProvidersApi.createLlmEndpoint, ENDPOINT)
  server.answer(llmProvidersApi.listLlmEndpoints, { items: [ENDPOINT] })
  server.answer(llmProvidersApi.changeLlmEndpoint, ENDPOINT)
  server.answer(llmProvidersApi.removeLlmEndpoint, {})
  server.answer(llmKeysApi.createLlmKey, { token: 'slw_k1.secret', key: KEY })
  server.answer(llmKeysApi.listLlmKeys, { items: [KEY] })
  server.answer(llmKeysApi.removeLlmKey, {})
  server.answer(llmBudgetsApi.createLlmBudget, BUDGET)
  server.answer(llmBudgetsApi.listLlmBudgets, { items: [BUDGET] })
  server.answer(llmBudgetsApi.removeLlmBudget, {})
  server.answer(llmPricesApi.setLlmPrice, KEPT)
  server.answer(llmPricesApi.importLlmPrices, { added: 1, same: 0, skipped: [], skipped_count: 0 })
})

const bodyOf = (route: Route) => server.asked(route)[0]?.body
const say = (line: string, ...more: readonly string[]) => server.slipway('llm', ...line.split(' '), ...more)

describe('slipway llm providers', () => {
  it('add takes the key from a file or a variable, and names what it makes', async () => {
    const said = await say('providers add openai --project red --setting x=1=2 --key-file', keyFile)
    assert.deepEqual(bodyOf(llmProvidersApi.createLlmProvider), {
      name: 'openai',
      project: 'red',
      provider: 'openai',
      settings: { x: '1=2' },
      api_key: 'sk-1',
    })
    assert.deepEqual(said.lines, ['openai is called at https://api.openai.com/v1, with a key.'])
    server.answer(llmProvidersApi.createLlmProvider, PROVIDER)
    process.env['A_KEY_OF_THIS_TEST'] = 'sk-2'
    await say('providers add mine --vendor vllm --base-url http://gpu:8000/v1 --key-env A_KEY_OF_THIS_TEST')
    delete process.env['A_KEY_OF_THIS_TEST']
    assert.deepEqual(bodyOf(llmProvidersApi.createLlmProvider), {
      name: 'mine',
      provider: 'vllm',
      base_url: 'http://gpu:8000/v1',
      api_key: 'sk-2',
    })
  })

  it('add takes other credentials from a file, and never repeats it', async () => {
    const file = join(folder, 'aws.json')
    writeFileSync(file, '{"aws_access_key_id": "AKIA", "aws_secret_access_key": "s"}')
    await say('providers add bedrock --credentials-file', file)
    assert.deepEqual(bodyOf(llmProvidersApi.createLlmProvider), {
      name: 'bedrock',
      provider: 'bedrock',
      credentials: { aws_access_key_id: 'AKIA', aws_secret_access_key: 's' },
    })
    writeFileSync(file, '{"key": sk-oops}')
    await assert.rejects(say('providers add bedrock --credentials-file', file), (error: unknown) => {
      assert.doesNotMatch(String(error), /sk-oops/)
      return usage(/no JSON object of texts/)(error)
    })
  })

  it('list shows the state, remove finds by name', async () => {
    const said = await say('providers')
    assert.deepEqual(said.tables[0]?.rows, [['openai', 'red', 'openai', 'https://api.openai.com/v1', 'yes', '']])
    await say('providers remove openai')
    assert.deepEqual(server.asked(llmProvidersApi.removeLlmProvider)[0]?.params, ['s-1'])
    await assert.rejects(say('providers remove other'), usage(/there is no provider "other"/))
    server.answer(llmProvidersApi.listLlmProviders, { items: [PROVIDER, { ...PROVIDER, id: 's-2', project: 'blue' }] })
    await assert.rejects(say('providers remove openai'), usage(/several providers "openai"/))
  })
})

describe('slipway llm endpoints', () => {
  it('add sends models with their shares and fallbacks in their order', async () => {
    const said = await say(
      'endpoints add chat --model openai/gpt-4o-mini=3 --model local/org/a --fallback local/org/own --fallback b/c --attempts 2 --no-trace',
    )
    assert.deepEqual(bodyOf(llmProvidersApi.createLlmEndpoint), {
      name: 'chat',
      models: [
        { provider: 'openai', model: 'gpt-4o-mini', weight: 3 },
        { provider: 'local', model: 'org/a' },
        { provider: 'local', model: 'org/own', fallback: 0 },
        { provider: 'b', model: 'c', fallback: 1 },
      ],
      attempts: 2,
      trace: false,
    })
    assert.match(said.lines[0] ?? '', /^chat answers with gpt-4o-mini, org\/own\. The price of org\/own is unknown/)
  })

  it('list says unknown where a price is', async () => {
    const said = await say('endpoints list')
    assert.deepEqual(said.tables[0]?.rows, [
      ['chat', 'red', 'openai/gpt-4o-mini', '3', '0.15', '0.6', '', ''],
      ['', '', 'local/org/own', 'fallback 1', 'unknown', 'unknown', '', ''],
    ])
    await say('endpoints remove chat')
    assert.deepEqual(server.asked(llmProvidersApi.removeLlmEndpoint)[0]?.params, ['e-1'])
  })
})

describe('slipway llm endpoints with options', () => {
  const OPTIONS: Pick<LlmEndpoint, 'routing' | 'cache' | 'guardrails'> = {
    routing: 'latency',
    cache: { ttl_s: 3600, share: 'key' },
    guardrails: [
      { kind: 'secrets', name: 'keys', on: 'both', action: 'block' },
      {
        kind: 'hook',
        name: 'rules',
        on: 'request',
        action: 'flag',
        url: 'https://rules.example/***',
        timeout_ms: 2000,
        on_fault: 'block',
      },
    ],
  }
  const YAML = '# ours\n- kind: regex\n  name: words\n  action: flag\n  patterns: ["(?i)secret \\\\d+"]\n'
  const REGEX = { kind: 'regex', name: 'words', action: 'flag', patterns: ['(?i)secret \\d+'] }
  const file = join(folder, 'guardrails.yaml')
  before(() => writeFileSync(file, YAML))

  it('add and change send what is said, and no more', async () => {
    server.answer(llmProvidersApi.createLlmEndpoint, { ...ENDPOINT, ...OPTIONS })
    const said = await say(
      'endpoints add chat --model openai/gpt-4o-mini --routing latency --cache 1h --cache-share key --guardrails',
      file,
    )
    assert.deepEqual(bodyOf(llmProvidersApi.createLlmEndpoint), {
      name: 'chat',
      models: [{ provider: 'openai', model: 'gpt-4o-mini' }],
      routing: 'latency',
      cache: { ttl_s: 3600, share: 'key' },
      guardrails: [REGEX],
      trace: true,
    })
    assert.match(said.lines[0] ?? '', /org\/own; latency, cache 3600 s a key, keys \(secrets: block\), rules/)
    await say('endpoints change chat --cache off')
    const [asked] = server.asked(llmProvidersApi.changeLlmEndpoint)
    assert.deepEqual([asked?.params, asked?.body], [['e-1'], { cache: null }])
    for (const [line, body] of [
      ['--routing cost --cache 90s', { routing: 'cost', cache: { ttl_s: 90, share: 'endpoint' } }],
      ['--no-guardrails --trace --attempts 2', { guardrails: [], trace: true, attempts: 2 }],
      ['--no-trace', { trace: false }],
      [
        '--model a/b=2 --fallback c/d',
        {
          models: [
            { provider: 'a', model: 'b', weight: 2 },
            { provider: 'c', model: 'd', fallback: 0 },
          ],
        },
      ],
    ] as const) {
      server.answer(llmProvidersApi.changeLlmEndpoint, ENDPOINT)
      await say(`endpoints change chat ${line}`)
      assert.deepEqual(bodyOf(llmProvidersApi.changeLlmEndpoint), body, line)
    }
  })

  it('list shows them with the host of a hook', async () => {
    server.answer(llmProvidersApi.listLlmEndpoints, { items: [{ ...ENDPOINT, ...OPTIONS, fault: 'not understood' }] })
    const rows = (await say('endpoints list')).tables[0]?.rows
    const options = 'latency, cache 3600 s a key, keys (secrets: block), rules (hook at rules.example: flag)'
    assert.deepEqual(
      rows?.map((row) => row.slice(6)),
      [
        [options, 'not understood'],
        ['', ''],
      ],
    )
  })

  it('a file of guardrails is a list in JSON or YAML, and its faults are told with their lines', async () => {
    const json = join(folder, 'guardrails.json')
    writeFileSync(json, JSON.stringify([REGEX]))
    await say('endpoints change chat --guardrails', json)
    assert.deepEqual(bodyOf(llmProvidersApi.changeLlmEndpoint), { guardrails: [REGEX] })
    const bad = join(folder, 'bad.yaml')
    for (const [text, message] of [
      ['- kind: pii\n  kind: pii\n', /bad\.yaml, line 2: "kind" is there twice/],
      ['guardrails: []\n', /is no list of guardrails/],
      ['', /is no list of guardrails/],
      [`- &a [x, x]\n${'- [*a, *a, *a, *a]\n'.repeat(60)}`, /bad\.yaml: Excessive alias count/],
    ] as const) {
      writeFileSync(bad, text)
      await assert.rejects(say('endpoints change chat --guardrails', bad), usage(message))
    }
  })
})

describe('slipway llm keys', () => {
  it('add sends limits and prints the key once', async () => {
    const said = await say(
      'keys add bot --endpoint chat --endpoint b --rpm 60 --concurrency 4 --user ada --tag x --days 7',
    )
    assert.deepEqual(bodyOf(llmKeysApi.createLlmKey), {
      name: 'bot',
      models: ['chat', 'b'],
      rpm: 60,
      concurrency: 4,
      user: 'ada',
      tags: ['x'],
      content: true,
      expires_in_days: 7,
    })
    assert.deepEqual(said.lines, ['slw_k1.secret', 'It is shown this once.'])
    const listed = await say('keys list')
    assert.deepEqual(listed.tables[0]?.rows, [['k1', 'bot', 'red', 'chat', '60 calls/min, 4 at once', 'ada', '', '']])
    await say('keys remove bot')
    assert.deepEqual(server.asked(llmKeysApi.removeLlmKey)[0]?.params, ['k1'])
  })
})

describe('slipway llm budgets and prices', () => {
  it('send dollars as they were written', async () => {
    await say('budgets add 12.50 --scope team --of search --alert 0.5 --alert 0.9 --soft')
    assert.deepEqual(bodyOf(llmBudgetsApi.createLlmBudget), {
      scope: 'team',
      of: 'search',
      window: 'month',
      limit: '12.50',
      hard: false,
      alert_at: [0.5, 0.9],
    })
    const listed = await say('budgets')
    assert.deepEqual(listed.tables[0]?.rows, [['b-1', 'red', 'team search', 'month', '12.5', 'not known', 'refuse']])
    await say('budgets remove b-1')
    assert.deepEqual(server.asked(llmBudgetsApi.removeLlmBudget)[0]?.params, ['b-1'])
    await say('prices add ollama/org/own --input 0.10 --output 0.2')
    assert.deepEqual(bodyOf(llmPricesApi.setLlmPrice), {
      provider: 'ollama',
      model: 'org/own',
      input: '0.10',
      output: '0.2',
      note: '',
    })
  })

  it('a price by the name of a provider says whose it became, and a bound is given, left as it is or taken away', async () => {
    const said = await say('prices add ollama/org/own --input 0.1 --output 0.2')
    assert.match(said.lines[0] ?? '', /^org\/own of ollama costs \$0\.1 a million input tokens/)
    const other = await say('prices add local/org/own --input 0.1 --output 0.2 --max-output 4096')
    assert.match(other.lines[0] ?? '', /^org\/own of ollama, as which local is called, costs/)
    await say('prices add local/org/own --input 0.1 --output 0.2 --max-output none')
    assert.deepEqual(
      server.asked(llmPricesApi.setLlmPrice).map(({ body }) => (body as { max_output?: unknown }).max_output),
      [undefined, 4096, null],
    )
  })

  it('list names a conflict with what the other source says', async () => {
    const other: LlmPrice = { ...PRICE, source: 'litellm', input: '0.16' }
    const item = { provider: 'openai', model: 'gpt-4o-mini', status: 'known' as const, price: PRICE, max_output: null }
    server.answer(llmPricesApi.listLlmPrices, {
      items: [{ ...item, others: [other], conflict: true, endpoints: ['chat'] }],
    })
    const said = await say('prices')
    assert.deepEqual(said.tables[0]?.rows, [
      ['openai', 'gpt-4o-mini', '0.15', '0.6', 'genai-prices', 'litellm: 0.16 in, 0.6 out', 'chat'],
    ])
  })

  it('a map is imported from a file', async () => {
    const file = join(folder, 'map.json')
    writeFileSync(file, '{"m": {"litellm_provider": "x"}}')
    const said = await say('prices import', file)
    assert.deepEqual(bodyOf(llmPricesApi.importLlmPrices), { prices: { m: { litellm_provider: 'x' } } })
    assert.deepEqual(said.lines, ['new or changed prices: 1; as before: 0; skipped: 0'])
    writeFileSync(file, '[]')
    await assert.rejects(say('prices import', file), usage(/no JSON object of models/))
  })
})

describe('slipway llm state', () => {
  it('has a line for each part and each thing that is wrong with it, and the servers', async () => {
    const now = Date.parse('2026-05-03T10:00:00Z')
    server.answer(llmStateApi.llmState, states.state(now))
    const well = await say('state')
    assert.deepEqual([well.code, well.data], [0, [states.state(now)]])
    assert.match(
      well.lines.join('\n'),
      /^ok {3}budgets: divided among 2 servers, .*\nok {3}settings: 2 gateways with the newest, .*\nok {3}retention: calls are kept for 90 d, their contents for 30 d; the round of .* removed 1,200 calls and 3,800 contents\nok {3}log: all calls are taken in$/m,
    )
    server.answer(llmStateApi.llmState, states.brokenState(now))
    const lines = (await say('state')).lines.map((line) => line.slice(0, 14))
    assert.deepEqual(lines, [
      'ok   budgets: ',
      'warn budgets: ',
      'warn budgets: ',
      'FAIL settings:',
      'FAIL retention',
      'FAIL log: 5 Mi',
      'warn log: 3 by',
    ])
    await assert.rejects(say('state', 'all'), usage(/"all" is one argument too many/))
  })
})

describe('slipway llm refuses before anything is sent', () => {
  for (const [line, message] of [
    ['models', /llm has no "models"; expected one of providers, endpoints/],
    ['prices remove x', /llm prices does not know "remove"/],
    ['providers add', /needs a NAME/],
    ['providers add x --key-env NOT_SET_ANYWHERE', /the variable NOT_SET_ANYWHERE has no key/],
    ['providers add x --key-env A --key-file b', /say one of/],
    ['providers add x --setting y', /--setting has no NAME=VALUE/],
    ['endpoints add x', /needs --model PROVIDER\/MODEL/],
    ['endpoints add x --model gpt', /--model is "gpt"; expected PROVIDER\/MODEL/],
    ['endpoints add x --model a/b=-2', /--model is "a\/b=-2"; expected PROVIDER\/MODEL=WEIGHT/],
    ['endpoints add x --model a/b=', /--model is "a\/b="; expected PROVIDER\/MODEL=WEIGHT/],
    ['endpoints add x --fallback a/b', /needs --model PROVIDER\/MODEL/],
    ['endpoints add x --model a/b --routing fastest', /--routing is "fastest"; expected one of weighted, least_busy/],
    ['endpoints add x --model a/b --cache soon', /--cache is "soon"; expected a duration/],
    ['endpoints add x --model a/b --cache 1.5s', /--cache is "1.5s"; expected a duration of whole seconds/],
    ['endpoints add x --model a/b --cache-share key', /--cache-share needs --cache/],
    ['endpoints change x --cache 1h --cache-share all', /--cache-share is "all"/],
    ['endpoints change x --guardrails a --no-guardrails', /say one of/],
    ['endpoints change x --trace --no-trace', /say one of/],
    ['endpoints change x --fallback a/b', /--fallback needs --model/],
    ['endpoints change x', /needs what is to change/],
    ['keys add x --rpm 0', /--rpm is "0"/],
    ['budgets add 5 --scope planet', /--scope is "planet"/],
    ['budgets add 5 --scope user', /needs --of/],
    ['budgets add 5 --alert 2', /--alert is "2"/],
    ['prices add gpt --input 1 --output 1', /names no model/],
    ['prices add a/b --input 1', /needs --output/],
    ['keys list x', /one argument too many/],
  ] as const) {
    it(line, () => assert.rejects(say(line), usage(message)))
  }
})
