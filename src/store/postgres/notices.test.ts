/** Notices cross between processes on one database, not back to the sender, and go on after the connection broke. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { startPostgres } from '../../../test/postgres.ts'
import { openNotices } from './notices.ts'

/** Sends again and again until it is heard: what is told while nobody is connected is lost. */
async function untilHeard(send: () => void, heard: () => boolean): Promise<void> {
  for (let tries = 0; tries < 300 && !heard(); tries++) {
    send()
    await delay(50)
  }
  assert.ok(heard())
}

test('a notice reaches the others and not its sender, also after all connections were cut', async (t) => {
  const server = await startPostgres()
  const [one, two] = [openNotices(server.url), openNotices(server.url)]
  const sql = new pg.Client({ connectionString: server.url })
  await sql.connect()
  t.after(async () => {
    await Promise.all([one.close(), two.close(), sql.end()])
    await server.stop()
  })
  const atOne: string[] = []
  const atTwo: string[] = []
  one.listen((text) => atOne.push(text))
  two.listen((text) => atTwo.push(text))
  await untilHeard(
    () => one.send('first ✓'),
    () => atTwo.includes('first ✓'),
  )
  assert.deepEqual(atOne, [])
  one.send('x'.repeat(10_000))
  await sql.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'slipway notices'")
  await untilHeard(
    () => one.send('second'),
    () => atTwo.includes('second'),
  )
  assert.ok(atTwo.every((text) => text.length < 100))
})
