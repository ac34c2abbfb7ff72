/** Searches whose server is killed: at each point it goes on, loses no trial, and makes none twice. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { studiesApi } from '../../src/contract/pipelines/studies.ts'
import { LOSS, openSearched, PIPELINE, type Searched, type Study } from '../fixtures/searched.ts'
import type { Database } from '../fixtures/replaced-server.ts'

/** A point, and at which passing. */
const POINTS = [
  'trial_proposed@1',
  'trial_proposed@3',
  'trial_begun@1',
  'trial_begun@4',
  'trial_ending@1',
  'trial_ending@5',
  'study_ending',
  'study_evaluating',
  'study_closed',
]

export function studyKills(database: Database): void {
  describe(`searches on ${database} whose server is killed`, () => {
    let searched: Searched
    before(async () => void (searched = await openSearched(database)))
    after(() => searched.close())

    /** The study of the project file, begun on a server that dies at a point, and ended by the next. */
    async function killedAt(point: string): Promise<Study> {
      await searched.restart({ SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: `pipelines.${point}` })
      const begun = await searched.begin().catch(() => undefined)
      await searched.server().ended()
      await searched.restart()
      const { items } = await searched.server().client.call(studiesApi.listStudies, { query: {} })
      return searched.ended(begun ?? items[0]?.id ?? '')
    }

    for (const point of POINTS)
      test(`at ${point}`, async () => {
        const space = 'params: {x: {min: -3, max: 4, points: 6}}'
        searched.write([...LOSS, 'method: grid', space, 'trials: 6', 'at_once: 2', 'holdout: {split: test}'])
        const study = await killedAt(point)
        assert.equal(study.state, 'finished')
        assert.deepEqual(
          study.trials.map(({ number, state }) => [number, state]),
          [0, 1, 2, 3, 4, 5].map((number) => [number, 'succeeded']),
        )
        assert.equal(new Set(study.trials.map(({ params }) => JSON.stringify(params))).size, 6)
        // six trials and the winner
        assert.equal((await searched.runsOf(study.id)).length, 7)
        assert.equal(study.winner?.state, 'succeeded')
      })

    test('when a trial was found to be behind, before its run was cancelled', async () => {
      const stop = 'stop: {rule: median, first: 2, others: 1}'
      searched.write(
        [...LOSS, 'method: grid', 'params: {x: {min: 0, max: 4, points: 3}}', 'trials: 3', 'at_once: 1', stop],
        PIPELINE.replace('step:fit', 'step:curve'),
      )
      const study = await killedAt('trial_pruned')
      assert.deepEqual(
        study.trials.map(({ state }) => state),
        ['succeeded', 'pruned', 'pruned'],
      )
      assert.equal((await searched.runsOf(study.id)).length, 3)
    })
  })
}
