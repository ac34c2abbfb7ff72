/** Transactions on PostgreSQL that collide, wait for locks or lose their connection: how often each runs, and what it leaves. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startPostgres, type TestPostgres } from '../../../test/postgres.ts'
import { until } from '../../../test/until.ts'
import type { Db, Tx } from '../db.ts'
import { openPostgres, type PostgresOptions } from './postgres.ts'

/** Fails as the engine does: 40001 is a collision, 40P01 a deadlock, P0001 an error of its own. */
const failing = (code: string): string => `DO $$ BEGIN RAISE EXCEPTION 'by order' USING ERRCODE = '${code}'; END $$`
const DIES = 'SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(5)'
const PID = 'SELECT pg_backend_pid() AS pid, pg_sleep(0.05)'

describe('PostgreSQL: transactions', () => {
  let server: TestPostgres
  let db: Db
  const opened: Db[] = []
  const open = (options?: PostgresOptions): Db => {
    const made = openPostgres(server.url, options)
    opened.push(made)
    return made
  }
  before(async () => {
    server = await startPostgres()
    db = open()
    await db.tx((t) => t.run('CREATE TABLE kept (id BIGINT PRIMARY KEY)'))
  })
  after(async () => {
    for (const each of opened) await each.close()
    await server.stop()
  })

  const insert = (t: Tx, id: number): Promise<number> => t.run('INSERT INTO kept (id) VALUES (?)', [id])
  const advisory = (): Promise<unknown> =>
    db.get(
      "SELECT count(*) AS c FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )

  /** How often the work ran, and what it came to. */
  async function runsOf(
    work: (t: Tx, run: number) => Promise<unknown>,
    on = db,
  ): Promise<{ runs: number; ended: unknown }> {
    let runs = 0
    const ended = await on.tx((t) => work(t, ++runs)).catch((error: unknown) => error)
    return { runs, ended }
  }

  it('writers are serialisable, readers cannot write, and both wait 15 s for a lock', async () => {
    const asked = `SELECT current_setting('transaction_isolation') AS isolation,
      current_setting('transaction_read_only') AS read_only, current_setting('lock_timeout') AS patience`
    const writer = await db.tx((t) => t.get(asked))
    assert.deepEqual(writer, { isolation: 'serializable', read_only: 'off', patience: '15s' })
    assert.deepEqual(await db.get(asked), { isolation: 'read committed', read_only: 'on', patience: '15s' })
  })

  for (const [options, writers, readers] of [
    [{}, 10, 6],
    [{ writers: 2, readers: 3 }, 2, 3],
  ] as const) {
    it(`${writers} connections write and ${readers} read, however much is asked at once`, async () => {
      const limited = open(options)
      const backends = async (ask: () => Promise<{ pid: number } | undefined>): Promise<number> =>
        new Set((await Promise.all(Array.from({ length: 20 }, ask))).map((row) => row?.pid)).size
      assert.equal(await backends(() => limited.tx((t) => t.get(PID))), writers)
      assert.equal(await backends(() => limited.get(PID)), readers)
    })
  }

  it('an error of the engine decides about another run, also where the work threw words of its own', async () => {
    for (const [code, expected] of [
      ['40001', { runs: 2, ended: 'done' }],
      ['40P01', { runs: 2, ended: 'done' }],
      ['P0001', { runs: 1, ended: new Error('own words') }],
    ] as const) {
      const found = await runsOf(async (t, run) => {
        if (run > 1) return 'done'
        return t.run(failing(code)).catch(() => {
          throw new Error('own words')
        })
      })
      assert.deepEqual(found, expected, code)
    }
    const cut = await runsOf(async (t, run) => {
      if (run > 1) return 'done'
      return t.all(DIES).catch(() => {
        throw new Error('own words')
      })
    })
    assert.deepEqual(cut, { runs: 2, ended: 'done' })
  })

  it('a transaction whose connection breaks twice is given up', async () => {
    const { runs, ended } = await runsOf((t) => t.all(DIES))
    assert.deepEqual([runs, (ended as { code: string }).code], [2, 'unavailable'])
  })

  it('one that broke while it was committed may have come through, and does not run again', async () => {
    await db.tx(async (t) => {
      await t.run('CREATE TABLE fatal (id BIGINT)')
      await t.run(`CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NULL; END $$`)
      await t.run(`CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON fatal
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()`)
    })
    let followed = 0
    const { runs, ended } = await runsOf((t) => {
      t.afterCommit(() => followed++)
      return t.run('INSERT INTO fatal (id) VALUES (1)')
    })
    assert.deepEqual([runs, (ended as { code: string }).code, followed], [1, 'unavailable', 0])
  })

  it('those that collided run again one at a time', async () => {
    let inside = 0
    let most = 0
    const each = async (): Promise<number> => {
      const { runs } = await runsOf(async (t, run) => {
        if (run === 1) return t.run(failing('40001'))
        most = Math.max(most, ++inside)
        await t.get('SELECT pg_sleep(0.02)')
        return inside--
      })
      return runs
    }
    assert.deepEqual(await Promise.all([each(), each(), each(), each(), each()]), [2, 2, 2, 2, 2])
    assert.equal(most, 1)
    assert.deepEqual(await advisory(), { c: 0 })
  })

  it('one that collides again and again is given up after 15 s', async (t) => {
    let now = 1000
    t.mock.method(performance, 'now', () => now)
    const { runs, ended } = await runsOf((tx) => {
      now += 1000
      return tx.run(failing('40001'))
    })
    t.mock.restoreAll()
    // exactly 15 s are not more than 15 s
    assert.equal(runs, 16)
    assert.match(String(ended), /kept colliding with others/)
  })

  it('what was decided before a lock was there is decided again under it, once', async () => {
    const refused = new Error('refused')
    const decide = (first: boolean) => async (t: Tx) => {
      if (!first) await t.get('SELECT 1')
      for (const name of ['a', 'b', 'a']) await t.lock(name)
      throw refused
    }
    assert.deepEqual(await runsOf(decide(true)), { runs: 1, ended: refused })
    assert.deepEqual(await runsOf(decide(false)), { runs: 2, ended: refused })
    assert.deepEqual(await advisory(), { c: 0 })
  })

  it('a lock is held from when it is named to the commit, and to a rollback', async () => {
    const free = async (): Promise<unknown> =>
      (await db.get<{ free: number }>("SELECT pg_try_advisory_xact_lock(hashtextextended('duty', 0)) AS free"))?.free
    for (const begun of [false, true]) {
      const held = async (t: Tx): Promise<unknown> => {
        if (begun) await t.get('SELECT 1')
        await t.lock('duty')
        return free()
      }
      assert.deepEqual([await db.tx(held), await free()], [0, 1])
      await assert.rejects(
        db.tx((t) => held(t).then(() => t.run('INSERT INTO nowhere VALUES (1)'))),
        /nowhere/,
      )
      assert.equal(await free(), 1)
    }
  })

  it('one whose connection breaks while it waits for its locks takes another', async () => {
    const other = open({ readers: 1 })
    const waiting = `FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
    const untilFound = (sql: string): Promise<boolean> => until(sql, async () => (await db.all(sql)).length > 0)
    let cut: Promise<unknown> | undefined
    const { runs, ended } = await runsOf(async (t, run) => {
      await t.lock('taken')
      if (run > 1) return 'done'
      // another session is the next to have the lock, before this transaction can take it again
      cut = other
        .all("SELECT pg_advisory_lock(hashtextextended('taken', 0))")
        .then(() => untilFound(`SELECT pg_terminate_backend(pid) ${waiting}`))
        .then(() => other.all('SELECT pg_advisory_unlock_all()'))
      await untilFound(`SELECT 1 ${waiting}`)
      return t.run(failing('40001'))
    })
    await cut
    assert.deepEqual({ runs, ended }, { runs: 2, ended: 'done' })
    // a backend that was terminated tells it before it has given up what it waited for
    await untilFound(`SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`)
  })

  it('a commit that is refused is told, nothing follows it, and its connection is sound', async () => {
    const single = open({ writers: 1 })
    await single.tx((t) => t.run('CREATE TABLE once (id BIGINT UNIQUE DEFERRABLE INITIALLY DEFERRED)'))
    let followed = 0
    const twice = single.tx((t) => {
      t.afterCommit(() => followed++)
      return t.run('INSERT INTO once (id) VALUES (1), (1)')
    })
    await assert.rejects(twice, { code: '23505' })
    assert.equal(await single.tx((t) => t.run('INSERT INTO once (id) VALUES (2)')), 1)
    assert.deepEqual([await single.all('SELECT id FROM once'), followed], [[{ id: 2 }], 0])
  })

  it('however transactions end, the one connection that writes goes to the next', async () => {
    const single = open({ writers: 1 })
    const ways: ((t: Tx) => Promise<unknown>)[] = [
      (t) => insert(t, 1),
      () => Promise.reject(new Error('at once')),
      (t) => insert(t, Number.NaN),
      (t) => t.all('SELECT 1 FROM nowhere'),
      (t) => insert(t, 2).then(() => t.lock('x').then(() => Promise.reject(new Error('under a lock')))),
      (t) => t.all(DIES),
      (t) => insert(t, 1),
      (t) => insert(t, 3),
    ]
    const ended = await Promise.allSettled(ways.map((work) => single.tx(work)))
    assert.deepEqual(
      ended.map(({ status }) => status === 'fulfilled'),
      [true, false, false, false, false, false, false, true],
    )
    assert.deepEqual(await single.all('SELECT id FROM kept ORDER BY id'), [{ id: 1 }, { id: 3 }])
  })

  it('a read whose connection dies under it is sent once more, with its values', async () => {
    const single = open({ readers: 1 })
    const first = await single.get<{ pid: number }>(PID)
    const read = `SELECT CASE WHEN pg_backend_pid() = ? THEN pg_terminate_backend(pg_backend_pid()) ELSE true END AS alive,
      CASE WHEN pg_backend_pid() = ? THEN pg_sleep(5) END AS slept`
    const pid = first?.pid ?? 0
    assert.deepEqual(await single.get(read, [pid, pid]), { alive: 1, slept: null })
    await assert.rejects(single.all(DIES), { code: 'unavailable' })
    assert.deepEqual(await single.all('SELECT 1 AS one'), [{ one: 1 }])
  })

  it('is closed once its transactions have ended, however often it is closed', async () => {
    const closing = openPostgres(server.url)
    const order: string[] = []
    const begun = Promise.withResolvers<void>()
    const written = closing.tx(async (t) => {
      await insert(t, 50)
      begun.resolve()
      await t.get('SELECT pg_sleep(0.1)')
    })
    await begun.promise
    await Promise.all([
      written.then(() => order.push('written')),
      closing.close().then(() => order.push('closed')),
      closing.close(),
    ])
    assert.deepEqual(order, ['written', 'closed'])
    const left = 'SELECT count(*) AS c FROM kept WHERE id = 50'
    assert.deepEqual(await db.get(left), { c: 1 })
  })
})
