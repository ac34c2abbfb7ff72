/** What is read for an incident: raw values of the newer half of a window, and events of the house near its beginning. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openedOnce } from '../../../test/opened.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import { openTemporaryStore } from '../../store/open.ts'
import type { Db } from '../../store/db.ts'
import type { PredictionRecord } from '../../gateway/records/records.ts'
import { writeRecords } from '../../serving/records/rows.ts'
import type { HouseEvent } from '../context/context.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { testDeps } from '../room.fixture.ts'
import { houseEvents, recentValues } from './evidence.ts'

const HOUR = 480_000
let db: Db
let made = 0
openedOnce(openTemporaryStore, (store) => {
  db = store.db
})

describe('raw values', () => {
  interface Sent {
    readonly et: number
    readonly x: readonly unknown[]
    readonly version?: string
    readonly status?: number
    readonly to?: string
  }
  /** An endpoint with these rows, each by version "a" unless told otherwise; version "b" has its inputs the other way round. */
  async function sent(rows: readonly Sent[]): Promise<string> {
    const endpoint = `values${++made}`
    await addEndpoint(db, endpoint)
    const records = rows.map(({ et, x, version = 'a', status = 200, to = endpoint }, i): PredictionRecord => ({
      t: 'p',
      id: `${endpoint}-${String(i).padStart(5, '0')}`,
      ep: to,
      role: 'stable',
      ver: version,
      ep_epoch: 1,
      et,
      at: et,
      us: 40,
      st: status,
      key: null,
      x: [...x],
      s: status === 200 ? 0.5 : null,
      p: 0,
    }))
    await db.tx(async (t) => void (await writeRecords(t, records, {})))
    return endpoint
  }
  const inputNames = async (_: unknown, __: string, version: string): Promise<string[]> =>
    version === 'b' ? ['y', 'x'] : version === 'a' ? ['x', 'y'] : []
  const values = (endpoint: string, length: number) =>
    recentValues({ db, inputNames }, endpoint, { hour: HOUR, length })
  const end = (HOUR + 1) * HOUR_MS

  test('are those of the newer half of the window, from its first moment to before its last', async () => {
    const half = end - 3 * HOUR_MS
    const endpoint = await sent([half - 1, half, half + 1, end - 1, end].map((et, i) => ({ et, x: [i, 10 * i] })))
    const of = await values(endpoint, 6)
    assert.deepEqual(
      [of('x', 6), of('y', 6)],
      [
        [3, 2, 1],
        [30, 20, 10],
      ],
    )
    const day = await sent([end - 12 * HOUR_MS - 1, end - 12 * HOUR_MS, end].map((et, i) => ({ et, x: [i, 0] })))
    assert.deepEqual((await values(day, 24))('x', 24), [1])
  })

  test('are of the last hours that are asked for, the first moment of them included', async () => {
    const endpoint = await sent(
      [end - 2 * HOUR_MS - 1, end - 2 * HOUR_MS, end - HOUR_MS - 1, end - HOUR_MS].map((et, i) => ({ et, x: [i, 0] })),
    )
    const of = await values(endpoint, 6)
    assert.deepEqual([of('x', 1), of('x', 2), of('x', 3)], [[3], [3, 2, 1], [3, 2, 1, 0]])
  })

  test('are the numbers of the feature by the names of the row’s own version, and nothing else', async () => {
    const et = end - 1000
    const endpoint = await sent([
      { et: et + 9, x: [1, 2] },
      { et: et + 8, x: [3, 4], version: 'b' },
      { et: et + 7, x: ['5', 6] },
      { et: et + 6, x: [null, 7] },
      { et: et + 5, x: [8, 9], version: 'nameless' },
      { et: et + 4, x: [10, 11], status: 500 },
      { et: et + 3, x: [12, 13], to: 'another' },
    ])
    const of = await values(endpoint, 6)
    assert.deepEqual([of('x', 6), of('y', 6), of('z', 6)], [[1, 4], [2, 3, 6, 7], []])
    assert.deepEqual((await values('nobody', 6))('x', 6), [])
  })

  test('are of the three thousand newest rows', async () => {
    const endpoint = await sent(Array.from({ length: 3001 }, (_, i) => ({ et: end - 1 - i, x: [i, 0] })))
    const found = Array.from((await values(endpoint, 6))('x', 6) ?? [])
    assert.deepEqual([found.length, found[0], found.at(-1)], [3000, 0, 2999])
  })
})

describe('events of the house', () => {
  /** First arrivals, ms, of hours counted from HOUR; what was asked of the log, and what is told of these events. */
  async function told(arrivals: Readonly<Record<number, number>>, events: readonly HouseEvent[] = []) {
    const endpoint = `events${++made}`
    await addEndpoint(db, endpoint)
    const rows = Object.entries(arrivals).map(([hour, at]) => [endpoint, HOUR + Number(hour), at] as const)
    await db.tx(async (t) => {
      for (const [name, hour, at] of [
        ...rows,
        ['other events', HOUR - 5, 1],
        ['other events', HOUR + 5, 99_999],
      ] as const)
        await t.run(
          'INSERT INTO monitor_hours (endpoint, hour, rows, first_at, seq, profile) VALUES (?,?,1,?,1,NULL) ON CONFLICT DO NOTHING',
          [name, hour, at],
        )
    })
    const asked: (readonly [string, number, number])[] = []
    const eventLog = async (name: string, from: number, to: number) => {
      asked.push([name, from, to])
      return events
    }
    const found = await houseEvents(testDeps(db, Date.now, { eventLog }), endpoint, HOUR)
    return { endpoint, asked, found }
  }
  const event = (at: number): HouseEvent => ({ at, kind: 'deploy', text: `at ${at}`, href: null })

  test('are asked for from the arrival of the hour six before to that of the hour itself', async () => {
    const { endpoint, asked } = await told({ [-7]: 100, [-6]: 200, [-1]: 300, 0: 400, 1: 500 })
    assert.deepEqual(asked, [[endpoint, 200, 400]])
    const few = await told({ [-3]: 250 })
    assert.deepEqual(few.asked, [[few.endpoint, 250, 250]])
  })

  test('are none, and are not asked for, where no rows are near', async () => {
    const { asked, found } = await told({ [-7]: 100, 1: 500 }, [event(300)])
    assert.deepEqual([asked, found], [[], []])
  })

  test('are the five newest, the newest first, in whatever order the log has them', async () => {
    const all = [3, 6, 1, 5, 2, 4].map(event)
    const before = structuredClone(all)
    const { found } = await told({ 0: 1 }, all)
    assert.deepEqual(
      found.map(({ at }) => at),
      [6, 5, 4, 3, 2],
    )
    assert.deepEqual(all, before, 'what the log gave stays')
  })
})
