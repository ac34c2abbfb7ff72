/** Cases: the route that gateways get: equal whether MLflow's calls or Slipway's own made the settings, whole, and without a readable key. */
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Problem } from '../../contract/errors.ts'
import { NewEndpoint, NewProvider } from '../../contract/llm/providers.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { resetLlm } from '../removal.ts'
import { createDefinition } from '../settings/definitions.ts'
import { createEndpoint, deleteEndpoint, updateEndpoint } from '../settings/endpoints.ts'
import type { EndpointGiven, Fallback } from '../settings/endpoints.ts'
import { createPlainEndpoint } from '../settings/plain-endpoints.ts'
import { createProvider, removeProvider } from '../settings/plain-providers.ts'
import { createSecret, deleteSecret } from '../settings/secrets.ts'
import { config, NOTHING } from '../settings/settings.fixture.ts'
import type { Definition, Endpoint, Secret } from '../settings/settings.fixture.ts'
import { roomWithTokens } from '../keys/room.fixture.ts'
import { listEndpointStates, listPrices, listProviders } from './listing.ts'
import { llmRoute } from './route.ts'
import { vendorMeant } from './vendor.ts'

const KEY = 'sk-live-0123456789'
const code = (wanted: string) => (error: unknown) => {
  assert.equal((error as Problem).code, wanted, String(error))
  return true
}

export function routeCases(bench: Bench): void {
  describe('the route of language models', () => {
    beforeEach(() => resetLlm(bench.room.db))

    const room = () => roomWithTokens(bench)
    const red = () => bench.member('red')
    const route = () => llmRoute(room())

    /** By MLflow's calls: a secret with a definition. */
    async function mlflow(given: { provider: string; model_name: string; auth?: Record<string, string>; of?: string }) {
      // lists are in the order of making
      bench.wait(1)
      const { provider, model_name, auth, of = provider } = given
      const values = {
        secret_name: `${of} ${model_name}`,
        secret_value: { api_key: KEY },
        provider: of,
        auth_config: auth,
      }
      const { secret_id } = (await createSecret(room(), red(), values)) as Secret
      const wanted = { name: `${provider} ${model_name}`, secret_id, provider, model_name }
      return { secret_id, definition: (await createDefinition(room(), red(), wanted)) as Definition }
    }
    const provider = (given: object) => createProvider(room(), red(), NewProvider.parse(given))
    const endpoint = (given: object) => createPlainEndpoint(room(), red(), NewEndpoint.parse(given))

    it('is made of settings that MLflow’s calls made', async () => {
      const openai = await mlflow({ provider: 'openai', model_name: 'gpt-4o-mini' })
      const claude = await mlflow({ provider: 'anthropic', model_name: 'claude-sonnet-4-6' })
      await createEndpoint(room(), red(), {
        ...NOTHING,
        name: 'chat',
        model_configs: [
          config(openai.definition, { weight: 3 }),
          config(claude.definition, { linkage_type: 'FALLBACK', fallback_order: 7 }),
          config(openai.definition, { linkage_type: 'FALLBACK', fallback_order: 2 }),
        ],
        fallback_config: { strategy: 'SEQUENTIAL', max_attempts: 1 },
      })
      const { providers, endpoints, keys, budgets, allow } = await route()
      assert.deepEqual(
        providers.map(({ id, kind, base_url, settings }) => ({ id, kind, base_url, settings })),
        [
          { id: openai.secret_id, kind: 'openai', base_url: 'https://api.openai.com/v1', settings: {} },
          { id: claude.secret_id, kind: 'anthropic', base_url: 'https://api.anthropic.com', settings: {} },
        ],
      )
      const [chat] = endpoints
      assert.deepEqual([endpoints.length, chat?.name, chat?.project, chat?.attempts], [1, 'chat', 'red', 2])
      assert.match(chat?.experiment ?? '', /^\d+$/)
      assert.deepEqual(
        chat?.models.map(({ provider: of, model, weight, fallback }) => [of, model, weight, fallback]),
        [
          [openai.secret_id, 'gpt-4o-mini', 3, null],
          [claude.secret_id, 'claude-sonnet-4-6', 1, 1],
          [openai.secret_id, 'gpt-4o-mini', 1, 0],
        ],
      )
      assert.equal(chat?.models[0]?.price?.input, 150_000)
      assert.deepEqual([keys, budgets, allow], [[], [], []])
    })

    it('is made of settings that Slipway’s own calls made, which MLflow’s see too', async () => {
      await provider({ name: 'local', provider: 'ollama' })
      await provider({ name: 'cloud', provider: 'openai', api_key: KEY, base_url: 'http://10.0.0.7:9000/v1/' })
      await endpoint({
        name: 'chat',
        models: [
          { provider: 'cloud', model: 'gpt-4o-mini', weight: 0.5 },
          { provider: 'local', model: 'llama3.1', fallback: 0 },
        ],
        trace: false,
      })
      const { providers, endpoints } = await route()
      const local = providers.find(({ name }) => name === 'local') ?? assert.fail()
      const cloud = providers.find(({ name }) => name === 'cloud') ?? assert.fail()
      assert.deepEqual([local.kind, local.base_url, local.sealed], ['openai', 'http://127.0.0.1:11434/v1', null])
      assert.deepEqual([cloud.base_url, cloud.settings], ['http://10.0.0.7:9000/v1', {}])
      assert.equal(room().open?.(cloud.sealed ?? '', `gateway secret ${cloud.id}`), JSON.stringify({ api_key: KEY }))
      const [chat] = endpoints
      assert.deepEqual([chat?.attempts, chat?.experiment], [2, null])
      assert.deepEqual(
        chat?.models.map((one) => [one.provider, one.model, one.weight, one.fallback, one.price?.output ?? null]),
        [
          [cloud.id, 'gpt-4o-mini', 0.5, null, 600_000],
          [local.id, 'llama3.1', 1, 0, null],
        ],
      )
    })

    it('has each model once as attempts, or what Slipway’s own calls said, or one more than the fallbacks that MLflow’s count', async () => {
      await provider({ name: 'local', provider: 'ollama' })
      const models = ['a', 'b', 'c'].map((model) => ({ provider: 'local', model }))
      const attempts = async (): Promise<readonly (readonly [string, number])[]> => {
        const listed = (await listEndpointStates(room(), red(), {})).map((one) => [one.name, one.attempts] as const)
        assert.deepEqual(
          (await route()).endpoints.map((one) => [one.name, one.attempts]),
          listed,
        )
        return listed
      }
      const { endpoint_id } = await endpoint({ name: 'all', models })
      assert.deepEqual(await attempts(), [['all', 3]])
      const change = async (more: Partial<EndpointGiven>) =>
        ((await updateEndpoint(room(), red(), { ...NOTHING, endpoint_id, ...more })) as Endpoint).fallback_config
      await change({ fallback_config: { strategy: 'SEQUENTIAL', max_attempts: 0 } })
      assert.deepEqual(await attempts(), [['all', 1]])
      await change({ fallback_config: { strategy: undefined, max_attempts: 2 ** 40 } })
      assert.deepEqual(await attempts(), [['all', 100]])
      await deleteEndpoint(room(), red(), endpoint_id)

      for (const own of [1, 2, 100]) {
        const made = await endpoint({ name: `own ${own}`, models, attempts: own })
        const update = async (more: Partial<EndpointGiven>) =>
          ((await updateEndpoint(room(), red(), { ...NOTHING, endpoint_id: made.endpoint_id, ...more })) as Endpoint)
            .fallback_config as Fallback | undefined
        // what MLflow's clients change, leave open or give back as they were told changes nothing of it
        const told = await update({ name: `own ${own}, renamed` })
        assert.deepEqual(told, { strategy: 'SEQUENTIAL', max_attempts: own - 1 })
        await update({ fallback_config: { strategy: 'SEQUENTIAL', max_attempts: undefined } })
        assert.deepEqual(await attempts(), [[`own ${own}, renamed`, own]])
        assert.deepEqual(await update({ fallback_config: told }), told)
        assert.deepEqual(await attempts(), [[`own ${own}, renamed`, own]])
        await deleteEndpoint(room(), red(), made.endpoint_id)
      }
    })

    it('is the same text again while nothing changes', async () => {
      await provider({ name: 'local', provider: 'vllm', base_url: 'http://gpu:8000/v1' })
      await endpoint({ name: 'chat', models: [{ provider: 'local', model: 'm' }] })
      assert.equal(JSON.stringify(await route()), JSON.stringify(await route()))
    })

    it('has an address that was kept among the secrets, and the settings that are none', async () => {
      const secret_value = { api_key: KEY, api_base: 'https://mine.openai.azure.com/' }
      const given = {
        secret_name: 'azure',
        secret_value,
        provider: 'azure',
        auth_config: { api_version: '2026-01-01' },
      }
      await createSecret(room(), red(), given)
      await provider({
        name: 'aws',
        provider: 'bedrock',
        credentials: { aws_access_key_id: 'AKIA', aws_secret_access_key: KEY },
        settings: { aws_region_name: 'eu-west-1' },
      })
      const { providers } = await route()
      assert.deepEqual(
        providers
          .map(({ kind, base_url, settings }) => ({ kind, base_url, settings }))
          .toSorted((a, b) => (a.kind < b.kind ? -1 : 1)),
        [
          { kind: 'azure', base_url: 'https://mine.openai.azure.com', settings: { api_version: '2026-01-01' } },
          {
            kind: 'bedrock',
            base_url: 'https://bedrock-runtime.eu-west-1.amazonaws.com',
            settings: { aws_region_name: 'eu-west-1' },
          },
        ],
      )
    })

    it('leaves out what cannot be called, and the lists say why', async () => {
      const own = await mlflow({ provider: 'my-server', model_name: 'm' })
      const vertex = await mlflow({ provider: 'vertex_ai', model_name: 'm' })
      const gone = await mlflow({ provider: 'openai', model_name: 'gpt-4o' })
      await deleteSecret(room(), red(), gone.secret_id)
      for (const [name, { definition }] of Object.entries({ own, vertex, gone }))
        await createEndpoint(room(), red(), {
          ...NOTHING,
          name,
          model_configs: [config(definition)],
          usage_tracking: false,
        })
      const { providers, endpoints } = await route()
      assert.deepEqual([providers, endpoints], [[], []])
      const faults = (await listProviders(room(), red(), {})).map(({ fault }) => fault ?? '').toSorted()
      assert.equal(faults.length, 2)
      assert.match(faults[0] ?? '', /^vertex_ai has an API that is not called yet/)
      assert.match(faults[1] ?? '', /where my-server is called is not known/)
      const states = await listEndpointStates(room(), red(), {})
      const faultOf = (name: string) => states.find((one) => one.name === name)?.models[0]?.fault ?? ''
      assert.match(faultOf('own'), /provider "my-server m": where my-server is called is not known/)
      assert.match(faultOf('gone'), /its provider was deleted/)
      assert.ok(states.every(({ fault }) => fault === 'none of its models can be called'))
    })

    it('speaks to a secret as its models say, and to one provider with one secret', async () => {
      const groq = await mlflow({ provider: 'groq', model_name: 'llama', of: 'openai' })
      bench.wait(1)
      const second = { name: 'other', secret_id: groq.secret_id, provider: 'mistral', model_name: 'mistral-large' }
      const other = (await createDefinition(room(), red(), second)) as Definition
      await createEndpoint(room(), red(), {
        ...NOTHING,
        name: 'chat',
        model_configs: [config(groq.definition), config(other)],
        usage_tracking: false,
      })
      const { providers, endpoints } = await route()
      assert.deepEqual(
        providers.map(({ base_url }) => base_url),
        ['https://api.groq.com/openai/v1'],
      )
      assert.deepEqual(
        endpoints[0]?.models.map(({ model }) => model),
        ['llama'],
      )
      const [state] = await listEndpointStates(room(), red(), {})
      const faults = state?.models.map(({ fault }) => fault)
      assert.equal(faults?.[0], null)
      assert.match(faults?.[1] ?? '', /called as groq, and this model is of mistral; make another provider/)
    })

    it('tells a project nothing of another’s', async () => {
      await provider({ name: 'local', provider: 'ollama' })
      await endpoint({ name: 'chat', models: [{ provider: 'local', model: 'm' }] })
      const blue = bench.member('blue')
      assert.deepEqual(await listProviders(room(), blue, {}), [])
      assert.deepEqual(await listProviders(room(), blue, { project: 'red' }), [])
      assert.deepEqual(await listEndpointStates(room(), blue, {}), [])
      assert.deepEqual(await listPrices(room(), blue), [])
      const stolen = NewEndpoint.parse({ name: 'x', models: [{ provider: 'local', model: 'm' }] })
      await assert.rejects(createPlainEndpoint(room(), blue, stolen), code('not_found'))
      await assert.rejects(createPlainEndpoint(room(), blue, { ...stolen, project: 'red' }), code('not_found'))
      const [{ id } = assert.fail()] = await listProviders(room(), red(), {})
      await assert.rejects(removeProvider(room(), blue, id), code('not_found'))
    })

    it('an endpoint is made whole or not at all', async () => {
      await provider({ name: 'local', provider: 'ollama' })
      const models = [
        { provider: 'local', model: 'm' },
        { provider: 'none', model: 'm' },
      ]
      await assert.rejects(endpoint({ name: 'chat', models }), code('not_found'))
      assert.deepEqual(await bench.room.db.all('SELECT * FROM gateway_model_definitions'), [])
      await endpoint({ name: 'chat', models: models.slice(0, 1) })
      await assert.rejects(endpoint({ name: 'chat', models: models.slice(0, 1) }), code('conflict'))
      // a definition is not made twice
      await endpoint({ name: 'other', models: models.slice(0, 1) })
      assert.equal((await bench.room.db.all('SELECT * FROM gateway_model_definitions')).length, 1)
    })

    it('a provider in use is not removed; one that is not goes with its definitions', async () => {
      const { secret_id } = await provider({ name: 'local', provider: 'ollama' })
      const { endpoint_id } = await endpoint({ name: 'chat', models: [{ provider: secret_id, model: 'm' }] })
      await assert.rejects(removeProvider(room(), red(), secret_id), /the provider is used by "chat"/)
      await bench.room.db.tx(async (t) => {
        await t.run('DELETE FROM gateway_mappings WHERE endpoint_id = ?', [endpoint_id])
        await t.run('DELETE FROM gateway_endpoints WHERE endpoint_id = ?', [endpoint_id])
      })
      await removeProvider(room(), red(), secret_id)
      assert.deepEqual(await bench.room.db.all('SELECT * FROM gateway_model_definitions'), [])
      assert.deepEqual(await bench.room.db.all('SELECT * FROM gateway_secrets'), [])
    })

    it('keeps keys sealed: in rows, lists, the route and the trail', async () => {
      await provider({ name: 'cloud', provider: 'openai', api_key: KEY })
      const found = JSON.stringify([
        await bench.room.db.all('SELECT * FROM gateway_secrets'),
        await bench.room.db.all('SELECT * FROM audit'),
        await listProviders(room(), bench.root, {}),
        await route(),
      ])
      assert.ok(found.includes('cloud'))
      assert.ok(!found.includes(KEY))
    })

    for (const [given, field] of [
      [{ provider: 'openai', base_url: 'ftp://x' }, 'base_url'],
      [{ provider: 'openai', base_url: 'nonsense' }, 'base_url'],
      [{ provider: 'openai', base_url: 'https://user:pass@host/v1' }, 'base_url'],
      [{ provider: 'openai', base_url: 'https://host/v1?key=1' }, 'base_url'],
      [{ provider: 'azure' }, 'provider'],
      [{ provider: 'bedrock', settings: { aws_region_name: 'a/b' } }, 'provider'],
      [{ provider: 'nobody-knows' }, 'provider'],
      [{ provider: 'openai', settings: { api_key: KEY } }, 'settings.api_key'],
    ] as const) {
      it(`refuses ${JSON.stringify(given).replace(KEY, 'KEY')} by ${field}`, () =>
        assert.rejects(provider({ name: 'x', ...given }), (error: Problem) => {
          assert.deepEqual([error.code, error.data['field']], ['invalid_field', field])
          assert.doesNotMatch(`${error.message} ${JSON.stringify(error.data)}`, /pass@|sk-live/)
          return true
        }))
    }

    it('takes a price by the name of a vendor or of a provider, whose vendor is meant then', async () => {
      bench.wait(1)
      await provider({ name: 'local', provider: 'Ollama' })
      await provider({ name: 'openai', provider: 'azure', base_url: 'https://x.openai.azure.com', api_key: KEY })
      await endpoint({ name: 'chat', models: [{ provider: 'local', model: 'llama3.1' }] })
      const groq = await mlflow({ provider: 'groq', model_name: 'llama', of: 'my-keys' })
      const second = { name: 'second', secret_id: groq.secret_id, provider: 'mistral', model_name: 'large' }
      await createDefinition(room(), red(), second)
      const meant = (name: string, model = 'any', who = red()) =>
        vendorMeant(bench.room.db, who, { provider: name, model })
      for (const [name, vendor] of [
        ['local', 'ollama'],
        ['ollama', 'ollama'],
        ['OpenAI', 'openai'],
        // a vendor comes first
        ['openai', 'openai'],
        ['vllm', 'vllm'],
        ['databricks', 'databricks'],
        ['my-keys', 'my-keys'],
      ] as const)
        assert.equal(await meant(name), vendor, name)
      const secret = groq.secret_id
      await bench.room.db.tx((t) =>
        t.run("UPDATE gateway_secrets SET provider = NULL, secret_name = 'team keys' WHERE secret_id = ?", [secret]),
      )
      assert.deepEqual([await meant('team keys', 'llama'), await meant('team keys', 'large')], ['groq', 'mistral'])
      await assert.rejects(meant('team keys'), /provider: got team keys, expected one vendor: .* as groq, mistral/)
      await assert.rejects(meant('locl'), (error: Problem) => {
        assert.deepEqual([error.code, error.data['field']], ['invalid_field', 'provider'])
        assert.match(error.message, /a vendor such as openai, or a provider: local, openai, team keys/)
        return true
      })
      await assert.rejects(meant('local', 'any', bench.member('blue')), /of which there is none yet/)
    })

    it('shows what each model in use costs, unknown ones as unknown', async () => {
      await provider({ name: 'cloud', provider: 'openai', api_key: KEY })
      await provider({ name: 'local', provider: 'ollama' })
      const models = [
        { provider: 'cloud', model: 'gpt-4o-mini' },
        { provider: 'local', model: 'm' },
      ]
      await endpoint({ name: 'a', models })
      await endpoint({ name: 'b', models: models.slice(0, 1) })
      const shown = await listPrices(room(), red())
      assert.deepEqual(
        shown.map((one) => [one.provider, one.model, one.status, one.price?.input ?? null, one.conflict]),
        [
          ['ollama', 'm', 'unknown', null, false],
          ['openai', 'gpt-4o-mini', 'known', '0.15', false],
        ],
      )
      assert.deepEqual(shown[1]?.endpoints.toSorted(), ['a', 'b'])
    })
  })
}
