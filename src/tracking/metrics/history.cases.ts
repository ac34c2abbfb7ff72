/** Cases: pages, bulk reads, samples and curves of metrics against lists that the test keeps itself. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logBatch } from '../batches/batch.ts'
import { historyOf, historyPage, refused, stream } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { createExperiment } from '../experiments/experiments.ts'
import { createRun } from '../runs/runs.ts'
import { readCurves } from './curves.ts'
import { sampledHistory } from './history.ts'

interface Point {
  readonly step: number
  readonly timestamp: number
  readonly value: number
}

export function historyCases(bench: Bench): void {
  const runWith = async (points: readonly Point[], who = bench.root): Promise<string> => {
    const experiment_id = await createExperiment(bench.room, who, { name: `history ${Math.random()}` })
    const { run_id } = await createRun(bench.room, who, { experiment_id })
    const metrics = points.map((point) => ({ key: 'm', ...point }))
    for (let at = 0; at < metrics.length; at += 1000) {
      await logBatch(bench.room, who, run_id, { metrics: metrics.slice(at, at + 1000) })
    }
    return run_id
  }
  const line = (from: number, to: number, every = 1): Point[] =>
    Array.from({ length: Math.floor((to - from) / every) + 1 }, (_, i) => {
      const step = from + i * every
      return { step, timestamp: 100 + i, value: step * 2 }
    })

  describe('pages of the history of a metric', () => {
    it('property: they come by time, step and value, whatever their size, each point once', async () => {
      const { room, root } = bench
      const random = stream(11)
      const pick = (n: number): number => Math.floor(random() * n)
      const points = Array.from({ length: 80 }, () => ({ step: pick(4), timestamp: pick(5), value: pick(6) }))
      const run_id = await runWith(points)
      const distinct = [...new Map(points.map((one) => [JSON.stringify(one), one])).values()]
      const wanted = distinct
        .toSorted((a, b) => a.timestamp - b.timestamp || a.step - b.step || a.value - b.value)
        .map(({ step, timestamp, value }) => ({ key: 'm', value, timestamp, step }))
      for (const max_results of [1, 7, wanted.length, wanted.length + 1]) {
        const found: unknown[] = []
        let page_token: string | undefined
        do {
          const page = await historyPage(room, root, { run_id, key: 'm', max_results, page_token })
          assert.ok(page.metrics.length <= max_results)
          found.push(...page.metrics)
          page_token = page.next_page_token
        } while (page_token !== undefined)
        assert.deepEqual(found, wanted, `pages of ${max_results}`)
      }
      assert.deepEqual((await historyPage(room, root, { run_id, key: 'm' })).metrics, wanted)
    })

    it('a page that ends exactly at the last point has no token', async () => {
      const run_id = await runWith(line(0, 9))
      const page = await historyPage(bench.room, bench.root, { run_id, key: 'm', max_results: 10 })
      assert.deepEqual([page.metrics.length, page.next_page_token], [10, undefined])
      const short = await historyPage(bench.room, bench.root, { run_id, key: 'm', max_results: 9 })
      assert.equal(typeof short.next_page_token, 'string')
    })

    it("MLflow's own tokens with an offset are taken, and skip as many points", async () => {
      const run_id = await runWith(line(0, 9))
      const page_token = Buffer.from(JSON.stringify({ offset: 4 })).toString('base64')
      const page = await historyPage(bench.room, bench.root, { run_id, key: 'm', max_results: 3, page_token })
      assert.deepEqual(
        page.metrics.map((point) => point.step),
        [4, 5, 6],
      )
      const rest = await historyPage(bench.room, bench.root, { run_id, key: 'm', page_token })
      assert.equal(rest.metrics.length, 10, 'an offset without a size is passed over')
    })

    it('tokens of another metric, forged positions and sizes that are none are refused', async () => {
      const { room, root } = bench
      const run_id = await runWith(line(0, 9))
      const other = await runWith(line(0, 9))
      const { next_page_token } = await historyPage(room, root, { run_id: other, key: 'm', max_results: 3 })
      const page = (token: string | undefined, max_results = 3) =>
        historyPage(room, root, { run_id, key: 'm', max_results, page_token: token })
      await refused(page(next_page_token), 'INVALID_PARAMETER_VALUE', /belongs to another query/)
      const own = (await page(undefined)).next_page_token ?? ''
      const { q } = JSON.parse(Buffer.from(own, 'base64url').toString()) as { q: string }
      for (const k of [[], ['1', 2, 3, 0], [1.5, 2, 3, 0], [1, 2]]) {
        const forged = Buffer.from(JSON.stringify({ q, k })).toString('base64url')
        await refused(page(forged), 'INVALID_PARAMETER_VALUE', /does not fit the order/)
      }
      await refused(page('%%%'), 'INVALID_PARAMETER_VALUE', /base64/)
      for (const size of [0, -1]) await refused(page(undefined, size), 'INVALID_PARAMETER_VALUE', /positive integer/)
    })

    it('a run of another project has no points, in any form of the question', async () => {
      const { room } = bench
      const run_id = await runWith(line(0, 9), bench.member('red'))
      const blue = bench.member('blue')
      assert.deepEqual(await historyPage(room, blue, { run_id, key: 'm' }), { metrics: [] })
      assert.deepEqual(await historyOf(room, blue, { run_ids: [run_id], key: 'm', max_results: 100 }), [])
      assert.deepEqual(await sampledHistory(room, blue, { run_ids: [run_id], key: 'm', max_results: 5 }), [])
      await refused(
        readCurves(room, blue, { ids: [run_id], key: 'm', max_points: 10 }),
        'RESOURCE_DOES_NOT_EXIST',
        /not found/,
      )
    })
  })

  describe('many runs at once', () => {
    it('come run after run, up to the limit in all', async () => {
      const { room, root } = bench
      const runs = [await runWith(line(0, 4)), await runWith(line(10, 14))].sort()
      const all = await historyOf(room, root, { run_ids: runs, key: 'm', max_results: 100 })
      assert.deepEqual(
        all.map((point) => point.run_id),
        runs.flatMap((run) => Array<string>(5).fill(run)),
      )
      const some = await historyOf(room, root, { run_ids: runs, key: 'm', max_results: 7 })
      assert.deepEqual(some, all.slice(0, 7))
    })
  })

  describe('samples of steps', () => {
    /** The steps that MLflow picks of a sorted list: evenly by their place, and the last. */
    const evenly = (steps: readonly number[], wanted: number): number[] => {
      if (steps.length <= wanted) return [...steps]
      const kept = new Set<number>()
      for (let i = 0; i < wanted; i++) kept.add(steps[Math.floor((i * steps.length) / wanted)] as number)
      kept.add(steps[steps.length - 1] as number)
      return [...kept].sort((a, b) => a - b)
    }
    const sampled = async (run_ids: string[], max_results: number, bounds: [number, number] | undefined) =>
      (
        await sampledHistory(bench.room, bench.root, {
          run_ids,
          key: 'm',
          max_results,
          ...(bounds && { start_step: bounds[0], end_step: bounds[1] }),
        })
      ).map((point) => point.step)

    it('property: of one run they are the same whether its steps have gaps or none', async () => {
      for (const every of [1, 3]) {
        const points = line(-20, 200, every)
        const run = await runWith(points)
        const steps = points.map((point) => point.step)
        for (const wanted of [1, 2, 7, 50, steps.length - 1, steps.length, 500]) {
          assert.deepEqual(
            await sampled([run], wanted, undefined),
            evenly(steps, wanted),
            `${wanted} of every ${every}`,
          )
          const within = steps.filter((step) => step >= 10 && step <= 100)
          assert.deepEqual(await sampled([run], wanted, [10, 100]), evenly(within, wanted), `${wanted} within`)
        }
      }
    })

    it('of several runs they hold the first and last step of each', async () => {
      const [a, b] = [await runWith(line(0, 100)), await runWith(line(53, 77))]
      const found = await sampledHistory(bench.room, bench.root, { run_ids: [a, b], key: 'm', max_results: 5 })
      const of = (run: string): number[] => found.filter((point) => point.run_id === run).map((point) => point.step)
      assert.deepEqual(of(a), [0, 20, 40, 53, 60, 77, 80, 100])
      assert.deepEqual(of(b), [53, 60, 77])
    })

    it('a NaN before the first number is kept where the steps look unbroken by their count', async () => {
      const points = [{ step: -5, timestamp: 1, value: Number.NaN }, ...line(1, 50).filter((one) => one.step !== 25)]
      const run = await runWith(points)
      const steps = points.map((point) => point.step)
      for (const wanted of [1, 10, 49]) assert.deepEqual(await sampled([run], wanted, undefined), evenly(steps, wanted))
    })

    it('a metric that was never a number is sampled as evenly, and stays none', async () => {
      const run_id = await runWith(line(0, 49).map((point) => ({ ...point, value: Number.NaN })))
      const steps = Array.from({ length: 50 }, (_, step) => step)
      for (const wanted of [1, 7, 49])
        assert.deepEqual(await sampled([run_id], wanted, undefined), evenly(steps, wanted))
      const { metrics } = await historyPage(bench.room, bench.root, { run_id, key: 'm' })
      assert.deepEqual(new Set(metrics.map((point) => point.value)), new Set(['NaN']))
    })

    it('a run that is not seen changes nothing in the sample of one that is', async () => {
      const foreign = await runWith(line(0, 99), bench.member('blue'))
      const own = await runWith(line(100, 199), bench.member('red'))
      const asked = { key: 'm', max_results: 7 }
      for (const run_ids of [[own], [own, foreign], [foreign, own], ['no-such-run', own]]) {
        const found = await sampledHistory(bench.room, bench.member('red'), { ...asked, run_ids })
        assert.deepEqual(
          found.map((point) => point.step),
          [100, 114, 128, 142, 157, 171, 185, 199],
          String(run_ids.indexOf(own)),
        )
      }
    })

    it('a NaN before the first number is not lost, and one bound alone is refused', async () => {
      const run = await runWith([{ step: 0, timestamp: 1, value: Number.NaN }, ...line(1, 50)])
      assert.equal((await sampled([run], 10, undefined))[0], 0)
      const half = { run_ids: [run], key: 'm', max_results: 5, start_step: 1 }
      await refused(
        sampledHistory(bench.room, bench.root, half),
        'INVALID_PARAMETER_VALUE',
        /Both start_step and end_step/,
      )
      assert.deepEqual(await sampled([], 5, undefined), [])
    })
  })

  describe('curves', () => {
    it('property: a thinned one keeps the least and greatest value of every part, and its ends', async () => {
      const random = stream(3)
      const points = line(0, 999).map((point) => ({ ...point, value: Math.round(random() * 1000) }))
      const run = await runWith(points)
      for (const max_points of [4, 10, 100, 999]) {
        const [curve] = await readCurves(bench.room, bench.root, { ids: [run], key: 'm', max_points })
        assert.ok(curve !== undefined && curve.steps.length <= max_points + 2, `${max_points}: ${curve?.steps.length}`)
        assert.equal(curve.total, 1000)
        const values = points.map((point) => point.value)
        const width = Math.max(1, Math.ceil(1000 / Math.floor(max_points / 2)))
        const wanted: number[] = []
        for (let from = 0; from < 1000; from += width) {
          const part = values.slice(from, from + width)
          wanted.push(...new Set([Math.min(...part), Math.max(...part)]))
        }
        assert.deepEqual(
          curve.values.map(Number).toSorted((a, b) => a - b),
          wanted.toSorted((a, b) => a - b),
        )
        assert.deepEqual([curve.steps[0], curve.steps.at(-1)], [0, 999])
      }
    })

    it('one with just as many points as are asked for is whole, one more is thinned', async () => {
      const [just, more] = [await runWith(line(0, 9)), await runWith(line(0, 10))]
      const asked = { ids: [just, more], key: 'm', max_points: 10 }
      const [whole, thinned] = await readCurves(bench.room, bench.root, asked)
      assert.deepEqual(whole?.steps, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      assert.equal(whole.total, 10)
      assert.deepEqual(thinned?.values, [0, 4, 6, 10, 12, 16, 18, 20])
      assert.deepEqual(thinned.times, [100, 102, 103, 105, 106, 108, 109, 110])
    })

    it('its parts are counted from its own first step, also where all points have one time', async () => {
      for (const from of [1000, -10]) {
        const run = await runWith(line(from, from + 19).map((point) => ({ ...point, timestamp: 5 })))
        const [curve] = await readCurves(bench.room, bench.root, { ids: [run], key: 'm', max_points: 10 })
        const ends = [0, 3, 4, 7, 8, 11, 12, 15, 16, 19].map((at) => from + at)
        assert.deepEqual(curve?.steps, ends)
        assert.deepEqual(
          curve.values,
          ends.map((step) => step * 2),
        )
      }
    })

    it('each part of a falling one begins with its greatest, and of a rising one with its least', async () => {
      const saw = [0, 1, 2, 3, 9, 8, 7, 6, 5, 4, 3, 2, 1, 2, 3, 4]
      const run = await runWith(saw.map((value, step) => ({ step, timestamp: step, value })))
      const [curve] = await readCurves(bench.room, bench.root, { ids: [run], key: 'm', max_points: 8 })
      assert.deepEqual(curve?.steps, [0, 3, 4, 7, 8, 11, 12, 15])
      assert.deepEqual(curve.values, [0, 3, 6, 9, 5, 2, 4, 1])
    })

    it('each part of one that neither falls nor rises begins with its least', async () => {
      const even = Array.from({ length: 16 }, (_, step) => ({ step, timestamp: step, value: (step % 2) * 2 }))
      const run = await runWith(even)
      const [curve] = await readCurves(bench.room, bench.root, { ids: [run], key: 'm', max_points: 8 })
      assert.deepEqual(curve?.values, [0, 2, 0, 2, 0, 2, 0, 2])
    })

    it('a short one is whole, within both bounds, in the order of the ids', async () => {
      const [a, b] = [await runWith(line(0, 9)), await runWith(line(5, 8))]
      const asked = { ids: [b, a, b], key: 'm', from_step: 5, to_step: 7, max_points: 4 }
      const curves = await readCurves(bench.room, bench.root, asked)
      assert.deepEqual(
        curves.map(({ id, total, steps }) => [id, total, steps]),
        [b, a].map((id) => [id, 3, [5, 6, 7]]),
      )
      const [open] = await readCurves(bench.room, bench.root, { ids: [a], key: 'm', from_step: 8, max_points: 4 })
      assert.deepEqual(open?.steps, [8, 9])
      const [none] = await readCurves(bench.room, bench.root, { ids: [a], key: 'other', max_points: 4 })
      assert.deepEqual([none?.total, none?.steps], [0, []])
      await assert.rejects(
        readCurves(bench.room, bench.root, { ...asked, from_step: 8 }),
        (error: { code?: string }) => error.code === 'invalid_field',
      )
    })

    it('points of one step are thinned by time, and NaN is left out', async () => {
      const points = Array.from({ length: 100 }, (_, i) => ({
        step: 7,
        timestamp: i,
        value: i === 50 ? Number.NaN : i,
      }))
      const run = await runWith(points)
      const [curve] = await readCurves(bench.room, bench.root, { ids: [run], key: 'm', max_points: 10 })
      const ends = [0, 19, 20, 39, 40, 59, 60, 79, 80, 99]
      assert.deepEqual([curve?.times, curve?.values, curve?.total], [ends, ends, 100])
    })
  })
}
