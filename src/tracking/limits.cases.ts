/** Cases: MLflow's table of what may be logged. The longest is taken whole, one more is refused or cut, in characters of any script. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { logBatch, logParam } from './batches/batch.ts'
import { refused } from './bench.cases.ts'
import type { Bench } from './bench.cases.ts'
import { createExperiment, setExperimentTag } from './experiments/experiments.ts'
import { logInputs } from './models/inputs.ts'
import { createLoggedModel } from './models/logged-models.ts'
import { logMetric } from './metrics/metrics.ts'
import { getRun } from './searches/read.ts'
import { createRun, setTag } from './runs/runs.ts'

/** A letter of one unit, one of two bytes, and one that is a pair of units. */
const LETTERS = ['x', 'ü', '𝒳']

export function limitCases(bench: Bench): void {
  describe('limits', () => {
    let run = ''
    let experiment = ''
    let names = 0
    before(async () => {
      experiment = await createExperiment(bench.room, bench.root, { name: 'limits' })
      run = (await createRun(bench.room, bench.root, { experiment_id: experiment })).run_id
    })

    const input = (dataset: object, tags: { key: string; value: string }[] = []) =>
      logInputs(bench.room, bench.root, run, {
        datasets: [{ tags, dataset: { name: 'n', digest: `d${names++}`, source_type: 's', source: 'p', ...dataset } }],
        models: [],
      })
    const point = (key: string) => ({ key, value: 1, timestamp: 0, step: 0 })

    /** What is refused when it has one character more. */
    const REFUSED: readonly (readonly [what: string, most: number, log: (text: string) => Promise<unknown>])[] = [
      ['key of a metric', 250, (key) => logMetric(bench.room, bench.root, run, point(key))],
      ['key of a param', 250, (key) => logParam(bench.room, bench.root, run, { key, value: 'v' })],
      ['key of a tag', 250, (key) => setTag(bench.room, bench.root, run, { key, value: 'v' })],
      [
        'key of an experiment’s tag',
        250,
        (key) => setExperimentTag(bench.room, bench.root, experiment, { key, value: '' }),
      ],
      [
        'value of an experiment’s tag',
        20_000,
        (value) => setExperimentTag(bench.room, bench.root, experiment, { key: 'long', value }),
      ],
      ['name of an experiment', 500, (name) => createExperiment(bench.room, bench.root, { name })],
      [
        'artifact location',
        2048,
        (text) =>
          createExperiment(bench.room, bench.root, {
            name: `at ${names++}`,
            artifact_location: `s3://${text.slice(5)}`,
          }),
      ],
      ['name of a dataset', 500, (name) => input({ name })],
      ['digest of a dataset', 36, (digest) => input({ digest })],
      ['source of a dataset', 65_535, (source) => input({ source })],
      ['schema of a dataset', 1_048_575, (schema) => input({ schema })],
      ['profile of a dataset', 16_777_215, (profile) => input({ profile })],
      ['key of an input’s tag', 255, (key) => input({}, [{ key, value: 'v' }])],
      ['value of an input’s tag', 500, (value) => input({}, [{ key: 'k', value }])],
    ]
    for (const [what, most, log] of REFUSED) {
      it(`${what}: ${most} characters`, async () => {
        const [letter = 'x', ...more] = most > 100_000 || what.includes('location') ? ['x'] : LETTERS
        for (const each of [letter, ...more]) {
          await log(each.repeat(most))
          await refused(log(`${each.repeat(most)}y`), 'INVALID_PARAMETER_VALUE', new RegExp(`${most}`))
        }
      })
    }

    /** What is cut after so many characters. */
    const CUT: readonly (readonly [what: string, most: number, log: (value: string) => Promise<string | undefined>])[] =
      [
        [
          'value of a param',
          6000,
          async (value) => {
            const key = `cut ${names++}`
            await logParam(bench.room, bench.root, run, { key, value })
            await logBatch(bench.room, bench.root, run, { params: [{ key, value }] })
            return (await getRun(bench.room, bench.root, run)).data.params.find((param) => param.key === key)?.value
          },
        ],
        [
          'value of a tag',
          8000,
          async (value) => {
            await setTag(bench.room, bench.root, run, { key: 'cut', value })
            return (await getRun(bench.room, bench.root, run)).data.tags.find((tag) => tag.key === 'cut')?.value
          },
        ],
        [
          'param of a logged model',
          6000,
          async (value) => {
            const params = [{ key: 'p', value }]
            const made = await createLoggedModel(bench.room, bench.root, {
              experiment_id: experiment,
              name: 'm',
              params,
            })
            return made.data.params[0]?.value
          },
        ],
      ]
    for (const [what, most, log] of CUT) {
      it(`${what}: cut after ${most} characters, never within one, and the same again is the same`, async () => {
        for (const each of LETTERS) {
          assert.equal(await log(each.repeat(most)), each.repeat(most))
          assert.equal(await log(`${each.repeat(most)}yy`), each.repeat(most))
          assert.equal(await log(`${'x'.repeat(most - 1)}${each}${each}`), `${'x'.repeat(most - 1)}${each}`)
        }
      })
    }

    it('a thousand datasets in one call, and not one more', async () => {
      const datasets = (count: number) =>
        Array.from({ length: count }, (_, at) => ({
          tags: [],
          dataset: { name: `many ${at}`, digest: 'd', source_type: 's', source: 'p' },
        }))
      await logInputs(bench.room, bench.root, run, { datasets: datasets(1000), models: [] })
      const more = logInputs(bench.room, bench.root, run, { datasets: datasets(1001), models: [] })
      await refused(more, 'INVALID_PARAMETER_VALUE', /1000/)
    })
  })
}
