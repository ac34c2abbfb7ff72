/** Cases: what the latest table keeps of a metric (last, least, greatest, first), and points that are written together. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logBatch } from '../batches/batch.ts'
import { refused, stream } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { createExperiment } from '../experiments/experiments.ts'
import { logMetric } from './metrics.ts'
import type { MetricPoint } from '../context/points.ts'
import { createRun, setRunStage } from '../runs/runs.ts'

interface Kept {
  readonly value: number
  readonly is_nan: number
  readonly step: number
  readonly min_value: number | null
  readonly max_value: number | null
  readonly first_value: number | null
}

export function aggregateCases(bench: Bench): void {
  describe('what is kept of a metric', () => {
    const kept = (run: string, key: string) =>
      bench.room.db.get<Kept>(
        'SELECT value, is_nan, step, min_value, max_value, first_value FROM latest_metrics WHERE run_id = ? AND key = ?',
        [run, key],
      )
    const runIn = async (name: string) => {
      const experiment_id = await createExperiment(bench.room, bench.root, { name })
      return (await createRun(bench.room, bench.root, { experiment_id })).run_id
    }

    it('is the same whatever way the points come in, and in whatever order', async () => {
      const { room, root } = bench
      const random = stream(5)
      const points: MetricPoint[] = Array.from({ length: 60 }, (_, i) => ({
        key: 'm',
        value: i % 7 === 3 ? Number.NaN : Math.round((random() - 0.5) * 100),
        timestamp: 1000 + Math.floor(random() * 20),
        step: Math.floor(random() * 10) - 3,
      }))
      const place = (p: MetricPoint): number[] => [p.step, p.timestamp, Number.isNaN(p.value) ? 0 : p.value]
      const sorted = points.toSorted((a, b) => {
        const [x, y] = [place(a), place(b)]
        const at = x.findIndex((one, i) => one !== y[i])
        return at < 0 ? 0 : (x[at] ?? 0) - (y[at] ?? 0)
      })
      const numbers = sorted.filter((p) => !Number.isNaN(p.value))
      const last = sorted.at(-1)
      assert.ok(last !== undefined)
      const expected = {
        value: Number.isNaN(last.value) ? 0 : last.value,
        step: last.step,
        min_value: Math.min(...numbers.map((p) => p.value)),
        max_value: Math.max(...numbers.map((p) => p.value)),
        first_value: numbers[0]?.value,
      }
      const ways: [string, (run: string) => Promise<unknown>][] = [
        [
          'one after the other',
          async (run) => {
            for (const point of points) await logMetric(room, root, run, point)
          },
        ],
        ['at once', (run) => Promise.all(points.map((point) => logMetric(room, root, run, point)))],
        ['in a batch', (run) => logBatch(room, root, run, { metrics: points })],
        [
          'in two batches, the later points first',
          async (run) => {
            await logBatch(room, root, run, { metrics: sorted.slice(30) })
            await logBatch(room, root, run, { metrics: sorted.slice(0, 30) })
          },
        ],
      ]
      for (const [name, write] of ways) {
        const run = await runIn(`kept ${name}`)
        await write(run)
        const { is_nan: _nan, ...found } = (await kept(run, 'm')) ?? { is_nan: 0 }
        assert.deepEqual(found, expected, name)
      }
    })

    it('has no least, greatest and first of NaN alone, and of infinities the greatest doubles', async () => {
      const { room, root } = bench
      const run = await runIn('kept of no numbers')
      await logMetric(room, root, run, { key: 'nan', value: Number.NaN, timestamp: 1, step: 1 })
      const nothing = { value: 0, is_nan: 1, step: 1, min_value: null, max_value: null, first_value: null }
      assert.deepEqual(await kept(run, 'nan'), nothing)
      await logMetric(room, root, run, { key: 'nan', value: 4, timestamp: 1, step: 0 })
      assert.deepEqual(await kept(run, 'nan'), { ...nothing, min_value: 4, max_value: 4, first_value: 4 })
      await logMetric(room, root, run, { key: 'inf', value: -Infinity, timestamp: 1, step: 1 })
      assert.equal((await kept(run, 'inf'))?.min_value, -Number.MAX_VALUE)
    })

    it('a point that may not be written is refused alone among those that are written with it', async () => {
      const { room, root } = bench
      const [good, gone] = [await runIn('good'), await runIn('gone')]
      await setRunStage(room, root, gone, 'deleted')
      const at = (value: number) => ({ key: 'm', value, timestamp: value, step: value })
      const writes = [
        logMetric(room, root, good, at(1)),
        logMetric(room, root, gone, at(1)),
        logMetric(room, root, 'no-such-run', at(1)),
        logMetric(room, bench.member('red'), good, at(2)),
        logMetric(room, root, good, at(3)),
      ]
      const outcomes = (await Promise.allSettled(writes)).map((one) => one.status)
      assert.deepEqual(outcomes, ['fulfilled', 'rejected', 'rejected', 'rejected', 'fulfilled'])
      await refused(logMetric(room, root, gone, at(2)), 'INVALID_PARAMETER_VALUE', /must be in the 'active' state/)
      await refused(logMetric(room, root, 'no-such-run', at(2)), 'RESOURCE_DOES_NOT_EXIST', /not found/)
      assert.equal((await kept(good, 'm'))?.value, 3)
      assert.equal(await kept(gone, 'm'), undefined)
    })
  })
}
