/** Cases: which share of the traces a scorer is to judge. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { refused } from '../../tracking/bench.cases.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { createExperiment } from '../../tracking/experiments/experiments.ts'
import { samplingOf, setSampling } from './sampling.ts'
import { deleteScorer, registerScorer } from './scorers.ts'

export function samplingCases(bench: Bench): void {
  describe('sampling of scorers', () => {
    let experiment_id = ''
    const register = async (name: string, model: string | undefined, who = bench.root) => {
      const serialized_scorer = JSON.stringify({ instructions_judge_pydantic_data: { model } })
      return (await registerScorer(bench.room, who, { experiment_id, name, serialized_scorer })).scorer_id
    }
    const set = (name: string, sample_rate: number, filter_string?: string, who = bench.root) =>
      setSampling(bench.room, who, { experiment_id, name, sample_rate, filter_string })

    before(async () => {
      experiment_id = await createExperiment(bench.room, bench.root, { name: 'sampled' })
    })

    it('is set, set anew under one id, and given back by the ids of scorers', async () => {
      const scorer_id = await register('judge', 'gateway:/judge')
      assert.deepEqual(await samplingOf(bench.room, bench.root, [scorer_id]), [])
      const once = await set('judge', 0.5, "status = 'OK'")
      assert.deepEqual([once.sample_rate, once.filter_string, once.scorer_id], [0.5, "status = 'OK'", scorer_id])
      const twice = await set('judge', 0.25)
      assert.deepEqual(twice, {
        online_scoring_config_id: once.online_scoring_config_id,
        scorer_id,
        sample_rate: 0.25,
        experiment_id,
      })
      assert.deepEqual(await samplingOf(bench.room, bench.root, [scorer_id, 'none']), [twice])
      assert.deepEqual(await samplingOf(bench.room, bench.member('blue'), [scorer_id]), [])
    })

    it('goes with its scorer', async () => {
      const scorer_id = await register('short', 'gateway:/judge')
      await set('short', 1)
      await deleteScorer(bench.room, bench.root, { experiment_id, name: 'short', version: undefined })
      assert.deepEqual(await samplingOf(bench.room, bench.root, [scorer_id]), [])
      const again = await register('short', 'gateway:/judge')
      assert.deepEqual(await samplingOf(bench.room, bench.root, [again]), [])
    })

    it('bad rates, filters and scorers are refused', async () => {
      await register('local', 'openai:/gpt-x')
      await refused(set('local', 0.5), 'INVALID_PARAMETER_VALUE', /does not use a gateway model/)
      assert.equal((await set('local', 0)).sample_rate, 0, 'stopping is always allowed')
      await refused(set('nobody', 0.5), 'RESOURCE_DOES_NOT_EXIST', /'nobody' not found/)
      for (const rate of [-0.1, 1.1, Number.NaN]) {
        await refused(set('judge', rate), 'INVALID_PARAMETER_VALUE', /between 0.0 and 1.0/)
      }
      await assert.rejects(set('judge', 0.5, 'nonsense here'))
    })
  })
}
