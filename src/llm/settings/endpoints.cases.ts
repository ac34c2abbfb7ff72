/** Cases: endpoints of language models: defaults, changes in part, models in order, the experiment to which use is logged. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { refused } from '../../tracking/bench.cases.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { createExperiment, getExperimentByName } from '../../tracking/experiments/experiments.ts'
import { attachModel, detachModel, getEndpoint, listEndpoints, updateEndpoint } from './endpoints.ts'
import type { EndpointGiven, ModelConfig } from './endpoints.ts'
import { config, NOTHING, settingsMaker } from './settings.fixture.ts'
import type { Definition, Endpoint, Mapping } from './settings.fixture.ts'

export function endpointCases(bench: Bench): void {
  describe('endpoints of language models', () => {
    const { definition, endpoint, name } = settingsMaker(bench, 'endpoints')
    let one: Definition
    let two: Definition
    before(async () => {
      one = await definition()
      two = await definition()
    })
    const get = async (id: string) => (await getEndpoint(bench.room, bench.root, { id, name: undefined })) as Endpoint
    const update = async (endpoint_id: string, more: Partial<EndpointGiven>, who = bench.root) =>
      (await updateEndpoint(bench.room, who, { ...NOTHING, endpoint_id, ...more })) as Endpoint
    const attach = async (id: string, model: ModelConfig) =>
      (await attachModel(bench.room, bench.root, id, model)) as Mapping
    const models = (of: Endpoint) => of.model_mappings.map((mapping) => mapping.model_definition_id)
    const experimentNamed = async (text: string, who = bench.root) =>
      (await getExperimentByName(bench.room, who, text)).experiment_id

    it('without more than a model, one is counted and splits nothing', async () => {
      const made = await endpoint([one])
      const { endpoint_id, experiment_id, model_mappings, ...rest } = made
      assert.match(endpoint_id, /^e-[0-9a-f]{32}$/)
      assert.equal(experiment_id, await experimentNamed(`gateway/${made.name}`))
      assert.deepEqual(Object.keys(rest).sort(), [
        'created_at',
        'created_by',
        'last_updated_at',
        'last_updated_by',
        'name',
        'tags',
        'usage_tracking',
      ])
      assert.equal(rest.usage_tracking, true)
      const [mapping] = model_mappings
      assert.match(mapping?.mapping_id ?? '', /^m-[0-9a-f]{32}$/)
      assert.deepEqual([mapping?.linkage_type, mapping?.weight, mapping?.fallback_order], ['PRIMARY', 1, undefined])
      assert.equal('position' in (mapping ?? {}), false)
      assert.deepEqual(mapping?.model_definition, one)
      assert.deepEqual(await get(endpoint_id), made)
      assert.deepEqual(await getEndpoint(bench.room, bench.root, { id: undefined, name: made.name }), made)
    })

    it('what is said of routing and models comes back', async () => {
      const fallback_config = { strategy: 'SEQUENTIAL', max_attempts: 3 }
      const model_configs = [
        config(one, { weight: 0 }),
        config(two, { weight: 0.25 }),
        config(one, { linkage_type: 'FALLBACK', fallback_order: 0 }),
      ]
      const routing_strategy = 'REQUEST_BASED_TRAFFIC_SPLIT'
      const made = await endpoint([], { model_configs, fallback_config, routing_strategy, usage_tracking: false })
      assert.deepEqual(
        [made.fallback_config, made.routing_strategy, made.usage_tracking],
        [fallback_config, routing_strategy, false],
      )
      assert.deepEqual(
        made.model_mappings.map((mapping) => [mapping.linkage_type, mapping.weight, mapping.fallback_order]),
        [
          ['PRIMARY', 0, undefined],
          ['PRIMARY', 0.25, undefined],
          ['FALLBACK', 1, 0],
        ],
      )
      assert.deepEqual(
        models(await get(made.endpoint_id)),
        [one, two, one].map((each) => each.model_definition_id),
      )
    })

    it('its use is logged to the experiment that is named, or of its name in its project, or to none', async () => {
      const experiment_id = await createExperiment(bench.room, bench.root, { name: name() })
      assert.equal((await endpoint([one], { experiment_id })).experiment_id, experiment_id)
      assert.equal((await endpoint([one], { experiment_id, usage_tracking: false })).experiment_id, experiment_id)
      await refused(endpoint([one], { experiment_id: '999999' }), 'RESOURCE_DOES_NOT_EXIST', /No Experiment/)
      const red = bench.member('red')
      const own = await endpoint([await definition(red)], { name: 'logged in red' })
      assert.equal(own.experiment_id, await experimentNamed('gateway/logged in red', red))
      const off = await endpoint([one], { usage_tracking: false })
      const on = await update(off.endpoint_id, { usage_tracking: true, name: 'counted later' })
      assert.equal(on.experiment_id, await experimentNamed('gateway/counted later'))
      const again = await update(off.endpoint_id, { usage_tracking: false })
      assert.deepEqual(
        [again.usage_tracking, again.experiment_id],
        [false, on.experiment_id],
        'what was logged stays found',
      )
      assert.equal((await update(off.endpoint_id, { experiment_id })).experiment_id, experiment_id)
    })

    it('what is not given of a change stays, the models too', async () => {
      const fallback_config = { strategy: 'SEQUENTIAL', max_attempts: 2 }
      const made = await endpoint([one, two], { fallback_config, routing_strategy: 'REQUEST_BASED_TRAFFIC_SPLIT' })
      const renamed = await update(made.endpoint_id, { name: 'renamed endpoint' }, { ...bench.root, name: 'ann' })
      assert.deepEqual(renamed, {
        ...made,
        name: 'renamed endpoint',
        last_updated_at: made.last_updated_at + 1,
        last_updated_by: 'ann',
      })
      assert.deepEqual(await get(made.endpoint_id), renamed)
      const changed = await update(made.endpoint_id, { fallback_config: { strategy: undefined, max_attempts: 9 } })
      assert.deepEqual(changed.fallback_config, { max_attempts: 9 })
      assert.deepEqual([changed.name, models(changed)], ['renamed endpoint', models(made)])
    })

    it('models that are given replace those before, in their order, or are refused together', async () => {
      const made = await endpoint([one, two])
      const swapped = await update(made.endpoint_id, { model_configs: [config(two), config(one)] })
      assert.deepEqual(
        models(swapped),
        [two, one].map((each) => each.model_definition_id),
      )
      const foreign = { ...one, model_definition_id: 'd-none' }
      const refusal = update(made.endpoint_id, { name: 'half changed', model_configs: [config(one), config(foreign)] })
      await refused(refusal, 'RESOURCE_DOES_NOT_EXIST', /Model definition not found/)
      const bad = update(made.endpoint_id, { name: 'half changed', model_configs: [config(one, { weight: -1 })] })
      await refused(bad, 'INVALID_PARAMETER_VALUE', /Invalid weight -1/)
      assert.deepEqual(await get(made.endpoint_id), swapped)
    })

    it('one name is taken once in a project, also by a rename; who sees all projects gets the default one', async () => {
      const made = await endpoint([one])
      const other = await endpoint([two])
      const taken = ['RESOURCE_ALREADY_EXISTS', /Endpoint with name '.*' already exists/] as const
      await refused(endpoint([two], { name: made.name }), ...taken)
      await refused(update(other.endpoint_id, { name: made.name }), ...taken)
      assert.equal((await get(other.endpoint_id)).name, other.name)
      const blue = bench.member('blue')
      const theirs = await endpoint([await definition(blue)], { name: made.name }, blue)
      const by = { id: undefined, name: made.name }
      assert.equal(((await getEndpoint(bench.room, bench.root, by)) as Endpoint).endpoint_id, made.endpoint_id)
      assert.equal(((await getEndpoint(bench.room, blue, by)) as Endpoint).endpoint_id, theirs.endpoint_id)
      await refused(
        getEndpoint(bench.room, blue, { id: made.endpoint_id, name: undefined }),
        'RESOURCE_DOES_NOT_EXIST',
        /not found/,
      )
      await refused(getEndpoint(bench.room, blue, { id: '', name: '' }), 'INVALID_PARAMETER_VALUE', /Exactly one/)
    })

    it('lies in the project of its first model when its maker has none', async () => {
      const [own, other] = [await definition(bench.member('red')), await definition(bench.member('blue'))]
      const made = await endpoint([own, other])
      const ids = async (project: 'red' | 'blue') => {
        const none = { provider: undefined, secret_id: undefined }
        return ((await listEndpoints(bench.room, bench.member(project), none)) as Endpoint[]).map(
          (each) => each.endpoint_id,
        )
      }
      assert.ok((await ids('red')).includes(made.endpoint_id))
      assert.ok(!(await ids('blue')).includes(made.endpoint_id))
    })

    it('a model is added behind the others, once in each part, and goes from all of them', async () => {
      const made = await endpoint([one])
      const added = await attach(
        made.endpoint_id,
        config(two, { linkage_type: 'FALLBACK', fallback_order: 2, weight: 3 }),
      )
      assert.deepEqual([added.linkage_type, added.fallback_order, added.weight], ['FALLBACK', 2, 3])
      assert.deepEqual(added.model_definition, two)
      await attach(made.endpoint_id, config(two))
      const twice = attach(made.endpoint_id, config(two, { linkage_type: 'FALLBACK' }))
      await refused(twice, 'INVALID_PARAMETER_VALUE', /already attached/)
      await refused(attach('e-none', config(two)), 'RESOURCE_DOES_NOT_EXIST', /Endpoint not found/)
      assert.deepEqual(
        models(await get(made.endpoint_id)),
        [one, two, two].map((each) => each.model_definition_id),
      )
      await detachModel(bench.room, bench.root, made.endpoint_id, two.model_definition_id)
      assert.deepEqual(models(await get(made.endpoint_id)), [one.model_definition_id])
      const gone = detachModel(bench.room, bench.root, made.endpoint_id, two.model_definition_id)
      await refused(gone, 'RESOURCE_DOES_NOT_EXIST', /is not attached to endpoint/)
    })

    it('taken from at once, one keeps its last model', async () => {
      const made = await endpoint([one, two])
      const taken = await Promise.allSettled(
        [one, two].map((each) => detachModel(bench.room, bench.root, made.endpoint_id, each.model_definition_id)),
      )
      assert.deepEqual(taken.map((each) => each.status).sort(), ['fulfilled', 'rejected'])
      assert.equal((await get(made.endpoint_id)).model_mappings.length, 1)
    })

    it('added to at once, one has each model at a place of its own', async () => {
      const made = await endpoint([one])
      const others = await Promise.all(Array.from({ length: 5 }, () => definition()))
      await Promise.all(others.map((each) => attach(made.endpoint_id, config(each))))
      const rows = await bench.room.db.all<{ position: number }>(
        'SELECT position FROM gateway_mappings WHERE endpoint_id = ? ORDER BY position',
        [made.endpoint_id],
      )
      assert.deepEqual(
        rows.map((row) => row.position),
        [0, 1, 2, 3, 4, 5],
      )
    })

    it('has at most 100 models, however they come', async () => {
      const linked = (count: number) =>
        Array.from({ length: count }, (_, at) => config(one, { linkage_type: `part ${at}` }))
      const limit = ['INVALID_PARAMETER_VALUE', /at most 100 models/] as const
      await refused(endpoint([], { model_configs: linked(101) }), ...limit)
      const full = await endpoint([], { model_configs: linked(100) })
      await refused(update(full.endpoint_id, { model_configs: linked(101) }), ...limit)
      await refused(attach(full.endpoint_id, config(two)), ...limit)
      assert.equal((await get(full.endpoint_id)).model_mappings.length, 100)
    })
  })
}
