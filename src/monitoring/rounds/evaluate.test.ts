/** Closed hours in turn; of an endpoint with few rows from when on a day is judged as one, and what is read for an incident. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openedOnce } from '../../../test/opened.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import { openTemporaryStore } from '../../store/open.ts'
import type { Db } from '../../store/db.ts'
import { monitorOf } from '../context/context.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { incidentRows } from '../incidents/rows.ts'
import { ingest, testDeps } from '../room.fixture.ts'
import { advance } from './evaluate.ts'
import { around, FIRST, ROWS, usual, usualDay, watched } from './few-rows.fixture.ts'

let db: Db
let made = 0
openedOnce(openTemporaryStore, (store) => {
  db = store.db
})
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
    const { until, turn } = await fed([0, 3, 6], { clock: () => now })
    assert.deepEqual([await turn(), await until()], [false, 3], 'the row of hour 6 closes nothing')
    now += 3 * HOUR_MS - 1
    assert.deepEqual([await turn(), await until()], [false, 3])
    now += 1
    assert.deepEqual([await turn(), await until()], [false, 6])
    const ahead = await fed([6], { clock: () => (FIRST + 3) * HOUR_MS })
    assert.deepEqual([await ahead.turn(), await ahead.until()], [false, null])
  })

  test('none once the monitor was told to stop', async () => {
    const { until, turn } = await fed([0, 6])
    await turn(AbortSignal.abort())
    assert.equal(await until(), null)
  })

  test('and pass by while the monitor is switched off', async () => {
    const { endpoint, until, turn } = await fed([0, 20, 40], { monitor: { enabled: false } })
    assert.deepEqual([await turn(), await until()], [false, 40], 'all of them at once')
    assert.equal((await monitorOf(db, endpoint)).judged_hour, null)
    const only = await fed([3], { monitor: { enabled: false } })
    assert.deepEqual([await only.turn(), await only.until()], [false, null])
  })
})

describe('a day is judged as one', () => {
  test('from the hour on with which the first whole day of the endpoint ends, and each hour then', async () => {
    const one = await watched(db)
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
    const one = await watched(db, {}, [6])
    await usualDay(one, 26)
    assert.deepEqual(await judged(one.endpoint), [])
  })

  test('and its checks say so', async () => {
    const one = await watched(db)
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
    const one = await watched(db, {
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
    assert.deepEqual(found.events, [[(FIRST + 7) * HOUR_MS + 7, (FIRST + 13) * HOUR_MS + 7]])
  })

  test('of a change that was there from the first row on began with it, and not with the training rows', async () => {
    const found = await asked(() => around(90), upTo(27))
    assert.equal(found.incidents.length, 1)
    const [row] = found.incidents
    assert.equal(row?.began_event, FIRST * HOUR_MS)
    assert.ok(row.detail.causes.every(({ course }) => course === undefined || course.began >= FIRST * HOUR_MS))
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
