/** A database file that cannot be read or written, for the disk answers EIO. */
import assert from 'node:assert/strict'
import Database from 'better-sqlite3'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { assertDatabaseOutage, assertFullDatabase } from './database.cases.ts'
import { failingFiles, NO_COMPILER } from './failing-files.ts'
import type { Values } from './values.ts'
import { makeWorld } from './world.ts'

const files = failingFiles()

describe('SQLite on a disk that is full, or answers EIO', { skip: files === undefined ? NO_COMPILER : false }, () => {
  let server: TestServer
  let values: Values
  before(async () => {
    server = await startTestServer({ args: ['--no-auth'], env: { ...files?.env, SLIPWAY_LOG_LEVEL: 'silent' } })
    values = await makeWorld(server.url)
  })
  after(async () => {
    await server.stop()
    files?.remove()
  })

  test('a disk that is full: every read answers, every write is 507', async () => {
    await assertFullDatabase({
      url: server.url,
      values,
      begin: async () => files?.fail('full', join(server.data, 'slipway.db')),
      async end() {
        files?.mend()
        await untilWritable(server.url)
      },
    })
  })

  test('every route tells a fault, and answers as before once the disk does', async () => {
    await assertDatabaseOutage({
      url: server.url,
      values,
      async begin() {
        files?.fail('read', join(server.data, 'slipway.db'))
        touch(server.data)
      },
      end: async () => files?.mend(),
    })
  })
})

/** A database that was full takes the next write only after a moment. */
async function untilWritable(url: string): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ name: 'room again' })
  for (const late = performance.now() + 10_000; performance.now() < late; await sleep(50)) {
    const { status } = await fetch(`${url}/api/2.0/mlflow/experiments/create`, { method: 'POST', headers, body })
    if (status !== 507) return
  }
  assert.fail('the database takes no writes after there was room again')
}

/** A write of another process: what the server's connections hold in memory is then out of date, and they have to read the file. */
function touch(data: string): void {
  const db = new Database(join(data, 'slipway.db'), { timeout: 10_000 })
  db.exec("INSERT INTO store_facts (name, value) VALUES ('touched', '1') ON CONFLICT (name) DO UPDATE SET value = '2'")
  db.close()
}
