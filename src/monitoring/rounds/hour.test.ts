/** The look at one hour: whether there is a verdict, what of it may page and is sure, and what it leaves for the next hour. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openedOnce } from '../../../test/opened.ts'
import { MonitorSettings } from '../../contract/monitoring.ts'
import { FLOORS } from '../../stats/calibrate.ts'
import { openTemporaryStore } from '../../store/open.ts'
import type { Db } from '../../store/db.ts'
import { monitorOf } from '../context/context.ts'
import { syncLive } from '../profiles/live.ts'
import { around, FIRST, ROWS, watched } from './few-rows.fixture.ts'
import type { Watched } from './few-rows.fixture.ts'
import { enter, keepWindow, lookAtHour, stateAfter } from './hour.ts'
import type { Looked, Verdict } from './hour.ts'
import { parsedState } from './state.ts'

let db: Db
openedOnce(openTemporaryStore, (store) => {
  db = store.db
})

/** An endpoint whose first hours have these values, taken in and not judged. */
async function taken(values: (hour: number) => readonly number[], hours: number): Promise<Watched> {
  const one = await watched(db)
  for (let h = 0; h < hours; h++) await one.take(FIRST + h, values(h))
  return one
}
/** The values of all days of the reference together: nothing is told of them. */
const calm = Array.from({ length: ROWS }, (_, i) => (i % 3 === 0 ? 49 : 51))
const usually = (): readonly number[] => calm
/** As usual until the eighteenth hour, which begins a part of the window that ends with hour 25. */
const moved = (h: number): readonly number[] => (h < 18 ? calm : around(90))
const fresh = parsedState('{}')

/** A look at an hour, counted from FIRST. */
async function lookAt({ endpoint, deps }: Watched, h: number, more: Partial<Looked> = {}) {
  const looked: Looked = {
    endpoint,
    hour: FIRST + h,
    settings: MonitorSettings.parse({}),
    reference: undefined,
    live: await syncLive(db, await monitorOf(db, endpoint), undefined),
    before: fresh,
    ...more,
  }
  return { looked, ...(await lookAtHour(deps, looked)) }
}

describe('a verdict', () => {
  test('is given from the hour on that fills the first whole day of the endpoint', async () => {
    const one = await taken(usually, 26)
    const found = await Promise.all([0, 22, 23, 24].map((h) => lookAt(one, h)))
    assert.deepEqual(
      found.map(({ verdict, lacks }) => [verdict?.window.length, verdict?.window.rows, lacks]),
      [
        [undefined, undefined, 'rows'],
        [undefined, undefined, 'rows'],
        [24, 24 * ROWS, null],
        [24, 24 * ROWS, null],
      ],
    )
  })

  test('is none where there is nothing to compare with: that lacks nothing', async () => {
    const one = await taken(usually, 26)
    const { verdict, lacks } = await lookAt(one, 24, { live: undefined })
    assert.deepEqual([verdict, lacks], [undefined, null])
  })

  test('of usual values finds nothing, and asks for no events or values', async () => {
    const one = await taken(usually, 26)
    const { verdict } = await lookAt(one, 24)
    const { paging, sure, began, events, checks, values } = verdict ?? assert.fail('a verdict')
    assert.deepEqual([paging, sure, events, began], [[], [], [], FIRST + 24])
    assert.equal(values('x', 24), undefined)
    assert.ok(checks.length > 0 && checks.every((check) => check[5] === 0))
  })

  test('is sure of what the look before found too; it then says since when, and gives the values', async () => {
    const one = await taken(moved, 27)
    const first = (await lookAt(one, 24)).verdict ?? assert.fail('a verdict')
    assert.ok(first.paging.length > 0 && first.sure.length === 0, 'one look alone is not sure')
    assert.equal(first.began, FIRST + 24)
    const { verdict } = await lookAt(one, 25, { before: { ...fresh, findings: first.paging } })
    const second = verdict ?? assert.fail('a verdict')
    assert.ok(second.sure.length > 0)
    assert.equal(second.began, FIRST + 18)
    assert.equal(second.values('x', 2)?.length, 2 * ROWS)
  })

  test('of a feature that is made from labels alerts and does not page', async () => {
    const one = await taken(moved, 27)
    const settings = MonitorSettings.parse({ derived: ['x'] })
    const first = (await lookAt(one, 24)).verdict?.paging ?? []
    const { verdict } = await lookAt(one, 25, { settings, before: { ...fresh, findings: first } })
    assert.deepEqual([verdict?.paging, verdict?.sure], [[], []])
    assert.ok(verdict?.checks.some((check) => check[5] === 1 && check[6] === 0))
  })

  test('is against the limits of its own length that a person raised', async () => {
    const one = await taken(moved, 26)
    const limits = async () =>
      (await lookAt(one, 24)).verdict?.checks
        .filter(([, measure]) => measure === 'psi')
        .map((check) => [check[3], check[5]])
    const raise = (measure: string, limit: number) =>
      db.tx((t) =>
        t.run(
          "INSERT INTO monitor_raises (endpoint, feature, measure, threshold, incident_id, at) VALUES (?,'x',?,?,'inc',0)",
          [one.endpoint, measure, limit],
        ),
      )
    await raise('psi', 700)
    assert.deepEqual(await limits(), [[FLOORS.psi, 1]], 'that of six hours is another one')
    await raise('psi 24h', 800)
    assert.deepEqual(await limits(), [[800, 0]])
  })
})

describe('what an hour leaves', () => {
  const before = {
    ...fresh,
    findings: [{ feature: 'x', measure: 'z', value: 9, limit: 4, ratio: 2.25 } as const],
    judged: { 6: 90, 24: 95 },
    lacks: 'days' as const,
  }

  test('is what it lacked, and else as it was, where there is no verdict', () => {
    assert.deepEqual(stateAfter({ hour: 100, before }, { lacks: 'rows' }), { ...before, lacks: 'rows' })
    assert.deepEqual(stateAfter({ hour: 100, before }, { verdict: undefined, lacks: null }), { ...before, lacks: null })
  })

  test('is its findings that may page, and that its length judged it', async () => {
    const { verdict } = await lookAt(await taken(usually, 26), 24)
    assert.deepEqual(stateAfter({ hour: 100, before }, { verdict, lacks: null }), {
      ...before,
      findings: [],
      judged: { 6: 90, 24: 100 },
      lacks: null,
    })
  })

  test('is its window, which takes the place of one that was kept before', async () => {
    const one = await taken(usually, 26)
    const { looked, verdict = assert.fail('a verdict') } = await lookAt(one, 24)
    const kept = () =>
      db.all<{ hour: number; rows: number; results: string }>(
        'SELECT hour, rows, results FROM monitor_windows WHERE endpoint = ?',
        [one.endpoint],
      )
    await one.deps.db.tx((t) => keepWindow(t, looked, verdict))
    assert.deepEqual(await kept(), [{ hour: FIRST + 24, rows: 24 * ROWS, results: JSON.stringify(verdict.checks) }])
    const other: Verdict = { ...verdict, window: { ...verdict.window, rows: 5 }, checks: [] }
    await one.deps.db.tx((t) => keepWindow(t, looked, other))
    assert.deepEqual(await kept(), [{ hour: FIRST + 24, rows: 5, results: '[]' }])
  })
})

test('nothing is entered into a book where there was nothing to compare with', async () => {
  const one = await taken(usually, 26)
  const { looked, verdict = assert.fail('a verdict') } = await lookAt(one, 24)
  const touched = async (): Promise<never> => assert.fail('the book is not opened')
  const book = { current: touched, write: touched, react: touched }
  const entered = enter(one.deps, book, { looked: { ...looked, live: undefined }, verdict, held: false })
  assert.equal(await entered, undefined)
})
