/** The PostgreSQL driver, on a real server: the contract, and what is its own: collisions, lost connections. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startPostgres } from '../../../test/postgres.ts'
import { databaseCases, type Opened } from '../db.cases.ts'
import type { Tx } from '../db.ts'
import { leavingCaller } from '../reads/caller.fixture.ts'
import { asCaller } from '../reads/caller.ts'
import { numbered } from '../sql/placeholders.ts'
import { openPostgres } from './postgres.ts'

async function open(): Promise<Opened> {
  const server = await startPostgres()
  const db = openPostgres(server.url)
  return {
    db,
    close: async () => {
      await db.close()
      await server.stop()
    },
  }
}

databaseCases('PostgreSQL', open)

/** A read that ends with its caller alone. */
const ENDLESS = { text: 'SELECT pg_sleep(36000)', params: [] }
const leftAndEnds = async (read: Promise<unknown>): Promise<void> =>
  assert.rejects(read, { code: 'bad_request', message: /the caller went away/ })

describe('PostgreSQL', () => {
  it('a read ends when its caller leaves, whatever it is doing then, and leaves its place to the next', async () => {
    const server = await startPostgres()
    const db = openPostgres(server.url, { longestReadMs: 36_000_000 })
    // while it connects, while the statement is on its way, and while it runs
    for (let turns = 0; turns < 40; turns++) {
      const a = leavingCaller('a')
      const reads = [1, 2, 3].map(() => leftAndEnds(asCaller(a, () => db.search(ENDLESS))))
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
      a.leave()
      await Promise.all(reads)
    }
    assert.deepEqual(await asCaller(leavingCaller('a'), () => db.search({ text: 'SELECT 1 AS one', params: [] })), [
      { one: 1 },
    ])
    await db.close()
    await server.stop()
  })

  it('a cancel that comes before its statement is sent again', async () => {
    const server = await startPostgres()
    const db = openPostgres(server.url, { longestReadMs: 36_000_000 })
    // the connection to cancel through is there
    await db.all('SELECT 1')
    for (let i = 0; i < 20; i++) {
      const a = leavingCaller('a')
      const leaves = { ...a, left: false, onLeave: (then: () => void) => (then(), () => undefined) }
      await leftAndEnds(asCaller(leaves, () => db.search(ENDLESS)))
    }
    await db.close()
    await server.stop()
  })

  it('no read begins for a caller that has left', async () => {
    const opened = await open()
    const a = leavingCaller('a')
    a.leave()
    await leftAndEnds(asCaller(a, () => opened.db.search({ text: 'SELECT 1 AS one', params: [] })))
    await opened.close()
  })

  it('transactions that would both be right alone and wrong together are run one after the other', async () => {
    const opened = await open()
    const { db } = opened
    await db.tx((t) => t.run('CREATE TABLE duty (name TEXT PRIMARY KEY, here BIGINT NOT NULL)'))
    await db.tx(async (t) => {
      for (const name of ['ann', 'bob', 'eve']) await t.run('INSERT INTO duty (name, here) VALUES (?, 1)', [name])
    })
    let [runs, read] = [0, 0]
    const all = Promise.withResolvers<void>()
    const left = await Promise.all(
      ['ann', 'bob', 'eve'].map((name) =>
        db.tx(async (t) => {
          runs++
          const row = await t.get<{ c: number }>('SELECT count(*) AS c FROM duty WHERE here = 1')
          // none goes on before each has seen all three
          if (++read === 3) all.resolve()
          await all.promise
          if ((row?.c ?? 0) < 2) return false
          await t.run('UPDATE duty SET here = 0 WHERE name = ?', [name])
          return true
        }),
      ),
    )
    assert.deepEqual(left.filter((went) => went).length, 2)
    assert.deepEqual(await db.get('SELECT count(*) AS c FROM duty WHERE here = 1'), { c: 1 })
    assert.ok(runs > 3)
    await opened.close()
  })

  it('a write that comes often is planned once, goes on after a refusal, and after its table was changed', async () => {
    const opened = await open()
    const { db } = opened
    await db.tx((t) => t.run('CREATE TABLE often (id BIGINT PRIMARY KEY, note TEXT)'))
    const put = (t: Tx, id: number): Promise<number> => t.run('INSERT INTO often (id) VALUES (?)', [id])
    const put20 = (from: number): Promise<void> =>
      db.tx(async (t) => {
        for (let id = from; id < from + 20; id++) await put(t, id)
      })
    await put20(0)
    await assert.rejects(db.tx((t) => put(t, 3)))
    await db.tx((t) => t.run('ALTER TABLE often ADD COLUMN more BIGINT NOT NULL DEFAULT 7'))
    await put20(20)
    const named = await db.tx((t) =>
      t.get<{ c: number }>(
        "SELECT count(*) AS c FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO often%'",
      ),
    )
    assert.equal(named?.c, 1)
    assert.deepEqual(await db.get('SELECT count(*) AS c, sum(more) AS m FROM often'), { c: 40, m: 280 })
    await opened.close()
  })

  it('a lost connection is told as unavailable, and the next transaction has a new one', async () => {
    const opened = await open()
    const { db } = opened
    await db.tx((t) => t.run('CREATE TABLE kept (id BIGINT)'))
    const lost = db.tx(async (t) => {
      await t.run('INSERT INTO kept (id) VALUES (1)')
      const row = await t.get<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      await db.all('SELECT pg_terminate_backend(?)', [row?.pid ?? 0])
      await t.run('INSERT INTO kept (id) VALUES (2)')
    })
    await assert.rejects(lost, { code: 'unavailable' })
    assert.equal(await db.tx((t) => t.run('INSERT INTO kept (id) VALUES (3)')), 1)
    assert.deepEqual(await db.all('SELECT id FROM kept'), [{ id: 3 }])
    await opened.close()
  })

  it('a connection that dies before anything is committed costs nobody anything: it is done once more on another', async () => {
    const opened = await open()
    const { db } = opened
    await db.tx((t) => t.run('CREATE TABLE kept (id BIGINT)'))
    const kill = (t: Tx): Promise<unknown> =>
      t
        .get<{ pid: number }>('SELECT pg_backend_pid() AS pid')
        .then((row) => db.all('SELECT pg_terminate_backend(?)', [row?.pid ?? 0]))
    let runs = 0
    const changed = await db.tx(async (t) => {
      await t.run('INSERT INTO kept (id) VALUES (1)')
      if (runs++ === 0) await kill(t)
      return t.run('INSERT INTO kept (id) VALUES (2)')
    })
    assert.deepEqual([changed, runs], [1, 2])
    assert.deepEqual(await db.all('SELECT id FROM kept ORDER BY id'), [{ id: 1 }, { id: 2 }])
    // every connection that lies idle is gone, and a read notices nothing
    await db.tx((t) =>
      t.all(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      ),
    )
    assert.equal((await db.all('SELECT id FROM kept')).length, 2)
    await opened.close()
  })

  it('no server, and a database that is closed, are unavailable', async () => {
    const nowhere = openPostgres('postgres://slipway@127.0.0.1:1/nothing')
    await assert.rejects(nowhere.all('SELECT 1'), { code: 'unavailable' })
    await assert.rejects(
      nowhere.tx(async (t) => t.get('SELECT 1')),
      { code: 'unavailable' },
    )
    await nowhere.close()
    await assert.rejects(nowhere.all('SELECT 1'), { code: 'unavailable' })
    await assert.rejects(
      nowhere.tx(async () => 1),
      { code: 'unavailable' },
    )
  })

  it('numbers the placeholders outside of quotes and comments', () => {
    assert.equal(numbered('a = ? AND b = ?'), 'a = $1 AND b = $2')
    assert.equal(numbered(`'?' || "?""?" || ? -- ?\n/* ? */ || ?`), `'?' || "?""?" || $1 -- ?\n/* ? */ || $2`)
    assert.equal(numbered("'it''s ?' || ?"), "'it''s ?' || $1")
  })
})
