/** Evaluation over HTTP: what MLflow's calls take and answer about datasets and scorers, and how they refuse the rest. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assertRefused, FORBIDDEN, INVALID, MISSING, mlflowCalls, partOf } from '../../test/mlflow-calls.ts'
import { serveRoutes } from '../../test/routes.ts'
import type { ServedRoutes } from '../../test/routes.ts'
import { trackingRoutes } from '../tracking/routes.ts'
import { evaluationRoutes } from './routes.ts'

const DATASETS = '3.0/mlflow/datasets'
const SCORERS = '3.0/mlflow/scorers'

describe('evaluation over HTTP', () => {
  let served: ServedRoutes
  const call = mlflowCalls(() => served)
  before(async () => {
    served = await serveRoutes(['admin', 'viewer', 'service'], (room) => [
      ...trackingRoutes(room),
      ...evaluationRoutes(room),
    ])
  })
  after(() => served.stop())

  const newExperiment = async (name: string) =>
    String(partOf(await call('POST', '2.0/mlflow/experiments/create', { name }), 'experiment_id'))
  const newDataset = async (name: string, more: object = {}) =>
    String(partOf(await call('POST', `${DATASETS}/create`, { name, ...more }), 'dataset', 'dataset_id'))

  describe('datasets', () => {
    for (const [text, tags] of [
      [
        '{"n": 1, "l": [1, "a"], "o": {"k": true}, "t": "x", "z": null}',
        { n: '1', l: '[1,"a"]', o: '{"k":true}', t: 'x', z: '' },
      ],
      ['null', {}],
      ['', {}],
      [undefined, {}],
    ] as const) {
      it(`is made with the tags ${text}, and read as it was made`, async () => {
        const made = await call('POST', `${DATASETS}/create`, { name: 'tagged', tags: text, experiment_ids: [0] })
        assert.deepEqual(JSON.parse(String(partOf(made, 'dataset', 'tags'))), tags)
        assert.deepEqual(partOf(made, 'dataset', 'experiment_ids'), ['0'])
        const id = String(partOf(made, 'dataset', 'dataset_id'))
        assert.deepEqual((await call('GET', `${DATASETS}/${id}`, {}, 'viewer')).body, made.body)
      })
    }

    it('tags are changed as texts, a null takes one away, and so does a DELETE', async () => {
      const id = await newDataset('changed', { tags: '{"a": "1", "b": "2", "c": "3"}' })
      const tags = async () =>
        JSON.parse(String(partOf(await call('GET', `${DATASETS}/${id}`), 'dataset', 'tags'))) as object
      assert.deepEqual(
        (await call('PATCH', `${DATASETS}/${id}/tags`, { tags: '{"a": null, "b": 5, "d": [1]}' })).body,
        {},
      )
      assert.deepEqual(await tags(), { b: '5', c: '3', d: '[1]' })
      assert.deepEqual((await call('DELETE', `${DATASETS}/${id}/tags/c`)).body, {})
      assert.deepEqual(await tags(), { b: '5', d: '[1]' })
      assert.deepEqual((await call('DELETE', `${DATASETS}/${id}/tags/c`)).body, {}, 'again is fine')
    })

    it('experiments are joined and parted; without one the answer is empty', async () => {
      const [id, experiment] = [await newDataset('joined'), await newExperiment('of a dataset')]
      assert.deepEqual((await call('GET', `${DATASETS}/${id}/experiment-ids`)).body, {})
      const joined = await call('POST', `${DATASETS}/${id}/add-experiments`, { experiment_ids: [experiment, 0] })
      assert.deepEqual(partOf(joined, 'dataset', 'experiment_ids'), ['0', experiment].sort())
      assert.deepEqual((await call('GET', `${DATASETS}/${id}/experiment-ids`)).body, {
        experiment_ids: ['0', experiment].sort(),
      })
      const parted = await call('POST', `${DATASETS}/${id}/remove-experiments`, { experiment_ids: ['0'] })
      assert.deepEqual(partOf(parted, 'dataset', 'experiment_ids'), [experiment])
    })

    it('are searched by POST and by GET alike, a page of no size being a page of the usual one', async () => {
      const experiments = [await newExperiment('first of a search'), await newExperiment('second of a search')]
      for (const [at, experiment] of experiments.entries())
        await newDataset(`sought ${at}`, { experiment_ids: [experiment] })
      for (const method of ['POST', 'GET']) {
        const search = (sent: object) => call(method, `${DATASETS}/search`, sent, 'viewer')
        const names = async (sent: object) =>
          (partOf(await search(sent), 'datasets') as { name: string }[]).map((one) => one.name)
        const of = { experiment_ids: experiments, order_by: ['name DESC'] }
        assert.deepEqual(await names({ ...of, max_results: 0, filter_string: '' }), ['sought 1', 'sought 0'], method)
        assert.deepEqual(await names({ ...of, filter_string: "name LIKE '%0'" }), ['sought 0'], method)
        const first = await search({ ...of, max_results: 1 })
        assert.deepEqual(await names({ ...of, max_results: 1, page_token: partOf(first, 'next_page_token') }), [
          'sought 0',
        ])
        for (const max_results of [-1, 50_001]) {
          await assertRefused(search({ ...of, max_results }), INVALID, /max_results/)
        }
      }
    })

    it('records go in and come out as JSON text, page by page, and are counted when they are deleted', async () => {
      const id = await newDataset('with records')
      const records = JSON.stringify([{ inputs: { q: 'a' } }, { inputs: { q: 'b' }, outputs: [1] }])
      const put = await call('POST', `${DATASETS}/${id}/records`, { records })
      assert.deepEqual(put.body, { inserted_count: 2, updated_count: 0 })
      const page = async (sent: object) => {
        const answer = await call('GET', `${DATASETS}/${id}/records`, sent, 'viewer')
        const [record, ...others] = JSON.parse(String(partOf(answer, 'records'))) as Record<string, unknown>[]
        assert.deepEqual(others, [])
        return { record, token: answer.body['next_page_token'] }
      }
      const first = await page({ max_results: 1 })
      const second = await page({ max_results: 1, page_token: first.token })
      assert.deepEqual([first.record?.['inputs'], second.record?.['inputs']].map((one) => JSON.stringify(one)).sort(), [
        '{"q":"a"}',
        '{"q":"b"}',
      ])
      assert.equal(second.token, undefined)
      const gone = [first, second].map(({ record }) => record?.['dataset_record_id'])
      const deleted = await call('DELETE', `${DATASETS}/${id}/records`, { dataset_record_ids: gone })
      assert.deepEqual(deleted.body, { deleted_count: 2 })
      assert.deepEqual((await call('GET', `${DATASETS}/${id}/records`)).body, { records: '[]' })
    })

    it('is deleted, and again without complaint', async () => {
      const id = await newDataset('short')
      assert.deepEqual((await call('DELETE', `${DATASETS}/${id}`)).body, {})
      assert.deepEqual((await call('DELETE', `${DATASETS}/${id}`)).body, {})
      await assertRefused(call('GET', `${DATASETS}/${id}`), MISSING, new RegExp(id))
    })

    for (const [method, path, sent, text] of [
      ['POST', 'create', {}, /'name'/],
      ['POST', 'create', { name: 5 }, /'name'.*type 'int'/],
      ['POST', 'create', { name: 'x', tags: '[1]' }, /'tags'.*JSON text of an object/],
      ['POST', 'create', { name: 'x', tags: '{' }, /'tags'.*JSON text of an object/],
      ['POST', 'create', { name: 'x', tags: '"a"' }, /'tags'.*JSON text of an object/],
      ['POST', 'create', { name: 'x', tags: { a: '1' } }, /'tags'.*type 'dict'/],
      ['POST', 'create', { name: 'x', experiment_ids: 'a' }, /'experiment_ids'.*type 'str'/],
      ['POST', 'create', { name: 'x', experiment_ids: [''] }, /experiment_ids\[0\]/],
      ['PATCH', 'd-none/tags', {}, /'tags'/],
      ['POST', 'd-none/records', {}, /'records'/],
      ['POST', 'd-none/records', { records: '{}' }, /expected a JSON list/],
      ['POST', 'search', { order_by: [''] }, /order_by\[0\]/],
    ] as const) {
      it(`${method} ${path} refuses ${JSON.stringify(sent)}`, () =>
        assertRefused(call(method, `${DATASETS}/${path}`, sent), INVALID, text))
    }

    for (const [method, path, sent] of [
      ['GET', '', {}],
      ['PATCH', '/tags', { tags: '{}' }],
      ['GET', '/experiment-ids', {}],
      ['POST', '/add-experiments', { experiment_ids: ['0'] }],
      ['POST', '/remove-experiments', { experiment_ids: ['0'] }],
      ['GET', '/records', {}],
      ['POST', '/records', { records: '[]' }],
      ['DELETE', '/records', { dataset_record_ids: ['dr-1'] }],
    ] as const) {
      it(`${method} of a dataset that is not there${path} is answered with its id`, () =>
        assertRefused(call(method, `${DATASETS}/d-none${path}`, sent), MISSING, /'d-none' not found/))
    }
  })

  describe('scorers', () => {
    it('versions are kept, listed newest first of each, given and deleted', async () => {
      const experiment_id = await newExperiment('with scorers')
      assert.deepEqual((await call('GET', `${SCORERS}/list`, { experiment_id })).body, {})
      const of = { experiment_id, name: 'good' }
      const first = await call('POST', `${SCORERS}/register`, { ...of, serialized_scorer: '{"v": 1}' })
      const scorer_id = partOf(first, 'scorer_id')
      const { creation_time, ...rest } = first.body
      assert.deepEqual(rest, { version: 1, scorer_id, experiment_id, name: 'good', serialized_scorer: '{"v": 1}' })
      assert.ok(Math.abs(Number(creation_time) - Date.now()) < 60_000, 'ms since 1970')
      await call('POST', `${SCORERS}/register`, {
        ...of,
        experiment_id: Number(experiment_id),
        serialized_scorer: '{"v": 2}',
      })
      const texts = async (path: string, sent: object) =>
        (
          partOf(await call('GET', `${SCORERS}/${path}`, sent, 'viewer'), 'scorers') as { serialized_scorer: string }[]
        ).map((one) => one.serialized_scorer)
      assert.deepEqual(await texts('versions', of), ['{"v": 1}', '{"v": 2}'])
      assert.deepEqual(await texts('list', { experiment_id }), ['{"v": 2}'])
      assert.deepEqual(await texts('list', { experiment_ids: [experiment_id, '999999'] }), ['{"v": 2}'])
      const newest = partOf(await call('GET', `${SCORERS}/get`, of), 'scorer') as Record<string, unknown>
      assert.deepEqual(
        [newest['experiment_id'], newest['scorer_name'], newest['scorer_version'], newest['scorer_id']],
        [Number(experiment_id), 'good', 2, scorer_id],
      )
      assert.deepEqual((await call('DELETE', `${SCORERS}/delete`, { ...of, version: 2 })).body, {})
      assert.deepEqual(await texts('versions', of), ['{"v": 1}'])
      await assertRefused(call('GET', `${SCORERS}/get`, { ...of, version: 2 }), MISSING, /version 2 not found/)
    })

    it('sampling is kept and given by the ids of scorers', async () => {
      const experiment_id = await newExperiment('sampled over HTTP')
      const serialized_scorer = JSON.stringify({ builtin_scorer_pydantic_data: { model: 'gateway:/judge' } })
      const of = { experiment_id, name: 'judge' }
      const scorer_id = partOf(await call('POST', `${SCORERS}/register`, { ...of, serialized_scorer }), 'scorer_id')
      const config = await call('PUT', `${SCORERS}/online-config`, { ...of, sample_rate: '0.5' })
      assert.equal(partOf(config, 'config', 'sample_rate'), 0.5)
      const found = await call('GET', `${SCORERS}/online-configs`, { scorer_ids: [scorer_id] }, 'viewer')
      assert.deepEqual(partOf(found, 'configs'), [partOf(config, 'config')])
      assert.deepEqual((await call('GET', `${SCORERS}/online-configs`, { scorer_ids: ['none'] })).body, { configs: [] })
    })

    for (const [method, path, sent, text] of [
      ['POST', 'register', { name: 'x', serialized_scorer: '{}' }, /'experiment_id'/],
      ['POST', 'register', { experiment_id: '0', serialized_scorer: '{}' }, /'name'/],
      ['POST', 'register', { experiment_id: '0', name: 'x' }, /'serialized_scorer'/],
      ['GET', 'list', { experiment_id: '0', experiment_ids: ['0'] }, /Cannot specify both/],
      ['GET', 'get', { experiment_id: '0', name: 'x', version: 'newest' }, /'version'/],
      ['PUT', 'online-config', { experiment_id: '0', name: 'x' }, /'sample_rate'/],
      ['PUT', 'online-config', { experiment_id: '0', name: 'x', sample_rate: 'NaN' }, /between 0\.0 and 1\.0/],
      ['GET', 'online-configs', {}, /'scorer_ids'/],
    ] as const) {
      it(`${method} ${path} refuses ${JSON.stringify(sent)}`, () =>
        assertRefused(call(method, `${SCORERS}/${path}`, sent), INVALID, text))
    }

    it('of an experiment that is not there do not exist', async () => {
      const of = { experiment_id: '999999', name: 'x' }
      for (const asked of [
        call('POST', `${SCORERS}/register`, { ...of, serialized_scorer: '{}' }),
        call('GET', `${SCORERS}/list`, { experiment_id: '999999' }),
        call('GET', `${SCORERS}/versions`, of),
        call('DELETE', `${SCORERS}/delete`, of),
      ]) {
        await assertRefused(asked, MISSING, /No Experiment with id=999999/)
      }
    })
  })

  it('who may only look changes nothing, and a program that predicts does not even look', async () => {
    const id = await newDataset('guarded')
    const writes = [
      ['POST', `${DATASETS}/create`, { name: 'x' }],
      ['DELETE', `${DATASETS}/${id}`, {}],
      ['PATCH', `${DATASETS}/${id}/tags`, { tags: '{}' }],
      ['DELETE', `${DATASETS}/${id}/tags/a`, {}],
      ['POST', `${DATASETS}/${id}/records`, { records: '[]' }],
      ['DELETE', `${DATASETS}/${id}/records`, { dataset_record_ids: ['x'] }],
      ['POST', `${DATASETS}/${id}/add-experiments`, { experiment_ids: ['0'] }],
      ['POST', `${DATASETS}/${id}/remove-experiments`, { experiment_ids: ['0'] }],
      ['POST', `${SCORERS}/register`, { experiment_id: '0', name: 'x', serialized_scorer: '{}' }],
      ['DELETE', `${SCORERS}/delete`, { experiment_id: '0', name: 'x' }],
      ['PUT', `${SCORERS}/online-config`, { experiment_id: '0', name: 'x', sample_rate: 0 }],
      ['POST', '2.0/mlflow/runs/create-promptlab-run', {}],
    ] as const
    for (const [method, path, sent] of writes)
      await assertRefused(call(method, path, sent, 'viewer'), FORBIDDEN, /viewer/)
    await assertRefused(call('GET', `${DATASETS}/${id}`, {}, 'service'), FORBIDDEN, /service/)
    assert.equal((await call('GET', `${DATASETS}/${id}`)).status, 200)
  })
})
