/** The nightly job of `slipway serve` that removes what monitors of deleted endpoints left. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Db } from '../../src/store/db.ts'
import { openSqlite } from '../../src/store/sqlite/sqlite.ts'
import { startTestServer } from '../server.ts'
import { until } from '../until.ts'

test('the profiles of an endpoint that is there no more go with the nightly job', async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'slipway-prune-'))
  t.after(() => rmSync(data, { recursive: true, force: true }))
  await (await startTestServer({ data })).stop()
  const direct = async <T>(work: (db: Db) => Promise<T>): Promise<T> => {
    const db = openSqlite(join(data, 'slipway.db'))
    const found = await work(db)
    await db.close()
    return found
  }
  const hours = async (db: Db): Promise<number> => (await db.all('SELECT hour FROM monitor_hours')).length
  await direct((db) =>
    db.tx(async (tx) => {
      await tx.run("INSERT INTO monitors (endpoint, seq, orphans, state) VALUES ('gone', 1, 0, '{}')")
      await tx.run(
        "INSERT INTO monitor_hours (endpoint, hour, rows, first_at, seq, profile) VALUES ('gone', 7, 2, 0, 1, '{}')",
      )
      // 02:32 has just come
      assert.equal(await tx.run("UPDATE schedules SET next_fire = ? WHERE name = 'tracking.prune'", [Date.now()]), 1)
    }),
  )
  const server = await startTestServer({ data })
  await until('no profiles of it', async () => (await direct(hours)) === 0)
  assert.equal(await server.stop(), 0, server.errors())
})
