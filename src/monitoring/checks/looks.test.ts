/** Looks at attributions over hours that are kept: when there are enough, against which limit, and what grows into the baseline. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openedOnce } from '../../../test/opened.ts'
import type { Principal } from '../../contract/access.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import { MonitorSettings } from '../../contract/monitoring.ts'
import { hash32 } from '../../stats/hash.ts'
import { movedShares, rankGain } from '../../stats/moved-shares.ts'
import { prng } from '../../stats/prng.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { writeLimits } from '../../serving/context/limits.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { ingest, testDeps } from '../room.fixture.ts'
import type { GivenRow } from '../room.fixture.ts'
import type { MonitoringDeps } from '../context/context.ts'
import { judgeAttribution, moveOf, viewAttribution } from './attribution.ts'
import type { AttributionLook, Looked } from './looks.ts'

/** The last of a day's four looks; the day that is judged begins with hour 1,008. */
const HOUR = 1031
const START = HOUR + 1 - 24

const ANN: Principal = { id: 'u', name: 'ann', role: 'admin', project: null, token_id: null }

let deps: MonitoringDeps
let made = 0

openedOnce(openTemporaryStore, (store) => {
  deps = testDeps(store.db, () => 0)
})

interface Hour {
  readonly hour: number
  readonly rows?: number
  readonly sums: readonly (readonly [string, number])[]
  readonly version?: string
}

/** Keeps hours of an endpoint; its name. */
async function kept(hours: readonly Hour[]): Promise<string> {
  const endpoint = `e${++made}`
  await deps.db.tx(async (t) => {
    for (const { hour, rows = 40, sums, version = '1' } of hours)
      await t.run('INSERT INTO monitor_attributions (endpoint, version, hour, rows, sums) VALUES (?,?,?,?,?)', [
        endpoint,
        version,
        hour,
        rows,
        JSON.stringify(sums),
      ])
  })
  return endpoint
}

const look = (endpoint: string, more: Partial<Looked> = {}): Promise<AttributionLook | null> =>
  judgeAttribution(deps, {
    endpoint,
    version: '1',
    hour: HOUR,
    settings: MonitorSettings.parse({}),
    before: null,
    ...more,
  })
const alike = [
  ['a', 60],
  ['b', 30],
  ['c', 10],
] as const
const span = (from: number, n: number, sums: Hour['sums'] = alike, rows = 40): Hour[] =>
  Array.from({ length: n }, (_, i) => ({ hour: from + i, rows, sums }))

describe('a look', () => {
  test('is taken with the last hour of each quarter of a day; between two of them the one before stands', async () => {
    const endpoint = await kept([...span(START - 30, 30), ...span(START, 24)])
    const first = await look(endpoint)
    for (let hour = HOUR + 1; hour < HOUR + 6; hour++)
      assert.equal(await look(endpoint, { hour, before: first }), first, String(hour))
    assert.notEqual(await look(endpoint, { hour: HOUR + 6, before: first }), first)
    assert.equal(await look(endpoint, { hour: HOUR + 1 }), null)
  })

  test('needs eight hours and two hundred rows, of the baseline and of the day', async () => {
    const state = async (
      past: number,
      now: number,
      rows: readonly [number, number] = [40, 40],
    ): Promise<string | undefined> =>
      (await look(await kept([...span(START - past, past, alike, rows[0]), ...span(START, now, alike, rows[1])])))
        ?.state
    assert.deepEqual(
      [await state(8, 8), await state(7, 8), await state(8, 7)],
      ['ok', 'not_enough_data', 'not_enough_data'],
    )
    assert.deepEqual(
      [await state(8, 8, [25, 25]), await state(8, 8, [24, 25]), await state(8, 8, [25, 24])],
      ['ok', 'not_enough_data', 'not_enough_data'],
    )
    const few = await look(await kept([...span(START - 7, 7), ...span(START, 9)]))
    assert.deepEqual(few, {
      version: '1',
      hour: HOUR,
      until: START,
      closed: false,
      state: 'not_enough_data',
      distance: null,
      limit: null,
      rows: 9 * 40,
      baseline_rows: 7 * 40,
      ndcg: null,
      inputs: [],
    })
  })

  test('is none where nothing was ever explained; of a version without rows it says so once an earlier one had some', async () => {
    const endpoint = await kept([])
    assert.equal(await look(endpoint), null)
    const other = await kept([...span(START - 30, 30), ...span(START, 24)])
    const known = await look(other)
    assert.equal((await look(other, { version: '2', before: known }))?.state, 'not_enough_data')
  })
})

describe('an hour that closed', () => {
  /** What is kept of an hour of an endpoint whose rows are explained with this share; not set if undefined. */
  async function keptOf(
    share: number | undefined,
    rows: readonly Omit<GivenRow, 'id' | 'score'>[],
  ): Promise<unknown[]> {
    const endpoint = await kept([])
    await addEndpoint(deps.db, endpoint)
    const inputs = JSON.stringify(['delay', 'temp'].map((name) => ({ name, kind: 'number', required: true })))
    await deps.db.tx((t) =>
      t.run(
        "INSERT INTO endpoint_versions (endpoint, version, inputs, backend, reason, created_at) VALUES (?,'1',?,'{}',NULL,0)",
        [endpoint, inputs],
      ),
    )
    if (share !== undefined) await writeLimits(deps, ANN, endpoint, { explain_share: share })
    await ingest(
      deps,
      endpoint,
      rows.map((row, i) => ({ ...row, id: `${endpoint}-${String(i).padStart(4, '0')}`, score: 0.5 })),
    )
    await look(endpoint, { hour: HOUR + 1 })
    const found = await deps.db.all<{ hour: number; version: string; rows: number; sums: string }>(
      'SELECT hour, version, rows, sums FROM monitor_attributions WHERE endpoint = ? ORDER BY hour',
      [endpoint],
    )
    return found.map((row) => [row.hour, row.version, row.rows, JSON.parse(row.sums)])
  }
  const begin = (HOUR + 1) * HOUR_MS
  const both = [
    { et: begin, added: [4, -2] },
    { et: begin + HOUR_MS - 1, added: [-1, 5] },
    { et: begin + 60_000 },
    { et: begin - 1, added: [100, 100] },
    { et: begin + HOUR_MS, added: [100, 100] },
  ]

  test('is kept as sums of sizes over its explained rows and no others', async () => {
    assert.deepEqual(await keptOf(0.5, both), [
      [
        HOUR + 1,
        '1',
        2,
        [
          ['delay', 5],
          ['temp', 7],
        ],
      ],
    ])
  })

  test('is not kept where rows are not sampled: those that callers asked to explain are not like the others', async () => {
    assert.deepEqual([await keptOf(undefined, both), await keptOf(0, both)], [[], []])
  })

  test('is not kept where none of its rows was explained, so that it counts for no hour with rows', async () => {
    assert.deepEqual(await keptOf(0.5, [{ et: begin }, { et: begin - 1, added: [1, 1] }]), [])
  })

  test('is kept by its five hundred newest rows', async () => {
    const many = Array.from({ length: 501 }, (_, i) => ({ et: begin + i * 1000, added: [i === 0 ? 1000 : 2, 1] }))
    assert.deepEqual(await keptOf(0.5, many), [
      [
        HOUR + 1,
        '1',
        500,
        [
          ['delay', 1000],
          ['temp', 500],
        ],
      ],
    ])
  })
})

describe('the baseline', () => {
  test('is the first week of the version, without the day that is judged, and of no other version', async () => {
    const week = 7 * 24
    const long = await kept([...span(START - 200, 200), ...span(START, 24)])
    assert.equal((await look(long))?.until, START - 200 + week)
    assert.equal((await look(long))?.baseline_rows, week * 40)
    const short = await kept([...span(START - 30, 30), ...span(START, 24)])
    assert.deepEqual([(await look(short))?.until, (await look(short))?.baseline_rows], [START, 30 * 40])
    const both = await kept([
      ...span(START - 30, 30),
      ...span(START - 60, 30).map((one) => ({ ...one, version: '0' })),
      ...span(START, 24),
    ])
    assert.equal((await look(both))?.baseline_rows, 30 * 40)
  })

  test('grows no more once it alerted', async () => {
    const moved = [
      ['a', 10],
      ['b', 30],
      ['c', 60],
    ] as const
    const endpoint = await kept([...span(START - 30, 30), ...span(START, 30, moved)])
    const first = await look(endpoint)
    assert.deepEqual([first?.state, first?.closed, first?.until], ['alert', true, START])
    const next = await look(endpoint, { hour: HOUR + 6, before: first })
    assert.deepEqual([next?.state, next?.closed, next?.until], ['alert', true, START])
    const open = await look(endpoint, { hour: HOUR + 6, before: { ...first!, closed: false } })
    assert.equal(open?.until, START + 6)
    const other = await look(endpoint, { hour: HOUR + 6, before: { ...first!, version: '0' } })
    assert.equal(other?.until, START + 6, 'another version closed its own')
  })
})

describe('what is compared', () => {
  const random = prng(11)
  const noisy = (from: number, n: number, sizes: readonly number[]): Hour[] =>
    Array.from({ length: n }, (_, i) => ({
      hour: from + i,
      sums: sizes.map((size, k) => [`x${String(k).padStart(2, '0')}`, size * (0.8 + 0.4 * random.uniform())] as const),
    }))
  const plain = (hours: readonly Hour[]): number[][] => hours.map(({ sums }) => sums.map(([, sum]) => sum))

  test('is judged by the chance that the looks of a month leave for one, as a tenth of the alerts that are allowed', async () => {
    const [past, now] = [noisy(START - 40, 40, [5, 3, 2]), noisy(START, 24, [5, 3, 2])]
    const endpoint = await kept([...past, ...now])
    const looks = (365.25 / 12) * 4
    for (const [rate, level] of [
      ['1 per month', 0.1 / looks],
      ['3 per week', (0.1 * 3 * 365.25) / 12 / 7 / looks],
      ['100 per day', 0.05],
    ] as const) {
      const settings = MonitorSettings.parse({ false_alerts: rate, attribution: { floor: 0 } })
      const oracle = movedShares(plain(past), plain(now), { level, random: prng(hash32(`${endpoint} ${HOUR}`)) })
      const found = await look(endpoint, { settings })
      assert.deepEqual([found?.limit, found?.distance], [oracle.limit, oracle.distance], rate)
      assert.equal(found?.ndcg, rankGain(oracle.now, oracle.before))
      assert.equal(found?.state, oracle.distance > oracle.limit ? 'alert' : 'ok')
    }
  })

  test('is the floor of the settings where chance allows less, and what a person raised where that is more', async () => {
    const endpoint = await kept([...span(START - 30, 30), ...span(START, 24)])
    assert.equal((await look(endpoint))?.limit, 0.1)
    assert.equal(
      (await look(endpoint, { settings: MonitorSettings.parse({ attribution: { floor: 0.3 } }) }))?.limit,
      0.3,
    )
    await deps.db.tx((t) =>
      t.run(
        "INSERT INTO monitor_raises (endpoint, feature, measure, threshold, incident_id, at) VALUES (?,'all inputs','attribution',0.7,'inc',0), (?,'a','z',9,'inc',0)",
        [endpoint, endpoint],
      ),
    )
    assert.equal((await look(endpoint))?.limit, 0.7)
  })

  test('a distance at the limit is none that is above it', async () => {
    const half = (a: number): Hour['sums'] => [
      ['a', a],
      ['b', 100 - a],
    ]
    const endpoint = await kept([...span(START - 30, 30, half(50)), ...span(START, 24, half(75))])
    const at = async (floor: number) =>
      (await look(endpoint, { settings: MonitorSettings.parse({ attribution: { floor } }) }))?.state
    assert.deepEqual([await at(0.25), await at(0.2499)], ['ok', 'alert'])
  })

  test('the twenty inputs that moved most are told, first those that moved most; an input that is new had no share', async () => {
    const sizes = Array.from({ length: 25 }, (_, i) => i + 1)
    const names = sizes.map((_, i) => `x${String(i).padStart(2, '0')}`)
    const sums = (of: readonly number[]): Hour['sums'] => of.map((size, i) => [names[i]!, size] as const)
    const endpoint = await kept([
      ...span(START - 30, 30, sums(sizes)),
      ...span(START, 24, [...sums(sizes.toReversed()), ['new', 50]]),
    ])
    const inputs = (await look(endpoint))?.inputs ?? []
    assert.equal(inputs.length, 20)
    const moves = inputs.map(moveOf)
    assert.deepEqual(
      moves,
      moves.toSorted((a, b) => b - a),
    )
    const found = inputs.find((one) => one.name === 'new')
    assert.ok(found !== undefined && found.baseline_share === 0 && Math.abs(found.share - 50 / 375) < 1e-12)
    const first = inputs.find((one) => one.name === 'x00')
    assert.ok(
      Math.abs((first?.share ?? 0) - 25 / 375) < 1e-12 && Math.abs((first?.baseline_share ?? 0) - 1 / 325) < 1e-12,
    )
  })
})

test('inputs that moved alike are told by name, whatever order their sums are kept in', async () => {
  const sums: Hour['sums'] = [
    ['c', 10],
    ['a', 60],
    ['b', 30],
  ]
  const found = await look(await kept([...span(START - 30, 30, sums), ...span(START, 24, sums)]))
  assert.deepEqual(
    found?.inputs.map(({ name }) => name),
    ['a', 'b', 'c'],
  )
})

test('a look counts the hour that has just closed', async () => {
  const endpoint = await kept([...span(START - 30, 30), ...span(START, 23)])
  await addEndpoint(deps.db, endpoint)
  await writeLimits(deps, ANN, endpoint, { explain_share: 0.5 })
  const inputs = JSON.stringify(['a', 'b', 'c'].map((name) => ({ name, kind: 'number', required: true })))
  await deps.db.tx((t) =>
    t.run(
      "INSERT INTO endpoint_versions (endpoint, version, inputs, backend, reason, created_at) VALUES (?,'1',?,'{}',NULL,0)",
      [endpoint, inputs],
    ),
  )
  await ingest(deps, endpoint, [{ id: `${endpoint}-1`, et: HOUR * HOUR_MS, score: 0.5, added: [6, 3, 1] }])
  assert.equal((await look(endpoint))?.rows, 23 * 40 + 1)
})

test('a look is shown as a check of all inputs that pages if the settings say so', async () => {
  const endpoint = await kept([...span(START - 30, 30), ...span(START, 24)])
  const found = (await look(endpoint)) ?? assert.fail('a look')
  const pages = (of: boolean) => viewAttribution(found, MonitorSettings.parse({ attribution: { pages: of } }))
  assert.deepEqual(pages(true), {
    version: '1',
    check: {
      feature: 'all inputs',
      check: 'attribution',
      window_end: new Date((HOUR + 1) * 3_600_000).toISOString(),
      value: 0,
      limit: 0.1,
      n: 24 * 40,
      n_min: 200,
      state: 'ok',
      pages: true,
      baseline: 'the first days of version 1 with explained rows',
    },
    baseline_rows: 30 * 40,
    ndcg: 1,
    inputs: alike.map(([name, share]) => ({ name, share: share / 100, baseline_share: share / 100 })),
  })
  assert.equal(pages(false).check.pages, false)
})
