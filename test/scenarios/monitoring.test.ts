/** A feed changes its unit without a word: the monitor pages, names the cause, marks the rows, and calms down once it is mended. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { actOnIncident } from '../../src/monitoring/acts.ts'
import { testDeps } from '../../src/monitoring/room.fixture.ts'
import { advance } from '../../src/monitoring/rounds/evaluate.ts'
import type { Memory } from '../../src/monitoring/rounds/evaluate.ts'
import { onPredictions } from '../../src/monitoring/profiles/hours.ts'
import { badIds, incidentRows, spoiltHours, viewIncident } from '../../src/monitoring/incidents/rows.ts'
import type { IncidentRow } from '../../src/monitoring/incidents/rows.ts'
import type { MonitoringDeps } from '../../src/monitoring/context/context.ts'
import { alertmanagerMessage } from '../../src/monitoring/channels/webhook.ts'
import { writeRecords } from '../../src/serving/records/rows.ts'
import type { PredictionRecord } from '../../src/gateway/records/records.ts'
import { prng } from '../../src/stats/prng.ts'
import { openTemporaryStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/open.ts'

const HOUR = 3_600_000
const NAMES = ['temp', 'dewp', 'distance', 'carrier'] as const
const CARRIERS = ['AA', 'B6', 'DL', 'EV', 'UA', 'WN']
/** Midnight of the first training day; 56 days of training, then live days. */
const START = Date.UTC(2026, 2, 1)
const TRAINING_DAYS = 56

type Row = (number | string)[]
const random = prng(7)
const fronts = Array.from({ length: 80 }, () => 6 * random.normal())

/** 36 rows of an hour from 5 to 22 o'clock: season, day and night, fronts that last days, one value an hour and airport. */
function rowsOf(hour: number): Row[] {
  const day = hour / 24
  if (hour % 24 < 5 || hour % 24 > 22) return []
  const front = (fronts[Math.floor(day)] ?? 0) * (1 - (day % 1)) + (fronts[Math.floor(day) + 1] ?? 0) * (day % 1)
  const air = 60 + 10 * Math.sin(day / 40) + 8 * Math.sin(((hour - 9) / 24) * 2 * Math.PI) + front
  const local = [0, 1.8, -1.1].map((offset) => Math.round((air + offset + random.normal()) * 10) / 10)
  return Array.from({ length: 36 }, () => {
    const [carrier, place] = [random.below(6), random.below(3)]
    const temp = local[place] ?? 60
    return [temp, Math.round((temp - 14) * 10) / 10, 200 + 100 * random.below(20), CARRIERS[carrier] ?? 'AA']
  })
}

function trainingTable(): string {
  const lines = [`event_time,${NAMES.join(',')}`]
  for (let hour = 0; hour < TRAINING_DAYS * 24; hour++)
    rowsOf(hour).forEach((row, i) => lines.push(`${START + hour * HOUR + i * 60_000},${row.join(',')}`))
  return lines.join('\n')
}

let store: Store & { close(): Promise<void> }
let deps: MonitoringDeps
const memory: Memory = { live: undefined, learning: undefined }
const signal = new AbortController().signal

before(async () => {
  store = await openTemporaryStore()
  const table = Buffer.from(trainingTable())
  deps = testDeps(store.db, Date.now, {
    referenceOf: async () => ({
      version: '1',
      table: 'table',
      evaluation: null,
      inputs: NAMES.map((name) => ({ name, numeric: name !== 'carrier' })),
      metrics: { 'importance.temp': 0.01, 'importance.dewp': 0.02, 'importance.distance': 0.0001 },
    }),
    readTable: async () => table,
    inputNames: async () => NAMES,
  })
  await store.db.tx((t) =>
    t.run(
      'INSERT INTO endpoints (name, project, model, salt, threshold, monitor, previous_version, created_at, updated_at) VALUES (?,?,?,?,NULL,?,NULL,0,0)',
      ['e', 'p', 'm', 's', JSON.stringify({ same_unit: [['temp', 'dewp']] })],
    ),
  )
})
after(() => store.close())

/** Sends hours and lets the monitor judge what is closed. `sizes` are those of what the inputs add, of rows that are explained. */
async function live(
  from: number,
  to: number,
  change: (row: Row) => Row = (row) => row,
  sizes?: readonly number[],
): Promise<void> {
  const hook = onPredictions(deps)
  for (let hour = from; hour < to; hour++) {
    const records = rowsOf(hour).map((row, i): PredictionRecord => ({
      t: 'p',
      id: `${hour}-${i}`,
      ep: 'e',
      role: 'stable',
      ver: '1',
      ep_epoch: 1,
      et: START + hour * HOUR + i * 60_000,
      at: START + hour * HOUR,
      us: 40,
      st: 200,
      key: null,
      x: change(row),
      s: 0.3,
      p: 0,
      ...(sizes !== undefined && { ex: { base: 0, contributions: sizes.map((size) => size * random.normal()) } }),
    }))
    await store.db.tx(async (t) => void (await writeRecords(t, records, { onPredictions: hook })))
    while (await advance(deps, 'e', memory, signal));
  }
}

const kilometres = ([temp, dewp, distance, ...rest]: Row): Row => [
  temp ?? '',
  dewp ?? '',
  1.609 * Number(distance),
  ...rest,
]
const celsius = ([temp, dewp, ...rest]: Row): Row => [(Number(temp) - 32) / 1.8, (Number(dewp) - 32) / 1.8, ...rest]
const FIRST = TRAINING_DAYS * 24
const FAULT = FIRST + 2 * 24 + 9

test('a change of unit is paged within six hours with its cause, and resolved after the feed is mended', async () => {
  await advance(deps, 'e', memory, signal)
  for (let i = 0; memory.learning !== undefined && i < 600; i++) await sleep(100)
  assert.equal(memory.learning, undefined, 'the reference is learned')
  await live(FIRST, FAULT)
  assert.deepEqual(await incidentRows(store.db, { endpoint: 'e' }), [], 'two clean days are quiet')
  await live(FAULT, FAULT + 7, celsius)
  const [open] = await incidentRows(store.db, { endpoint: 'e' })
  assert.ok(open !== undefined, 'paged')
  const delay = open.opened_event / HOUR - (START / HOUR + FAULT)
  assert.ok(delay <= 6, `paged after ${delay} h`)
  assert.equal(open.detail.causes[0]?.title, 'unit changed °F → °C, temp and dewp')
  assert.deepEqual([open.severity, open.state, open.pages], ['high', 'open', 1])
  assert.ok(Math.abs(open.began_event / HOUR - (START / HOUR + FAULT)) <= 1, 'the change point')
  await live(FAULT + 7, FAULT + 40)
  const [mended] = await incidentRows(store.db, { endpoint: 'e' })
  assert.ok(mended !== undefined)
  assert.equal(mended.state, 'resolved')
  const bad = await badIds(store.db, 'e')
  assert.ok(bad.length >= 6 * 36 && bad.length <= 9 * 36, `${bad.length} rows marked bad`)
  assert.ok(bad.includes(`${FAULT + 3}-0`))
  assert.equal(alertmanagerMessage(mended)['status'], 'resolved')
})

test('a false alarm counts its hours as normal, raises the limits and is in the audit', async () => {
  const [row] = await incidentRows(store.db, { endpoint: 'e' })
  assert.ok(row !== undefined)
  const who = { id: 'u', name: 'ann', role: 'admin', project: null, token_id: null } as const
  const view = await actOnIncident(deps, who, { id: row.id, action: 'false_alarm', reason: 'agreed with the feed' })
  assert.equal(view.state, 'resolved')
  assert.deepEqual(await badIds(store.db, 'e'), [])
  const raised = await store.db.all<{ feature: string }>('SELECT feature FROM monitor_raises ORDER BY feature')
  assert.ok(raised.some((one) => one.feature === 'temp'))
  const audit = await store.db.get<{ n: number }>("SELECT count(*) AS n FROM audit WHERE resource = 'incidents'")
  assert.equal(audit?.n, 1)
  await assert.rejects(
    actOnIncident(deps, who, { id: row.id, action: 'false_alarm', reason: '' }),
    /called a false alarm before/,
  )
  assert.equal((await viewIncident(store.db, row)).endpoint, 'e')
})

test('an incident of attributions alone wakes nobody until features differ too, and is over when both are as before', async () => {
  const [usual, moved] = [
    [4, 3, 2, 1],
    [1, 2, 3, 4],
  ]
  const same = (row: Row): Row => row
  await store.db.tx((t) =>
    t.run('INSERT INTO endpoint_limits (endpoint, limits, updated_at) VALUES (?,?,0)', ['e', '{"explain_share":1}']),
  )
  const newest = async (): Promise<IncidentRow> =>
    (await incidentRows(store.db, { endpoint: 'e' })).find((row) => row.dismissed === 0) ?? assert.fail('no incident')
  const first = FAULT + 40
  await live(first, first + 72, same, usual)
  await live(first + 72, first + 104, same, moved)
  const alone = await newest()
  assert.deepEqual([alone.kind, alone.state, alone.pages, alone.detail.features], ['drift', 'open', 0, []])
  assert.deepEqual(
    alone.detail.causes.map((one) => one.kind),
    ['attribution_shift'],
  )
  assert.deepEqual(await spoiltHours(store.db, 'e').then((spans) => spans.filter(({ from, to }) => from < to)), [])
  await live(first + 104, first + 128, kilometres, moved)
  const both = await newest()
  assert.deepEqual([both.id, both.pages, both.state], [alone.id, 1, 'open'])
  assert.match(both.title, /mi → km|miles|distance/)
  assert.ok(both.began_event >= START + (first + 103) * HOUR, 'it began when the features did')
  assert.equal(both.detail.causes.filter((one) => one.kind === 'attribution_shift').length, 1)
  assert.ok(both.detail.checks.some((one) => one.check === 'attribution') && both.detail.checks.length > 1)
  assert.ok(both.detail.timeline.some((one) => one.kind === 'features differ too'))
  await live(first + 128, first + 152, same, moved)
  assert.equal((await newest()).state, 'open', 'held by the check of attributions')
  await live(first + 152, first + 224, same, usual)
  assert.deepEqual([(await newest()).id, (await newest()).state], [alone.id, 'resolved'])
})
