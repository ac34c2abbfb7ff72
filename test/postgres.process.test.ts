/** Test processes that share a PostgreSQL have databases of their own, and no server of their own beside it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import pg from 'pg'
import { sharePostgres, startPostgres } from './postgres.ts'

/** Makes a database with one table, prints its address and leaves it. */
const OTHER = `
import pg from 'pg'
import { startPostgres } from './test/postgres.ts'
const { url } = await startPostgres()
const client = new pg.Client({ connectionString: url })
await client.connect()
await client.query('CREATE TABLE mine (a BIGINT)')
await client.end()
console.log(url)
`

async function tables(url: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
  await client.end()
  return rows
}

test('processes with its variables make databases on the shared server, and end without it', async () => {
  const shared = await sharePostgres()
  const port = Object.values(shared.env).join()
  const run = (): string =>
    execFileSync(process.execPath, ['--input-type=module-typescript', '-e', OTHER], {
      cwd: `${import.meta.dirname}/..`,
      env: { ...process.env, ...shared.env },
      encoding: 'utf8',
    }).trim()
  const [one, two] = [run(), run()]
  assert.deepEqual([new URL(one).port, new URL(two).port], [port, port])
  assert.notEqual(one, two)
  assert.deepEqual(await tables(one), [{ tablename: 'mine' }])
  assert.deepEqual(await tables(two), [{ tablename: 'mine' }])
  shared.stop()
  await assert.rejects(tables(one), /ECONNREFUSED/)
})

test('a database is empty, and gone when it is stopped', async () => {
  const database = await startPostgres()
  assert.deepEqual(await tables(database.url), [])
  await database.stop()
  await assert.rejects(tables(database.url), /does not exist/)
})
