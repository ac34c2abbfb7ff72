/** Notices cross between processes on one database, not back to the sender, and go on after the connection broke. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { startPostgres } from '../../../test/postgres.ts'
import { openNotices } from './notices.ts'

/** Sends again and again until it is heard: what is told while nobody is connected is lost. */
async function untilHeard(send: () => void, heard: () => boolean): Promise<void> {
  for (const end = performance.now() + 60_000; !heard() && performance.now() < end;) {
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
  while ((await connections("AND query LIKE 'LISTEN%' AND state = 'idle'")) === 0);
  const heard: string[] = []
  const first: string[] = []
  const last = Promise.withResolvers<void>()
  hearing.listen((text) => first.push(text))
  hearing.listen((text) => {
    heard.push(text)
    if (text === 'last') last.resolve()
  })
  const sending = openNotices(server.url)
  // a sender names itself by 36 letters and a space
  const [longest, longer] = ['é'.repeat(3931) + 'x', 'é'.repeat(3932)]
  assert.deepEqual(
    [longest, longer].map((text) => Buffer.byteLength(text) + 37),
    [7900, 7901],
  )
  const texts = [longest, ...Array.from({ length: 999 }, (_, i) => `text ${i}`)]
  for (const text of [longer, ...texts, 'one too many']) sending.send(text)
  while (!heard.includes('last')) {
    sending.send('last')
    await Promise.race([last.promise, sql.query('SELECT pg_sleep(0.05)')])
  }
  assert.deepEqual(heard.slice(0, 1001), [...texts, 'last'])
  assert.deepEqual(first.slice(0, 1001), heard.slice(0, 1001))
  await sending.close()
  assert.equal(await connections(), 1)
})
