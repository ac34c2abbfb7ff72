/** Incidents in line with what judging again found: what is told, who is woken, what stays as people left it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HOUR_MS } from '../../contract/ids.ts'
import type { Severity } from '../../contract/monitors/severities.ts'
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

  it('is closed by hand for what was seen until then alone, and its causes end when it did', () => {
    const closed = { ...closedBy('resolve'), resolved_event: 0 }
    const end = (one: IncidentRow, late: number) => only([{ ...closed, resolved_event: one.last_event - late }], [one])
    const until = end(incident({ id: 'd' }), 0)
    assert.deepEqual([until.row.state, until.row.resolved_at, until.told], ['resolved', 5, false])
    assert.equal(until.row.resolved_event, incident().last_event)
    const earlier = only([{ ...closed, resolved_event: incident().last_event + 77 }], [incident({ id: 'd' })])
    assert.equal(earlier.row.resolved_event, incident().last_event + 77)
    assert.equal(earlier.row.detail.causes[0]?.course?.ended, incident().last_event + 77)
    const after = end(incident({ id: 'd' }), 1)
    assert.deepEqual([after.row.state, after.row.resolved_at, after.row.resolved_event], ['open', null, null])
  })

  it('of the last turn counts: a mark after it is none, each other turn is', () => {
    const turns = (...kinds: string[]) => {
      const row = incident({ over: true, paged: 'high' })
      return only([{ ...row, detail: { ...row.detail, timeline: kinds.map(line) } }], [incident({ id: 'd' })]).row.state
    }
    assert.deepEqual([turns('opened', 'resolve', 'mark_bad', 'retrain'), turns('resolve')], ['resolved', 'resolved'])
    for (const turn of ['resolved', 'opened', 'opened again', 'judged again'])
      assert.equal(turns('resolve', turn), 'open', turn)
    assert.equal(turns(), 'open')
  })

  it('by a mark of the monitor that it would have had, and by one of their own', () => {
    const marked = { ...incident({ id: 'd' }), marked: 1 }
    assert.equal(only([incident()], [marked]).row.marked, 1)
    assert.equal(only([closedBy('mark_bad')], [marked]).row.marked, 1)
    assert.equal(only([closedBy('mark_bad')], [incident({ id: 'd' })]).row.marked, 1)
  })

  it('is opened again for one who acknowledged it when it is worse', () => {
    const known: IncidentRow = { ...incident({ severity: 'medium', paged: 'medium' }), state: 'acknowledged' }
    assert.equal(only([known], [incident({ id: 'd' })]).row.state, 'open')
  })
})

describe('which incident is which', () => {
  const pairs = (known: readonly IncidentRow[], found: readonly IncidentRow[]) =>
    reconcile(known, found, times).map(({ row, draft }) => [row.id, draft])

  it('is told by their times: up to a day apart they are one, from either side', () => {
    const known = incident()
    const shifted = (ms: number): IncidentRow => {
      const one = incident({ id: 'd' })
      const [began_event, opened_event, last_event] = [one.began_event, one.opened_event, one.last_event].map(
        (t) => t + ms,
      )
      return { ...one, began_event: began_event!, opened_event: opened_event!, last_event: last_event! }
    }
    // from the last alert, three hours after the beginning, to the next beginning
    const day = 27 * HOUR_MS
    assert.deepEqual(pairs([known], [shifted(day)]), [['inc_1', 'd']])
    assert.deepEqual(pairs([known], [shifted(-day)]), [['inc_1', 'd']])
    assert.deepEqual(pairs([known], [shifted(day + 1)])[0], ['d', 'd'])
    assert.deepEqual(pairs([known], [shifted(-day - 1)])[0], ['d', 'd'])
    const late = { ...shifted(day + 1), id: 'e' }
    assert.deepEqual(
      pairs([{ ...known, opened_event: known.last_event + 1 }], [late]),
      [['inc_1', 'e']],
      'opened later',
    )
  })

  it('is told in the order in which they were opened, whatever order they are found in', () => {
    const [early, late] = [incident({ id: 'd1' }), incident({ id: 'd2', began: 10 })]
    const asked = [
      ['inc_1', 'd1'],
      ['d2', 'd2'],
    ]
    assert.deepEqual(pairs([incident()], [late, early]), asked)
    assert.deepEqual(pairs([incident()], [early, late]), asked)
  })

  it('is sure where it has its id: another that overlaps with it does not take its place', () => {
    const [one, other] = [incident({ id: 'd' }), incident({ began: 5 })]
    assert.deepEqual(pairs([incident()], [one, other]), [
      ['d', 'd'],
      ['inc_1', 'inc_1'],
    ])
  })
})

describe('causes', () => {
  const open = (
    more: Partial<KeptCause> = {},
    paged: Severity | null = null,
    severity: Severity = 'high',
  ): KeptCause => {
    const [cause = assert.fail('a cause')] = incident({ severity }).detail.causes
    return { ...cause, ...more, course: { ...cause.course!, severity, paged } }
  }
  const ended = (cause: KeptCause): KeptCause => ({ ...cause, course: { ...cause.course!, ended: 9 } })
  const withCauses = (row: IncidentRow, ...causes: KeptCause[]): IncidentRow => ({
    ...row,
    detail: { ...row.detail, causes },
  })
  const shares: Partial<KeptCause> = { kind: 'attribution_shift', title: 'shares moved', features: ['a'] }
  const event = (): KeptCause => {
    const { course: _, ...cause } = open({ kind: 'deploy', title: 'deployed', features: [] })
    return cause
  }

  it('of attributions stay, for they are not judged again; others that are not found again go', () => {
    const known = withCauses(incident(), open({ kind: 'swap', features: ['y'] }), open(shares))
    const { row, told } = only([known], [incident({ id: 'd' })])
    assert.deepEqual(
      row.detail.causes.map(({ rank, kind, features }) => [rank, kind, features]),
      [
        [1, 'shift', ['x']],
        [2, 'attribution_shift', ['a']],
      ],
    )
    assert.equal(told, true)
    const both = withCauses(incident({ id: 'd' }), open(), open(shares))
    assert.equal(only([withCauses(incident(), open(shares))], [both]).row.detail.causes.length, 2, 'once')
  })

  it('of attributions that are open keep it open, though its features are as usual again', () => {
    const over = incident({ id: 'd', over: true })
    assert.equal(only([withCauses(incident(), open(shares))], [over]).row.state, 'open')
    const { row } = only([withCauses(incident(), ended(open(shares)))], [over])
    assert.deepEqual([row.state, row.resolved_event], ['resolved', over.resolved_event])
    assert.equal(only([incident()], [withCauses(incident({ id: 'd' }), ended(open()))]).row.state, 'open')
  })

  it('remember for whom somebody was woken by their own name, else by one of their features', () => {
    const known = [
      open({ features: ['x'] }, 'medium'),
      open({ kind: 'frozen_feature', features: ['y'] }, 'high'),
      open({ kind: 'swap', features: ['y', 'z'] }, null),
      open({ kind: 'null_flood', features: ['y', 'w'] }, 'medium'),
    ]
    const paged = (cause: Partial<KeptCause>, of = known) =>
      only(
        [withCauses(incident(), ...of)],
        [withCauses(incident({ id: 'd', severity: 'low' }), open(cause, null, 'low'))],
      ).row.detail.causes[0]?.course?.paged
    assert.equal(paged({ features: ['x'] }), 'medium')
    assert.equal(paged({ kind: 'unit_change', features: ['x'] }), 'medium', 'under another name')
    assert.equal(paged({ kind: 'unit_change', features: ['y'] }), 'high', 'the worst of them')
    assert.equal(paged({ kind: 'unit_change', features: ['y'] }, known.toReversed()), 'high')
    assert.equal(paged({ kind: 'unit_change', features: ['z'] }), null)
    assert.equal(paged({ kind: 'unit_change', features: ['other'] }), null)
    assert.equal(paged({ kind: 'swap', features: ['y', 'z'] }), null, 'its own name comes first')
  })

  it('that are events of the house have no course, here or there', () => {
    const found = withCauses(incident({ id: 'd' }), open(), event())
    for (const known of [[], [incident()]]) {
      const { row } = only(known, [found])
      assert.equal('course' in (row.detail.causes[1] ?? {}), false)
    }
  })

  it('in another order are no news, and others are, as bad as they may be', () => {
    const [a, b] = [open(), open({ kind: 'frozen_feature', features: ['y'] })]
    assert.equal(only([withCauses(incident(), a, b)], [withCauses(incident({ id: 'd' }), b, a)]).told, false)
    const { row, told } = only([withCauses(incident(), a)], [withCauses(incident({ id: 'd' }), a, b)])
    assert.equal(told, true)
    assert.deepEqual(lines(row), ['judged again: with rows that came late: x moved; severity high'])
  })

  it('give the severity by the worst that is open, and the title by the first', () => {
    const found = withCauses(
      incident({ id: 'd', severity: 'low' }),
      open({ title: 'first' }, null, 'medium'),
      open({ kind: 'swap', title: 'second' }, null, 'high'),
    )
    const { row } = only([incident()], [found])
    assert.deepEqual([row.severity, row.title], ['high', 'first'])
    const none = only(
      [incident()],
      [{ ...withCauses(incident({ id: 'd', severity: 'low', over: true })), title: 'its own' }],
    )
    assert.deepEqual([none.row.severity, none.row.title], ['low', 'its own'])
  })

  it('wake nobody for what an open incident was as bad as before; one that was over wakes again', () => {
    const same = only([incident()], [incident({ id: 'd' })])
    assert.deepEqual([same.row.pages, same.asks, same.told], [0, false, false])
    const again = only([incident({ over: true })], [incident({ id: 'd' })])
    assert.deepEqual([again.row.pages, again.asks, again.row.detail.causes[0]?.course?.paged], [1, true, 'high'])
    const low = only([incident({ severity: 'low' })], [incident({ id: 'd', severity: 'low' })])
    assert.deepEqual([low.row.pages, low.asks], [0, false])
    const quiet = { ...incident({ severity: 'low' }), severity: 'high' as const }
    const woken = only([quiet], [incident({ id: 'd' })])
    assert.deepEqual([woken.row.pages, woken.told, lines(woken.row)], [1, true, ['paged: severity high']])
  })
})

describe('the timeline', () => {
  const line = (text: string) => ({ at: '', event_time: null, kind: 'acknowledge', text, href: null })
  const told = (row: IncidentRow): IncidentRow => ({ ...row, detail: { ...row.detail, timeline: [line('before')] } })

  it('goes on, with when the data was so and when it was found; what was given stays as it is', () => {
    const [known, found] = [told(incident()), told(incident({ id: 'd', severity: 'low' }))]
    const given = structuredClone([known, found])
    const event = (time: number): string => new Date(time).toISOString()
    const last = (change: ReturnType<typeof only>) => {
      const { timeline } = change.row.detail
      return [timeline.length, timeline[0]?.text, timeline.at(-1)?.at, timeline.at(-1)?.event_time]
    }
    const at = '1970-01-01T00:00:07.000Z'
    assert.deepEqual(last(only([known], [found])), [2, 'before', at, event(found.last_event)])
    assert.deepEqual(last(only([], [found])), [2, 'before', at, event(found.last_event)])
    assert.deepEqual(last(only([known], [])), [2, 'before', at, event(known.began_event)])
    assert.deepEqual([known, found], given)
  })

  it('of one that was over, of which nothing is left, tells it too; it stays over since then', () => {
    const { row, told: isTold } = only([told(incident({ over: true }))], [])
    assert.deepEqual([isTold, row.state, row.resolved_at, row.resolved_event], [true, 'resolved', 5, row.began_event])
  })
})
