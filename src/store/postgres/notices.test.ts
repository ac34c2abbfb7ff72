/** Notices cross between processes on one database, not back to the sender, and go on after the connection broke. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { startPostgres } from '../../../test/postgres.ts'
import { until } from '../../../test/until.ts'
import { openNotices } from './notices.ts'

/** Sends again and again until it is heard: what is told while nobody is connected is lost. */
async function untilHeard(send: () => void, heard: () => boolean): Promise<void> {
  await until('a notice to be heard', () => {
    if (heard()) return true
    send()
    return false
  })
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
  await sql.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'slipway notices'",
  )
  await untilHeard(
    () => one.send('second'),
    () => atTwo.includes('second'),
  )
  assert.ok(atTwo.every((text) => text.length < 100))
})

test('what is sent before there is a connection waits for it in order, up to a thousand texts of 7900 bytes', async (t) => {
  const server = await startPostgres()
  const sql = new pg.Client({ connectionString: server.url })
  await sql.connect()
  const hearing = openNotices(server.url)
  t.after(async () => {
    await Promise.all([hearing.close(), sql.end()])
    await server.stop()
  })
  const connections = async (more = ''): Promise<number> =>
    (
      await sql.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'slipway notices' ${more}`,
      )
    ).rows.length
  await until('a connection that listens', () => connections("AND query LIKE 'LISTEN%' AND state = 'idle'"))
  const heard: string[] = []
  const first: string[] = []
  hearing.listen((text) => first.push(text))
  hearing.listen((text) => heard.push(text))
  const sending = openNotices(server.url)
  // a sender names itself by 36 letters and a space
  const [longest, longer] = ['é'.repeat(3931) + 'x', 'é'.repeat(3932)]
  assert.deepEqual(
    [longest, longer].map((text) => Buffer.byteLength(text) + 37),
    [7900, 7901],
  )
  const texts = [longest, ...Array.from({ length: 999 }, (_, i) => `text ${i}`)]
  for (const text of [longer, ...texts, 'one too many']) sending.send(text)
  await untilHeard(
    () => sending.send('last'),
    () => heard.includes('last'),
  )
  assert.deepEqual(heard.slice(0, 1001), [...texts, 'last'])
  assert.deepEqual(first.slice(0, 1001), heard.slice(0, 1001))
  await sending.close()
  await until('the end of the connection of who sent', async () => (await connections()) === 1)
})
