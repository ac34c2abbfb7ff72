/** Incidents as rows: which is the current one, in which order they are told, what is marked bad, what may be done. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { HOUR_MS } from '../../contract/ids.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { ingest, testDeps } from '../room.fixture.ts'
import {
  badIds,
  badRanges,
  currentIncident,
  incidentRows,
  incidentsOfKind,
  newIncident,
  note,
  requireIncident,
  spoiltHours,
  viewIncident,
} from './rows.ts'
import { writeIncident } from './writing.ts'
import type { IncidentDetail, IncidentRow } from './rows.ts'

let store: Awaited<ReturnType<typeof openTemporaryStore>>
let made = 0
before(async () => (store = await openTemporaryStore()))
after(() => store.close())

/** An incident of an endpoint, kept; its row. */
async function keep(endpoint: string, more: Partial<IncidentRow> = {}): Promise<IncidentRow> {
  const row = {
    ...newIncident({
      id: `inc_${String(++made).padStart(3, '0')}`,
      endpoint,
      kind: 'drift',
      severity: 'low',
      opened_at: 0,
      opened_event: 0,
      until: 3,
    }),
    ...more,
  }
  await store.db.tx((t) => writeIncident(t, row))
  return row
}

test('an incident whose title and causes quote NUL of a caller is kept, its detail to the letter', async () => {
  const title = 'new values in plan: a\0b (3)'
  const causes: IncidentRow['detail']['causes'] = [
    { rank: 1, kind: 'new_category', title, score: 1, features: ['plan'], evidence: {} },
  ]
  const row = await keep('nul', { title, detail: { ...(await keep('nul')).detail, causes } })
  const { title: read, detail } = await requireIncident(store.db, row.id)
  assert.deepEqual([read, detail.causes[0]?.title], ['new values in plan: a�b (3)', title])
})

describe('the current incident', () => {
  const current = async (endpoint: string, since = 100): Promise<string | undefined> =>
    (await currentIncident(store.db, endpoint, 'drift', since))?.id

  test('is open, or resolved with an alert that is not too old', async () => {
    const old = await keep('a', { state: 'resolved', last_event: 99 })
    assert.equal(await current('a'), undefined)
    assert.equal(await current('a', 99), old.id)
    const open = await keep('a', { last_event: 5 })
    assert.equal(await current('a'), open.id)
    assert.equal(await current('a', 99), old.id, 'the one with the newest alert')
    await keep('a', { state: 'acknowledged', last_event: 120 })
    assert.notEqual(await current('a'), open.id)
  })

  test('is of this endpoint and kind, and no false alarm', async () => {
    await keep('b', { dismissed: 1, last_event: 500 })
    await keep('b', { kind: 'quality', last_event: 500 })
    await keep('c', { last_event: 500 })
    assert.equal(await current('b'), undefined)
  })
})

test('incidents of a kind come newest first, false alarms left out', async () => {
  const [first, second] = [await keep('k', { opened_at: 5 }), await keep('k', { opened_at: 9 })]
  await keep('k', { opened_at: 7, dismissed: 1 })
  await keep('k', { kind: 'search' })
  assert.deepEqual(
    (await incidentsOfKind(store.db, 'k', 'drift')).map((row) => row.id),
    [second.id, first.id],
  )
})

test('all are told open ones first, then by event time; by endpoint and state if asked', async () => {
  const rows = [
    await keep('l', { state: 'resolved', opened_event: 9 }),
    await keep('l', { opened_event: 1 }),
    await keep('l', { state: 'acknowledged', opened_event: 5 }),
  ]
  const ids = async (state?: string) =>
    (await incidentRows(store.db, { endpoint: 'l', state })).map((row) => rows.findIndex(({ id }) => id === row.id))
  assert.deepEqual(await ids(), [2, 1, 0])
  assert.deepEqual(await ids('resolved'), [0])
  assert.ok((await incidentRows(store.db, {})).length > 3)
})

test('what is written is read again, and one that is not there is not found', async () => {
  const row = await keep('w')
  note(row.detail, { at: 1000, event: null, kind: 'opened', text: 'x' })
  note(row.detail, { at: 2000, event: 3000, kind: 'retrain', text: 'y', href: '/runs/1' })
  await store.db.tx((t) => writeIncident(t, { ...row, title: 'new', pages: 0, marked: 1 }))
  const read = await requireIncident(store.db, row.id)
  assert.deepEqual(read, { ...row, title: 'new', pages: 0, marked: 1 })
  assert.deepEqual(read.detail.timeline, [
    { at: '1970-01-01T00:00:01.000Z', event_time: null, kind: 'opened', text: 'x', href: null },
    {
      at: '1970-01-01T00:00:02.000Z',
      event_time: '1970-01-01T00:00:03.000Z',
      kind: 'retrain',
      text: 'y',
      href: '/runs/1',
    },
  ])
  await assert.rejects(requireIncident(store.db, 'inc_none'), { code: 'not_found' })
})

describe('what an incident spoils', () => {
  test('are the hours of drift that was no false alarm, begun ones and all', async () => {
    const span = { began_event: 1.5 * HOUR_MS, last_event: 3.5 * HOUR_MS }
    await keep('s', span)
    await keep('s', { ...span, dismissed: 1 })
    await keep('s', { ...span, kind: 'quality' })
    assert.deepEqual(await spoiltHours(store.db, 's'), [{ from: 1, to: 4 }])
  })

  test('are the predictions of hours that were marked bad, each told once, in order', async () => {
    await addEndpoint(store.db, 'm')
    const deps = testDeps(store.db, () => 0)
    await ingest(
      deps,
      'm',
      Array.from({ length: 6 }, (_, i) => ({ id: `p${i}`, et: i * HOUR_MS, score: 0.5 })),
    )
    const causes: IncidentDetail['causes'] = [
      { rank: 1, kind: 'unit_change', title: '', score: 1, features: ['temp'], evidence: {} },
    ]
    const detail = { causes, checks: [], timeline: [], features: ['temp', 'wind'], clear: 0, until: 3 }
    const { id } = await keep('m', { marked: 1, began_event: HOUR_MS, detail })
    await keep('m', { marked: 1, began_event: 2 * HOUR_MS, detail: { ...detail, causes: [], until: 5 } })
    await keep('m', { marked: 1, dismissed: 1, began_event: 0 })
    await keep('m', { began_event: 0 })
    const ranges = await badRanges(store.db, 'm')
    assert.deepEqual(
      ranges.map(({ from, to, features }) => [from / HOUR_MS, to / HOUR_MS, features]),
      [
        [1, 3, ['temp']],
        [2, 5, ['temp', 'wind']],
      ],
    )
    assert.equal(ranges[0]?.incident_id, id)
    assert.deepEqual(await badIds(store.db, 'm'), ['p1', 'p2', 'p3', 'p4'])
  })
})

describe('what is shown', () => {
  test('counts the rows from its beginning to its end, and their share of all since', async () => {
    await addEndpoint(store.db, 'v')
    const rows = Array.from({ length: 10 }, (_, i) => ({ id: `p${i}`, et: i * HOUR_MS, score: 0.5 }))
    await ingest(
      testDeps(store.db, () => 0),
      'v',
      rows,
    )
    const row = await keep('v', {
      began_event: 2 * HOUR_MS,
      detail: {
        ...newIncident({
          id: '',
          endpoint: '',
          kind: 'drift',
          severity: 'low',
          opened_at: 0,
          opened_event: 0,
          until: 4,
        }).detail,
      },
    })
    const view = await viewIncident(store.db, row)
    assert.deepEqual(view.affected, { rows: 2, share: 0.25, marked_bad: 0 })
    assert.equal(
      view.actions.find((one) => one.action === 'mark_bad')?.preview,
      '2 rows are left out of baselines and of training',
    )
    assert.equal((await viewIncident(store.db, { ...row, marked: 1 })).affected.marked_bad, 2)
    assert.deepEqual((await viewIncident(store.db, { ...row, endpoint: 'no rows' })).affected, {
      rows: 0,
      share: 0,
      marked_bad: 0,
    })
    assert.deepEqual([view.pages, view.resolved_at], [true, null])
    const over = await viewIncident(store.db, { ...row, pages: 0, resolved_at: 1000, resolved_event: 2000 })
    assert.deepEqual(
      [over.pages, over.resolved_at, over.resolved_event_time],
      [false, '1970-01-01T00:00:01.000Z', '1970-01-01T00:00:02.000Z'],
    )
    const { affected } = await viewIncident(
      store.db,
      newIncident({ id: 'i', endpoint: 'v', kind: 'serving', severity: 'high', opened_at: 2.5 * HOUR_MS }),
    )
    assert.deepEqual(affected, { rows: 1, share: 0.125, marked_bad: 0 }, 'one of which no more is said: its hour')
  })

  test('says what may be done now', async () => {
    const row = await keep('x')
    const allowed = async (more: Partial<IncidentRow> = {}): Promise<string> =>
      (await viewIncident(store.db, { ...row, ...more })).actions
        .flatMap((one) => (one.allowed ? [one.action] : []))
        .join(' ')
    assert.equal(await allowed(), 'acknowledge resolve mark_bad retrain rollback false_alarm')
    assert.equal(await allowed({ state: 'acknowledged' }), 'resolve mark_bad retrain rollback false_alarm')
    assert.equal(await allowed({ state: 'resolved' }), 'mark_bad retrain rollback false_alarm')
    assert.equal(await allowed({ marked: 1 }), 'acknowledge resolve retrain rollback false_alarm')
    assert.equal(await allowed({ dismissed: 1, state: 'resolved' }), 'retrain rollback')
    assert.equal(await allowed({ kind: 'quality' }), 'acknowledge resolve mark_bad retrain rollback')
    assert.equal(await allowed({ kind: 'search' }), 'acknowledge resolve retrain rollback')
  })
})
