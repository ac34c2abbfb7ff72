/** Closed hours in turn; of an endpoint with few rows from when on a day is judged as one, and what is read for an incident. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openedOnce } from '../../../test/opened.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import type { PredictionRecord } from '../../gateway/records/records.ts'
import { writeRecords } from '../../serving/records/rows.ts'
import type { ProfileSpec } from '../../stats/profile-spec.ts'
import { add, emptyProfile, profileToJson } from '../../stats/profile.ts'
import { openTemporaryStore } from '../../store/open.ts'
import type { Db } from '../../store/db.ts'
import { lockMonitor, monitorOf } from '../context/context.ts'
import type { MonitoringDeps, Reference } from '../context/context.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { incidentRows } from '../incidents/rows.ts'
import type { Learned } from '../profiles/learn.ts'
import { onPredictions } from '../profiles/hours.ts'
import { referenceId } from '../profiles/reference.ts'
import { ingest, testDeps } from '../room.fixture.ts'
import { advance } from './evaluate.ts'
import type { Memory } from './evaluate.ts'

/** The first live hour; 35 days of the reference are before it. */
const FIRST = 24 * 20_000
/** Rows of an hour: too few for a window of six hours, enough for a day. */
const ROWS = 12

const spec: ProfileSpec = {
  features: [{ kind: 'numeric', name: 'x', edges: [0, 40, 50, 60, 100], low: -1e6, high: 1e6, centre: 50, scale: 10 }],
  conditionals: [],
}
/** Means of 49, 50 and 51 from day to day. */
const usual = (hour: number): number => 49 + (Math.floor(hour / 24) % 3)

/** A reference with 35 days before the first live hour, of which limits were learned for windows of these lengths. */
function learned(lengths: readonly number[]): Learned {
  const past = (length: number) => ({
    days: lengths.includes(length) ? Array.from({ length: 30 }, (_, day) => day) : [],
    features: {},
  })
  const hours = Array.from({ length: 35 * 24 }, (_, i) => FIRST - 35 * 24 + i)
  return {
    spec,
    pasts: { 6: past(6), 24: past(24), 168: past(168) },
    muted: [],
    hours: hours.map((hour) => {
      const profile = emptyProfile(spec)
      for (let i = 0; i < ROWS; i++) add(profile, [usual(hour) + (i % 2 === 0 ? 1 : -1)])
      return [hour, profileToJson(profile)]
    }),
  }
}

let db: Db
let made = 0
openedOnce(openTemporaryStore, (store) => {
  db = store.db
})

interface Watched {
  readonly endpoint: string
  readonly deps: MonitoringDeps
  /** Sends the rows of an hour, each hour by a version of its own, and judges what is closed by then. */
  send(hour: number, values: readonly number[]): Promise<void>
}

/** An endpoint whose reference is learned. */
async function watched(more: Partial<MonitoringDeps> = {}, lengths = [6, 24]): Promise<Watched> {
  const endpoint = `e${++made}`
  const reference: Reference = {
    version: '1',
    table: `table ${made}`,
    evaluation: null,
    inputs: [{ name: 'x', numeric: true }],
    metrics: {},
  }
  const deps = testDeps(db, Date.now, { referenceOf: async () => reference, inputNames: async () => ['x'], ...more })
  const { hours, spec: shape, ...limits } = learned(lengths)
  const id = referenceId(reference) ?? assert.fail('a table')
  await addEndpoint(db, endpoint)
  await db.tx(async (t) => {
    await t.run('INSERT INTO monitor_references (id, spec, limits, hours, created_at) VALUES (?,?,?,?,0)', [
      id,
      JSON.stringify(shape),
      JSON.stringify(limits),
      JSON.stringify(hours),
    ])
    await lockMonitor(t, endpoint)
    await t.run('UPDATE monitors SET reference = ? WHERE endpoint = ?', [id, endpoint])
  })
  const memory: Memory = { live: undefined, learning: undefined }
  const { signal } = new AbortController()
  return {
    endpoint,
    deps,
    async send(hour, values) {
      const records = values.map((x, i): PredictionRecord => ({
        t: 'p',
        id: `${hour}-${i}`,
        ep: endpoint,
        role: 'stable',
        ver: `of ${hour}`,
        ep_epoch: 1,
        et: hour * HOUR_MS + i * 1000,
        at: 7_000_000 + hour,
        us: 40,
        st: 200,
        key: null,
        x: [x],
        s: 0.5,
        p: 0,
      }))
      await db.tx(async (t) => void (await writeRecords(t, records, { onPredictions: onPredictions(deps) })))
      while (await advance(deps, endpoint, memory, signal));
    },
  }
}

const around = (mean: number, gap = 1): number[] =>
  Array.from({ length: ROWS }, (_, i) => mean + (i % 2 === 0 ? gap : -gap))
/** Sends usual hours; those of the first live day that end before `to`. */
async function usualDay(one: Watched, to = 24): Promise<void> {
  for (let h = 0; h < to; h++) await one.send(FIRST + h, around(usual(FIRST + h)))
}
const judged = async (endpoint: string): Promise<[hour: number, rows: number][]> =>
  (
    await db.all<{ hour: number; rows: number }>(
      'SELECT hour, rows FROM monitor_windows WHERE endpoint = ? ORDER BY hour',
      [endpoint],
    )
  ).map(({ hour, rows }) => [hour - FIRST, rows])

describe('hours that closed are judged', () => {
  const SIGNAL = new AbortController().signal
  /** An endpoint without a reference, whose rows came before anything was judged, and how far the monitor got. */
  async function fed(hours: readonly number[], more: { clock?: () => number; monitor?: object } = {}) {
    const endpoint = `f${++made}`
    const deps = testDeps(db, more.clock ?? Date.now)
    await addEndpoint(db, endpoint, more.monitor)
    await ingest(
      deps,
      endpoint,
      hours.map((h) => ({ id: `${endpoint}-${h}`, et: (FIRST + h) * HOUR_MS, score: 0.5 })),
    )
    const until = async (): Promise<number | null> => {
      const { evaluated_hour: hour } = await monitorOf(db, endpoint)
      return hour === null ? null : hour - FIRST
    }
    const turn = (signal = SIGNAL) => advance(deps, endpoint, { live: undefined, learning: undefined }, signal)
    return { endpoint, until, turn }
  }

  test('from the first hour with rows, whatever the order they came in, up to the newest, which is open', async () => {
    const { until, turn } = await fed([5, 3, 4])
    assert.deepEqual([await turn(), await until()], [false, 5])
    const only = await fed([3])
    assert.deepEqual([await only.turn(), await only.until()], [false, null])
    const none = await fed([])
    assert.deepEqual([await none.turn(), await none.until()], [false, null])
  })

  test('a dozen at once, then others have their turn', async () => {
    const exact = await fed([0, 12])
    assert.deepEqual([await exact.turn(), await exact.until()], [false, 12])
    const { until, turn } = await fed([0, 13])
    assert.deepEqual([await turn(), await until()], [true, 12])
    assert.deepEqual([await turn(), await until()], [false, 13])
  })

  test('and none of the future, whatever a row says', async () => {
    let now = (FIRST + 3) * HOUR_MS
    const { until, turn } = await fed([0, 6], { clock: () => now })
    assert.deepEqual([await turn(), await until()], [false, 3])
    now += HOUR_MS - 1
    assert.deepEqual([await turn(), await until()], [false, 3])
    now += 1
    assert.deepEqual([await turn(), await until()], [false, 4])
  })

  test('none once the monitor was told to stop', async () => {
    const { until, turn } = await fed([0, 6])
    await turn(AbortSignal.abort())
    assert.equal(await until(), null)
  })

  test('and pass by while the monitor is switched off', async () => {
    const { endpoint, until, turn } = await fed([0, 40], { monitor: { enabled: false } })
    assert.deepEqual([await turn(), await until()], [false, 40], 'all of them at once')
    assert.equal((await monitorOf(db, endpoint)).judged_hour, null)
    const only = await fed([3], { monitor: { enabled: false } })
    assert.deepEqual([await only.turn(), await only.until()], [false, null])
  })
})

describe('a day is judged as one', () => {
  test('from the hour on with which the first whole day of the endpoint ends, and each hour then', async () => {
    const one = await watched()
    await usualDay(one)
    assert.deepEqual(await judged(one.endpoint), [], 'the last hour of the day is open')
    const before = await monitorOf(db, one.endpoint)
    assert.deepEqual([before.evaluated_hour, before.judged_hour], [FIRST + 23, null])
    assert.equal((JSON.parse(before.state) as { lacks: string }).lacks, 'rows')
    await one.send(FIRST + 24, around(50))
    await one.send(FIRST + 25, around(50))
    assert.deepEqual(await judged(one.endpoint), [
      [23, 24 * ROWS],
      [24, 24 * ROWS],
    ])
    const after = await monitorOf(db, one.endpoint)
    assert.deepEqual([after.evaluated_hour, after.judged_hour], [FIRST + 25, FIRST + 25])
    const state = JSON.parse(after.state) as { lacks: null; judged: Record<string, number> }
    assert.deepEqual([state.lacks, state.judged], [null, { 24: FIRST + 24 }])
  })

  test('only where limits of a day were learned', async () => {
    const one = await watched({}, [6])
    await usualDay(one, 26)
    assert.deepEqual(await judged(one.endpoint), [])
  })

  test('and its checks say so', async () => {
    const one = await watched()
    await usualDay(one, 25)
    const row = await db.get<{ results: string }>('SELECT results FROM monitor_windows WHERE endpoint = ?', [
      one.endpoint,
    ])
    const checks = JSON.parse(row?.results ?? '[]') as (number | string)[][]
    assert.ok(checks.length > 0)
    assert.ok(
      checks.every((check) => check[0] === 'x' && check[7] === 24),
      JSON.stringify(checks),
    )
  })
})

describe('an incident of a day', () => {
  /** What was asked for while the hours from the 24th on were judged, after which incident. */
  async function asked(values: (hour: number) => readonly number[], hours: readonly number[]) {
    const versions: string[] = []
    const events: (readonly [from: number, to: number])[] = []
    const one = await watched({
      inputNames: async (_, __, version) => {
        versions.push(version)
        return ['x']
      },
      eventLog: async (_, from, to) => {
        events.push([from, to])
        return []
      },
    })
    for (const h of hours) {
      // counting a row asks for the names of its version too, so what the last hour asked for is what counts
      versions.length = 0
      await one.send(FIRST + h, values(h))
    }
    const incidents = await incidentRows(db, { endpoint: one.endpoint })
    return { versions, events, incidents, judged: await judged(one.endpoint) }
  }
  const upTo = (n: number): number[] => Array.from({ length: n }, (_, h) => h)

  test('reads the values of the newer half of its window, and events of the six hours before the change', async () => {
    // the second judged hour, 24, confirms what the first one found in a day whose last eleven hours moved
    const found = await asked((h) => around(h < 13 ? usual(FIRST + h) : 90), upTo(26))
    assert.deepEqual(
      found.judged.map(([hour]) => hour),
      [23, 24],
    )
    assert.equal(found.incidents.length, 1)
    assert.equal(found.incidents[0]?.began_event, (FIRST + 13) * HOUR_MS)
    // hour 25 was counted, and hours 13 to 24 were read
    assert.deepEqual(
      found.versions.map((version) => Number(version.slice(3)) - FIRST).toSorted((a, b) => a - b),
      [...Array.from({ length: 12 }, (_, i) => 13 + i), 25],
    )
    assert.deepEqual(found.events, [[7_000_000 + FIRST + 7, 7_000_000 + FIRST + 13]])
  })

  test('asks for no events where no rows are near its beginning', async () => {
    // values that moved apart have their usual mean: no part of the day differs, so the change began with the hour, which is empty
    const found = await asked((h) => around(usual(FIRST + h), 25), [...upTo(15), 25])
    assert.deepEqual(found.judged, [
      [23, 15 * ROWS],
      [24, 14 * ROWS],
    ])
    assert.equal(found.incidents.length, 1)
    assert.deepEqual(found.events, [])
  })
})
