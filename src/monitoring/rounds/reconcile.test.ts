/** Incidents in line with what judging again found: what is told, who is woken, what stays as people left it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HOUR_MS } from '../../contract/ids.ts'
import type { Severity } from '../../contract/monitoring.ts'
import type { KeptCause } from '../incidents/causes.ts'
import { newIncident } from '../incidents/rows.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import { reconcile } from './reconcile.ts'

const HOUR = 480_000
const times = { from: HOUR * HOUR_MS, at: 7000 }

interface Given {
  readonly id?: string
  readonly severity?: Severity
  readonly over?: boolean
  readonly paged?: Severity | null
  readonly features?: string[]
  readonly began?: number
}

/** A drift incident with one cause, which began so many hours after the first that is judged again. */
function incident(given: Given = {}): IncidentRow {
  const { id = 'inc_1', severity = 'high', over = false, paged = null, features = ['x'], began = 2 } = given
  const event = (HOUR + began) * HOUR_MS
  const seen = event + 3 * HOUR_MS
  const course = { severity, began: event, opened: event + HOUR_MS, seen, ended: over ? seen : null, clear: 0, paged }
  const cause: KeptCause = { rank: 1, kind: 'shift', title: 'x moved', score: 0.3, features, evidence: {}, course }
  const row = newIncident({
    id,
    endpoint: 'e',
    kind: 'drift',
    severity,
    title: 'x moved',
    opened_at: 1,
    opened_event: event + HOUR_MS,
    began_event: event,
    last_event: seen,
    pages: paged === null ? 0 : 1,
    causes: [cause],
  })
  const end = over ? ({ state: 'resolved', resolved_at: 5, resolved_event: seen } as const) : {}
  return { ...row, ...end, detail: { ...row.detail, features } }
}
const lines = ({ detail }: IncidentRow): string[] => detail.timeline.map(({ kind, text }) => `${kind}: ${text}`)
const only = (known: readonly IncidentRow[], found: readonly IncidentRow[]) => {
  const [change, ...others] = reconcile(known, found, times)
  assert.ok(change !== undefined && others.length === 0, `${others.length} more`)
  return change
}

describe('what judging again found', () => {
  it('and nobody knew of is opened and wakes somebody; what is over by now is listed and wakes nobody', () => {
    const fresh = only([], [incident()])
    assert.deepEqual([fresh.row.pages, fresh.told, fresh.asks, fresh.row.state], [1, true, true, 'open'])
    assert.equal(fresh.row.detail.causes[0]?.course?.paged, 'high')
    assert.deepEqual(lines(fresh.row).at(-1), 'judged again: found with rows that came late')
    const over = only([], [incident({ over: true, paged: 'high' })])
    assert.deepEqual([over.row.pages, over.asks, over.row.detail.causes[0]?.course?.paged], [0, false, null])
    assert.equal(only([], [incident({ severity: 'low' })]).row.pages, 0, 'low severity wakes nobody')
  })

  it('as it was is not told again', () => {
    const same = only([incident({ paged: 'high' })], [incident({ id: 'inc_draft' })])
    assert.deepEqual([same.row.id, same.draft, same.told, same.asks], ['inc_1', 'inc_draft', false, false])
    assert.deepEqual([same.row.pages, lines(same.row)], [1, []])
    const over = only([incident({ over: true, paged: 'high' })], [incident({ id: 'inc_draft', over: true })])
    assert.deepEqual([over.told, over.row.state, over.row.resolved_at], [false, 'resolved', 5])
  })

  it('goes on where it seemed over, and is over where it seemed to go on: told, and nobody is woken twice', () => {
    const on = only([incident({ over: true, paged: 'high' })], [incident({ id: 'd' })])
    assert.deepEqual([on.row.state, on.row.resolved_at, on.row.pages, on.told], ['open', null, 1, true])
    assert.deepEqual(lines(on.row), ['judged again: with rows that came late it goes on: x moved'])
    const over = only([incident({ paged: 'high' })], [incident({ id: 'd', over: true })])
    assert.deepEqual([over.row.state, over.row.resolved_at, over.told], ['resolved', 7000, true])
    assert.deepEqual(lines(over.row), ['judged again: with rows that came late the newest windows are clear'])
  })

  it('is worse than somebody was woken for: that wakes once more, and asks for reactions only the first time', () => {
    const worse = only([incident({ severity: 'medium', paged: 'medium' })], [incident({ id: 'd' })])
    assert.deepEqual([worse.row.pages, worse.asks, worse.row.severity], [2, false, 'high'])
    assert.equal(lines(worse.row).length, 2)
    const first = only([incident({ severity: 'low' })], [incident({ id: 'd' })])
    assert.deepEqual([first.row.pages, first.asks], [1, true])
  })

  it('is an incident of its own more than a day apart', () => {
    const far = reconcile([incident({ began: 2 })], [incident({ id: 'd', began: 40 })], times)
    assert.deepEqual(
      far.map(({ row, draft }) => [row.id, draft]),
      [
        ['d', 'd'],
        ['inc_1', undefined],
      ],
    )
  })
})

describe('an incident of which nothing is left', () => {
  it('is closed and told, and its hours count as normal; once', () => {
    const { row, told, asks } = only([{ ...incident({ paged: 'high' }), marked: 1 }], [])
    assert.deepEqual([row.state, row.resolved_at, row.marked, told, asks], ['resolved', 7000, 0, true, false])
    assert.deepEqual([row.last_event, row.detail.until], [row.began_event, HOUR + 2])
    assert.deepEqual(lines(row), ['judged again: with rows that came late its hours do not differ'])
    assert.ok(row.detail.causes.every(({ course }) => course?.ended === row.began_event))
    assert.deepEqual(reconcile([row], [], times), [])
  })

  it('stays where it is of attributions alone, of before the first hour, or called a false alarm', () => {
    assert.deepEqual(reconcile([incident({ features: [] })], [], times), [])
    assert.deepEqual(reconcile([incident({ began: -1 })], [], times), [])
    assert.equal(reconcile([incident({ began: 0 })], [], times).length, 1)
    assert.deepEqual(reconcile([{ ...incident(), dismissed: 1 }], [], times), [])
    assert.deepEqual(reconcile([{ ...incident(), dismissed: 1 }], [incident({ id: 'd' })], times), [])
  })
})

describe('what people did', () => {
  const line = (kind: string) => ({ at: '', event_time: null, kind, text: '', href: null })
  const closedBy = (kind: string): IncidentRow => {
    const row = incident({ over: true, paged: 'high' })
    return { ...row, detail: { ...row.detail, timeline: [line('opened'), line(kind)] } }
  }

  it('stays: acknowledged, closed by hand for what was seen until then, marked by hand', () => {
    const known: IncidentRow = { ...incident({ paged: 'high' }), state: 'acknowledged' }
    assert.equal(only([known], [incident({ id: 'd' })]).row.state, 'acknowledged')
    assert.equal(only([closedBy('resolve')], [incident({ id: 'd' })]).row.state, 'resolved')
    assert.equal(only([closedBy('resolved')], [incident({ id: 'd' })]).row.state, 'open', 'the monitor closed it')
    const marked = { ...closedBy('mark_bad'), marked: 1 }
    assert.equal(only([marked], [incident({ id: 'd' })]).row.marked, 1)
    assert.equal(only([{ ...incident(), marked: 1 }], [incident({ id: 'd' })]).row.marked, 0, 'the monitor marked it')
  })
})
