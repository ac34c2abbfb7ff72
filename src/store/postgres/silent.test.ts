/** A PostgreSQL that says nothing any more, though its connections stand: reads are refused in bounded time, and answered again afterwards. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startPostgres } from '../../../test/postgres.ts'
import { openPostgres } from './postgres.ts'

test('reads of a server that is frozen are refused, all kinds of them, and go on when it does', async (t) => {
  const server = await startPostgres()
  const db = openPostgres(server.url, { silentMs: 300 })
  t.after(async () => {
    await db.close()
    await server.stop()
  })
  const one = { text: 'SELECT 1 AS a', params: [] }
  assert.deepEqual(await db.get('SELECT 1 AS a'), { a: 1 })
  assert.deepEqual(await db.search(one), [{ a: 1 }])
  const thaw = server.freeze()
  try {
    const started = performance.now()
    const message = 'the database is not available: it does not answer'
    await assert.rejects(db.all('SELECT 1 AS a'), { code: 'unavailable', message })
    // that connection is gone, and there is no other to be had
    const none = 'the database is not available: it cannot be reached'
    await assert.rejects(db.search(one), { code: 'unavailable', message: none })
    assert.ok(performance.now() - started < 5000, 'in bounded time')
  } finally {
    thaw()
  }
  assert.deepEqual(await db.get('SELECT 1 AS a'), { a: 1 })
  assert.deepEqual(await db.search(one), [{ a: 1 }])
})
