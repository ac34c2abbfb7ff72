/** Cases: what the extended grammar finds and in which order, against plain JavaScript over the same runs. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { logBatch } from '../batches/batch.ts'
import { refused, stream } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { createExperiment } from '../experiments/experiments.ts'
import { searchExperiments } from '../experiments/search.ts'
import { logInputs, logOutputs } from '../models/inputs.ts'
import { createLoggedModel } from '../models/logged-models.ts'
import { finder, idsAmong } from './known-runs.fixture.ts'
import { searchRuns } from './search.ts'
import { createRun, setRunStage } from '../runs/runs.ts'

interface Known {
  readonly id: string
  readonly name: string
  readonly start: number
  /** Points of the metric acc, by step. */
  readonly acc: readonly number[]
  readonly loss: number | undefined
  readonly opt: string | undefined
  readonly parent: string | undefined
  readonly read: boolean
  readonly made: boolean
}

const numbers = (run: Known): number[] => run.acc.filter((value) => !Number.isNaN(value))
const least = (run: Known): number => Math.min(...numbers(run))
const greatest = (run: Known): number => Math.max(...numbers(run))
const last = (run: Known): number => run.acc.at(-1) ?? Number.NaN

export function grammarCases(bench: Bench): void {
  describe('the extended grammar', () => {
    let experiment = ''
    let model = ''
    const known: Known[] = []
    const find = finder(bench, () => experiment)
    const among = (test: (run: Known) => boolean) => idsAmong(known, test)

    before(async () => {
      const { room, root } = bench
      const random = stream(23)
      const pick = <T>(values: readonly T[]) => values[Math.floor(random() * values.length)] as T
      experiment = await createExperiment(room, root, { name: 'grammar', tags: [{ key: 'kind', value: 'a+b' }] })
      model = (await createLoggedModel(room, root, { experiment_id: experiment, name: 'm' })).info['model_id'] as string
      for (let i = 0; i < 50; i++) {
        const acc = Array.from({ length: pick([0, 1, 2, 4]) }, () => pick([Number.NaN, 1, 2, 3, 90, 99, 99.5, 100]))
        const loss = pick([undefined, 0.1, 0.1005, 0.2, 5])
        const opt = pick([undefined, 'adam', 'Adam', 'sgd', 'a.b'])
        const parent = i > 0 && random() < 0.3 ? known[0]?.id : undefined
        const {
          run_id,
          run_name: name,
          start_time: start,
        } = await createRun(room, root, {
          experiment_id: experiment,
          run_name: `net${i}`,
          start_time: pick([1, 2, 3]),
          tags: parent === undefined ? [] : [{ key: 'mlflow.parentRunId', value: parent }],
        })
        const points = acc.map((value, step) => ({ key: 'acc', value, timestamp: 1, step }))
        await logBatch(room, root, run_id, {
          metrics: loss === undefined ? points : [...points, { key: 'loss', value: loss, timestamp: 1, step: 0 }],
          params: opt === undefined ? [] : [{ key: 'opt', value: opt }],
        })
        const [read, made] = [random() < 0.2, random() < 0.2]
        if (made) await logOutputs(room, root, run_id, [{ model_id: model, step: 0 }])
        if (read) {
          const dataset = {
            name: 'train',
            digest: 'd1',
            source_type: 'local',
            source: 's',
            schema: undefined,
            profile: undefined,
          }
          await logInputs(room, root, run_id, { datasets: [{ dataset, tags: [] }], models: [{ model_id: model }] })
        }
        known.push({ id: run_id, name, start, acc, loss, opt, parent, read, made })
      }
      const best = await createRun(room, root, { experiment_id: experiment, start_time: 9 })
      await logBatch(room, root, best.run_id, { metrics: [{ key: 'loss', value: 0.0001, timestamp: 1, step: 0 }] })
      await setRunStage(room, root, best.run_id, 'deleted')
    })

    const cases: [string, (run: Known) => boolean][] = [
      ['min(metrics.acc) < 3', (r) => least(r) < 3],
      ['max(metrics.acc) >= 99', (r) => greatest(r) >= 99],
      ['first(metrics.acc) = 90', (r) => numbers(r)[0] === 90],
      ['last(metrics.acc) = 90', (r) => last(r) === 90],
      [
        'max(metrics.acc) > 98 AND NOT min(metrics.acc) > 2',
        (r) => greatest(r) > 98 && !(numbers(r).length > 0 && least(r) > 2),
      ],
      ['min(metrics.acc) IS NULL', (r) => numbers(r).length === 0],
      ['metrics.acc IS NULL', (r) => r.acc.length === 0],
      ['EXISTS metrics.acc', (r) => r.acc.length > 0],
      ['NOT EXISTS params.opt', (r) => r.opt === undefined],
      ['metrics.acc IN (1, 99.5)', (r) => last(r) === 1 || last(r) === 99.5],
      ['metrics.acc NOT IN (1, 99.5)', (r) => r.acc.length > 0 && last(r) !== 1 && last(r) !== 99.5],
      ["params.opt IN ('adam', 'sgd')", (r) => r.opt === 'adam' || r.opt === 'sgd'],
      ["params.opt NOT IN ('adam', 'sgd')", (r) => r.opt !== undefined && r.opt !== 'adam' && r.opt !== 'sgd'],
      ["params.opt REGEXP '^[aA]d'", (r) => /^[aA]d/.test(r.opt ?? '')],
      ["params.opt REGEXP '(?i)^AD.m$'", (r) => /^ad.m$/i.test(r.opt ?? '')],
      ["params.opt REGEXP 'a\\.b'", (r) => r.opt === 'a.b'],
      ["run_name REGEXP '^net[0-9]$' OR run_name RLIKE '\\b4\\d*\\b'", (r) => /^net[0-9]$/.test(r.name)],
      ['metrics.loss WITHIN 1% OF BEST', (r) => r.loss !== undefined && r.loss <= 0.1 * 1.01],
      ['metrics.loss WITHIN 0% OF MAX', (r) => r.loss === 5],
      ['max(metrics.acc) WITHIN 1% OF BEST', (r) => numbers(r).length > 0 && greatest(r) >= 99],
      ['parent IS NULL', (r) => r.parent === undefined],
      ['parent IS NOT NULL AND NOT EXISTS metrics.acc', (r) => r.parent !== undefined && r.acc.length === 0],
      ["dataset.digest = 'd1'", (r) => r.read],
      ['read_model IS NULL', (r) => !r.read],
      [
        "params.opt = 'adam' OR params.opt = 'sgd' AND NOT (metrics.loss < 1 OR metrics.loss IS NULL)",
        (r) => r.opt === 'adam' || (r.opt === 'sgd' && !(r.loss === undefined || r.loss < 1)),
      ],
    ]
    for (const [filter, test] of cases) {
      it(`finds what JavaScript finds: ${filter}`, async () => assert.deepEqual(await find(filter), among(test)))
    }

    it('finds by parent and by logged model', async () => {
      const top = known[0]?.id ?? ''
      assert.deepEqual(
        await find(`parent = '${top}'`),
        among((r) => r.parent === top),
      )
      assert.deepEqual(
        await find(`made_model = '${model}'`),
        among((r) => r.made),
      )
      assert.deepEqual(
        await find(`read_model IN ('${model}', 'x') AND start_time > 1`),
        among((r) => r.read && r.start > 1),
      )
      assert.deepEqual(await find("made_model = 'm-none'"), [])
    })

    it('finds by the versions of a registered model that the room below names', async () => {
      const [a, b] = known
      assert.ok(a !== undefined && b !== undefined)
      const asked: unknown[] = []
      const room = {
        ...bench.room,
        versionRuns: async (_who: unknown, name: { model: string; version?: number; alias?: string }) => {
          asked.push(name)
          return name.version === 3 ? [a.id] : [a.id, b.id]
        },
      }
      const ids = async (filter: string) =>
        (await searchRuns(room, bench.root, { experiment_ids: [experiment], filter, max_results: 10 })).rows.map(
          (r) => r.run_id,
        )
      assert.deepEqual(await ids("model = 'flights/3'"), [a.id])
      assert.deepEqual((await ids("model = 'flights'")).sort(), [a.id, b.id].sort())
      assert.deepEqual(await ids("model = 'flights@prod' AND NOT model = 'flights/3'"), [b.id])
      assert.deepEqual(asked.slice(0, 2), [{ model: 'flights', version: 3 }, { model: 'flights' }])
      assert.deepEqual(await find("model = 'flights'"), [], 'no registry, no versions')
      await refused(ids("model = 'a/b/c'"), 'INVALID_PARAMETER_VALUE', /Invalid model 'a\/b\/c'/)
    })

    const orders: [string, (run: Known) => number][] = [
      ['min(metrics.acc)', least],
      ['max(metrics.acc) DESC', (r) => -greatest(r)],
      ['first(metrics.acc) DESC', (r) => -(numbers(r)[0] ?? 0)],
    ]
    for (const [order, value] of orders) {
      for (const filter of ['', 'max(metrics.acc) > 98']) {
        it(`pages by ${order} join up to the whole${filter === '' ? '' : ' of a filter'}`, async () => {
          const inOrder = known
            .filter((r) => filter === '' || greatest(r) > 98)
            .sort((x, y) => {
              const [none, other] = [numbers(x).length === 0, numbers(y).length === 0]
              const byValue = none || other ? Number(none) - Number(other) : value(x) - value(y)
              return byValue || y.start - x.start || (x.id < y.id ? -1 : 1)
            })
            .map((r) => r.id)
          const found: string[] = []
          for (let token: string | undefined = ''; token !== undefined;) {
            const page = await searchRuns(bench.room, bench.root, {
              experiment_ids: [experiment],
              filter,
              order_by: [order],
              max_results: 7,
              page_token: token,
            })
            found.push(...page.rows.map((row) => row.run_id))
            token = page.next_page_token
          }
          assert.deepEqual(found, inOrder)
        })
      }
    }

    it('holds for experiments too', async () => {
      const names = async (filter: string) =>
        (await searchExperiments(bench.room, bench.root, { filter, max_results: 10 })).experiments.map((e) => e.name)
      assert.deepEqual(await names("name REGEXP '^gram' AND (EXISTS tags.kind OR name = 'x')"), ['grammar'])
      assert.deepEqual(await names("tags.kind IN ('a+b') AND NOT name != 'grammar'"), ['grammar'])
    })
  })
}
