/** Cases: what runs read and made: datasets known once, their tags, models by role with their last step. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { refused } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { createExperiment } from '../experiments/experiments.ts'
import { createRun } from '../runs/runs.ts'
import { getRun } from '../searches/read.ts'
import { logInputs, logOutputs } from './inputs.ts'
import type { DatasetInput } from './inputs.ts'
import { createLoggedModel } from './logged-models.ts'

export function inputCases(bench: Bench): void {
  describe('what runs read and made', () => {
    const newRun = async (experiment_id = '0') => (await createRun(bench.room, bench.root, { experiment_id })).run_id
    const newModel = async () => {
      const made = await createLoggedModel(bench.room, bench.root, { experiment_id: '0' })
      return String(made.info['model_id'])
    }
    const dataset = (name: string, tags: DatasetInput['tags'] = []): DatasetInput => ({
      tags,
      dataset: {
        name,
        digest: 'd1',
        source_type: 'local',
        source: `/data/${name}`,
        schema: undefined,
        profile: undefined,
      },
    })
    const log = (run: string, datasets: readonly DatasetInput[], models: readonly string[] = []) =>
      logInputs(bench.room, bench.root, run, { datasets, models: models.map((model_id) => ({ model_id })) })
    const read = (run: string) => getRun(bench.room, bench.root, run)

    it('datasets come back in their order, each once, with the last value of a tag', async () => {
      const run = await newRun()
      const tags = ['1', '2', '3'].map((value) => ({ key: 'k', value }))
      await log(run, [dataset('z'), dataset('a', tags)])
      await log(run, [dataset('z', [{ key: 'late', value: 'x' }])])
      const dataset_inputs = (await read(run)).inputs?.dataset_inputs ?? []
      assert.deepEqual(
        dataset_inputs.map((one) => [one.dataset.name, one.tags]),
        [
          ['z', []],
          ['a', [{ key: 'k', value: '3' }]],
        ],
      )
    })

    it('a dataset of a name and a digest stays what it was said to be first, within its experiment', async () => {
      const [run, elsewhere] = [
        await newRun(),
        await newRun(await createExperiment(bench.room, bench.root, { name: 'reads' })),
      ]
      const said = dataset('kept')
      await log(run, [{ ...said, dataset: { ...said.dataset, schema: '{"a": 1}', profile: '{"rows": 2}' } }])
      const other = { ...said, dataset: { ...said.dataset, source: 'elsewhere', schema: '{"b": 1}' } }
      const again = await newRun()
      for (const id of [again, elsewhere]) await log(id, [other])
      const found = async (id: string) => {
        const one = (await read(id)).inputs?.dataset_inputs?.[0]?.dataset
        return [one?.source, one?.schema, one?.profile]
      }
      assert.deepEqual(await found(run), ['/data/kept', '{"a": 1}', '{"rows": 2}'])
      assert.deepEqual(await found(again), await found(run))
      assert.deepEqual(await found(elsewhere), ['elsewhere', '{"b": 1}', undefined])
    })

    it('models are known by what the run did with them; one that is made again is of the later step', async () => {
      const run = await newRun()
      const [one, two] = [await newModel(), await newModel()]
      await log(run, [], [one])
      await logOutputs(bench.room, bench.root, run, [
        { model_id: two, step: 1 },
        { model_id: one, step: 2 },
      ])
      await logOutputs(bench.room, bench.root, run, [{ model_id: two, step: 7 }])
      const { inputs, outputs } = await read(run)
      assert.deepEqual(inputs?.model_inputs, [{ model_id: one }])
      assert.deepEqual(outputs?.model_outputs, [
        { model_id: two, step: 7 },
        { model_id: one, step: 2 },
      ])
    })

    it('a model that is not there refuses all that came with it', async () => {
      const run = await newRun()
      const bad = log(run, [dataset('half')], ['m-none'])
      await refused(bad, 'RESOURCE_DOES_NOT_EXIST', /m-none/)
      assert.deepEqual((await read(run)).inputs?.dataset_inputs ?? [], [])
    })
  })
}
