/** Cases: search of runs against a plain oracle in memory, paging, order, datasets. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { logBatch } from '../batches/batch.ts'
import { createExperiment } from '../experiments/experiments.ts'
import { searchExperiments } from '../experiments/search.ts'
import { logInputs, searchDatasets } from '../models/inputs.ts'
import { getRun } from './read.ts'
import { finder, idsAmong } from './known-runs.fixture.ts'
import { searchRuns } from './search.ts'
import { createRun, finishRun, setRunStage } from '../runs/runs.ts'
import { refused, stream } from '../bench.cases.ts'
import { insertRows } from '../../store/sql/sql.ts'
import type { Bench } from '../bench.cases.ts'

interface Known {
  readonly id: string
  readonly name: string
  readonly start: number
  readonly status: string
  readonly loss: number | undefined
  readonly opt: string | undefined
  readonly team: string | undefined
}

export function searchCases(bench: Bench): void {
  describe('search of runs', () => {
    let experiment = ''
    const known: Known[] = []
    const find = finder(bench, () => experiment)
    const among = (test: (run: Known) => boolean) => idsAmong(known, test)

    before(async () => {
      const { room, root } = bench
      const random = stream(11)
      const pick = <T>(values: readonly T[]) => values[Math.floor(random() * values.length)] as T
      experiment = await createExperiment(room, root, { name: 'search' })
      for (let i = 0; i < 60; i++) {
        const loss = pick([undefined, Number.NaN, 0, 0.5, 1, 1, -3])
        const opt = pick([undefined, 'adam', 'Adam', 'sgd_x', 'sgd%x', ''])
        const team = pick([undefined, 'a', 'b'])
        const row = await createRun(room, root, {
          experiment_id: experiment,
          run_name: `run-${i}`,
          start_time: pick([1, 2, 3]),
        })
        await logBatch(room, root, row.run_id, {
          metrics: loss === undefined ? [] : [{ key: 'loss', value: loss, timestamp: 1, step: 0 }],
          params: opt === undefined ? [] : [{ key: 'opt', value: opt }],
          tags: team === undefined ? [] : [{ key: 'team x', value: team }],
        })
        const status = random() < 0.5 ? 'FINISHED' : 'RUNNING'
        if (status === 'FINISHED') await finishRun(room, root, row.run_id, 'FINISHED')
        known.push({ id: row.run_id, name: row.run_name, start: row.start_time, status, loss, opt, team })
      }
    })

    const cases: [string, (run: Known) => boolean][] = [
      ['', () => true],
      ['metrics.loss < 1', (r) => r.loss !== undefined && r.loss < 1],
      ['metrics.loss >= 0.5', (r) => r.loss !== undefined && r.loss >= 0.5],
      ['metrics.loss = 1', (r) => r.loss === 1],
      ['metrics.loss != 1', (r) => r.loss !== undefined && r.loss !== 1],
      ["params.opt = 'adam'", (r) => r.opt === 'adam'],
      ["params.opt != 'adam'", (r) => r.opt !== undefined && r.opt !== 'adam'],
      ["params.opt LIKE 'ad%'", (r) => r.opt?.startsWith('ad') ?? false],
      ["params.opt ILIKE 'AD%'", (r) => r.opt?.toLowerCase().startsWith('ad') ?? false],
      ["params.opt LIKE 'sgd_x'", (r) => /^sgd.x$/.test(r.opt ?? '')],
      ["params.opt LIKE '%[%'", () => false],
      ["params.opt = ''", (r) => r.opt === ''],
      ['params.opt IS NULL', (r) => r.opt === undefined],
      ['tags."team x" IS NOT NULL', (r) => r.team !== undefined],
      ["tags.`team x` = 'a' AND metrics.loss > -5", (r) => r.team === 'a' && r.loss !== undefined && r.loss > -5],
      ["status = 'FINISHED' AND start_time > 1", (r) => r.status === 'FINISHED' && r.start > 1],
      ['start_time > 1.5', (r) => r.start > 1.5],
      ['end_time > 0', (r) => r.status === 'FINISHED'],
      ["run_name LIKE 'run-1_'", (r) => /^run-1.$/.test(r.name)],
    ]
    for (const [filter, test] of cases) {
      it(`finds what the oracle finds: ${filter || 'no filter'}`, async () => {
        assert.deepEqual(await find(filter), among(test))
      })
    }

    it('finds by lists of ids', async () => {
      const [a, b] = known
      assert.ok(a !== undefined && b !== undefined)
      assert.deepEqual((await find(`run_id IN ('${a.id}', '${b.id}')`)).sort(), [a.id, b.id].sort())
      assert.equal((await find(`run_id NOT IN ('${a.id}')`)).length, known.length - 1)
    })

    it('the extended grammar means what it says', async () => {
      const filter = "(metrics.loss < 0 OR params.opt = 'adam') AND NOT tags.`team x` = 'b'"
      const test = (r: Known) => ((r.loss !== undefined && r.loss < 0) || r.opt === 'adam') && r.team !== 'b'
      assert.deepEqual(await find(filter), among(test))
      assert.deepEqual((await find('', { everywhere: true, experiment_ids: [] })).length > known.length, true)
    })

    const orders = [
      ['metrics.loss ASC'],
      ['metrics.loss DESC'],
      ['params.opt DESC', 'metrics.loss'],
      ['end_time', 'run_name DESC'],
      ['tags.`team x`', 'start_time ASC'],
      [],
    ]
    for (const order_by of orders) {
      for (const size of [1, 7, 60]) {
        it(`pages of ${size} by ${order_by.join(', ') || 'the default order'} join up to the whole`, async () => {
          const whole = await find('', { order_by })
          assert.equal(new Set(whole).size, known.length)
          const found: string[] = []
          let page_token: string | undefined
          do {
            const page = await searchRuns(bench.room, bench.root, {
              experiment_ids: [experiment],
              order_by,
              max_results: size,
              page_token,
            })
            found.push(...page.rows.map((row) => row.run_id))
            page_token = page.next_page_token
          } while (page_token !== undefined)
          assert.deepEqual(found, whole)
        })
      }
    }

    it('numbers come first, then NaN, then nothing, in both directions', async () => {
      const of = new Map(known.map((run) => [run.id, run.loss]))
      for (const [direction, sign] of [
        ['ASC', 1],
        ['DESC', -1],
      ] as const) {
        const values = (await find('', { order_by: [`metrics.loss ${direction}`] })).map((id) => of.get(id))
        const numbers = values.filter((v) => v !== undefined && !Number.isNaN(v)) as number[]
        assert.deepEqual(
          numbers,
          numbers.toSorted((a, b) => sign * (a - b)),
        )
        const kinds = values.map((v) => (v === undefined ? 2 : Number.isNaN(v) ? 1 : 0))
        assert.deepEqual(
          kinds,
          kinds.toSorted((a, b) => a - b),
        )
      }
    })

    it('MLflow’s own offset tokens page through the order of a metric', async () => {
      const order_by = ['metrics.loss DESC']
      const whole = await find('', { order_by })
      for (const offset of [0, 5, 31, 44, 59, 200]) {
        const page_token = Buffer.from(JSON.stringify({ offset })).toString('base64')
        assert.deepEqual(await find('', { order_by, page_token, max_results: 20 }), whole.slice(offset, offset + 20))
      }
    })

    it('values longer than an index entry are stored and found, whatever their characters', async () => {
      const { room, root } = bench
      const own = await createExperiment(room, root, { name: 'long values' })
      const within = (filter: string) => find(filter, { experiment_ids: [own] })
      const values = ['🚀'.repeat(40), 'ü'.repeat(100), randomBytes(3000).toString('hex')]
      for (const value of values) {
        const { run_id } = await createRun(room, root, { experiment_id: own })
        await logBatch(room, root, run_id, { params: [{ key: 'long', value }], tags: [{ key: 'long', value }] })
        assert.deepEqual(await within(`params.long = '${value}'`), [run_id])
        assert.deepEqual(await within(`tags.long = '${value}' AND params.long = '${value}'`), [run_id])
        assert.deepEqual(await within(`params.long = '${value}x'`), [])
      }
    })

    it('a value that most runs have is found by walking the runs, with the same result', async () => {
      const { room, root } = bench
      const many = await createExperiment(room, root, { name: 'many runs' })
      const stamp = [many, 'default', 'n', 'u', 'FINISHED', 1, 'active', 0, 'x']
      await room.db.tx(async (t) => {
        const runs = Array.from({ length: 3000 }, (_, i) => [`many-${String(i).padStart(4, '0')}`, ...stamp])
        await insertRows(
          t,
          'INSERT INTO runs (run_id, experiment_id, project, run_name, user_id, status, start_time, lifecycle_stage, heartbeat_at, artifact_uri)',
          runs,
        )
        const points = runs.map((row, i) => [row[0] ?? '', 'm', many, i % 1000, 0, 1, 1])
        await insertRows(
          t,
          'INSERT INTO latest_metrics (run_id, key, experiment_id, value, is_nan, timestamp, step)',
          points,
        )
      })
      const search = async (filter: string, order_by: string[]) =>
        (await searchRuns(room, root, { experiment_ids: [many], filter, order_by, max_results: 5 })).rows.map(
          (r) => r.run_id,
        )
      assert.deepEqual(await search('metrics.m >= 0', []), [
        'many-0000',
        'many-0001',
        'many-0002',
        'many-0003',
        'many-0004',
      ])
      assert.deepEqual(await search('metrics.m = 7', []), ['many-0007', 'many-1007', 'many-2007'])
      assert.deepEqual(await search('metrics.m >= 0', ['metrics.m DESC']), [
        'many-0999',
        'many-1999',
        'many-2999',
        'many-0998',
        'many-1998',
      ])
      assert.deepEqual(await search('metrics.m < 1', ['metrics.m DESC']), ['many-0000', 'many-1000', 'many-2000'])
    })

    it('views show deleted runs, and tokens are bound to the query', async () => {
      const gone = known[0]
      assert.ok(gone !== undefined)
      await setRunStage(bench.room, bench.root, gone.id, 'deleted')
      assert.deepEqual(await find('', { view: 'DELETED_ONLY' }), [gone.id])
      assert.equal((await find('', { view: 'ALL' })).length, known.length)
      await setRunStage(bench.room, bench.root, gone.id, 'active')
      const asked = { experiment_ids: [experiment], max_results: 5 }
      const { next_page_token } = await searchRuns(bench.room, bench.root, asked)
      await refused(
        searchRuns(bench.room, bench.root, { ...asked, filter: 'metrics.loss > 0', page_token: next_page_token }),
        'INVALID_PARAMETER_VALUE',
        /another query/,
      )
      const offset = Buffer.from('{"offset": 55}').toString('base64')
      const { rows } = await searchRuns(bench.room, bench.root, { ...asked, max_results: 100, page_token: offset })
      assert.equal(rows.length, known.length - 55)
    })

    it('hostile text in a filter is only text', async () => {
      assert.deepEqual(await find("params.opt = 'x'' OR 1=1 --'"), [])
      assert.deepEqual(await find("params.\"a') OR 1=1\" = 'x'"), [])
    })
  })

  describe('datasets', () => {
    it('are read back with their tags, found by search, and known once', async () => {
      const { room, root } = bench
      const experiment = await createExperiment(room, root, { name: 'data' })
      const { run_id } = await createRun(room, root, { experiment_id: experiment })
      const dataset = { name: 'train', digest: 'abc', source_type: 's3', source: '{}', schema: '{"a":1}' }
      const input = {
        dataset,
        tags: [
          { key: 'mlflow.data.context', value: 'training' },
          { key: 'o', value: 'me' },
        ],
      }
      await logInputs(room, root, run_id, { datasets: [input], models: [] })
      await logInputs(room, root, run_id, { datasets: [{ ...input, tags: [{ key: 'o', value: 'you' }] }], models: [] })
      const { inputs } = await getRun(room, root, run_id)
      assert.deepEqual(inputs.dataset_inputs, [input])
      const found = async (filter: string) =>
        (await searchRuns(room, root, { experiment_ids: [experiment], filter, max_results: 5 })).rows.length
      assert.equal(await found("dataset.name = 'train' AND dataset.digest LIKE 'a%'"), 1)
      assert.equal(await found("datasets.context IN ('training', 'x')"), 1)
      assert.equal(await found("dataset.context = 'eval'"), 0)
      assert.deepEqual(await searchDatasets(room, root, [experiment]), [
        { experiment_id: experiment, name: 'train', digest: 'abc', context: 'training' },
      ])
      await refused(
        searchDatasets(room, root, []),
        'INVALID_PARAMETER_VALUE',
        /must specify at least one experiment_id/,
      )
      const long = { ...input, dataset: { ...dataset, digest: 'x'.repeat(37) } }
      await refused(
        logInputs(room, root, run_id, { datasets: [long], models: [] }),
        'INVALID_PARAMETER_VALUE',
        /digest' exceeds the maximum length of 36/,
      )
    })
  })

  describe('search of experiments', () => {
    it('filters, orders and pages', async () => {
      const { room, root } = bench
      const ids: string[] = []
      for (let i = 0; i < 6; i++) {
        bench.wait(1)
        ids.push(await createExperiment(room, root, { name: `find-${i}`, tags: [{ key: 'n', value: String(i % 2) }] }))
      }
      const names = async (filter: string, more: object = {}) => {
        const page = await searchExperiments(room, root, { filter, max_results: 100, ...more })
        return page.experiments.map((experiment) => experiment.name)
      }
      assert.deepEqual(
        await names("name LIKE 'find-%'"),
        [5, 4, 3, 2, 1, 0].map((i) => `find-${i}`),
      )
      assert.deepEqual(await names("name ILIKE 'FIND-%' AND tags.n = '1'", { order_by: ['name ASC'] }), [
        'find-1',
        'find-3',
        'find-5',
      ])
      const first = await searchExperiments(room, root, { filter: "name LIKE 'find-%'", max_results: 4 })
      assert.ok(first.next_page_token !== undefined)
      const rest = await searchExperiments(room, root, {
        filter: "name LIKE 'find-%'",
        max_results: 2,
        page_token: first.next_page_token,
      })
      assert.deepEqual(
        rest.experiments.map((e) => e.name),
        ['find-1', 'find-0'],
      )
      assert.equal(rest.next_page_token, undefined)
      await refused(
        searchExperiments(room, root, { filter: 'lifecycle = 1', max_results: 1 }),
        'INVALID_PARAMETER_VALUE',
        /Invalid attribute key/,
      )
    })
  })
}
