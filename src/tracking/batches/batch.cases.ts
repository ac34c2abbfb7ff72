/** Cases: metrics, the latest rule, history, params, batches. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logBatch, logParam } from './batch.ts'
import { sampledHistory, sampledSteps } from '../metrics/history.ts'
import { logMetric } from '../metrics/metrics.ts'
import { getRun } from '../searches/read.ts'
import { createRun, setRunStage, updateRun } from '../runs/runs.ts'
import { historyOf, historyPage, refused, stream } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'

export function batchCases(bench: Bench): void {
  const newRun = async () => (await createRun(bench.room, bench.root, { experiment_id: '0' })).run_id
  const latest = async (runId: string) => {
    const run = await getRun(bench.room, bench.root, runId)
    return Object.fromEntries(run.data.metrics.map((metric) => [metric.key, metric.value]))
  }

  describe('metrics', () => {
    it('NaN and infinities go and come back as MLflow shows them', async () => {
      const runId = await newRun()
      const at = { timestamp: 1, step: 0 }
      await logMetric(bench.room, bench.root, runId, { key: 'nan', value: Number.NaN, ...at })
      await logMetric(bench.room, bench.root, runId, { key: 'inf', value: Infinity, ...at })
      await logMetric(bench.room, bench.root, runId, { key: 'ninf', value: -Infinity, ...at })
      assert.deepEqual(await latest(runId), { inf: Number.MAX_VALUE, nan: 'NaN', ninf: -Number.MAX_VALUE })
    })

    it('steps and times up to 2^53 - 1, negative steps, no negative times', async () => {
      const runId = await newRun()
      const big = 2 ** 53 - 1
      await logMetric(bench.room, bench.root, runId, { key: 'a', value: 1, timestamp: big, step: big })
      await logMetric(bench.room, bench.root, runId, { key: 'a', value: 1, timestamp: 0, step: -big })
      const { metrics } = await historyPage(bench.room, bench.root, { run_id: runId, key: 'a' })
      assert.deepEqual(
        metrics.map((m) => [m.timestamp, m.step]),
        [
          [0, -big],
          [big, big],
        ],
      )
      await refused(
        logMetric(bench.room, bench.root, runId, { key: 'a', value: 1, timestamp: -1, step: 0 }),
        'INVALID_PARAMETER_VALUE',
        /^Invalid value -1 for parameter 'timestamp' supplied/,
      )
    })

    it('history comes in pages that join up, with the same order as in one piece', async () => {
      const { room, root } = bench
      const runId = await newRun()
      const random = stream(3)
      const metrics = Array.from({ length: 300 }, (_, i) => ({
        key: 'm',
        value: Math.floor(random() * 3),
        timestamp: Math.floor(random() * 5),
        step: i % 17,
      }))
      await logBatch(room, root, runId, { metrics })
      const whole = await historyPage(room, root, { run_id: runId, key: 'm' })
      const pages = []
      for (let page_token: string | undefined; ;) {
        const page = await historyPage(room, root, { run_id: runId, key: 'm', max_results: 41, page_token })
        pages.push(...page.metrics)
        page_token = page.next_page_token
        if (page_token === undefined) break
      }
      assert.deepEqual(pages, whole.metrics)
      assert.equal(whole.next_page_token, undefined)
      const offset = Buffer.from('{"offset": 100}').toString('base64')
      const later = await historyPage(room, root, { run_id: runId, key: 'm', max_results: 5, page_token: offset })
      assert.deepEqual(later.metrics, whole.metrics.slice(100, 105))
      await refused(
        historyPage(room, root, { run_id: runId, key: 'm', max_results: 5, page_token: 'é' }),
        'INVALID_PARAMETER_VALUE',
        /^Invalid page token, could not base64-decode/,
      )
      await refused(
        historyPage(room, root, { run_id: runId, key: 'm', max_results: 0 }),
        'INVALID_PARAMETER_VALUE',
        /positive integer/,
      )
    })

    it('a token of another query and a forged one are refused', async () => {
      const { room, root } = bench
      const runId = await newRun()
      await logBatch(room, root, runId, {
        metrics: [1, 2, 3].map((step) => ({ key: 'm', value: step, timestamp: step, step })),
      })
      const { next_page_token } = await historyPage(room, root, { run_id: runId, key: 'm', max_results: 1 })
      assert.ok(next_page_token !== undefined)
      await refused(
        historyPage(room, root, { run_id: runId, key: 'other', max_results: 1, page_token: next_page_token }),
        'INVALID_PARAMETER_VALUE',
        /another query/,
      )
      const token = JSON.parse(Buffer.from(next_page_token, 'base64url').toString()) as { q: string; k: unknown[] }
      const forged = Buffer.from(JSON.stringify({ ...token, k: ['x; DROP', 1, 1, 0] })).toString('base64url')
      await refused(
        historyPage(room, root, { run_id: runId, key: 'm', max_results: 1, page_token: forged }),
        'INVALID_PARAMETER_VALUE',
        /does not fit/,
      )
    })

    it('samples of many runs keep each first and last step', async () => {
      const { room, root } = bench
      const [long, short] = [await newRun(), await newRun()]
      for (let at = 0; at < 3; at++) {
        const metrics = Array.from({ length: 400 }, (_, i) => ({
          key: 'm',
          value: i,
          timestamp: 1,
          step: at * 400 + i,
        }))
        await logBatch(room, root, long, { metrics })
      }
      await logBatch(room, root, short, {
        metrics: [3, 777].map((step) => ({ key: 'm', value: 1, timestamp: 1, step })),
      })
      const found = await sampledHistory(room, root, { run_ids: [long, short], key: 'm', max_results: 20 })
      const steps = (id: string) => found.filter((m) => m.run_id === id).map((m) => m.step)
      assert.deepEqual(steps(short), [3, 777])
      assert.equal(steps(long)[0], 0)
      assert.equal(steps(long).at(-1), 1199)
      assert.ok(steps(long).length <= 24)
      const part = await sampledHistory(room, root, {
        run_ids: [long],
        key: 'm',
        start_step: 10,
        end_step: 12,
        max_results: 9,
      })
      assert.deepEqual(
        part.map((m) => m.step),
        [10, 11, 12],
      )
      await refused(
        sampledHistory(room, root, { run_ids: [long], key: 'm', start_step: 1, max_results: 9 }),
        'INVALID_PARAMETER_VALUE',
        /^Both start_step and end_step/,
      )
      const bulk = await historyOf(room, root, { run_ids: [short, long, 'absent'], key: 'm', max_results: 1000 })
      assert.equal(bulk.length, 1000)
    })
  })

  describe('samples of one run', () => {
    const far = Number.MAX_SAFE_INTEGER
    const range = (from: number, length: number): number[] => Array.from({ length }, (_, i) => from + i)
    const curves: [name: string, steps: number[], nan?: number][] = [
      ['steps from 0', range(0, 701)],
      ['steps from below 0', range(-350, 700)],
      ['the greatest steps', range(far - 699, 700)],
      ['the least steps', range(-far, 700)],
      ['every third step', range(0, 400).map((step) => step * 3)],
      ['one step missing', [...range(0, 300), ...range(301, 300)]],
      ['NaN at the first step', range(0, 700), 0],
      ['NaN at the last step', range(0, 700), 699],
      ['NaN far before, a gap after', [-far, ...range(100, 300), ...range(401, 299)], -far],
      ['NaN just before, a gap after', [99, ...range(100, 300), ...range(401, 299)], 99],
      ['as many as are wanted', range(5, 50)],
    ]
    for (const [name, steps, nan] of curves) {
      it(`are those at even places among all steps: ${name}`, async () => {
        const { room, root } = bench
        const runId = await newRun()
        const metrics = steps.map((step, i) => ({
          key: 'm',
          value: step === nan ? Number.NaN : i,
          timestamp: 1000 + i,
          step,
        }))
        await logBatch(room, root, runId, { metrics })
        const ofOne = (own: readonly number[]) => ({ runs: own.map(() => runId), steps: Float64Array.from(own) })
        const asked = { run_ids: [runId], key: 'm' }
        for (const max_results of [1, 7, 50, 320, 699]) {
          const kept = sampledSteps(ofOne(steps), max_results)
          const found = await sampledHistory(room, root, { ...asked, max_results })
          assert.deepEqual(
            found.map(({ step }) => step),
            steps.filter((step) => kept.has(step)),
            `${max_results} wanted`,
          )
        }
        const [start, end] = [steps[20] ?? 0, steps.at(-20) ?? 0]
        const inside = steps.filter((step) => step >= start && step <= end)
        const kept = sampledSteps(ofOne(inside), 30)
        const found = await sampledHistory(room, root, { ...asked, start_step: start, end_step: end, max_results: 30 })
        assert.deepEqual(
          found.map(({ step }) => step),
          inside.filter((step) => kept.has(step)),
        )
      })
    }
  })

  describe('batches', () => {
    it('those that arrive together are each written whole, or refused alone', async () => {
      const { room, root } = bench
      const runIds = await Promise.all(Array.from({ length: 12 }, newRun))
      const [deleted = ''] = runIds
      await setRunStage(room, root, deleted, 'deleted')
      const values = [0.1, -0, 5e-324, -1.7976931348623157e308, Infinity, Number.NaN, 2 ** 53]
      const keys = ['NULL', 'a b', 'loss/train', '-1', 'x.y', 'é', '.1']
      const metrics = keys.map((key, i) => ({ key, value: values[i] ?? 0, timestamp: i, step: -i }))
      // more points than one transaction takes, in batches and one by one
      const many = Array.from({ length: 1000 }, (_, step) => ({ key: 'many', value: step, timestamp: 1, step }))
      const outcomes = await Promise.allSettled(
        runIds.flatMap((id) => [
          logBatch(room, root, id, { metrics }),
          logBatch(room, root, id, { metrics: many }),
          logMetric(room, root, id, { key: 'one', value: 1, timestamp: 1, step: 1 }),
          logBatch(room, root, 'absent', { metrics }),
        ]),
      )
      assert.equal(outcomes.filter(({ status }) => status === 'rejected').length, 12 + 3)
      for (const runId of runIds) {
        if (runId === deleted) continue
        const run = await getRun(room, root, runId)
        const last = new Map(run.data.metrics?.map((metric) => [metric.key, metric.value]))
        const told = [0.1, 0, 5e-324, -Number.MAX_VALUE, Number.MAX_VALUE, 'NaN', 2 ** 53]
        assert.deepEqual(
          keys.map((key) => last.get(key)).map((value) => (value === 0 ? 0 : value)),
          told,
        )
        assert.deepEqual([last.get('many'), last.get('one')], [999, 1])
        assert.equal((await historyPage(room, root, { run_id: runId, key: 'many' })).metrics.length, 1000)
      }
      assert.deepEqual(
        (await historyPage(room, root, { run_id: deleted, key: 'many' }).catch(() => undefined))?.metrics,
        [],
      )
    })

    it('a full batch is written at once', async () => {
      const { room, root } = bench
      const runId = await newRun()
      await logBatch(room, root, runId, {
        metrics: Array.from({ length: 800 }, (_, i) => ({ key: `k/${i}`, value: i, timestamp: 1, step: 0 })),
        params: Array.from({ length: 100 }, (_, i) => ({ key: `p${i}`, value: 'v'.repeat(6500) })),
        tags: Array.from({ length: 100 }, (_, i) => ({ key: `t${i}`, value: 'w'.repeat(9000) })),
      })
      const { data } = await getRun(room, root, runId)
      assert.deepEqual([data.metrics.length, data.params.length, data.tags.length], [800, 100, 101])
      assert.equal(data.params[0]?.value.length, 6000)
      assert.equal(data.tags.find((tag) => tag.key === 't0')?.value.length, 8000)
    })

    it('a refused param undoes the whole batch, and names key, old, new and run', async () => {
      const { room, root } = bench
      const runId = await newRun()
      await logParam(room, root, runId, { key: 'lr', value: '0.1' })
      await logParam(room, root, runId, { key: 'lr', value: '0.1' })
      const batch = {
        metrics: [{ key: 'm', value: 1, timestamp: 1, step: 0 }],
        params: [
          { key: 'new', value: 'x' },
          { key: 'lr', value: '0.2' },
        ],
        tags: [{ key: 't', value: '1' }],
      }
      await refused(
        logBatch(room, root, runId, batch),
        'INVALID_PARAMETER_VALUE',
        new RegExp(
          `^Changing param values is not allowed. Params were already logged='\\[{'key': 'lr', 'old_value': '0.1', 'new_value': '0.2'}]' for run ID='${runId}'.`,
        ),
      )
      const { data } = await getRun(room, root, runId)
      assert.deepEqual([data.metrics.length, data.params.length, data.tags.length], [0, 1, 1])
      await refused(
        logBatch(room, root, runId, {
          params: [
            { key: 'd', value: '1' },
            { key: 'd', value: '2' },
          ],
        }),
        'INVALID_PARAMETER_VALUE',
        /^Duplicate parameter keys have been submitted: \['d'\]/,
      )
    })

    it('the last of two tags with one key wins', async () => {
      const runId = await newRun()
      await logBatch(bench.room, bench.root, runId, {
        tags: [
          { key: 't', value: '1' },
          { key: 't', value: '2' },
        ],
      })
      const { data } = await getRun(bench.room, bench.root, runId)
      assert.equal(data.tags.find((tag) => tag.key === 't')?.value, '2')
    })

    it('sizes and keys are checked', async () => {
      const runId = await newRun()
      const log = (batch: object) => logBatch(bench.room, bench.root, runId, batch)
      const metrics = (n: number) =>
        Array.from({ length: n }, (_, i) => ({ key: `k${i}`, value: 1, timestamp: 1, step: 0 }))
      await refused(
        log({ metrics: metrics(1001) }),
        'INVALID_PARAMETER_VALUE',
        /^A batch logging request can contain at most 1000 metrics. Got 1001 metrics\./,
      )
      const params = Array.from({ length: 101 }, (_, i) => ({ key: `p${i}`, value: '' }))
      await refused(log({ params }), 'INVALID_PARAMETER_VALUE', /at most 100 params/)
      await refused(
        log({ metrics: metrics(901), params: params.slice(0, 100) }),
        'INVALID_PARAMETER_VALUE',
        /at most 1000 metrics, params, and tags/,
      )
      for (const key of ['../a', '/a', 'a//b', 'a/', '.', 'a*b', 'x'.repeat(251)]) {
        await refused(log({ tags: [{ key, value: '' }] }), 'INVALID_PARAMETER_VALUE', /tags\[0\]\.key/)
      }
      await log({ tags: [{ key: 'größe/im Wald: 1.2-x', value: '' }] })
    })

    it('a batch that comes again by its key writes nothing, also when others wrote meanwhile or both come at once', async () => {
      const { room, root } = bench
      const runId = await newRun()
      const batch = {
        key: 'try 1',
        metrics: [{ key: 'm', value: 1, timestamp: 1, step: 0 }],
        params: [{ key: 'p', value: 'v' }],
        tags: [{ key: 'state', value: 'begun' }],
      }
      await Promise.all([logBatch(room, root, runId, batch), logBatch(room, root, runId, batch)])
      await logBatch(room, root, runId, { tags: [{ key: 'state', value: 'done' }] })
      await logBatch(room, root, runId, batch)
      const { data } = await getRun(room, root, runId)
      assert.equal(data.tags.find((tag) => tag.key === 'state')?.value, 'done')
      const count = await room.db.get<{ n: number }>('SELECT COUNT(*) AS n FROM metric_history WHERE run_id = ?', [
        runId,
      ])
      assert.equal(Number(count?.n), 1)
      const other = logBatch(room, root, runId, { ...batch, params: [] })
      await refused(other, 'INVALID_PARAMETER_VALUE', /'try 1' was used for another batch/)
      const refusedOnce = { key: 'try 2', params: [{ key: 'p', value: 'other' }] }
      await refused(logBatch(room, root, runId, refusedOnce), 'INVALID_PARAMETER_VALUE', /Changing param/)
      await logBatch(room, root, runId, { ...refusedOnce, params: [{ key: 'p', value: 'v' }] })
      bench.wait(25 * 3600 * 1000)
      await logBatch(room, root, runId, batch)
      const later = await getRun(room, root, runId)
      assert.equal(later.data.tags.find((tag) => tag.key === 'state')?.value, 'begun', 'a key is known for a day')
    })

    it('clocks of writers that differ decide nothing but the order within a step', async () => {
      const { room, root } = bench
      const runId = await newRun()
      const [behind, ahead] = [5, 4_000_000_000_000]
      const point = (value: number, timestamp: number, step: number) => ({ key: 'skewed', value, timestamp, step })
      await logBatch(room, root, runId, { metrics: [point(1, ahead, 0), point(2, behind, 1)] })
      assert.deepEqual(await latest(runId), { skewed: 2 }, 'the later step, though its clock is behind')
      await logBatch(room, root, runId, { metrics: [point(3, ahead, 1), point(4, behind, 1)] })
      assert.deepEqual(await latest(runId), { skewed: 3 })
      const { metrics } = await historyPage(room, root, { run_id: runId, key: 'skewed' })
      assert.deepEqual(
        metrics.map((one) => one.value),
        [2, 4, 1, 3],
      )
      const started = await createRun(room, root, { experiment_id: '0', start_time: ahead })
      await updateRun(room, root, { run_id: started.run_id, status: 'FINISHED', end_time: behind })
      const { info } = await getRun(room, root, started.run_id)
      assert.deepEqual([info['start_time'], info['end_time']], [ahead, behind], 'kept as the client said them')
    })

    it('concurrent batches with the same keys in other orders all arrive', async () => {
      const { room, root } = bench
      const runId = await newRun()
      const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
      await Promise.all(
        Array.from({ length: 20 }, (_, step) => {
          const order = step % 2 === 0 ? keys : keys.toReversed()
          return logBatch(room, root, runId, {
            metrics: order.map((key) => ({ key, value: step, timestamp: step, step })),
          })
        }),
      )
      assert.deepEqual(await latest(runId), Object.fromEntries(keys.toSorted().map((key) => [key, 19])))
    })
  })
}
