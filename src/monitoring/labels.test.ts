import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { auditLog } from '../auth/audit.ts'
import { makeIds } from '../contract/ids.ts'
import { writeRecords } from '../serving/ingest-rows.ts'
import type { PredictionRecord } from '../serving/records.ts'
import { openTemporaryStore } from '../store/open.ts'
import type { Store } from '../store/open.ts'
import { onPredictions } from './hours.ts'
import { labelsOf, putLabels } from './labels.ts'
import { performance } from './performance.ts'
import { prometheusText } from './prometheus.ts'
import type { KnownLabel, MonitoringDeps } from './room.ts'

const START = Date.UTC(2026, 0, 5)
let store: Store & { close(): Promise<void> }
let deps: MonitoringDeps
const told: KnownLabel[] = []

before(async () => {
  store = await openTemporaryStore()
  const clock = (): number => START
  const unused = async (): Promise<never> => assert.fail('not asked for')
  deps = {
    db: store.db,
    clock,
    ids: makeIds(clock, randomBytes),
    audit: auditLog(clock),
    referenceOf: async () => undefined,
    readTable: unused,
    inputNames: async () => ['carrier'],
    eventLog: async () => [],
    onLabels: async (_t, rows) => void told.push(...rows),
    saveSettings: unused,
    retrain: unused,
    rollback: unused,
    halt: unused,
    send: unused,
    changed: () => undefined,
    onError: (error) => assert.fail(String(error)),
  }
})
after(() => store.close())

/** Predictions whose scores order the labels of `labelOf` rightly in all but few rows. */
async function predict(from: number, n: number): Promise<void> {
  const records = Array.from({ length: n }, (_, k): PredictionRecord => {
    const i = from + k
    return {
      t: 'p',
      id: `p${i}`,
      ep: 'e',
      role: 'stable',
      ver: '1',
      ep_epoch: 1,
      et: START + i * 600_000,
      at: START,
      us: 50,
      st: 200,
      key: null,
      x: [i % 2 === 0 ? 'UA' : 'AA'],
      s: (i % 10) / 10,
      p: 0,
    }
  })
  await store.db.tx(async (t) => void (await writeRecords(t, records, { onPredictions: onPredictions(deps) })))
}

const labelOf = (i: number): number => (i % 10 >= 5 ? 1 : 0)

test('labels count once: duplicates, conflicts by the time they became known, orphans joined when the prediction comes', async () => {
  await predict(0, 100)
  const given = Array.from({ length: 120 }, (_, i) => ({ prediction_id: `p${i}`, label: labelOf(i) }))
  assert.deepEqual(await putLabels(deps, 'e', given), { accepted: 120, duplicates: 0, conflicts: 0, orphans: 20 })
  assert.deepEqual(await putLabels(deps, 'e', given), { accepted: 0, duplicates: 120, conflicts: 0, orphans: 0 })
  assert.equal(told.length, 120)
  const early = await putLabels(deps, 'e', [{ prediction_id: 'p0', label: 1, at: new Date(START - 1).toISOString() }])
  assert.deepEqual(early, { accepted: 0, duplicates: 0, conflicts: 1, orphans: 0 })
  assert.equal((await labelsOf(store.db, 'e', ['p0'])).get('p0'), 0)
  const late = await putLabels(deps, 'e', [{ prediction_id: 'p0', label: true, at: new Date(START + 1).toISOString() }])
  assert.equal(late.conflicts, 1)
  assert.equal((await labelsOf(store.db, 'e', ['p0'])).get('p0'), 1)
  const orphans = () => store.db.get<{ orphans: number }>("SELECT orphans FROM monitors WHERE endpoint = 'e'")
  assert.equal((await orphans())?.orphans, 20)
  await predict(100, 20)
  assert.equal((await orphans())?.orphans, 0)
})

test('performance joins labels, opens again with late ones, and divides by slice', async () => {
  await predict(120, 30)
  const ask = (more: object) =>
    performance(store.db, { endpoint: 'e', bucket: 'all', ...more }, async () => ['carrier'])
  const area = (items: Awaited<ReturnType<typeof ask>>) => items.find((one) => one.metric === 'roc_auc')
  const before = area(await ask({}))
  assert.deepEqual([before?.n, before?.labelled, before?.provisional], [150, 120, true])
  assert.ok((before?.estimate ?? 0) > 0.95 && (before?.interval?.[0] ?? 0) > 0.9)
  await putLabels(
    deps,
    'e',
    Array.from({ length: 30 }, (_, i) => ({ prediction_id: `p${120 + i}`, label: labelOf(120 + i) })),
  )
  const now = area(await ask({}))
  assert.deepEqual([now?.labelled, now?.coverage, now?.provisional], [150, 1, false])
  const sliced = (await ask({ slice: 'carrier' })).filter((one) => one.metric === 'roc_auc')
  assert.deepEqual(
    sliced.map((one) => [one.value, one.n]),
    [
      ['UA', 75],
      ['AA', 75],
    ],
  )
})

test('the figures for Prometheus name what was counted', async () => {
  const text = await prometheusText(deps)
  assert.match(text, /^slipway_predictions_total\{endpoint="e"\} 150$/m)
  assert.match(text, /^slipway_label_coverage_ratio\{endpoint="e"\} 1$/m)
  assert.match(text, /^# TYPE slipway_incidents_open gauge$/m)
})
