/** Statistics of tables on a real PostgreSQL: gathered where there are none, left alone where there are. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startPostgres } from '../../../test/postgres.ts'
import { openTemporaryStore } from '../open.ts'
import { openPostgres } from './postgres.ts'
import { gatherStatistics } from './statistics.ts'

test('tables as large as is asked, without statistics, get them once', async () => {
  const server = await startPostgres()
  const db = openPostgres(server.url)
  await db.tx(async (t) => {
    await t.run('CREATE TABLE large (n BIGINT NOT NULL) WITH (autovacuum_enabled = off)')
    await t.run('CREATE TABLE small (n BIGINT NOT NULL) WITH (autovacuum_enabled = off)')
    await t.run('INSERT INTO large SELECT i % 7 FROM generate_series(1, 10000) AS s (i)')
    await t.run('INSERT INTO small VALUES (1)')
  })
  assert.deepEqual(await gatherStatistics(db, 100_000), ['large'])
  assert.deepEqual(await db.all('SELECT tablename, n_distinct FROM pg_stats WHERE schemaname = current_schema()'), [
    { tablename: 'large', n_distinct: 7 },
  ])
  assert.deepEqual(await gatherStatistics(db, 100_000), [])
  // a table of one row is one page of 8192 bytes
  assert.deepEqual(await gatherStatistics(db, 8193), [])
  assert.deepEqual(await gatherStatistics(db, 8192), ['small'])
  await db.close()
  await server.stop()
})

test('SQLite needs none', async () => {
  const store = await openTemporaryStore()
  assert.deepEqual(await gatherStatistics(store.db, 0), [])
  await store.close()
})
