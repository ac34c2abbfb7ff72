/** Rounds over quality and freshness: two looks that agree, silence measured against the past, ends that come once. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import { MonitorSettings } from '../../contract/monitoring.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { incidentRows } from '../incidents/rows.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import { putLabels } from '../labels/labels.ts'
import { ingest, testDeps } from '../room.fixture.ts'
import { monitorOf } from '../context/context.ts'
import type { MonitoringDeps } from '../context/context.ts'
import { checkFreshness } from './freshness.ts'
import { applyQuality, lookAtQuality } from './quality.ts'
import type { QualityLook } from '../checks/looks.ts'

const START = Date.UTC(2026, 4, 4)
let store: Awaited<ReturnType<typeof openTemporaryStore>>
let deps: MonitoringDeps
let now = START
const changed: string[] = []

before(async () => {
  store = await openTemporaryStore()
  deps = testDeps(store.db, () => now, { changed: (id) => void changed.push(id) })
})
after(() => store.close())

const all = (endpoint: string): Promise<IncidentRow[]> => incidentRows(store.db, { endpoint })

describe('quality', () => {
  const settings = MonitorSettings.parse({ reactions: { quality: ['incident', 'halt'] } })
  const look = (hour: number, below: boolean): QualityLook => ({
    hour,
    area: below ? 0.7 : 0.88,
    low: 0.6,
    high: 0.8,
    reference: 0.9,
    labelled: 1500,
    below,
  })
  /** Looks in a row, each with the one before it. */
  async function looks(
    endpoint: string,
    of: readonly (readonly [hour: number, below: boolean])[],
  ): Promise<(string | undefined)[]> {
    const told: (string | undefined)[] = []
    let earlier: QualityLook | null = null
    for (const [hour, below] of of) {
      const one = look(hour, below)
      told.push(await applyQuality(deps, { endpoint, settings, before: earlier, now: one }))
      earlier = one
    }
    return told
  }

  test('falls with two looks in a row, and is told once however many follow', async () => {
    assert.deepEqual(
      await looks('one', [
        [12, true],
        [24, false],
        [36, true],
        [48, false],
      ]),
      Array.from({ length: 4 }, () => undefined),
    )
    const told = await looks('two', [
      [12, true],
      [24, true],
      [36, true],
      [48, true],
    ])
    const [row, ...others] = await all('two')
    assert.deepEqual([told.filter((id) => id !== undefined), others.length], [[row?.id], 0])
    assert.deepEqual(
      [row?.last_event, row?.opened_event].map((time) => (time ?? 0) / HOUR_MS),
      [49, 25],
    )
    assert.equal(row?.began_event, 25 * HOUR_MS - 21 * DAY_MS)
    assert.equal(row?.title, 'Quality fell: area under the curve fell to 0.700 over 21 days, 0.900 at registration')
    const title = 'area under the curve fell to 0.700 over 21 days, 0.900 at registration'
    const evidence = { area: 0.7, interval: [0.6, 0.8], reference: 0.9, margin: 0.06, labelled: 1500, days: 21 }
    assert.deepEqual(row?.detail.causes, [
      { rank: 1, kind: 'quality_fall', title, score: 0.95, features: [], evidence },
    ])
    assert.deepEqual([row?.severity, row?.pages, row?.detail.until], ['high', 1, 25])
  })

  test('that is well again is told so once, however many looks follow', async () => {
    const told = await looks('once', [
      [12, true],
      [24, true],
      [36, false],
      [48, false],
      [60, false],
      [72, false],
      [84, true],
    ])
    const [row, ...others] = await all('once')
    assert.deepEqual(
      told.map((id) => id === row?.id),
      [false, true, false, true, false, false, false],
    )
    assert.deepEqual([others.length, row?.state, row?.resolved_event], [0, 'resolved', 49 * HOUR_MS])
    assert.deepEqual(
      row?.detail.timeline.map(({ kind, event_time }) => [kind, event_time]),
      [
        ['opened', new Date(25 * HOUR_MS).toISOString()],
        ['resolved', new Date(49 * HOUR_MS).toISOString()],
      ],
    )
  })

  test('did not fall before the first row, nor after it was seen to have fallen', async () => {
    await addEndpoint(store.db, 'later')
    now = START
    await ingest(
      deps,
      'later',
      [30, 40].map((hour) => ({ id: `later-${hour}`, et: hour * HOUR_MS, score: 0.5 })),
    )
    await looks('later', [
      [12, true],
      [24, true],
    ])
    assert.equal((await all('later'))[0]?.began_event, 25 * HOUR_MS)
  })

  test('did not fall before the first row', async () => {
    await addEndpoint(store.db, 'young')
    now = START
    await ingest(deps, 'young', [{ id: 'young-1', et: 20 * HOUR_MS, score: 0.5 }])
    await looks('young', [
      [24, true],
      [36, true],
    ])
    assert.equal((await all('young'))[0]?.began_event, 20 * HOUR_MS)
  })

  test('is well again after two looks in a row; a bad one between them begins the count anew', async () => {
    await looks('well', [
      [12, true],
      [24, true],
      [36, false],
    ])
    assert.equal((await all('well'))[0]?.state, 'open')
    await looks('well', [
      [48, true],
      [60, true],
      [72, false],
    ])
    assert.equal((await all('well'))[0]?.state, 'open')
    const [, id] = await looks('well', [
      [72, true],
      [84, false],
    ])
    const [row] = await all('well')
    assert.deepEqual([row?.state, row?.id, row?.resolved_event], ['resolved', id, 85 * HOUR_MS])
    assert.deepEqual(
      row?.detail.timeline.map(({ kind, text }) => `${kind}: ${text}`),
      ['opened: 1500 labelled predictions, two looks in a row', 'resolved: the area is 0.880 again'],
    )
  })

  test('that falls again within two weeks opens the same incident and asks for nothing anew; later another', async () => {
    const [, id] = await looks('again', [
      [12, true],
      [24, true],
    ])
    await looks('again', [
      [36, false],
      [48, false],
    ])
    const wanted = () =>
      store.db.all<{ at: number }>('SELECT at FROM incident_reactions WHERE incident_id = ?', [id ?? ''])
    assert.equal((await wanted()).length, 1)
    await store.db.tx((t) => t.run('DELETE FROM incident_reactions WHERE incident_id = ?', [id ?? '']))
    const last = 24 + 14 * 24
    assert.deepEqual(
      await looks('again', [
        [last - 12, true],
        [last, true],
      ]),
      [undefined, id],
    )
    assert.deepEqual([(await all('again'))[0]?.state, (await wanted()).length], ['open', 0])
    assert.equal((await all('again'))[0]?.detail.timeline.at(-1)?.kind, 'opened again')
    await looks('again', [
      [last + 12, false],
      [last + 24, false],
    ])
    const later = last + 14 * 24 + 1
    await looks('again', [
      [later - 12, true],
      [later, true],
    ])
    assert.equal((await all('again')).length, 2)
  })

  test('is not looked at without a thousand labels of half the rows, fifty of either outcome, and an area to compare with', async () => {
    const sent = async (endpoint: string, rows: number, labels: number, positives: number) => {
      await addEndpoint(store.db, endpoint)
      const given = Array.from({ length: rows }, (_, i) => ({
        id: `${endpoint}${i}`,
        et: START + i * 60_000,
        score: (i % 97) / 97,
      }))
      await ingest(deps, endpoint, given)
      await putLabels(
        deps,
        endpoint,
        given.slice(0, labels).map(({ id }, i) => ({ prediction_id: id, label: i < positives ? 1 : 0 })),
      )
      const hour = START / HOUR_MS + 5 * 24
      return (reference: number | undefined) => lookAtQuality(deps, endpoint, { hour, reference, settings })
    }
    const enough = await sent('enough', 1000, 1000, 50)
    const found = await enough(0.9)
    assert.deepEqual([found?.labelled, found?.reference], [1000, 0.9])
    assert.equal(await enough(undefined), undefined)
    const [low, high] = [found?.high ?? 0, (found?.high ?? 0) + 0.06]
    assert.deepEqual(
      [(await enough(high + 1e-6))?.below, (await enough(high - 1e-6))?.below, low > 0],
      [true, false, true],
    )
    const exact = [0, 1, 2, 3].map((i) => high + i * 1e-17).find((one) => one - 0.06 === found?.high)
    if (exact !== undefined) assert.equal((await enough(exact))?.below, false, 'by the margin itself is not more')
    assert.equal(await (await sent('few', 999, 999, 500))(0.9), undefined)
    const other = await sent('other labels', 1001, 1000, 500)
    await putLabels(deps, 'other labels', [{ prediction_id: 'other labels1000', label: 2.5 }])
    assert.equal((await other(0.9))?.labelled, 1000)
    await putLabels(deps, 'other labels', [{ prediction_id: 'other labels0', label: 0.5 }])
    assert.equal(await other(0.9), undefined, 'labels that are no outcomes do not count')
    assert.equal(await (await sent('one-sided', 1000, 1000, 49))(0.9), undefined)
    assert.equal(await (await sent('other side', 1000, 1000, 951))(0.9), undefined)
    assert.equal(await (await sent('sparse', 2001, 1000, 500))(0.9), undefined)
    assert.notEqual(await (await sent('half', 2000, 1000, 500))(0.9), undefined)
  })
})

test('quality is looked at over the three weeks whose labels are due, from their first moment on', async () => {
  const settings = MonitorSettings.parse({ labels: { delay: '3d' } })
  await addEndpoint(store.db, 'weeks', { labels: { delay: '3d' } })
  // a row a minute, in 16 hours and 40 minutes
  const given = Array.from({ length: 1000 }, (_, i) => ({
    id: `weeks${i}`,
    et: START + i * 60_000,
    score: (i % 97) / 97,
  }))
  await ingest(deps, 'weeks', given)
  await putLabels(
    deps,
    'weeks',
    given.map(({ id }, i) => ({ prediction_id: id, label: i % 2 })),
  )
  const labelled = async (until: number) =>
    (await lookAtQuality(deps, 'weeks', { hour: START / HOUR_MS + until + 3 * 24 - 1, reference: 0.9, settings }))
      ?.labelled
  assert.deepEqual([await labelled(16), await labelled(17)], [undefined, 1000])
  assert.deepEqual([await labelled(21 * 24), await labelled(21 * 24 + 1)], [1000, undefined])
})

describe('silence', () => {
  const NOON = START + 12 * HOUR_MS
  /** An endpoint with so many rows in the three hours before noon of each of `days` days, and one row today at 09:00. */
  async function endpoint(name: string, rows: number, days: number): Promise<void> {
    now = NOON
    await addEndpoint(store.db, name)
    for (let day = 1; day <= days; day++)
      await ingest(
        deps,
        name,
        Array.from({ length: rows }, (_, i) => ({
          id: `${name}-${day}-${i}`,
          et: START + (9 - 24 * day) * HOUR_MS + (i * 3 * HOUR_MS) / rows,
          score: 0.5,
        })),
      )
    await ingest(deps, name, [{ id: `${name}-today`, et: START + 9 * HOUR_MS, score: 0.5 }])
  }
  const check = async (name: string, time: number): Promise<void> => {
    now = time
    await checkFreshness(deps, await monitorOf(store.db, name))
  }

  test('of three hours is told where most of the last seven days had thirty rows in them', async () => {
    await endpoint('usual', 30, 4)
    await check('usual', NOON - 1)
    assert.deepEqual(await all('usual'), [])
    await check('usual', NOON)
    const [row] = await all('usual')
    assert.deepEqual([row?.state, row?.severity, row?.began_event], ['open', 'high', START + 9 * HOUR_MS])
    assert.equal(row?.title, 'no rows for 3 hours, although the same hours of the last days had some')
    assert.deepEqual(changed.filter((id) => id === row?.id).length, 1)
    for (const [name, rows, days] of [
      ['few rows', 29, 7],
      ['few days', 60, 3],
    ] as const) {
      await endpoint(name, rows, days)
      await check(name, NOON)
      assert.deepEqual(await all(name), [], name)
    }
  })

  test('is measured in the same three hours of the last seven days and in no others', async () => {
    const fed = async (
      name: string,
      days: readonly number[],
      rows: readonly (readonly [hour: number, n: number])[],
    ) => {
      now = NOON
      await addEndpoint(store.db, name)
      for (const day of days)
        for (const [hour, n] of rows)
          await ingest(
            deps,
            name,
            Array.from({ length: n }, (_, i) => ({
              id: `${name}-${day}-${hour}-${i}`,
              et: START + (hour - 24 * day) * HOUR_MS,
              score: 0.5,
            })),
          )
      await ingest(deps, name, [{ id: `${name}-today`, et: START + 9 * HOUR_MS, score: 0.5 }])
      await check(name, NOON)
      return (await all(name)).length
    }
    const inside = [
      [9, 10],
      [10, 10],
      [11.99, 10],
    ] as const
    assert.equal(await fed('inside', [1, 3, 5, 7], inside), 1)
    assert.equal(await fed('an eighth day', [3, 5, 7, 8], inside), 0)
    const beside = [
      [8.99, 40],
      [9, 29],
      [12, 40],
    ] as const
    assert.equal(await fed('beside', [1, 2, 3, 4, 5, 6, 7], beside), 0)
  })

  test('is none of an endpoint without rows, nor of one whose event times are more than six hours from the wall clock', async () => {
    await addEndpoint(store.db, 'no rows')
    await check('no rows', NOON)
    assert.deepEqual(await all('no rows'), [])
    const apart = async (name: string, ms: number): Promise<number> => {
      // a row ahead of the clock is no event yet
      now = START + 16 * HOUR_MS
      await addEndpoint(store.db, name)
      for (let day = 1; day <= 7; day++)
        await ingest(
          deps,
          name,
          Array.from({ length: 30 }, (_, i) => ({
            id: `${name}-${day}-${i}`,
            et: START + (10 - 24 * day) * HOUR_MS,
            score: 0.5,
          })),
        )
      // five, for fewer do not lead event time over more than a day of nothing
      const today = { et: START + 9 * HOUR_MS + ms, at: START + 9 * HOUR_MS, score: 0.5 }
      await ingest(
        deps,
        name,
        [1, 2, 3, 4, 5].map((i) => ({ ...today, id: `${name}-today-${i}` })),
      )
      await check(name, NOON)
      return (await all(name)).length
    }
    const six = 6 * HOUR_MS
    assert.deepEqual([await apart('early', -six), await apart('late', six)], [1, 1])
    assert.deepEqual([await apart('too early', -six - 1), await apart('too late', six + 1)], [0, 0])
  })

  test('names the feed as its cause, with the newest row', async () => {
    await endpoint('cause', 60, 7)
    await check('cause', NOON + HOUR_MS)
    const [row] = await all('cause')
    const title = 'no rows for 4 hours, although the same hours of the last days had some'
    assert.deepEqual(row?.detail.causes, [
      {
        rank: 1,
        kind: 'feed_lost',
        title,
        score: 0.9,
        features: [],
        evidence: { newest_event: START + 9 * HOUR_MS },
      },
    ])
    assert.deepEqual(
      row?.detail.timeline.map(({ at, kind, text }) => [at, kind, text]),
      [['2026-05-04T13:00:00.000Z', 'opened', title]],
    )
  })

  test('ends with a row of the last hour, once', async () => {
    await endpoint('ends', 40, 7)
    await check('ends', NOON)
    now = NOON + HOUR_MS
    await ingest(deps, 'ends', [{ id: 'ends-late', et: NOON + HOUR_MS, score: 0.5 }])
    await check('ends', NOON + 2 * HOUR_MS)
    assert.equal((await all('ends'))[0]?.state, 'open', 'a row an hour ago is none of the last hour')
    await check('ends', NOON + 2 * HOUR_MS - 1)
    const [row] = await all('ends')
    assert.deepEqual([row?.state, row?.resolved_event], ['resolved', NOON + HOUR_MS])
    assert.equal(row?.detail.timeline.at(-1)?.text, 'rows come again')
    assert.equal(changed.filter((id) => id === row?.id).length, 2)
    assert.equal(row?.detail.timeline.at(-1)?.event_time, new Date(NOON + HOUR_MS).toISOString())
    await check('ends', NOON + 2 * HOUR_MS - 1)
    assert.equal((await all('ends'))[0]?.detail.timeline.length, 2, 'it ends once')
  })

  test('that goes on is one incident, and one that comes again is another', async () => {
    await endpoint('silent again', 40, 7)
    await check('silent again', NOON)
    await check('silent again', NOON + HOUR_MS)
    assert.equal((await all('silent again')).length, 1)
    now = NOON + HOUR_MS
    await ingest(deps, 'silent again', [{ id: 'again-late', et: now, score: 0.5 }])
    await check('silent again', now)
    // the same hours of the days before have rows up to noon alone, so noon of the next day is told
    await check('silent again', NOON + DAY_MS)
    const rows = await all('silent again')
    assert.deepEqual(
      rows.map(({ state, began_event }) => [state, began_event]),
      [
        ['open', NOON + HOUR_MS],
        ['resolved', START + 9 * HOUR_MS],
      ],
    )
  })
})
