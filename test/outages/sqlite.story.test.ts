/** A database file that cannot be read or written, for the disk answers EIO. */

import Database from 'better-sqlite3'
import { join } from 'node:path'
import { test } from 'node:test'

import { assertDatabaseOutage, assertFullDatabase } from './database.cases.ts'
import { until } from '../until.ts'
import { onFailingFiles } from './failing-world.ts'

onFailingFiles('SQLite on a disk that is full, or answers EIO', (world) => {
  test('a disk that is full: every read answers, every write is 507', async () => {
    const { url, values, fail, mend } = world()
    await assertFullDatabase({
      url,
      values,
      begin: async () => fail('full', 'slipway.db'),
      async end() {
        mend()
        await untilWritable(url)
      },
    })
  })

  test('every route tells a fault, and answers as before once the disk does', async () => {
    const { url, values, data, fail, mend } = world()
    await assertDatabaseOutage({
      url,
      values,
      async begin() {
        fail('read', 'slipway.db')
        touch(data)
      },
      end: async () => mend(),
    })
  })
})

/** A database that was full takes the next write only after a moment. */
async function untilWritable(url: string): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ name: 'room again' })
  await until('a write after there was room again', async () => {
    const { status } = await fetch(`${url}/api/2.0/mlflow/experiments/create`, { method: 'POST', headers, body })
    return status !== 507
  })
}

/** A write of another process: what the server's connections hold in memory is then out of date, and they have to read the file. */
function touch(data: string): void {
  const db = new Database(join(data, 'slipway.db'), { timeout: 120_000 })
  db.exec("INSERT INTO store_facts (name, value) VALUES ('touched', '1') ON CONFLICT (name) DO UPDATE SET value = '2'")
  db.close()
}
