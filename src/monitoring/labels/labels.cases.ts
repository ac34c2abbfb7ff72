/** What labels and the figures made of them must do, on every database. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Db } from '../../store/db.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { labelsOf, putLabels } from './labels.ts'
import { performance } from '../checks/performance.ts'
import type { PerformanceItem } from '../checks/figures.ts'
import { prometheusText } from '../channels/prometheus.ts'
import { ingest, testDeps } from '../room.fixture.ts'
import type { GivenRow } from '../room.fixture.ts'
import type { KnownLabel, MonitoringDeps } from '../context/context.ts'

const START = Date.UTC(2026, 0, 5)
const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Scores order the labels of `labelOf` rightly; a row every ten minutes. */
const rowAt = (i: number): GivenRow => ({
  id: `p${i}`,
  et: START + i * 600_000,
  at: START,
  score: (i % 10) / 10,
  x: [i % 2 === 0 ? 'UA' : 'AA'],
})
const rowsFrom = (from: number, n: number): GivenRow[] => Array.from({ length: n }, (_, k) => rowAt(from + k))
const labelOf = (i: number): number => (i % 10 >= 5 ? 1 : 0)
const labelsFrom = (from: number, n: number) =>
  Array.from({ length: n }, (_, k) => ({ prediction_id: `p${from + k}`, label: labelOf(from + k) }))

/** Declares the cases; `open` gives a migrated, empty database. */
export function labelCases(name: string, open: () => Promise<{ db: Db; close(): Promise<void> }>): void {
  describe(`labels on ${name}`, () => {
    let opened: { db: Db; close(): Promise<void> }
    let deps: MonitoringDeps
    const heard: KnownLabel[] = []
    const ask = (more: object): Promise<PerformanceItem[]> =>
      performance(deps.db, { endpoint: 'e', bucket: 'all', ...more }, async () => ['carrier'])
    const pick = (items: readonly PerformanceItem[], metric: string) => items.find((one) => one.metric === metric)

    before(async () => {
      opened = await open()
      deps = testDeps(opened.db, () => START, { onLabels: async (_t, rows) => void heard.push(...rows) })
      await addEndpoint(opened.db, 'e')
      await addEndpoint(opened.db, 'margins', {}, 'other')
    })
    after(() => opened.close())

    it('count once: duplicates, conflicts by the time they became known, orphans joined when the prediction comes', async () => {
      await ingest(deps, 'e', rowsFrom(0, 100))
      const given = labelsFrom(0, 120)
      const { flagged, ...counts } = await putLabels(deps, 'e', given)
      assert.deepEqual(counts, { accepted: 120, duplicates: 0, conflicts: 0, orphans: 20 })
      assert.deepEqual(
        flagged.map((one) => [one.row, one.prediction_id]),
        Array.from({ length: 20 }, (_, i) => [100 + i, `p${100 + i}`]),
      )
      const again = { accepted: 0, duplicates: 120, conflicts: 0, orphans: 0, flagged: [] }
      assert.deepEqual(await putLabels(deps, 'e', given), again)
      assert.equal(heard.length, 120)
      const say = (label: number | boolean, at: number) =>
        putLabels(deps, 'e', [{ prediction_id: 'p0', label, at: new Date(at).toISOString() }])
      const told = 'says 1, and another label says 0: the one that became known later counts, 0'
      const flag = { row: 0, prediction_id: 'p0', reason: told }
      assert.deepEqual(await say(1, START - 1), {
        accepted: 0,
        duplicates: 0,
        conflicts: 1,
        orphans: 0,
        flagged: [flag],
      })
      assert.equal((await labelsOf(deps.db, 'e', ['p0'])).get('p0'), 0)
      assert.equal((await say(true, START + 1)).conflicts, 1)
      assert.equal((await labelsOf(deps.db, 'e', ['p0'])).get('p0'), 1)
      const orphans = () => deps.db.get<{ orphans: number }>("SELECT orphans FROM monitors WHERE endpoint = 'e'")
      assert.equal((await orphans())?.orphans, 20)
      await ingest(deps, 'e', rowsFrom(100, 20))
      assert.equal((await orphans())?.orphans, 0)
    })

    it('give figures that open again with late labels, and divide by slice', async () => {
      await ingest(deps, 'e', rowsFrom(120, 30))
      const first = pick(await ask({}), 'roc_auc')
      assert.deepEqual([first?.n, first?.labelled, first?.provisional], [150, 120, true])
      assert.ok((first?.estimate ?? 0) > 0.95 && (first?.interval?.[0] ?? 0) > 0.9)
      await putLabels(deps, 'e', labelsFrom(120, 30))
      const now = pick(await ask({}), 'roc_auc')
      assert.deepEqual([now?.labelled, now?.coverage, now?.provisional], [150, 1, false])
      const sliced = (await ask({ slice: 'carrier' })).filter((one) => one.metric === 'roc_auc')
      assert.deepEqual(
        sliced.map((one) => [one.value, one.n]),
        [
          ['AA', 75],
          ['UA', 75],
        ],
      )
    })

    it('change the figures of their own day: a corrected label is seen, a range and a version hold', async () => {
      const before = pick(await ask({ bucket: 'day' }), 'base_rate')
      await putLabels(deps, 'e', [{ prediction_id: 'p1', label: 1, at: new Date(START + 5).toISOString() }])
      const now = pick(await ask({ bucket: 'day' }), 'base_rate')
      assert.ok(Math.abs((now?.estimate ?? 0) - (before?.estimate ?? 0) - 1 / 144) < 1e-9)
      const range = pick(await ask({ from: START + HOUR, to: START + 3 * HOUR }), 'mean_score')
      assert.equal(range?.n, 12)
      assert.deepEqual(await ask({ version: '2' }), [])
    })

    it('are provisional until they are due, however many came early', async () => {
      const days = async (due: number): Promise<(boolean | undefined)[]> =>
        (await ask({ bucket: 'day', due })).filter((one) => one.metric === 'roc_auc').map((one) => one.provisional)
      assert.deepEqual(await days(START + 2 * DAY), [false, false])
      assert.deepEqual(await days(START + DAY), [false, true])
      assert.deepEqual(await days(START - 1), [true, true])
    })

    it('of scores that are no probabilities give an area, and no losses', async () => {
      const rows = rowsFrom(0, 40).map((row) => ({ ...row, id: `m${row.id}`, score: 20 * row.score - 10 }))
      await ingest(deps, 'margins', rows)
      await putLabels(
        deps,
        'margins',
        rows.map(({ id }, i) => ({ prediction_id: id, label: labelOf(i) })),
      )
      const items = await ask({ endpoint: 'margins' })
      assert.deepEqual(
        items.map((one) => one.metric),
        ['roc_auc', 'base_rate', 'mean_score'],
      )
      assert.equal(pick(items, 'roc_auc')?.estimate, 1)
    })

    it('are counted for Prometheus, each project its own', async () => {
      const all = await prometheusText(deps, null)
      assert.match(all, /^slipway_predictions_total\{endpoint="e"\} 150$/m)
      assert.match(all, /^slipway_label_coverage_ratio\{endpoint="e"\} 1$/m)
      assert.match(all, /^# TYPE slipway_incidents_open gauge$/m)
      assert.match(all, /endpoint="margins"/)
      const mine = await prometheusText(deps, 'other')
      assert.match(mine, /^slipway_predictions_total\{endpoint="margins"\} 40$/m)
      assert.doesNotMatch(mine, /endpoint="e"/)
    })
  })
}
