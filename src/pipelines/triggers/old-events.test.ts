/** Which events of triggers are dropped: old ones that have ended, and none that a look could come upon again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../../../test/until.ts'
import { DAY_MS } from '../../contract/ids.ts'
import { Leases } from '../../jobs/leases.ts'
import type { Db } from '../../store/db.ts'
import { openIdle } from '../run/idle.fixture.ts'
import { dropOldEvents } from './old-events.ts'
import { Triggers } from './triggers.ts'

const NOW = 1_750_000_000_000

interface Given {
  readonly name: string
  /** Days ago. */
  readonly age: number
  readonly state?: string
}

async function keep(db: Db, events: readonly Given[]): Promise<void> {
  await db.tx(async (t) => {
    for (const { name, age, state = 'started' } of events)
      await t.run(
        `INSERT INTO pipeline_trigger_events (id, project, name, cause, what, state, message, created_at)
         VALUES (?, 'p', ?, ?, '', ?, '', ?)`,
        [`${name} ${age} ${state}`, name, `${age} ${state}`, state, NOW - age * DAY_MS],
      )
  })
}

async function left(db: Db): Promise<string[]> {
  const rows = await db.all<{ id: string }>('SELECT id FROM pipeline_trigger_events ORDER BY name, created_at DESC, id')
  return rows.map(({ id }) => id)
}

async function watching(db: Db, name: string, lookedAt: number | null): Promise<void> {
  await db.tx((t) =>
    t.run(
      `INSERT INTO pipeline_triggers (project, name, spec, since, changes, looked_at, due_at)
       VALUES ('p', ?, '{"on": "webhook", "debounce_ms": 0, "at_most": 1, "set": {}}', 0, 0, ?, ?)`,
      [name, lookedAt, NOW * 2],
    ),
  )
}

test('what has ended more than 30 days ago goes, but for what waits and the newest that started a run', async (t) => {
  const { store } = await openIdle(t)
  await keep(store.db, [
    { name: 'busy', age: 29 },
    { name: 'busy', age: 31 },
    { name: 'busy', age: 32, state: 'waiting' },
    { name: 'busy', age: 33, state: 'starting' },
    { name: 'busy', age: 34, state: 'failed' },
    { name: 'rare', age: 400 },
    { name: 'rare', age: 300, state: 'failed' },
    { name: 'rare', age: 500 },
    { name: 'broken', age: 40, state: 'failed' },
    { name: 'broken', age: 50, state: 'failed' },
    { name: 'gone', age: 31 },
    { name: 'gone', age: 1 },
  ])
  for (const name of ['busy', 'rare', 'broken']) await watching(store.db, name, null)
  assert.equal(await dropOldEvents(store.db, NOW), 5)
  assert.deepEqual(await left(store.db), [
    'broken 40 failed',
    'busy 29 started',
    'busy 32 waiting',
    'busy 33 starting',
    'gone 1 started',
    'rare 300 failed',
    'rare 400 started',
  ])
})

test('more than a transaction takes goes too', async (t) => {
  const { store } = await openIdle(t)
  await keep(
    store.db,
    Array.from({ length: 2001 }, (_, i) => ({ name: 'busy', age: 31 + i })),
  )
  assert.equal(await dropOldEvents(store.db, NOW), 2000)
})

test('a trigger that could not look for weeks keeps what its next look may come upon', async (t) => {
  const { store } = await openIdle(t)
  const old = [{ age: 0 }, { age: 39 }, { age: 42 }]
  await keep(
    store.db,
    ['blind', 'sees'].flatMap((name) => old.map((one) => ({ name, ...one }))),
  )
  await watching(store.db, 'blind', NOW - 40 * DAY_MS)
  await watching(store.db, 'sees', NOW)
  await dropOldEvents(store.db, NOW)
  assert.deepEqual(await left(store.db), ['blind 0 started', 'blind 39 started', 'sees 0 started'])
})

test('a server that leads drops them by itself', async (t) => {
  const { store, context, clock } = await openIdle(t, { onError: (error) => assert.fail(String(error)) })
  clock.now = NOW
  await keep(store.db, [
    { name: 'hook', age: 60 },
    { name: 'hook', age: 1 },
  ])
  const nothing = (): Promise<undefined> => Promise.resolve(undefined)
  const told = { aliasMoves: nothing, dataVersions: nothing, incidents: nothing }
  const triggers = new Triggers(
    { context, startRun: () => Promise.reject(new Error('none')), told },
    new Leases(store.db),
  )
  triggers.start()
  await until('what is old goes', async () => (await left(store.db)).length === 1)
  await triggers.stop()
  assert.deepEqual(await left(store.db), ['hook 1 started'])
})
