/** What people do with an incident: each act once, on record, and a false alarm raises what it passed and nothing else. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Principal } from '../contract/access.ts'
import { HOUR_MS } from '../contract/ids.ts'
import { openTemporaryStore } from '../store/open.ts'
import { actOnIncident } from './acts.ts'
import type { Action } from './acts.ts'
import { addEndpoint } from './endpoint.cases.ts'
import { newIncident, requireIncident } from './incidents/rows.ts'
import { writeIncident } from './incidents/writing.ts'
import type { IncidentRow } from './incidents/rows.ts'
import { testDeps } from './room.fixture.ts'
import type { MonitoringDeps, ReactionRequest } from './context/context.ts'

const ann: Principal = { id: 'u1', name: 'ann', role: 'maintainer', project: null, token_id: null }
let store: Awaited<ReturnType<typeof openTemporaryStore>>
let deps: MonitoringDeps
let made = 0
const changed: string[] = []
const asked: ReactionRequest[] = []

before(async () => {
  store = await openTemporaryStore()
  deps = testDeps(store.db, () => 7000, {
    changed: (id) => void changed.push(id),
    rollback: async (request) => {
      asked.push(request)
      return 'version 1 answers again'
    },
    retrain: async (request) => {
      asked.push(request)
      return 'r9'
    },
  })
  await addEndpoint(store.db, 'e')
  await addEndpoint(store.db, 'other', {}, 'theirs')
})
after(() => store.close())

async function opened(more: Partial<IncidentRow> = {}): Promise<string> {
  const id = `inc_${++made}`
  const row = newIncident({
    id,
    endpoint: 'e',
    kind: 'drift',
    severity: 'low',
    opened_at: 0,
    opened_event: 0,
    until: 3,
  })
  await store.db.tx((t) => writeIncident(t, { ...row, title: 'temp moved', ...more }))
  return id
}
const act = (id: string, action: Action, reason = '', who = ann) => actOnIncident(deps, who, { id, action, reason })

describe('an act', () => {
  test('changes the incident, its timeline and the audit trail, and is told', async () => {
    const id = await opened({ last_event: 3000 })
    const view = await act(id, 'resolve', 'it was the feed')
    assert.deepEqual(
      [view.state, view.resolved_at, view.resolved_event_time],
      ['resolved', '1970-01-01T00:00:07.000Z', '1970-01-01T00:00:03.000Z'],
    )
    assert.deepEqual(view.timeline, [
      { at: '1970-01-01T00:00:07.000Z', event_time: null, kind: 'resolve', text: 'ann: it was the feed', href: null },
    ])
    assert.deepEqual(changed.splice(0), [id])
    const audit = await store.db.all<{ verb: string; detail: string }>(
      'SELECT verb, detail FROM audit WHERE resource_id = ?',
      [id],
    )
    assert.deepEqual(
      audit.map((row) => [row.verb, JSON.parse(row.detail) as unknown]),
      [['write', { action: 'resolve', reason: 'it was the feed', endpoint: 'e' }]],
    )
  })

  test('that is done already is a conflict and leaves no trace', async () => {
    const twice: readonly (readonly [Action, Partial<IncidentRow>])[] = [
      ['acknowledge', { state: 'acknowledged' }],
      ['acknowledge', { state: 'resolved' }],
      ['resolve', { state: 'resolved' }],
      ['mark_bad', { marked: 1 }],
      ['mark_bad', { kind: 'search' }],
      ['false_alarm', { dismissed: 1 }],
    ]
    for (const [action, more] of twice) {
      const id = await opened(more)
      await assert.rejects(act(id, action), { code: 'conflict' }, action)
      assert.deepEqual((await requireIncident(store.db, id)).detail.timeline, [])
    }
    assert.deepEqual(changed.splice(0), [])
  })

  test('on an incident of another project, or of none, finds nothing', async () => {
    const id = await opened({ endpoint: 'other' })
    await assert.rejects(act(id, 'resolve', '', { ...ann, project: 'default' }), { code: 'not_found' })
    assert.equal((await act(id, 'resolve', '', { ...ann, project: 'theirs' })).state, 'resolved')
    await assert.rejects(act('inc_none', 'resolve'), { code: 'not_found' })
  })

  test('of a reaction does it with its reason, or the title of the incident, and tells what was done', async () => {
    const id = await opened()
    await act(id, 'rollback')
    const view = await act(id, 'retrain', 'new data')
    assert.deepEqual(
      asked.map(({ endpoint, incident, reason, exclude }) => [endpoint, incident, reason, exclude]),
      [
        ['e', id, 'temp moved', []],
        ['e', id, 'new data', []],
      ],
    )
    assert.deepEqual(
      view.timeline.map(({ kind, text }) => [kind, text]),
      [
        ['rollback', 'ann: version 1 answers again'],
        ['retrain', 'ann: retraining started as run r9, without 0 rows marked bad'],
      ],
    )
    assert.equal(view.state, 'open')
  })

  test('that acknowledges or marks changes just that', async () => {
    const id = await opened()
    assert.equal((await act(id, 'acknowledge')).state, 'acknowledged')
    await act(id, 'mark_bad')
    const row = await requireIncident(store.db, id)
    assert.deepEqual([row.state, row.marked, row.resolved_at], ['acknowledged', 1, null])
  })
})

describe('a false alarm', () => {
  const window = (hour: number, results: readonly unknown[]) =>
    store.db.tx((t) =>
      t.run('INSERT INTO monitor_windows (endpoint, hour, rows, results) VALUES (?,?,?,?)', [
        'e',
        hour,
        1,
        JSON.stringify(results),
      ]),
    )
  const raised = () =>
    store.db.all<{ feature: string; measure: string; threshold: number }>(
      "SELECT feature, measure, threshold FROM monitor_raises WHERE endpoint = 'e' ORDER BY feature, measure",
    )

  test('closes it, takes its mark away, and raises each limit that its windows passed a quarter above the most that was seen', async () => {
    await window(9, [['before', 'z', 99, 4, 100, 1, 1]])
    await window(10, [
      ['temp', 'z', 8, 4, 100, 1, 1],
      ['temp', 'psi', 0.1, 0.25, 100, 0, 1],
      ['score', 'z', 50, 4, 100, 1, 0],
    ])
    await window(11, [
      ['temp', 'z', 6, 4, 100, 1, 1],
      ['age', 'step', 10, 5, 100, 1, 1],
    ])
    await window(12, [['age', 'step', 20, 5, 100, 1, 1]])
    await window(13, [['after', 'z', 99, 4, 100, 1, 1]])
    const id = await opened({ began_event: 10.5 * HOUR_MS, last_event: 12 * HOUR_MS, marked: 1 })
    await act(id, 'false_alarm', 'a season')
    const row = await requireIncident(store.db, id)
    assert.deepEqual([row.state, row.dismissed, row.marked, row.resolved_event], ['resolved', 1, 0, 12 * HOUR_MS])
    assert.deepEqual(
      (await raised()).map(({ feature, measure, threshold }) => [feature, measure, threshold]),
      [
        ['age', 'step', 25],
        ['temp', 'z', 10],
      ],
    )
  })

  test('raises again what was raised before', async () => {
    await window(30, [['temp', 'z', 16, 10, 100, 1, 1]])
    await act(await opened({ began_event: 30 * HOUR_MS, last_event: 31 * HOUR_MS }), 'false_alarm')
    assert.equal((await raised()).find((one) => one.feature === 'temp')?.threshold, 20)
  })
})
