/** Calendars of freezes: where a window begins and ends, in a time zone whose clock changes; a freeze by hand goes before them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Plan } from '../../contract/rollout/plan.ts'
import { openTemporaryStore } from '../../store/open.ts'
import type { RolloutRow } from '../context/context.ts'
import { frozen, frozenEndpoint, shownFreeze } from './freeze.ts'

let store: Awaited<ReturnType<typeof openTemporaryStore>>
before(async () => (store = await openTemporaryStore()))
after(() => store.close())

type Windows = NonNullable<Plan['freeze']>

/** Why a rollout of the endpoint is frozen at a time. */
const at = (time: string, windows: readonly Partial<Windows[number]>[], endpoint = 'e'): Promise<string | null> => {
  const plan = JSON.stringify(Plan.parse({ freeze: windows }))
  return frozen(store.db, { endpoint, plan } as RolloutRow, Date.parse(time))
}

/** Every evening at six in Berlin, for twelve hours. */
const EVENINGS = [{ cron: '0 18 * * *', timezone: 'Europe/Berlin', hours: 12, reason: 'nobody is there' }]

test('a window begins with its first millisecond and ends before its last', async () => {
  const until = 'frozen until 2026-01-15T05:00:00.000Z: nobody is there'
  assert.equal(await at('2026-01-14T16:59:59.999Z', EVENINGS), null)
  assert.equal(await at('2026-01-14T17:00:00.000Z', EVENINGS), until)
  assert.equal(await at('2026-01-15T04:59:59.999Z', EVENINGS), until)
  assert.equal(await at('2026-01-15T05:00:00.000Z', EVENINGS), null)
})

test('it follows the clock of its time zone, and lasts its hours across the night in which the clock changes', async () => {
  // in Berlin summer time began on 29 March 2026 at 01:00 UTC and ended on 25 October 2026 at 01:00 UTC
  for (const [begin, end] of [
    ['2026-03-28T17:00:00.000Z', '2026-03-29T05:00:00.000Z'],
    ['2026-03-29T16:00:00.000Z', '2026-03-30T04:00:00.000Z'],
    ['2026-10-24T16:00:00.000Z', '2026-10-25T04:00:00.000Z'],
    ['2026-10-25T17:00:00.000Z', '2026-10-26T05:00:00.000Z'],
  ] as const) {
    const said = `frozen until ${end}: nobody is there`
    const [first, last] = [Date.parse(begin), Date.parse(end)]
    assert.equal(await at(new Date(first - 1).toISOString(), EVENINGS), null, begin)
    assert.equal(await at(begin, EVENINGS), said)
    assert.equal(await at(new Date(last - 1).toISOString(), EVENINGS), said)
    assert.equal(await at(end, EVENINGS), null, end)
  }
})

test('of windows that overlap the first that the plan names is told; one without a reason is told without', async () => {
  const both = [{ cron: '0 12 * * 3', hours: 48 }, ...EVENINGS]
  assert.equal(await at('2026-01-14T20:00:00Z', both), 'frozen until 2026-01-16T12:00:00.000Z')
  assert.equal(await at('2026-01-16T20:00:00Z', both), 'frozen until 2026-01-17T05:00:00.000Z: nobody is there')
})

test('a window that is longer than the time between two of them is on for good', async () => {
  const always = [{ cron: '0 0 * * *', hours: 30, reason: 'x' }]
  for (const hour of ['00', '05', '06', '23'])
    assert.match((await at(`2026-01-14T${hour}:00:00Z`, always)) ?? '', /^frozen until 2026-01-1[45]T06/, hour)
})

test('a plan without a calendar is free', async () => {
  assert.equal(await at('2026-01-14T20:00:00Z', []), null)
  assert.equal(await frozenEndpoint(store.db, 'e', 0), null)
})

test('a freeze by hand goes before the calendar, says who froze, and ends at its time', async () => {
  const until = Date.parse('2026-01-14T22:00:00Z')
  await store.db.tx(async (t) => {
    for (const [endpoint, reason, end] of [
      ['held', 'audit', until],
      ['for good', 'audit', null],
    ] as const)
      await t.run('INSERT INTO rollout_freezes (endpoint, reason, until, created_at, created_by) VALUES (?,?,?,?,?)', [
        endpoint,
        reason,
        end,
        1000,
        'ann',
      ])
  })
  assert.equal(
    await at('2026-01-14T21:59:59.999Z', EVENINGS, 'held'),
    'frozen until 2026-01-14T22:00:00.000Z: audit (ann)',
  )
  assert.equal(
    await at('2026-01-14T22:00:00Z', EVENINGS, 'held'),
    'frozen until 2026-01-15T05:00:00.000Z: nobody is there',
  )
  assert.equal(await at('2026-01-14T10:00:00Z', EVENINGS, 'for good'), 'frozen until it is lifted: audit (ann)')
  assert.equal(await frozenEndpoint(store.db, 'held', until - 1), 'frozen until 2026-01-14T22:00:00.000Z: audit (ann)')
  assert.equal(await frozenEndpoint(store.db, 'held', until), null)
  assert.deepEqual(await shownFreeze(store.db, 'held', until - 1), {
    reason: 'audit',
    until: '2026-01-14T22:00:00.000Z',
    at: '1970-01-01T00:00:01.000Z',
    by: 'ann',
  })
  assert.equal((await shownFreeze(store.db, 'for good', until))?.until, null)
  assert.equal(await shownFreeze(store.db, 'held', until), null)
})
