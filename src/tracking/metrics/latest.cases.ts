/** Cases: what is kept of a metric against an oracle that sorts all of its points anew, whatever way they came in. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logBatch } from '../batches/batch.ts'
import { historyPage, refused, stream } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { createRun } from '../runs/runs.ts'
import { createLoggedModel, getLoggedModel } from '../models/logged-models.ts'
import { logMetric } from './metrics.ts'

interface Point {
  readonly key: string
  readonly value: number
  readonly timestamp: number
  readonly step: number
}

interface Kept {
  readonly value: number
  readonly is_nan: number
  readonly step: number
  readonly timestamp: number
  readonly min_value: number | null
  readonly max_value: number | null
  readonly first_value: number | null
  readonly first_step: number | null
  readonly first_timestamp: number | null
}

const LARGEST = 1.7976931348623157e308

/** A value as MLflow's tables hold it: NaN as 0 with a mark, what is infinite as the greatest double. */
function held(value: number): number {
  if (value !== value) return 0
  return value === Infinity ? LARGEST : value === -Infinity ? -LARGEST : value
}

/** Sorts by step, then time, then value: the last row is what MLflow shows of a metric. */
function oracle(points: readonly Point[]): Omit<Kept, 'is_nan'> {
  const order = (list: readonly Point[]): Point[] =>
    [...list].sort((a, b) => a.step - b.step || a.timestamp - b.timestamp || Math.sign(held(a.value) - held(b.value)))
  const last = order(points).at(-1) as Point
  const numbers = points.filter((point) => point.value === point.value)
  const [first] = order(numbers)
  const values = numbers.map((point) => held(point.value)).sort((a, b) => (a < b ? -1 : 1))
  return {
    value: held(last.value),
    step: last.step,
    timestamp: last.timestamp,
    min_value: values[0] ?? null,
    max_value: values.at(-1) ?? null,
    first_value: first === undefined ? null : held(first.value),
    first_step: first?.step ?? null,
    first_timestamp: first?.timestamp ?? null,
  }
}

const VALUES = [Number.NaN, -Infinity, Infinity, -2, -1, 0, 0.5, 1, 2]

export function latestCases(bench: Bench): void {
  const kept = (run: string, key: string) =>
    bench.room.db.get<Kept>(
      `SELECT value, is_nan, step, timestamp, min_value, max_value, first_value, first_step, first_timestamp
       FROM latest_metrics WHERE run_id = ? AND key = ?`,
      [run, key],
    )
  const newRun = async () => (await createRun(bench.room, bench.root, { experiment_id: '0' })).run_id

  describe('the latest, first, least and greatest point of a metric', () => {
    it('property: they are those of all points sorted anew, after every write', async () => {
      const { room, root } = bench
      const random = stream(42)
      const pick = (n: number): number => Math.floor(random() * n)
      for (let round = 0; round < 12; round++) {
        const run = await newRun()
        const written: Point[] = []
        for (let write = 0; write < 4; write++) {
          const points = Array.from({ length: 1 + pick(6) }, (): Point => ({
            key: pick(2) === 0 ? 'm' : 'n',
            value: VALUES[pick(VALUES.length)] as number,
            timestamp: pick(3),
            step: pick(3) - 1,
          }))
          written.push(...points)
          if (pick(2) === 0) await logBatch(room, root, run, { metrics: points })
          else for (const point of points) await logMetric(room, root, run, point)
          for (const key of new Set(written.map((point) => point.key))) {
            const own = written.filter((point) => point.key === key)
            const { is_nan, ...found } = (await kept(run, key)) as Kept
            assert.deepEqual(found, oracle(own), JSON.stringify([round, own]))
            if (is_nan === 1) assert.equal(found.value, 0)
            const { metrics } = await historyPage(room, root, { run_id: run, key })
            const distinct = new Set(own.map((point) => [point.timestamp, point.step, String(point.value)].join(' ')))
            assert.equal(metrics.length, distinct.size)
          }
        }
      }
    })

    it('of equal step and time the greater value counts, NaN counts as 0, and of two equal ones the first', async () => {
      const { room, root } = bench
      for (const [values, last, isNan] of [
        [[1, 2], 2, 0],
        [[2, 1], 2, 0],
        [[-1, Number.NaN], 0, 1],
        [[Number.NaN, -1], 0, 1],
        [[Number.NaN, 1], 1, 0],
        [[0, Number.NaN], 0, 0],
        [[Number.NaN, 0], 0, 1],
      ] as const) {
        const metrics = values.map((value) => ({ key: 'm', value, timestamp: 5, step: 5 }))
        const [alone, together] = [await newRun(), await newRun()]
        for (const point of metrics) await logMetric(room, root, alone, point)
        await logBatch(room, root, together, { metrics })
        for (const run of [alone, together]) {
          const found = await kept(run, 'm')
          assert.deepEqual(
            [found?.value, found?.is_nan],
            [last, isNan],
            `${String(values)} ${run === alone ? 'alone' : 'together'}`,
          )
        }
      }
    })

    it('times before 1970, names that are none and half a dataset are refused, alone and in a batch', async () => {
      const { room, root } = bench
      const run = await newRun()
      const good = { key: 'm', value: 1, timestamp: 0, step: 0 }
      for (const [wrong, text] of [
        [{ timestamp: -1 }, /nonnegative long/],
        [{ key: '../m' }, /resolve/],
        [{ dataset_name: 'd' }, /Both dataset_name and dataset_digest/],
        [{ dataset_digest: 'x' }, /Both dataset_name and dataset_digest/],
        [{ dataset_name: 'd'.repeat(501), dataset_digest: 'x' }, /maximum length of 500/],
        [{ dataset_name: 'd', dataset_digest: 'x'.repeat(37) }, /maximum length of 36/],
      ] as const) {
        const point = { ...good, ...wrong }
        await refused(logMetric(room, root, run, point), 'INVALID_PARAMETER_VALUE', text)
        await refused(logBatch(room, root, run, { metrics: [good, point] }), 'INVALID_PARAMETER_VALUE', text)
      }
      assert.equal(await kept(run, 'm'), undefined)
      await logMetric(room, root, run, good)
      assert.equal((await kept(run, 'm'))?.timestamp, 0)
    })

    it('a point that names a logged model is one of the run and of the model', async () => {
      const { room, root } = bench
      const run = await newRun()
      const { info } = await createLoggedModel(room, root, { experiment_id: '0', name: 'measured' })
      const model_id = String(info['model_id'])
      const point = { key: 'm', value: 0.5, timestamp: 3, step: 2, model_id, dataset_name: 'd', dataset_digest: 'x' }
      await logMetric(room, root, run, point)
      assert.equal((await kept(run, 'm'))?.value, 0.5)
      const { data } = await getLoggedModel(room, root, model_id)
      assert.deepEqual(data.metrics, [{ ...point, run_id: run }])
      await refused(
        logMetric(room, root, run, { ...point, key: 'n', model_id: 'm-none' }),
        'RESOURCE_DOES_NOT_EXIST',
        /Logged model/,
      )
      assert.equal(await kept(run, 'n'), undefined, 'nothing of it is written')
    })

    it('a point that is logged is a sign of life of its run', async () => {
      const { room, root } = bench
      const run = await newRun()
      bench.wait(60_000)
      await logMetric(room, root, run, { key: 'm', value: 1, timestamp: 1, step: 1 })
      const row = await room.db.get<{ heartbeat_at: number }>('SELECT heartbeat_at FROM runs WHERE run_id = ?', [run])
      assert.equal(row?.heartbeat_at, room.clock())
    })

    it('a later time of a lower step does not count, nor an earlier time of a lower step as the first', async () => {
      const { room, root } = bench
      const run = await newRun()
      await logMetric(room, root, run, { key: 'm', value: 7, timestamp: 10, step: 3 })
      await logMetric(room, root, run, { key: 'm', value: 8, timestamp: 99, step: 2 })
      const found = await kept(run, 'm')
      assert.deepEqual([found?.value, found?.step], [7, 3])
      assert.deepEqual([found?.first_value, found?.first_step, found?.first_timestamp], [8, 2, 99])
    })
  })
}
