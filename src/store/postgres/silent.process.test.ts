/** A PostgreSQL that says nothing any more, though its connections stand: reads and writes are refused in bounded time, and answered again afterwards. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { startOwnPostgres, startPostgres } from '../../../test/postgres.ts'
import { until } from '../../../test/until.ts'
import { asCaller } from '../reads/caller.ts'
import { openPostgres } from './postgres.ts'
import { Pulse } from './pulse.ts'

const ONE = { text: 'SELECT 1 AS a', params: [] }
const SILENT = { code: 'unavailable', message: 'the database is not available: it does not answer' }
const CALLER = { key: 'c', over: false, left: false, onLeave: () => () => undefined }

test('reads and writes of a server that is frozen are refused, all kinds of them, and go on when it does', async (t) => {
  const server = await startOwnPostgres()
  // the times of connections themselves are those of every day: only the pulse ends what waits
  const pulse = { quietMs: 200, answerMs: 3000 }
  const db = openPostgres(server.url, { pulse, silentMs: 600_000, writers: 2, readers: 4 })
  let thaw = (): void => undefined
  t.after(async () => {
    thaw()
    await db.close()
    await server.stop()
  })
  await db.tx((x) => x.run('CREATE TABLE frozen (a BIGINT)'))
  const insert = (a: number): Promise<number> => db.tx((x) => x.run('INSERT INTO frozen VALUES (?)', [a]))
  const all = () => [
    db.all('SELECT 1 AS a'),
    db.get('SELECT 1 AS a'),
    db.search(ONE),
    asCaller(CALLER, () => db.search(ONE)),
    insert(1),
  ]
  // a server that is slow, on a busy machine, may be taken for one that is silent: it is asked again
  const answered = <T>(work: () => Promise<T>): Promise<{ value: T }> =>
    until('an answer of the server', async () => {
      try {
        return { value: await work() }
      } catch (error) {
        const { code, message } = error as { code: string; message: string }
        assert.deepEqual({ code, message }, SILENT)
        return undefined
      }
    })
  await answered(() => Promise.all(all()))
  thaw = server.freeze()
  const ends = await Promise.allSettled(all())
  for (const end of ends) {
    const { code, message } = (end as PromiseRejectedResult).reason as { code: string; message: string }
    assert.deepEqual({ code, message }, SILENT)
  }
  thaw()
  await answered(() => Promise.all(all()))

  // within a transaction: what it did is not done, and its connection is gone
  const half = db.tx(async (x) => {
    await x.run('INSERT INTO frozen VALUES (7)')
    thaw = server.freeze()
    await x.run('INSERT INTO frozen VALUES (8)')
  })
  await assert.rejects(half, SILENT)
  thaw()
  assert.deepEqual(await answered(() => db.all('SELECT a FROM frozen WHERE a > 1')), { value: [] })
  assert.deepEqual(await answered(() => insert(9)), { value: 1 })
})

test('what takes long is waited for as long as the server answers others', async (t) => {
  const server = await startPostgres()
  const db = openPostgres(server.url, { pulse: { quietMs: 50, answerMs: 120_000 } })
  t.after(async () => {
    await db.close()
    await server.stop()
  })
  assert.deepEqual(await db.get('SELECT 1 AS a FROM pg_sleep(1)'), { a: 1 })
  assert.equal(await db.tx(async (x) => (await x.all('SELECT 1 AS a FROM pg_sleep(1)')).length), 1)
})

test('a connection that cannot be had is waited for once, by reads, searches and writes', async (t) => {
  let asked = 0
  const came = (): number => asked
  const mute = createServer(() => asked++).listen(0, '127.0.0.1')
  await new Promise((done) => mute.once('listening', done))
  const { port } = mute.address() as AddressInfo
  const db = openPostgres(`postgres://a@127.0.0.1:${port}/b`, { connectMs: 200 })
  t.after(async () => {
    await db.close()
    mute.close()
  })
  const calls = [
    () => db.all('SELECT 1 AS a'),
    () => db.search(ONE),
    () => asCaller(CALLER, () => db.search(ONE)),
    () => db.tx((x) => x.run('SELECT 1')),
  ]
  for (const [i, call] of calls.entries()) {
    await assert.rejects(call(), { code: 'unavailable', message: /it cannot be reached/ })
    // a connection may be given up before this process has come to take it
    await until('the connection', () => came() > i)
    assert.equal(came(), i + 1)
  }
})

test('a server that refuses a connection answers, one that takes it and says nothing does not', async (t) => {
  const mute = createServer(() => undefined).listen(0, '127.0.0.1')
  t.after(() => mute.close())
  await new Promise((done) => mute.once('listening', done))
  const { port } = mute.address() as AddressInfo
  const never = new Promise<never>(() => undefined)
  const silent = new Pulse(`postgres://a@127.0.0.1:${port}/b`, { quietMs: 10, answerMs: 100 })
  await assert.rejects(silent.during(never), /Query read timeout/)
  const server = await startPostgres()
  t.after(() => server.stop())
  const refused = new URL(server.url)
  refused.pathname = '/no_such_database'
  const alive = new Pulse(refused.href, { quietMs: 10, answerMs: 120_000 })
  // by the clock: a statement that is asked about again and again
  assert.equal(await alive.during(new Promise((done) => setTimeout(() => done('answered'), 500))), 'answered')
})

test('a search gives no more rows than a read may, for callers and the server itself, and the next one is whole', async (t) => {
  const server = await startPostgres()
  const db = openPostgres(server.url, { mostRows: 1000 })
  t.after(async () => {
    await db.close()
    await server.stop()
  })
  const rows = (count: number) => ({ text: `SELECT generate_series(1, ${count}) AS n`, params: [] })
  const refusal = { code: 'too_costly', message: /1000 rows/ }
  for (const search of [db.search.bind(db), (sql: typeof ONE) => asCaller(CALLER, () => db.search(sql))]) {
    assert.equal((await search(rows(1000))).length, 1000)
    await assert.rejects(search(rows(1001)), refusal)
    await assert.rejects(search(rows(3_000_000)), refusal)
    assert.deepEqual(await search(rows(2)), [{ n: 1 }, { n: 2 }])
  }
})
