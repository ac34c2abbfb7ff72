/** Cases: which share of the traces a scorer is to judge. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { refused } from '../../tracking/bench.cases.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { createExperiment, setExperimentStage } from '../../tracking/experiments/experiments.ts'
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

    for (const [what, scorer, sampled] of [
      ['instructions', { instructions_judge_pydantic_data: { model: 'gateway:/j' } }, true],
      ['a built-in one', { builtin_scorer_pydantic_data: { model: 'gateway:/j' } }, true],
      ['a third party', { third_party_scorer_data: { model: 'gateway:/j' } }, true],
      [
        'a memory around a judge',
        { memory_augmented_judge_data: { base_judge: { instructions_judge_pydantic_data: { model: 'gateway:/j' } } } },
        true,
      ],
      [
        'a memory around another provider',
        {
          memory_augmented_judge_data: { base_judge: { builtin_scorer_pydantic_data: { model: 'openai:/j' } } },
          builtin_scorer_pydantic_data: { model: 'gateway:/j' },
        },
        false,
      ],
      ['a memory around nothing', { memory_augmented_judge_data: { base_judge: null } }, false],
      ['another provider', { builtin_scorer_pydantic_data: { model: 'openai:/gateway:/j' } }, false],
      ['a model that is no text', { builtin_scorer_pydantic_data: { model: 7 } }, false],
      ['code', { call_source: 'return 1' }, false],
    ] as const) {
      it(`a scorer of ${what} ${sampled ? 'samples' : 'is run by hand alone'}`, async () => {
        const serialized_scorer = JSON.stringify(scorer)
        await registerScorer(bench.room, bench.root, { experiment_id, name: what, serialized_scorer })
        if (sampled) assert.equal((await set(what, 1)).sample_rate, 1)
        else await refused(set(what, 0.001), 'INVALID_PARAMETER_VALUE', /does not use a gateway model/)
      })
    }

    it('the newest version decides which model judges', async () => {
      await register('moved', 'gateway:/judge')
      await register('moved', 'openai:/gpt-x')
      await refused(set('moved', 1), 'INVALID_PARAMETER_VALUE', /does not use a gateway model/)
      await register('moved', 'gateway:/judge')
      assert.equal((await set('moved', 1)).sample_rate, 1)
    })

    it('is set in active experiments of the caller alone, with a filter of at most 10000 characters', async () => {
      await register('limited', 'gateway:/judge')
      const filter = (length: number) => `name = '${'x'.repeat(length - 9)}'`
      assert.equal((await set('limited', 1, filter(10_000))).filter_string?.length, 10_000)
      await refused(set('limited', 1, filter(10_001)), 'INVALID_PARAMETER_VALUE', /maximum length of 10000/)
      await refused(set('limited', 1, undefined, bench.member('blue')), 'RESOURCE_DOES_NOT_EXIST', /No Experiment/)
      await setExperimentStage(bench.room, bench.root, experiment_id, 'deleted')
      await refused(set('limited', 0), 'INVALID_PARAMETER_VALUE', /active/)
      await setExperimentStage(bench.room, bench.root, experiment_id, 'active')
    })

    it('is asked of at most 1000 scorers, in the order of their names', async () => {
      const ids = await Promise.all(['zebra', 'aardvark'].map((name) => register(name, 'gateway:/judge')))
      for (const name of ['zebra', 'aardvark']) await set(name, 0.5)
      const padding = (count: number) => Array.from({ length: count }, (_, at) => `none ${at}`)
      const found = await samplingOf(bench.room, bench.root, [...ids, ...padding(998)])
      assert.deepEqual(
        found.map((one) => one.scorer_id),
        ids.toReversed(),
      )
      const over = samplingOf(bench.room, bench.root, [...ids, ...padding(999)])
      await refused(over, 'INVALID_PARAMETER_VALUE', /At most 1000 scorer_ids may be given, got 1001/)
    })
  })
}
