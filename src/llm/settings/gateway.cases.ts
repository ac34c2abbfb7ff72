/** Cases: settings of MLflow's gateway. Secrets stay sealed, projects apart, and what is used is not pulled from under its user. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { refused } from '../../tracking/bench.cases.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { createDefinition, deleteDefinition, getDefinition, listDefinitions, updateDefinition } from './definitions.ts'
import { attachModel, deleteEndpoint, detachModel, getEndpoint, listEndpoints, updateEndpoint } from './endpoints.ts'
import { bindEndpoint, deleteEndpointTag, listBindings, setEndpointTag, unbindEndpoint } from './links.ts'
import { createSecret, deleteSecret, getSecret, listSecrets, updateSecret } from './secrets.ts'
import { config, KEY, NOTHING, settingsMaker } from './settings.fixture.ts'
import type { Definition, Endpoint, Secret } from './settings.fixture.ts'

export function gatewayCases(bench: Bench): void {
  describe('settings of the gateway', () => {
    const { secret, definition, endpoint, name } = settingsMaker(bench, 'gateway')

    describe('secrets', () => {
      it('are shown masked only, and lie sealed in the database', async () => {
        const made = await secret()
        const shown = JSON.stringify(made)
        assert.match(shown, /"api_key":"sk-\.\.\.6789"/)
        assert.match(shown, /"pin":"\*\*\*"/)
        assert.ok(!shown.includes(KEY))
        const row = await bench.room.db.get<{ sealed: string; masked: string }>(
          'SELECT sealed, masked FROM gateway_secrets WHERE secret_id = ?',
          [made.secret_id],
        )
        assert.ok(row !== undefined && !row.sealed.includes(KEY) && !row.masked.includes(KEY))
        const audit = await bench.room.db.all('SELECT * FROM audit')
        assert.ok(!JSON.stringify(audit).includes(KEY))
      })

      it('are set anew in part, always with a later time', async () => {
        const made = await secret()
        const change = {
          secret_id: made.secret_id,
          secret_value: undefined,
          auth_config: { api_base: 'https://api.example', api_version: '2' },
        }
        const once = (await updateSecret(bench.room, bench.root, change)) as Secret & { masked_values: object }
        assert.deepEqual(once.masked_values, { api_key: 'sk-...6789', pin: '***' })
        const twice = (await updateSecret(bench.room, bench.root, {
          ...change,
          secret_value: { api_key: 'another-key-9999' },
        })) as Secret & { masked_values: object }
        assert.deepEqual(twice.masked_values, { api_key: 'ano...9999' })
        assert.ok(made.last_updated_at < once.last_updated_at && once.last_updated_at < twice.last_updated_at)
      })

      it('are refused without a value, without a name, and twice by one name in a project', async () => {
        const given = {
          secret_name: 'one name',
          secret_value: { api_key: KEY },
          provider: undefined,
          auth_config: undefined,
        }
        await createSecret(bench.room, bench.root, given)
        await refused(
          createSecret(bench.room, bench.root, given),
          'RESOURCE_ALREADY_EXISTS',
          /'one name' already exists/,
        )
        await createSecret(bench.room, bench.member('blue'), given)
        const empty = createSecret(bench.room, bench.root, { ...given, secret_name: 'x', secret_value: {} })
        await refused(empty, 'INVALID_PARAMETER_VALUE', /secret_value/)
        const blank = createSecret(bench.room, bench.root, { ...given, secret_name: '  ' })
        await refused(blank, 'INVALID_PARAMETER_VALUE', /cannot be empty/)
        const long = createSecret(bench.room, bench.root, { ...given, secret_name: 'x'.repeat(256) })
        await refused(long, 'INVALID_PARAMETER_VALUE', /secret_name/)
      })

      it('of another project do not exist', async () => {
        const { secret_id } = await secret(bench.member('red'), 'of red')
        const blue = bench.member('blue')
        const by = { id: secret_id, name: undefined }
        await refused(getSecret(bench.room, blue, by), 'RESOURCE_DOES_NOT_EXIST', /not found/)
        await refused(deleteSecret(bench.room, blue, secret_id), 'RESOURCE_DOES_NOT_EXIST', /not found/)
        const given = { name: 'm', secret_id, provider: 'openai', model_name: 'gpt-x' }
        await refused(createDefinition(bench.room, blue, given), 'RESOURCE_DOES_NOT_EXIST', /not found/)
        const listed = (await listSecrets(bench.room, blue, undefined)) as Secret[]
        assert.ok(listed.every((one) => one.secret_id !== secret_id))
        const both = getSecret(bench.room, bench.root, { id: secret_id, name: 'of red' })
        await refused(both, 'INVALID_PARAMETER_VALUE', /Exactly one/)
      })

      it('leave their definitions behind when they are deleted', async () => {
        const made = await definition()
        const [row] = (
          await listDefinitions(bench.room, bench.root, { provider: undefined, secret_id: undefined })
        ).filter((one) => (one as Definition).model_definition_id === made.model_definition_id) as (Definition & {
          secret_id: string
        })[]
        await deleteSecret(bench.room, bench.root, row?.secret_id ?? '')
        const left = (await getDefinition(bench.room, bench.root, made.model_definition_id)) as { secret_id?: string }
        assert.equal(left.secret_id, undefined)
      })
    })

    describe('definitions and endpoints', () => {
      let one: Definition
      let two: Definition
      before(async () => {
        one = await definition()
        two = await definition()
      })

      it('a definition in use is not deleted, one in none is', async () => {
        const made = await endpoint([one])
        await refused(deleteDefinition(bench.room, bench.root, one.model_definition_id), 'INVALID_STATE', /Detach it/)
        await deleteEndpoint(bench.room, bench.root, made.endpoint_id)
        const free = await definition()
        await deleteDefinition(bench.room, bench.root, free.model_definition_id)
        await refused(
          getDefinition(bench.room, bench.root, free.model_definition_id),
          'RESOURCE_DOES_NOT_EXIST',
          /not found/,
        )
      })

      it('what is not given of a definition stays', async () => {
        const changed = (await updateDefinition(bench.room, bench.root, {
          model_definition_id: two.model_definition_id,
          name: undefined,
          secret_id: undefined,
          provider: 'azure',
          model_name: undefined,
        })) as Definition & { provider: string; model_name: string }
        assert.deepEqual(
          [changed.provider, changed.model_name, changed.secret_name],
          ['azure', 'gpt-x', two.secret_name],
        )
      })

      it('an endpoint has models in order, an experiment of its name unless nobody counts, and keeps the last model', async () => {
        const made = await endpoint([one, two], { fallback_config: { strategy: 'SEQUENTIAL', max_attempts: 2 } })
        assert.deepEqual(
          made.model_mappings.map((mapping) => [mapping.model_definition_id, mapping.weight]),
          [
            [one.model_definition_id, 1],
            [two.model_definition_id, 1],
          ],
        )
        assert.notEqual(made.experiment_id, undefined)
        assert.equal((await endpoint([one], { usage_tracking: false })).experiment_id, undefined)
        await detachModel(bench.room, bench.root, made.endpoint_id, one.model_definition_id)
        const last = detachModel(bench.room, bench.root, made.endpoint_id, two.model_definition_id)
        await refused(last, 'INVALID_PARAMETER_VALUE', /delete the endpoint/)
        const still = (await getEndpoint(bench.room, bench.root, { id: made.endpoint_id, name: undefined })) as Endpoint
        assert.equal(still.model_mappings.length, 1, 'a refused change leaves nothing behind')
        const again = attachModel(bench.room, bench.root, made.endpoint_id, config(two))
        await refused(again, 'INVALID_PARAMETER_VALUE', /already attached/)
      })

      it('bad weights, no models and foreign models are refused whole', async () => {
        for (const weight of [-1, Number.NaN, Infinity]) {
          const bad = endpoint([], { model_configs: [config(one, { weight })] })
          await refused(bad, 'INVALID_PARAMETER_VALUE', /Invalid weight/)
        }
        await refused(endpoint([]), 'INVALID_PARAMETER_VALUE', /at least one model/)
        const foreign = await definition(bench.member('red'))
        const blue = endpoint([foreign], {}, bench.member('blue'))
        await refused(blue, 'RESOURCE_DOES_NOT_EXIST', /not found/)
        const made = await endpoint([one])
        const change = updateEndpoint(bench.room, bench.root, {
          ...NOTHING,
          endpoint_id: made.endpoint_id,
          model_configs: [config(one), config(one)],
        })
        await refused(change, 'INVALID_PARAMETER_VALUE', /already attached/)
        const still = (await getEndpoint(bench.room, bench.root, { id: made.endpoint_id, name: undefined })) as Endpoint
        assert.equal(still.model_mappings.length, 1)
      })

      it('are found by the secret and the provider behind them', async () => {
        const { secret_id } = await secret()
        const given = { name: name(), secret_id, provider: 'mistral', model_name: 'm' }
        const own = (await createDefinition(bench.room, bench.root, given)) as Definition
        const made = await endpoint([own])
        for (const of of [
          { provider: undefined, secret_id },
          { provider: 'mistral', secret_id: undefined },
          { provider: 'mistral', secret_id },
        ]) {
          const found = (await listEndpoints(bench.room, bench.root, of)) as Endpoint[]
          assert.deepEqual(
            found.map((each) => each.endpoint_id),
            [made.endpoint_id],
          )
        }
        assert.deepEqual(await listEndpoints(bench.room, bench.root, { provider: 'openai', secret_id }), [])
      })

      it('bindings and tags live and die with their endpoint', async () => {
        const { endpoint_id } = await endpoint([one])
        const binding = { endpoint_id, resource_type: 'scorer', resource_id: 's1' }
        await bindEndpoint(bench.room, bench.root, binding)
        await refused(bindEndpoint(bench.room, bench.root, binding), 'RESOURCE_ALREADY_EXISTS', /already/)
        const kind = bindEndpoint(bench.room, bench.root, { ...binding, resource_type: 'teapot' })
        await refused(kind, 'INVALID_PARAMETER_VALUE', /resource_type 'teapot'/)
        const all = { endpoint_id, resource_type: undefined, resource_id: undefined }
        assert.equal((await listBindings(bench.room, bench.root, all)).length, 1)
        assert.equal((await listBindings(bench.room, bench.member('blue'), all)).length, 0)
        await unbindEndpoint(bench.room, bench.root, binding)
        await refused(unbindEndpoint(bench.room, bench.root, binding), 'RESOURCE_DOES_NOT_EXIST', /no such binding/)
        await setEndpointTag(bench.room, bench.root, { endpoint_id, key: 'team', value: 'a' })
        await setEndpointTag(bench.room, bench.root, { endpoint_id, key: 'team', value: 'b' })
        const by = { id: endpoint_id, name: undefined }
        assert.deepEqual(((await getEndpoint(bench.room, bench.root, by)) as Endpoint).tags, [
          { key: 'team', value: 'b' },
        ])
        await deleteEndpointTag(bench.room, bench.root, { endpoint_id, key: 'team' })
        assert.deepEqual(((await getEndpoint(bench.room, bench.root, by)) as Endpoint).tags, [])
        await bindEndpoint(bench.room, bench.root, binding)
        await deleteEndpoint(bench.room, bench.root, endpoint_id)
        assert.equal((await listBindings(bench.room, bench.root, all)).length, 0)
        await refused(deleteEndpoint(bench.room, bench.root, endpoint_id), 'RESOURCE_DOES_NOT_EXIST', /not found/)
      })
    })
  })
}
