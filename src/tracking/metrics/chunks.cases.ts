/** Cases: points that come together, again, out of order and with NaN are each there once, wherever the database keeps them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logBatch } from '../batches/batch.ts'
import type { Bench } from '../bench.cases.ts'
import { historyPage, stream } from '../bench.cases.ts'
import { readCurves } from './curves.ts'
import type { MetricPoint } from '../context/points.ts'
import { purgeExperiment } from '../retention/purge.ts'
import { createExperiment } from '../experiments/experiments.ts'
import { createRun } from '../runs/runs.ts'
import { readRows } from '../../transfer/rows.ts'
import { holdsTraces } from '../../traces/moved/tables.ts'
import { trackingTables } from '../moved/tables.ts'

const KEYS = ['a', 'b', 'c/d: e.f-1 _'] as const

/** Batches of some points a key: most go on where the key's last ones ended, some repeat or go back, some have NaN. */
function batches(seed: number): MetricPoint[][] {
  const random = stream(seed)
  const pick = (n: number): number => Math.floor(random() * n)
  const ends = new Map<string, number>(KEYS.map((key) => [key, -3]))
  return Array.from({ length: 12 }, () =>
    KEYS.flatMap((key) => {
      const end = ends.get(key) ?? 0
      const begin = pick(3) === 0 ? Math.max(-3, end - pick(8)) : end
      const length = pick(9)
      ends.set(key, Math.max(end, begin + length))
      const spoilt = pick(4) === 0
      return Array.from({ length }, (_, at) => {
        const step = begin + at
        return { key, value: spoilt && at === 1 ? Number.NaN : step / 3, timestamp: 1000 + step * pick(2), step }
      })
    }),
  )
}

function identity({ key, timestamp, step, value }: Omit<MetricPoint, 'value'> & { value: number | string }): string {
  return JSON.stringify([key, timestamp, step, typeof value === 'number' && Number.isNaN(value) ? 'NaN' : value])
}

export function chunkCases(bench: Bench): void {
  describe('points that come together', () => {
    const history = async (run_id: string, max_results: number): Promise<string[]> => {
      const found: string[] = []
      for (const key of KEYS) {
        let page_token: string | undefined
        do {
          const page = await historyPage(bench.room, bench.root, { run_id, key, max_results, page_token })
          found.push(...page.metrics.map(identity))
          page_token = page.next_page_token
        } while (page_token !== undefined)
      }
      return found
    }

    const exported = async (experiment: string, limit: number): Promise<string[]> => {
      const table = trackingTables(bench.room, { holdsTraces }).find(({ name }) => name === 'metric_points')
      assert.ok(table)
      const found: string[] = []
      let after: string | undefined
      do {
        const page = await readRows(bench.room.db, table, { kind: 'experiment', id: experiment }, { after, limit })
        found.push(...page.rows.map((row) => JSON.stringify(Object.values(row))))
        after = page.after
      } while (after !== undefined)
      return found
    }

    it('property: each is in the history once, in order, in pages of any size', async () => {
      const { room, root } = bench
      for (const seed of [1, 2, 3, 4]) {
        const { run_id } = await createRun(room, root, { experiment_id: '0' })
        const given = batches(seed)
        for (const metrics of given) {
          await logBatch(room, root, run_id, { metrics })
          if (seed % 2 === 0) await Promise.all([1, 2].map(() => logBatch(room, root, run_id, { metrics })))
        }
        const wanted = [...new Set(given.flat().map(identity))]
        const whole = await history(run_id, 25_000)
        assert.equal(new Set(whole).size, whole.length)
        assert.deepEqual(whole.toSorted(), wanted.toSorted())
        assert.deepEqual(await history(run_id, 7), whole)
        const [curve] = await readCurves(room, root, { ids: [run_id], key: KEYS[0], max_points: 10_000 })
        assert.equal(curve?.total, whole.filter((one) => one.startsWith('["a"')).length)
      }
    })

    it('of the same batch that comes twice at once, beside a param, each point is there once', async () => {
      const { room, root } = bench
      const { run_id } = await createRun(room, root, { experiment_id: '0' })
      const metrics = Array.from({ length: 40 }, (_, step) => ({
        key: 'a',
        value: -step,
        timestamp: 5,
        step: step % 20,
      }))
      const params = [{ key: 'p', value: '1' }]
      await Promise.all(
        [1, 2, 3].flatMap(() => [{ metrics }, { metrics, params }]).map((batch) => logBatch(room, root, run_id, batch)),
      )
      assert.equal((await history(run_id, 1000)).length, 40)
    })

    it('of points of one batch that are the same there is one, also first, apart from each other and past all doubles', async () => {
      const { room, root } = bench
      const { run_id } = await createRun(room, root, { experiment_id: '0' })
      const values = [7, 7, 8, 7, Infinity, Number.MAX_VALUE, 8]
      const metrics = [5, 6].flatMap((timestamp) => values.map((value) => ({ key: 'a', value, timestamp, step: 1 })))
      await logBatch(room, root, run_id, { metrics })
      const { metrics: found } = await historyPage(room, root, { run_id, key: 'a' })
      assert.deepEqual(
        found.map(({ timestamp, value }) => [timestamp, value]),
        [5, 6].flatMap((timestamp) => [7, 8, Number.MAX_VALUE].map((value) => [timestamp, value])),
      )
    })

    it('they are exported in pages of any size and go with their experiment', async () => {
      const { room, root } = bench
      const experiment = await createExperiment(room, root, { name: 'to be exported' })
      const wanted = new Set<string>()
      for (const seed of [5, 6, 7]) {
        const { run_id } = await createRun(room, root, { experiment_id: experiment })
        for (const metrics of batches(seed)) {
          await logBatch(room, root, run_id, { metrics })
          for (const point of metrics) wanted.add(`${run_id} ${identity(point)}`)
        }
      }
      const whole = await exported(experiment, 10_000)
      assert.equal(whole.length, wanted.size)
      assert.equal(new Set(whole).size, whole.length)
      for (const limit of [1, 13, wanted.size]) assert.deepEqual(await exported(experiment, limit), whole)
      await purgeExperiment(room, root, experiment)
      assert.deepEqual(await exported(experiment, 10), [])
      const left = await room.db.get<{ n: number }>(
        `SELECT COUNT(*) AS n FROM metric_history WHERE run_id NOT IN (SELECT run_id FROM runs)`,
      )
      assert.equal(left?.n, 0)
    })
  })
}
