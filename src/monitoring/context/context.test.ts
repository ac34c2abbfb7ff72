/** What every part of the room works with: when a label is due, what now is for traffic of the past, settings that are none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOUR_MS } from '../../contract/ids.ts'
import { MonitorSettings } from '../../contract/monitoring.ts'
import type { Principal } from '../../contract/access.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { eventNow, labelDelay, lockMonitor, monitorOf, requireEndpoint, settingsOf } from './context.ts'
import type { MonitorRow } from './context.ts'

test('a label is due so long after its event, in minutes, hours, days or weeks', () => {
  const delay = (text: string): number => labelDelay(MonitorSettings.parse({ labels: { delay: text } })) / 60_000
  assert.deepEqual(['90m', '12h', '2d', '1w'].map(delay), [90, 720, 2880, 10_080])
  assert.equal(labelDelay(MonitorSettings.parse({})), 48 * HOUR_MS)
})

test('now is the wall clock for live traffic, and the newest row for what is replayed from another time', () => {
  const now = 1_000 * HOUR_MS
  const at = (newest_event: number | null, newest_at: number | null) =>
    eventNow({ newest_event, newest_at } as MonitorRow, now) / HOUR_MS
  assert.equal(at(990 * HOUR_MS, 996 * HOUR_MS), 1000)
  assert.equal(at(990 * HOUR_MS, 996 * HOUR_MS + 1), 990)
  assert.equal(at(999 * HOUR_MS, 992 * HOUR_MS), 999, 'events from the time to come too')
  assert.deepEqual([at(null, null), at(5, null), at(null, 5)], [1000, 1000, 1000])
})

test('settings that are none count as absent', () => {
  const facts = { name: 'e', project: 'p', model: 'm' }
  assert.deepEqual(settingsOf({ ...facts, monitor: '{"false_alerts":"often"}' }), MonitorSettings.parse({}))
  assert.equal(settingsOf({ ...facts, monitor: '{"false_alerts":"2 per day"}' }).false_alerts, '2 per day')
})

test('an endpoint of another project is not found, and a monitor is made once', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  await addEndpoint(store.db, 'e', {}, 'mine')
  const who = (project: string | null): Principal => ({ id: 'u', name: 'u', role: 'admin', project, token_id: null })
  for (const one of [undefined, who(null), who('mine')])
    assert.equal((await requireEndpoint(store.db, 'e', one)).name, 'e')
  await assert.rejects(requireEndpoint(store.db, 'e', who('theirs')), { code: 'not_found' })
  await assert.rejects(requireEndpoint(store.db, 'none'), { code: 'not_found' })

  const fresh = await monitorOf(store.db, 'e')
  assert.deepEqual([fresh.endpoint, fresh.seq, fresh.orphans, fresh.newest_hour, fresh.state], ['e', 0, 0, null, '{}'])
  assert.deepEqual(await store.db.tx((tx) => lockMonitor(tx, 'e')), fresh)
  await store.db.tx((tx) => tx.run("UPDATE monitors SET seq = 4 WHERE endpoint = 'e'"))
  assert.equal((await store.db.tx((tx) => lockMonitor(tx, 'e'))).seq, 4)
})
