/** Cases: scorers are kept in versions, by experiment, and never given back half. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { refused } from '../../tracking/bench.cases.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { createExperiment, setExperimentStage } from '../../tracking/experiments/experiments.ts'
import { deleteScorer, getScorer, listScorers, registerScorer, scorerVersions } from './scorers.ts'

export function scorerCases(bench: Bench): void {
  describe('scorers', () => {
    let made = 0
    const experiment = (who = bench.root) => createExperiment(bench.room, who, { name: `scorers ${++made}` })
    const register = (experiment_id: string, name: string, text = '{"a": 1}', who = bench.root) =>
      registerScorer(bench.room, who, { experiment_id, name, serialized_scorer: text })
    const names = async (ids: string[] | undefined, who = bench.root) =>
      (await listScorers(bench.room, who, ids)).map((one) => `${one.scorer_name} ${one.scorer_version}`)

    it('versions count from 1, keep their texts, and share the id of the scorer', async () => {
      const id = await experiment()
      const first = await register(id, 's', '{"v": 1}')
      bench.wait(7)
      const second = await register(id, 's', '{"v": 2}')
      assert.deepEqual([first.scorer_version, second.scorer_version], [1, 2])
      assert.equal(second.scorer_id, first.scorer_id)
      assert.equal(second.creation_time - first.creation_time, 7)
      const texts = (await scorerVersions(bench.room, bench.root, id, 's')).map((one) => one.serialized_scorer)
      assert.deepEqual(texts, ['{"v": 1}', '{"v": 2}'])
      const get = (version: number | undefined) =>
        getScorer(bench.room, bench.root, { experiment_id: id, name: 's', version })
      assert.equal((await get(undefined)).serialized_scorer, '{"v": 2}')
      assert.equal((await get(1)).serialized_scorer, '{"v": 1}')
      await refused(get(3), 'RESOURCE_DOES_NOT_EXIST', /'s' and version 3 not found/)
    })

    it('registered at once, each version has a number of its own', async () => {
      const id = await experiment()
      const versions = await Promise.all(Array.from({ length: 8 }, () => register(id, 'many')))
      assert.deepEqual(
        versions.map((one) => one.scorer_version).toSorted((a, b) => a - b),
        [1, 2, 3, 4, 5, 6, 7, 8],
      )
    })

    it('numbers are not given again while a version is left, and begin anew when none is', async () => {
      const id = await experiment()
      for (let i = 0; i < 3; i++) await register(id, 's')
      const of = { experiment_id: id, name: 's' }
      await deleteScorer(bench.room, bench.root, { ...of, version: 3 })
      assert.equal((await register(id, 's')).scorer_version, 4)
      await deleteScorer(bench.room, bench.root, { ...of, version: undefined })
      await refused(scorerVersions(bench.room, bench.root, id, 's'), 'RESOURCE_DOES_NOT_EXIST', /not found/)
      await refused(
        deleteScorer(bench.room, bench.root, { ...of, version: undefined }),
        'RESOURCE_DOES_NOT_EXIST',
        /not found/,
      )
      assert.equal((await register(id, 's')).scorer_version, 1)
    })

    it('lists hold the newest version of each, of active experiments that are seen', async () => {
      const [a, b] = [await experiment(bench.member('red')), await experiment(bench.member('red'))]
      const red = bench.member('red')
      await register(a, 'x', '{}', red)
      await register(a, 'x', '{}', red)
      await register(a, 'w', '{}', red)
      await register(b, 'y', '{}', red)
      assert.deepEqual(await names([a, b], red), ['w 1', 'x 2', 'y 1'])
      assert.deepEqual(await names([b], red), ['y 1'])
      assert.deepEqual(await names(undefined, bench.member('blue')), [])
      assert.deepEqual(await names([a], bench.member('blue')), [])
      await setExperimentStage(bench.room, red, a, 'deleted')
      assert.deepEqual(await names([a, b], red), ['y 1'])
      await refused(register(a, 'z', '{}', red), 'INVALID_PARAMETER_VALUE', /active/)
    })

    it('another project registers, reads and deletes nothing', async () => {
      const id = await experiment(bench.member('red'))
      await register(id, 's', '{}', bench.member('red'))
      const blue = bench.member('blue')
      await refused(register(id, 's', '{}', blue), 'RESOURCE_DOES_NOT_EXIST', /experiment/i)
      await refused(scorerVersions(bench.room, blue, id, 's'), 'RESOURCE_DOES_NOT_EXIST', /experiment/i)
      const of = { experiment_id: id, name: 's', version: undefined }
      await refused(deleteScorer(bench.room, blue, of), 'RESOURCE_DOES_NOT_EXIST', /experiment/i)
      assert.equal((await scorerVersions(bench.room, bench.member('red'), id, 's')).length, 1)
    })

    for (const [what, name, text, message] of [
      ['a blank name', ' \t', '{}', /empty or only whitespace/],
      ['a long name', 'n'.repeat(257), '{}', /maximum length of 256/],
      ['a text that is no JSON', 's', '{', /JSON text of an object/],
      ['a list', 's', '[]', /JSON text of an object/],
      ['null', 's', 'null', /JSON text of an object/],
      ['a text that is too long', 's', `{"a":"${'x'.repeat(1_000_000)}"}`, /maximum length of 1000000/],
    ] as const) {
      it(`refuses ${what}`, async () => refused(register('0', name, text), 'INVALID_PARAMETER_VALUE', message))
    }
  })
}
