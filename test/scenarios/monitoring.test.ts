/** A feed changes its unit without a word: the monitor pages, names the cause, marks the rows, and calms down once it is mended. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { actOnIncident } from '../../src/monitoring/acts.ts'
import { HOUR_MS as HOUR } from '../../src/contract/ids.ts'
import { celsius, FIRST, kilometres, START, watch } from '../../src/monitoring/rounds/feed.fixture.ts'
import type { Row, Watched } from '../../src/monitoring/rounds/feed.fixture.ts'
import { badIds, incidentRows, spoiltHours, viewIncident } from '../../src/monitoring/incidents/rows.ts'
import type { IncidentRow } from '../../src/monitoring/incidents/rows.ts'
import { alertmanagerMessage } from '../../src/monitoring/incidents/message.ts'
import { openTemporaryStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/open.ts'

let store: Store & { close(): Promise<void> }
let watched: Watched
const live: Watched['live'] = (...of) => watched.live(...of)

before(async () => {
  store = await openTemporaryStore()
  const metrics = { 'importance.temp': 0.01, 'importance.dewp': 0.02, 'importance.distance': 0.0001 }
  watched = await watch(store.db, { metrics })
})
after(() => store.close())

const FAULT = FIRST + 2 * 24 + 9

test('a change of unit is paged within six hours with its cause, and resolved after the feed is mended', async () => {
  await live(FIRST, FAULT)
  assert.deepEqual(await incidentRows(store.db, { endpoint: 'e' }), [], 'two clean days are quiet')
  await live(FAULT, FAULT + 7, celsius)
  const [open] = await incidentRows(store.db, { endpoint: 'e' })
  assert.ok(open !== undefined, 'paged')
  const delay = open.opened_event / HOUR - (START / HOUR + FAULT)
  assert.ok(delay <= 6, `paged after ${delay} h`)
  assert.equal(open.detail.causes[0]?.title, 'unit changed °F → °C, temp and dewp')
  assert.deepEqual([open.severity, open.state, open.pages], ['high', 'open', 1])
  assert.ok(Math.abs(open.began_event / HOUR - (START / HOUR + FAULT)) <= 1, 'the change point')
  await live(FAULT + 7, FAULT + 40)
  const [mended] = await incidentRows(store.db, { endpoint: 'e' })
  assert.ok(mended !== undefined)
  assert.equal(mended.state, 'resolved')
  const bad = await badIds(store.db, 'e')
  assert.ok(bad.length >= 6 * 36 && bad.length <= 9 * 36, `${bad.length} rows marked bad`)
  assert.ok(bad.includes(`${FAULT + 3}-0`))
  assert.equal(alertmanagerMessage(mended)['status'], 'resolved')
})

test('a false alarm counts its hours as normal, raises the limits and is in the audit', async () => {
  const [row] = await incidentRows(store.db, { endpoint: 'e' })
  assert.ok(row !== undefined)
  const who = { id: 'u', name: 'ann', role: 'admin', project: null, token_id: null } as const
  const view = await actOnIncident(watched.deps, who, {
    id: row.id,
    action: 'false_alarm',
    reason: 'agreed with the feed',
  })
  assert.equal(view.state, 'resolved')
  assert.deepEqual(await badIds(store.db, 'e'), [])
  const raised = await store.db.all<{ feature: string }>('SELECT feature FROM monitor_raises ORDER BY feature')
  assert.ok(raised.some((one) => one.feature === 'temp'))
  const audit = await store.db.get<{ n: number }>("SELECT count(*) AS n FROM audit WHERE resource = 'incidents'")
  assert.equal(audit?.n, 1)
  await assert.rejects(
    actOnIncident(watched.deps, who, { id: row.id, action: 'false_alarm', reason: '' }),
    /called a false alarm before/,
  )
  assert.equal((await viewIncident(store.db, row)).endpoint, 'e')
})

test('an incident of attributions alone wakes nobody until features differ too, and is over when both are as before', async () => {
  const [usual, moved] = [
    [4, 3, 2, 0, 1],
    [1, 2, 3, 0, 4],
  ]
  const same = (row: Row): Row => row
  await store.db.tx((t) =>
    t.run('INSERT INTO endpoint_limits (endpoint, limits, updated_at) VALUES (?,?,0)', ['e', '{"explain_share":1}']),
  )
  const newest = async (): Promise<IncidentRow> =>
    (await incidentRows(store.db, { endpoint: 'e' })).find((row) => row.dismissed === 0) ?? assert.fail('no incident')
  const first = FAULT + 40
  await live(first, first + 72, same, usual)
  await live(first + 72, first + 104, same, moved)
  const alone = await newest()
  assert.deepEqual([alone.kind, alone.state, alone.pages, alone.detail.features], ['drift', 'open', 0, []])
  assert.deepEqual(
    alone.detail.causes.map((one) => one.kind),
    ['attribution_shift'],
  )
  assert.deepEqual(await spoiltHours(store.db, 'e').then((spans) => spans.filter(({ from, to }) => from < to)), [])
  await live(first + 104, first + 128, kilometres, moved)
  const both = await newest()
  assert.deepEqual([both.id, both.severity, both.state], [alone.id, 'low', 'open'])
  assert.equal(both.pages, 0, 'distance changes nothing of the score: it wakes nobody')
  assert.match(both.title, /mi → km|miles|distance/)
  assert.ok(both.began_event >= START + (first + 103) * HOUR, 'it began when the features did')
  assert.equal(both.detail.causes.filter((one) => one.kind === 'attribution_shift').length, 1)
  assert.ok(both.detail.checks.some((one) => one.check === 'attribution') && both.detail.checks.length > 1)
  assert.ok(both.detail.timeline.some((one) => one.kind === 'features differ too'))
  await live(first + 128, first + 152, same, moved)
  assert.equal((await newest()).state, 'open', 'held by the check of attributions')
  await live(first + 152, first + 224, same, usual)
  assert.deepEqual([(await newest()).id, (await newest()).state], [alone.id, 'resolved'])
})
