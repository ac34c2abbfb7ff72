/** A look-up at a moment beside now: moments as they are typed, what differs, and why. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LookedUpRow, LookedUpView } from '../../../src/contract/features/look-up.ts'
import { seenOf } from './entity-row.ts'
import { bothOf, momentFault, pastHeadline, whyBoth } from './past.ts'

const NOW = Date.parse('2026-05-10T00:00:00Z')

test('a moment is in UTC where it names no zone, and has come', () => {
  for (const text of ['', '2026-05-09', '2026-05-09 23:59', '2026-05-09T23:59:59.123456789Z', '2026-05-10T01:00+02:00'])
    assert.equal(momentFault(text, NOW), undefined, text)
  for (const text of ['2026-05-10 00:01', '2026-05-09T23:59-01:00', '2027-01-01'])
    assert.equal(momentFault(text, NOW), 'a time that has come', text)
  for (const text of ['yesterday', '2026-13-01', '10:00', '2026-05-09 24:61', '20260509'])
    assert.match(momentFault(text, NOW) ?? '', /^a time in UTC/, text)
})

const column = (name: string, of = `stats:${name}`) => ({ name, type: 'int' as const, of })
const COLUMNS = [column('trips'), column('rate'), column('speed', 'live:speed'), column('half', 'on_demand:half')]
const view = (name: string, history: boolean): LookedUpView => ({
  name,
  view: name,
  version: 1,
  history,
  pushed: !history,
  sources: [],
})
const VIEWS = [view('stats', true), view('live', false)]
const EVENT = { at: '2026-05-01T00:00:00Z', known_at: '2026-05-01T00:00:00Z', age_ms: 86_400_000 }
const NEXT = { at: '2026-05-03T00:00:00Z', known_at: '2026-05-04T00:00:00Z' }
const row = (given: Partial<LookedUpRow> = {}): LookedUpRow => ({
  at: '2026-05-02T00:00:00Z',
  features: { trips: 5, rate: 1, speed: null, half: 2.5 },
  missing: { speed: 'no_history' },
  events: { stats: EVENT },
  next: {},
  ...given,
})
const readViews = VIEWS.map(({ name }) => ({ name, view: name, version: 1, stored: true, horizon: null }))
const now = (features: object, missing: object = {}, events: object = {}) =>
  seenOf(COLUMNS, readViews, { features, missing, events } as never)

/** Of each column whether it differs, and what is said of it. */
function told(then: LookedUpRow, online: ReturnType<typeof now> | undefined): Record<string, string> {
  const both = bothOf(COLUMNS, { views: VIEWS, row: then }, online)
  return Object.fromEntries(
    both.flatMap((group) =>
      group.columns.map((one) => {
        const why = whyBoth(one, group, undefined).map(({ lead, rest }) => `${lead} ${rest}`)
        return [one.name, [...(one.differs ? ['differs'] : []), ...why].join(' | ')]
      }),
    ),
  )
}

const NO_HISTORY = 'No history. Its rows are pushed, and none of the past is kept.'

test('what differs is told with the row that came, and what has no history differs from nothing', () => {
  const online = now({ trips: 7, rate: 1, speed: 9, half: 3.5 })
  assert.deepEqual(told(row({ next: { stats: NEXT } }), online), {
    trips: 'differs | Changed. A row of 2026-05-03 00:00 UTC, known since 2026-05-04 00:00 UTC, came after it.',
    rate: '',
    speed: NO_HISTORY,
    half: 'differs | Changed. What it is computed from is another now.',
  })
  assert.equal(
    told(row(), online)['trips'],
    'differs | Changed. Its source has no later row: the online store has it from another reading.',
  )
  const another = (at: string): string | undefined =>
    told(row({ next: { stats: NEXT } }), now({ trips: 7 }, {}, { stats: { at, age_ms: 1 } }))['trips']
  assert.equal(
    another('2026-05-03T00:00:00.000Z'),
    'differs | Changed. Another row is seen now, of 2026-05-03 00:00 UTC, known since 2026-05-04 00:00 UTC.',
  )
  assert.equal(
    another('2026-05-09T00:00:00Z'),
    'differs | Changed. Another row is seen now, of 2026-05-09 00:00 UTC.',
    'when that became known is not told of another one',
  )
  assert.match(another(EVENT.at) ?? '', /A row of 2026-05-03 00:00 UTC, known since .* came after it/)
  assert.deepEqual(told(row(), undefined), { trips: '', rate: '', speed: NO_HISTORY, half: '' })
})

test('a value that was missing says why then, and why now where that is another reason', () => {
  const online = now(
    { trips: null, rate: null, speed: null, half: 2.5 },
    { trips: 'not_found', rate: 'expired', speed: 'not_found' },
  )
  const late = row({
    features: { trips: null, rate: null, speed: null, half: 2.5 },
    missing: { trips: 'late_suppressed', rate: 'expired', speed: 'no_history' },
    next: { stats: { at: '2026-05-01T12:00:00Z', known_at: '2026-05-04T00:00:00Z' } },
  })
  const { trips, rate, half } = told(late, online)
  assert.equal(
    trips,
    'differs | Not known then. Its row of 2026-05-01 12:00 UTC became known 2026-05-04 00:00 UTC. | Now not found. The online store has no row of this entity.',
  )
  assert.match(rate ?? '', /^Expired\. Its row of 2026-05-01 00:00 UTC is 1 d old, longer than its view keeps a row\.$/)
  assert.equal(half, '')
  const early = row({ features: {}, missing: { trips: 'future_only', rate: 'not_found' }, next: { stats: NEXT } })
  assert.deepEqual(
    [told(early, undefined)['trips'], told(early, undefined)['rate']],
    ['Not yet. Its first row happened 2026-05-03 00:00 UTC.', 'Not found. The source has no row of this entity.'],
  )
})

test('it is told in a sentence', () => {
  const said = (then: LookedUpRow, online: ReturnType<typeof now> | undefined) =>
    pastHeadline('eta', [['driver_id', '7']], bothOf(COLUMNS, { views: VIEWS, row: then }, online))
  const online = now({ trips: 7, rate: 1, speed: null, half: 2.5 }, { speed: 'not_found' })
  assert.deepEqual(said(row(), online), {
    title: 'eta saw 3 of 4 values of driver_id 7',
    rest: 'Now it sees 3; 1 differs; of 1 no history is kept.',
  })
  const whole = row({ features: { trips: 5, rate: 1, speed: 2, half: 2.5 }, missing: {} })
  assert.deepEqual(said(whole, now(whole.features)), {
    title: 'eta saw all 4 values of driver_id 7',
    rest: 'Now it sees all; nothing differs.',
  })
  assert.equal(said(whole, undefined).rest, '')
})
