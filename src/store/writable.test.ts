/** A store that takes writes is told from one that does not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { holdTimers } from './blobs/s3/timers.fixture.ts'
import { openTemporaryStore } from './open.ts'
import { isWritable } from './writable.ts'

test('a fresh store is writable, again and again, and a closed one is not', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  assert.equal(await isWritable(store.db), true)
  assert.equal(await isWritable(store.db), true)
  const rows = await store.db.all("SELECT value FROM store_facts WHERE name = 'write_probe'")
  assert.deepEqual(rows, [{ value: '1' }])
})

test('a write that takes too long makes the store not writable, and its late end hurts nobody', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  const { promise, reject } = Promise.withResolvers<never>()
  assert.equal(await isWritable({ ...store.db, tx: () => promise }, 20), false)
  reject(new Error('gone'))
  await new Promise((done) => setImmediate(done))
})

test('a write is waited for 5 s unless said otherwise', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  holdTimers(t)
  let told: boolean | undefined
  const asked = isWritable({ ...store.db, tx: () => Promise.withResolvers<never>().promise }).then((it) => (told = it))
  t.mock.timers.tick(4999)
  await new Promise((done) => setImmediate(done))
  assert.equal(told, undefined)
  t.mock.timers.tick(1)
  assert.equal(await asked, false)
})

test('a write that the database refuses makes the store not writable', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  await store.db.tx((tx) => tx.run('DROP TABLE store_facts'))
  assert.equal(await isWritable(store.db), false)
})
