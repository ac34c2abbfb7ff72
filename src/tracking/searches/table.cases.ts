/** Cases: keys, groups and curves of many runs. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { logBatch } from '../batches/batch.ts'
import type { Bench } from '../bench.cases.ts'
import { readCurves } from '../metrics/curves.ts'
import { createExperiment } from '../experiments/experiments.ts'
import { createRun } from '../runs/runs.ts'
import { groupsOf, keysOf } from './table.ts'

export function tableCases(bench: Bench): void {
  describe('tables of many runs', () => {
    let experiment = ''
    let ids: string[] = []
    const groups = (by: string, more: object = {}) =>
      groupsOf(bench.room, bench.root, {
        by,
        experiment_id: experiment,
        view: 'ACTIVE_ONLY',
        metrics: ['loss'],
        limit: 10,
        ...more,
      })

    before(async () => {
      const { room } = bench
      const who = bench.member('red')
      experiment = await createExperiment(room, who, { name: 'table' })
      ids = []
      for (let i = 0; i < 9; i++) {
        const { run_id } = await createRun(room, who, { experiment_id: experiment, run_name: `t-${i}`, start_time: i })
        ids.push(run_id)
        await logBatch(room, who, run_id, {
          metrics: i === 8 ? [] : [{ key: 'loss', value: i === 7 ? Number.NaN : i, timestamp: 1, step: 0 }],
          params: i === 0 ? [] : [{ key: 'seed no', value: String(i % 2) }],
          tags: [{ key: 'team', value: 'a' }],
        })
      }
    })

    it('keys are those of the runs that one sees', async () => {
      const own = await keysOf(bench.room, bench.member('red'), experiment)
      assert.deepEqual(own.metrics, ['loss'])
      assert.deepEqual(own.params, ['seed no'])
      assert.deepEqual(own.newest, { metrics: [], params: ['seed no'] })
      assert.ok(own.tags.includes('team'))
      const others = await keysOf(bench.room, bench.member('blue'), experiment)
      assert.deepEqual(others, { metrics: [], params: [], tags: [], newest: { metrics: [], params: [] } })
      const every = await keysOf(bench.room, bench.root)
      assert.ok(every.metrics.includes('loss') && every.params.includes('seed no') && every.tags.includes('team'))
      assert.deepEqual(every.metrics, [...new Set(every.metrics)])
    })

    it('groups count their runs and span their metrics, runs without a value apart', async () => {
      const { items, more } = await groups('params.seed no')
      assert.equal(more, false)
      assert.deepEqual(
        items.map(({ value, runs }) => [value, runs]),
        [
          ['0', 4],
          ['1', 4],
          [null, 1],
        ],
      )
      assert.deepEqual(items[0]?.metrics, { loss: { runs: 3, mean: 4, least: 2, greatest: 6 } })
      assert.deepEqual(items[1]?.metrics['loss'], { runs: 3, mean: 3, least: 1, greatest: 5 })
      assert.equal(items[1]?.newest_at, '1970-01-01T00:00:00.007Z')
      assert.deepEqual(items[2]?.metrics, { loss: { runs: 1, mean: 0, least: 0, greatest: 0 } })
    })

    it('groups follow the filter, say when there are more, and reach only what one sees', async () => {
      const some = await groups('params.seed no', { filter: 'metrics.loss > 2', limit: 1 })
      assert.deepEqual([some.items.length, some.items[0]?.runs, some.more], [1, 2, true])
      const states = await groups('attributes.status')
      assert.deepEqual(
        states.items.map(({ value, runs }) => [value, runs]),
        [['RUNNING', 9]],
      )
      const asked = { by: 'tags.team', experiment_id: experiment, view: 'ALL', metrics: [], limit: 5 } as const
      assert.deepEqual((await groupsOf(bench.room, bench.member('blue'), asked)).items, [])
    })

    it('short curves come whole, long ones keep their extremes and their direction', async () => {
      const { room, root } = bench
      const [short = '', long = ''] = ids
      const points = Array.from({ length: 900 }, (_, i) => ({
        key: 'falling',
        value: i === 450 ? 5000 : 900 - i,
        timestamp: 10 + i,
        step: i,
      }))
      await logBatch(room, root, long, { metrics: points })
      await logBatch(room, root, short, {
        metrics: [
          { key: 'falling', value: 2, timestamp: 5, step: 1 },
          { key: 'falling', value: Number.NaN, timestamp: 6, step: 2 },
        ],
      })
      const curves = await readCurves(room, root, { ids: [long, short], key: 'falling', max_points: 100 })
      const [first, second] = curves
      assert.deepEqual(second, { id: short, total: 2, steps: [1, 2], times: [5, 6], values: [2, 'NaN'] })
      assert.equal(first?.id, long)
      assert.equal(first?.total, 900)
      assert.ok(first.steps.length <= 100 && first.steps.length > 80, String(first.steps.length))
      assert.ok(first.values.includes(5000) && first.values.includes(1))
      assert.deepEqual(first.values.slice(0, 3), [900, 883, 882])
      assert.deepEqual(
        first.steps,
        first.steps.toSorted((a, b) => a - b),
      )
    })

    it('a range of steps gives its points; a wrong one and a stranger’s run are refused', async () => {
      const { room, root } = bench
      const [, long = ''] = ids
      const asked = { ids: [long], key: 'falling', from_step: 448, to_step: 451, max_points: 100 }
      const [curve] = await readCurves(room, root, asked)
      assert.deepEqual(curve?.steps, [448, 449, 450, 451])
      assert.deepEqual(curve?.values, [452, 451, 5000, 449])
      await assert.rejects(readCurves(room, root, { ...asked, from_step: 500 }), { code: 'invalid_field' })
      await assert.rejects(readCurves(room, bench.member('blue'), asked), /does not exist/)
    })
  })
}
