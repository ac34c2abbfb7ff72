/** Settings of the gateway over HTTP: what MLflow's calls take and answer, which secrets no refusal repeats, who may do what. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assertRefused, FORBIDDEN, INVALID, MISSING, mlflowCalls, partOf } from '../../test/mlflow-calls.ts'
import { serveRoutes } from '../../test/routes.ts'
import type { ServedRoutes } from '../../test/routes.ts'
import { llmRoutes } from './routes.ts'

const GATEWAY = '3.0/mlflow/gateway'
const KEY = 'sk-very-secret-0123'

describe('settings of the gateway over HTTP', () => {
  let served: ServedRoutes
  const send = mlflowCalls(() => served)
  const call = (method: string, path: string, ...rest: [sent?: object, role?: Parameters<typeof send>[3]]) =>
    send(method, `${GATEWAY}/${path}`, ...rest)
  before(async () => {
    served = await serveRoutes(['admin', 'maintainer', 'viewer', 'contributor', 'service'], (room) =>
      llmRoutes({ ...room, seal: (text) => Buffer.from(text).toString('hex') }),
    )
  })
  after(() => served.stop())

  let names = 0
  const newSecret = async () => {
    const given = { secret_name: `secret ${names++}`, secret_value: { api_key: KEY }, provider: 'openai' }
    return String(partOf(await call('POST', 'secrets/create', given), 'secret', 'secret_id'))
  }
  const newDefinition = async () => {
    const given = { name: `model ${names++}`, secret_id: await newSecret(), provider: 'openai', model_name: 'gpt-x' }
    const made = await call('POST', 'model-definitions/create', given)
    return String(partOf(made, 'model_definition', 'model_definition_id'))
  }
  const newEndpoint = async (more: object = {}) => {
    const model_configs = [{ model_definition_id: await newDefinition() }]
    const made = await call('POST', 'endpoints/create', { name: `endpoint ${names++}`, model_configs, ...more })
    return String(partOf(made, 'endpoint', 'endpoint_id'))
  }
  const idsIn = (list: unknown, key: string) => (list as Record<string, unknown>[]).map((one) => one[key])

  it('what providers ask for is told to who may look', async () => {
    const providers = partOf(await call('GET', 'supported-providers', {}, 'viewer'), 'providers') as string[]
    assert.ok(providers.includes('openai') && providers.includes('bedrock'))
    const asked = await call('GET', 'provider-config', { provider: 'Bedrock' }, 'viewer')
    assert.deepEqual(idsIn(partOf(asked, 'auth_modes'), 'mode'), [
      'api_key',
      'access_keys',
      'iam_role',
      'default_chain',
    ])
    assert.equal(partOf(asked, 'default_mode'), 'api_key')
    const keys = partOf(asked, 'auth_modes', 1, 'secret_fields')
    assert.deepEqual(idsIn(keys, 'name'), ['aws_access_key_id', 'aws_secret_access_key'])
    assert.deepEqual(partOf(asked, 'auth_modes', 1, 'config_fields'), [
      { name: 'aws_region_name', type: 'string', description: 'AWS region name', required: false },
    ])
    await assertRefused(call('GET', 'provider-config'), INVALID, /'provider'/)
  })

  it('models of providers are listed with their prices', async () => {
    const listed = partOf(await call('GET', 'supported-models', { provider: 'openai' }, 'viewer'), 'models')
    const mini = (listed as Record<string, unknown>[]).find(({ model }) => model === 'gpt-4o-mini')
    assert.deepEqual(
      [mini?.['provider'], mini?.['mode'], mini?.['input_cost_per_token'], mini?.['output_cost_per_token']],
      ['openai', 'chat', 1.5e-7, 6e-7],
    )
    assert.equal(mini?.['max_input_tokens'], 128_000)
    const all = partOf(await call('GET', 'supported-models'), 'models') as Record<string, unknown>[]
    assert.ok(
      all.some(({ provider }) => provider === 'anthropic') && all.some(({ provider }) => provider === 'bedrock'),
    )
    assert.deepEqual(partOf(await call('GET', 'supported-models', { provider: 'nobody' }), 'models'), [])
  })

  it('a budget is made, changed in its amount and action alone, listed and removed', async () => {
    const given = {
      budget_unit: 'USD',
      budget_amount: 12.5,
      duration: { unit: 'MONTHS', value: 1 },
      target_scope: 'USER',
      target_value: 'ada',
      budget_action: 2,
    }
    const made = partOf(await call('POST', 'budgets/create', given), 'budget_policy') as Record<string, unknown>
    const { budget_policy_id, created_at, last_updated_at, created_by, last_updated_by, ...said } = made
    assert.deepEqual(said, { ...given, budget_action: 'REJECT' })
    assert.deepEqual([last_updated_at, last_updated_by, created_by], [created_at, 'admin', 'admin'])
    assert.deepEqual((await call('GET', 'budgets/get', { budget_policy_id }, 'viewer')).body, { budget_policy: made })
    const update = { budget_policy_id, budget_amount: 0.1, budget_action: 'ALERT', duration: given.duration }
    const changed = partOf(await call('POST', 'budgets/update', update), 'budget_policy')
    assert.deepEqual(changed, { ...made, budget_amount: 0.1, budget_action: 'ALERT' })
    assert.deepEqual((await call('GET', 'budgets/list', {}, 'viewer')).body, { budget_policies: [changed] })
    assert.deepEqual((await call('GET', 'budgets/windows')).body, { windows: [] })
    for (const [sent, message] of [
      [{ duration: { unit: 'DAYS', value: 1 } }, /duration of a budget policy cannot be changed/],
      [{ target_scope: 'WORKSPACE' }, /target of a budget policy cannot be changed/],
      [{ target_value: 'bea' }, /target of a budget policy cannot be changed/],
      [{ budget_amount: -1 }, /Invalid budget_amount: -1/],
    ] as const)
      await assertRefused(call('POST', 'budgets/update', { budget_policy_id, ...sent }), INVALID, message)
    for (const [sent, message] of [
      [{ duration: { unit: 'MINUTES', value: 5 } }, /Invalid duration: 5 MINUTES/],
      [{ duration: { unit: 'DAYS', value: 2 } }, /Invalid duration: 2 DAYS/],
      [{ target_scope: 'GLOBAL', target_value: undefined }, /Invalid target_scope: GLOBAL/],
      [{ target_scope: 'WORKSPACE' }, /target_value can only be set/],
      [{ target_value: undefined }, /target_value is required/],
      [{ budget_amount: 1e30 }, /Invalid budget_amount/],
    ] as const)
      await assertRefused(call('POST', 'budgets/create', { ...given, ...sent }), INVALID, message)
    await assertRefused(call('POST', 'budgets/create', given, 'maintainer'), FORBIDDEN, /maintainer/)
    assert.deepEqual((await call('DELETE', 'budgets/delete', { budget_policy_id })).body, {})
    await assertRefused(call('GET', 'budgets/get', { budget_policy_id }), MISSING, /Budget policy not found/)
  })

  it('a secret is made, shown by id and by name, listed, set anew and deleted', async () => {
    assert.deepEqual((await call('GET', 'secrets/config', {}, 'viewer')).body, {
      secrets_available: true,
      using_default_passphrase: false,
    })
    const id = await newSecret()
    const shown = await call('GET', 'secrets/get', { secret_id: id })
    assert.deepEqual(partOf(shown, 'secret', 'masked_values'), { api_key: 'sk-...0123' })
    const secret_name = partOf(shown, 'secret', 'secret_name')
    assert.deepEqual((await call('GET', 'secrets/get', { secret_name })).body, shown.body)
    const elsewhere = { secret_id: id, auth_config: { api_base: 'https://x' } }
    await assertRefused(
      call('POST', 'secrets/update', elsewhere),
      INVALID,
      /auth_config\.api_base: .*the key given again/,
    )
    const changed = await call('POST', 'secrets/update', { secret_id: id, auth_config: { idle_ms: '9' } })
    assert.deepEqual(partOf(changed, 'secret', 'auth_config'), { idle_ms: '9' })
    assert.deepEqual(partOf(changed, 'secret', 'masked_values'), { api_key: 'sk-...0123' })
    assert.ok(
      idsIn(partOf(await call('GET', 'secrets/list', { provider: 'openai' }), 'secrets'), 'secret_id').includes(id),
    )
    assert.deepEqual((await call('GET', 'secrets/list', { provider: 'none' })).body, { secrets: [] })
    assert.deepEqual((await call('DELETE', 'secrets/delete', { secret_id: id })).body, {})
    await assertRefused(call('GET', 'secrets/get', { secret_id: id }), MISSING, /Secret not found/)
  })

  it('a definition is made, changed, listed and deleted', async () => {
    const model_definition_id = await newDefinition()
    const shown = await call('GET', 'model-definitions/get', { model_definition_id }, 'viewer')
    const secret_id = partOf(shown, 'model_definition', 'secret_id')
    const change = { model_definition_id, provider: 'azure' }
    assert.equal(
      partOf(await call('POST', 'model-definitions/update', change), 'model_definition', 'provider'),
      'azure',
    )
    const listed = await call('GET', 'model-definitions/list', { provider: 'azure', secret_id }, 'viewer')
    assert.deepEqual(idsIn(partOf(listed, 'model_definitions'), 'model_definition_id'), [model_definition_id])
    assert.deepEqual((await call('DELETE', 'model-definitions/delete', { model_definition_id })).body, {})
    await assertRefused(
      call('GET', 'model-definitions/get', { model_definition_id }),
      MISSING,
      /Model definition not found/,
    )
  })

  it('an endpoint takes the numbers and the names of protobuf’s words alike', async () => {
    const model_definition_id = await newDefinition()
    for (const [linkage_type, routing_strategy, strategy] of [
      [2, 1, 1],
      ['2', '1', '1'],
      ['FALLBACK', 'REQUEST_BASED_TRAFFIC_SPLIT', 'SEQUENTIAL'],
    ]) {
      const made = await call('POST', 'endpoints/create', {
        name: `endpoint ${names++}`,
        model_configs: [{ model_definition_id, linkage_type, weight: '0.5', fallback_order: '3' }],
        routing_strategy,
        fallback_config: { strategy, max_attempts: 2 },
        usage_tracking: 'false',
      })
      const mapping = partOf(made, 'endpoint', 'model_mappings', 0) as Record<string, unknown>
      assert.deepEqual([mapping['linkage_type'], mapping['weight'], mapping['fallback_order']], ['FALLBACK', 0.5, 3])
      assert.equal(partOf(made, 'endpoint', 'routing_strategy'), 'REQUEST_BASED_TRAFFIC_SPLIT')
      assert.deepEqual(partOf(made, 'endpoint', 'fallback_config'), { strategy: 'SEQUENTIAL', max_attempts: 2 })
      assert.equal(partOf(made, 'endpoint', 'usage_tracking'), false)
    }
  })

  it('an endpoint is shown, changed, given and rid of models, listed and deleted', async () => {
    const endpoint_id = await newEndpoint()
    const changed = await call('POST', 'endpoints/update', { endpoint_id, name: 'changed over HTTP' })
    assert.deepEqual((await call('GET', 'endpoints/get', { name: 'changed over HTTP' }, 'viewer')).body, changed.body)
    const model_definition_id = await newDefinition()
    const attached = await call('POST', 'endpoints/models/attach', {
      endpoint_id,
      model_config: { model_definition_id },
    })
    assert.equal(partOf(attached, 'mapping', 'model_definition', 'model_definition_id'), model_definition_id)
    const secret_id = partOf(attached, 'mapping', 'model_definition', 'secret_id')
    const listed = await call('GET', 'endpoints/list', { secret_id, provider: 'openai' }, 'viewer')
    assert.deepEqual(idsIn(partOf(listed, 'endpoints'), 'endpoint_id'), [endpoint_id])
    assert.deepEqual((await call('POST', 'endpoints/models/detach', { endpoint_id, model_definition_id })).body, {})
    assert.deepEqual((await call('GET', 'endpoints/list', { secret_id })).body, { endpoints: [] })
    assert.deepEqual((await call('DELETE', 'endpoints/delete', { endpoint_id })).body, {})
    await assertRefused(call('GET', 'endpoints/get', { endpoint_id }), MISSING, /Endpoint not found/)
  })

  it('bindings and tags are made, shown and taken away', async () => {
    const endpoint_id = await newEndpoint()
    const binding = { endpoint_id, resource_type: 'scorer', resource_id: 's-1' }
    const made = await call('POST', 'endpoints/bindings/create', binding)
    const listed = await call('GET', 'endpoints/bindings/list', { resource_id: 's-1' }, 'viewer')
    assert.deepEqual(partOf(listed, 'bindings'), [partOf(made, 'binding')])
    assert.deepEqual((await call('DELETE', 'endpoints/bindings/delete', binding)).body, {})
    assert.deepEqual((await call('GET', 'endpoints/bindings/list', { endpoint_id })).body, { bindings: [] })
    await call('POST', 'endpoints/set-tag', { endpoint_id, key: 'bare' })
    await call('POST', 'endpoints/set-tag', { endpoint_id, key: 'full', value: 'v' })
    const tags = async () => partOf(await call('GET', 'endpoints/get', { endpoint_id }), 'endpoint', 'tags')
    assert.deepEqual(await tags(), [
      { key: 'bare', value: '' },
      { key: 'full', value: 'v' },
    ])
    assert.deepEqual((await call('DELETE', 'endpoints/delete-tag', { endpoint_id, key: 'bare' })).body, {})
    assert.deepEqual(await tags(), [{ key: 'full', value: 'v' }])
  })

  const MODEL = { model_definition_id: 'd-1' }
  for (const [path, sent, text] of [
    ['secrets/create', { secret_value: { a: 'b' } }, /'secret_name'/],
    ['secrets/create', { secret_name: 'x' }, /'secret_value'/],
    ['secrets/create', { secret_name: 'x', secret_value: {} }, /'secret_value'/],
    ['secrets/update', { secret_value: { a: 'b' } }, /'secret_id'/],
    ['model-definitions/create', { name: 'x', secret_id: 's', provider: 'p' }, /'model_name'/],
    ['model-definitions/update', { name: 'x' }, /'model_definition_id'/],
    ['endpoints/create', { model_configs: [MODEL] }, /'name'/],
    ['endpoints/create', { name: 'x' }, /at least one model configuration/],
    ['endpoints/create', { name: 'x', model_configs: [{}] }, /'model_configs\[0\]\.model_definition_id'/],
    [
      'endpoints/create',
      { name: 'x', model_configs: [{ ...MODEL, linkage_type: 'CHAIN' }] },
      /model_configs\[0\]\.linkage_type/,
    ],
    [
      'endpoints/create',
      { name: 'x', model_configs: [{ ...MODEL, linkage_type: 3 }] },
      /model_configs\[0\]\.linkage_type/,
    ],
    ['endpoints/create', { name: 'x', model_configs: [{ ...MODEL, weight: 'heavy' }] }, /model_configs\[0\]\.weight/],
    ['endpoints/create', { name: 'x', model_configs: [MODEL], routing_strategy: 'RANDOM' }, /'routing_strategy'/],
    [
      'endpoints/create',
      { name: 'x', model_configs: [MODEL], fallback_config: { strategy: 2 } },
      /fallback_config\.strategy/,
    ],
    ['endpoints/create', { name: 'x', model_configs: [MODEL], usage_tracking: 'maybe' }, /maybe.*'true' or 'false'/],
    ['endpoints/models/attach', { endpoint_id: 'e' }, /'model_config'/],
    ['endpoints/models/detach', { endpoint_id: 'e' }, /'model_definition_id'/],
    ['endpoints/bindings/create', { endpoint_id: 'e', resource_type: 'scorer' }, /'resource_id'/],
    ['endpoints/set-tag', { endpoint_id: 'e', value: 'v' }, /'key'/],
  ] as const) {
    it(`${path} refuses ${JSON.stringify(sent)}`, () => assertRefused(call('POST', path, sent), INVALID, text))
  }

  it('no refusal repeats the value of a secret', async () => {
    for (const secret_value of [KEY, [KEY], { api_key: { nested: KEY } }, { api_key: KEY, n: 5 }]) {
      const { status, body } = await call('POST', 'secrets/create', { secret_name: 'x', secret_value })
      assert.equal(status, 400, JSON.stringify(body))
      assert.match(String(body['message']), /secret_value/)
      assert.ok(!JSON.stringify(body).includes(KEY), JSON.stringify(body))
    }
  })

  it('who may not change settings does not see secrets either, and a program that predicts sees no settings', async () => {
    const [secret_id, endpoint_id, model_definition_id] = [
      await newSecret(),
      await newEndpoint(),
      await newDefinition(),
    ]
    const tag = { endpoint_id, key: 'k', value: 'v' }
    const binding = { endpoint_id, resource_type: 'scorer', resource_id: 's' }
    const guarded: (readonly [string, string, object])[] = [
      ['GET', 'secrets/get', { secret_id }],
      ['GET', 'secrets/list', {}],
      ['POST', 'secrets/create', { secret_name: 'x', secret_value: { a: 'b' } }],
      ['POST', 'secrets/update', { secret_id, auth_config: {} }],
      ['DELETE', 'secrets/delete', { secret_id }],
      ['POST', 'model-definitions/create', { name: 'x', secret_id, provider: 'p', model_name: 'm' }],
      ['POST', 'model-definitions/update', { model_definition_id, name: 'x' }],
      ['DELETE', 'model-definitions/delete', { model_definition_id }],
      ['POST', 'endpoints/create', { name: 'x', model_configs: [{ model_definition_id }] }],
      ['POST', 'endpoints/update', { endpoint_id, name: 'x' }],
      ['DELETE', 'endpoints/delete', { endpoint_id }],
      ['POST', 'endpoints/models/attach', { endpoint_id, model_config: { model_definition_id } }],
      ['POST', 'endpoints/models/detach', { endpoint_id, model_definition_id }],
      ['POST', 'endpoints/bindings/create', binding],
      ['DELETE', 'endpoints/bindings/delete', binding],
      ['POST', 'endpoints/set-tag', tag],
      ['DELETE', 'endpoints/delete-tag', tag],
    ]
    for (const role of ['viewer', 'contributor', 'service'] as const) {
      for (const [method, path, sent] of guarded) {
        await assertRefused(call(method, path, sent, role), FORBIDDEN, new RegExp(role))
      }
    }
    const told: (readonly [string, object])[] = [
      ['model-definitions/get', { model_definition_id }],
      ['model-definitions/list', {}],
      ['endpoints/get', { endpoint_id }],
      ['endpoints/list', {}],
      ['endpoints/bindings/list', {}],
      ['budgets/list', {}],
      ['budgets/windows', {}],
    ]
    for (const [path, sent] of told) {
      assert.equal((await call('GET', path, sent, 'viewer')).status, 200, path)
      await assertRefused(call('GET', path, sent, 'service'), FORBIDDEN, /service/)
    }
    assert.equal((await call('GET', 'endpoints/get', { endpoint_id })).status, 200)
    assert.equal((await call('GET', 'secrets/get', { secret_id })).status, 200)
  })
})

describe('a server without a key to seal with', () => {
  let served: ServedRoutes
  const call = mlflowCalls(() => served)
  before(async () => {
    served = await serveRoutes(['admin'], llmRoutes)
  })
  after(() => served.stop())

  it('says so before a secret is sent, and refuses one that is', async () => {
    const config = await call('GET', `${GATEWAY}/secrets/config`)
    assert.equal(partOf(config, 'secrets_available'), false)
    const given = { secret_name: 'x', secret_value: { api_key: KEY } }
    const code = [501, 'NOT_IMPLEMENTED'] as const
    await assertRefused(call('POST', `${GATEWAY}/secrets/create`, given), code, /no key to seal secrets with/)
    assert.deepEqual((await call('GET', `${GATEWAY}/secrets/list`)).body, { secrets: [] })
  })
})
