/** The SQLite driver: the contract, and what is its own: group commit, crashes, a full disk, other processes. */
import Database from 'better-sqlite3'
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { never, until } from '../../../test/until.ts'
import type { Db } from '../db.ts'
import { databaseCases } from '../db.cases.ts'
import { Readers } from './readers.ts'
import { openSqlite, type SqliteOptions } from './sqlite.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-sqlite-'))
const opened: Db[] = []
after(async () => {
  for (const db of opened) await db.close()
  rmSync(root, { recursive: true, force: true })
})

let files = 0

async function open(options: SqliteOptions = {}, folder = root): Promise<{ db: Db; path: string }> {
  const path = join(folder, `${++files}.db`)
  const db = openSqlite(path, options)
  opened.push(db)
  await db.tx((t) => t.run('CREATE TABLE rows (id BIGINT PRIMARY KEY, data BYTEA)'))
  return { db, path }
}

const insert = (db: Db, id: number, bytes = 0): Promise<number> =>
  db.tx((t) => t.run('INSERT INTO rows (id, data) VALUES (?, ?)', [id, new Uint8Array(bytes)]))

const count = async (db: Db): Promise<number> =>
  (await db.get<{ c: number }>('SELECT count(*) AS c FROM rows'))?.c ?? -1

/** Stops the clock by which writes are refused; what it returns lets so many ms pass. */
function stopClock(t: TestContext): (ms: number) => void {
  let now = 5000
  t.mock.method(performance, 'now', () => now)
  return (ms) => void (now += ms)
}

databaseCases('SQLite', async () => {
  const db = openSqlite(join(root, 'cases.db'))
  return { db, close: () => db.close() }
})

describe('SQLite: group commit', () => {
  it('many transactions share a sync, and none is told before it', async () => {
    const syncs: string[] = []
    let begun: () => void = () => undefined
    const syncing = new Promise<void>((resolve) => {
      begun = resolve
    })
    let release: () => void = () => undefined
    let held: Promise<void> = Promise.resolve()
    // how many turns opening took is not this test's matter; on a busy machine it is more than one
    let opening = Infinity
    const { db } = await open({
      sync: () => {
        syncs.push('sync')
        if (syncs.length > opening) begun()
        return held
      },
    })
    opening = syncs.length
    held = new Promise((resolve) => {
      release = resolve
    })
    let told = 0
    const first = Promise.all(Array.from({ length: 400 }, (_, i) => insert(db, i).then(() => told++)))
    await syncing
    const isTooSoon = (): boolean => told > 0 || syncs.length > opening + 1
    await never('told before the sync', isTooSoon, 20)
    const second = Promise.all(Array.from({ length: 400 }, (_, i) => insert(db, 1000 + i)))
    await never('told or synced during the sync', isTooSoon, 20)
    release()
    await Promise.all([first, second])
    assert.equal(told, 400)
    assert.ok(syncs.length <= 40)
    assert.equal(await count(db), 800)
  })

  it('a transaction that waits for something else is rolled back, and its neighbours are not', async () => {
    const { db } = await open()
    const something = Promise.withResolvers<void>()
    const late = Promise.withResolvers<unknown>()
    const results = await Promise.allSettled([
      insert(db, 1),
      db.tx(async (t) => {
        await t.run('INSERT INTO rows (id) VALUES (2)')
        await something.promise
        await t.run('INSERT INTO rows (id) VALUES (3)').then(late.resolve, late.reject)
      }),
      insert(db, 4),
    ])
    assert.deepEqual(
      results.map((result) => result.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.match(
      String((results[1] as PromiseRejectedResult).reason),
      /waited for something other than its own statements/,
    )
    something.resolve()
    await assert.rejects(late.promise, /is over/)
    assert.deepEqual(await db.all('SELECT id FROM rows ORDER BY id'), [{ id: 1 }, { id: 4 }])
  })

  it('after a failed sync writes are refused, and reads go on', async () => {
    let broken = false
    const { db } = await open({
      sync: async () => {
        if (broken) throw Object.assign(new Error('EIO'), { code: 'EIO' })
      },
    })
    await insert(db, 1)
    broken = true
    await assert.rejects(insert(db, 2), { code: 'unavailable', message: /disk sync failed/ })
    broken = false
    await assert.rejects(insert(db, 3), { code: 'unavailable' })
    assert.ok((await count(db)) >= 1)
  })

  it('moves the log into the database on the way', async () => {
    const { db, path } = await open()
    // SQLite itself begins at 33 MB, and waits for a checkpoint that is under way: that one may be held up for a while
    for (let i = 0; i < 900; i++) await insert(db, i, 100_000)
    assert.ok(statSync(path).size > 30_000_000, `${statSync(path).size} bytes in the database`)
    assert.ok(statSync(`${path}-wal`).size < 60_000_000, `${statSync(`${path}-wal`).size} bytes in the log`)
    assert.equal(await count(db), 900)
  })

  it('is closed once its transactions have ended, and refuses more', async () => {
    const { db } = await open()
    const written = insert(db, 1)
    await Promise.all([db.close(), db.close()])
    assert.equal(await written, 1)
    await assert.rejects(insert(db, 2), { code: 'unavailable' })
    await assert.rejects(count(db), { code: 'unavailable' })
    await assert.rejects(db.search({ text: 'SELECT 1', params: [] }), { code: 'unavailable' })
  })
})

describe('SQLite: a full disk', () => {
  it('is told as such, nothing is half-written, and writing goes on when there is room', async (t) => {
    const { db } = await open()
    const pass = stopClock(t)
    await db.tx((t) => t.all('PRAGMA max_page_count = 60'))
    const results = await Promise.allSettled([insert(db, 1, 10), insert(db, 2, 400_000), insert(db, 3, 10)])
    assert.equal(results[1]?.status, 'rejected')
    const codes = results.flatMap((result) =>
      result.status === 'rejected' ? [(result.reason as { code: string }).code] : [],
    )
    assert.deepEqual(new Set(codes), new Set(['storage_full']))
    const kept = results.flatMap((result, i) => (result.status === 'fulfilled' ? [{ id: i + 1 }] : []))
    assert.deepEqual(await db.all('SELECT id FROM rows ORDER BY id'), kept)
    await assert.rejects(insert(db, 4), { code: 'storage_full', status: 507 })
    pass(1000)
    await db.tx((t) => t.all('PRAGMA max_page_count = 100000'))
    assert.equal(await insert(db, 5, 400_000), 1)
  })

  it('the same on a file system that is really full', async (context) => {
    const folder = join(root, 'small')
    mkdirSync(folder)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder], { stdio: 'ignore' })
    } catch {
      context.skip('may not mount a small file system here')
      return
    }
    try {
      const { db, path } = await open({}, folder)
      const pass = stopClock(context)
      await insert(db, 1, 1000)
      const filler = join(folder, 'filler')
      assert.throws(() => writeFileSync(filler, new Uint8Array(8_000_000)), { code: 'ENOSPC' })
      await assert.rejects(insert(db, 2, 500_000), { code: 'storage_full' })
      await assert.rejects(insert(db, 3), { code: 'storage_full' })
      assert.equal(await count(db), 1)
      rmSync(filler)
      pass(1000)
      assert.equal(await insert(db, 4, 500_000), 1)
      assert.deepEqual(await db.all('SELECT id FROM rows ORDER BY id'), [{ id: 1 }, { id: 4 }])
      await db.close()
      const check = new Database(path)
      assert.equal(check.pragma('integrity_check', { simple: true }), 'ok')
      check.close()
    } finally {
      execFileSync('umount', ['-l', folder])
    }
  })
})

describe('SQLite: other processes and threads', () => {
  it('waits for another writer without stopping the event loop, and gives up in time', async () => {
    const { db, path } = await open({ busyMs: 300 })
    const other = new Database(path)
    other.exec('BEGIN IMMEDIATE')
    await assert.rejects(insert(db, 1), { code: 'unavailable' })
    const patient = openSqlite(path, { busyMs: 600_000 })
    opened.push(patient)
    let [ticks, isDone] = [0, false]
    const timer = setInterval(() => ticks++, 5)
    const waiting = insert(patient, 2).finally(() => (isDone = true))
    await until('ticks while it waits', () => ticks > 5)
    clearInterval(timer)
    assert.equal(isDone, false)
    other.exec('INSERT INTO rows (id) VALUES (10); COMMIT')
    assert.equal(await waiting, 1)
    assert.deepEqual(await db.all('SELECT id FROM rows ORDER BY id'), [{ id: 2 }, { id: 10 }])
    other.close()
  })

  for (const [options, last] of [
    [{}, 6000],
    [{ busyMs: 2000 }, 3000],
  ] as const)
    it(`gives up on another writer after ${last - 1000} ms, and not before, with ${JSON.stringify(options)}`, async (t) => {
      const { db, path } = await open(options)
      const other = new Database(path)
      other.exec('BEGIN IMMEDIATE')
      let [looks, now] = [0, 0]
      t.mock.method(performance, 'now', () => (now = looks++ * 1000))
      await assert.rejects(insert(db, 1), { code: 'unavailable' })
      t.mock.restoreAll()
      other.close()
      assert.equal(now, last)
    })

  it('a long search does not stop the event loop, and sees what was committed', async () => {
    const { db } = await open()
    await insert(db, 7)
    let ticks = 0
    const timer = setInterval(() => ticks++, 5)
    const text =
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT max(i) AS most, (SELECT max(id) FROM rows) AS id FROM n'
    let most = 500_000
    // one that is over before this process has had its turns is not long
    await until('ticks during a search', async () => {
      ticks = 0
      most *= 2
      assert.deepEqual(await db.search({ text, params: [most] }), [{ most, id: 7 }])
      return ticks >= 3
    })
    clearInterval(timer)
  })

  it('what the engine refuses comes back from the reader with its code, and the reader goes on', async () => {
    const path = join(root, 'refused.db')
    opened.push(openSqlite(path))
    const readers = new Readers(path)
    await assert.rejects(readers.search('SELECT absent', []), {
      code: 'SQLITE_ERROR',
      message: /no such column: absent/,
    })
    await assert.rejects(readers.search('CREATE TABLE x (y)', []), { code: 'SQLITE_READONLY' })
    const unbindable = await readers.search('SELECT ?', [undefined]).catch((error: unknown) => error as Error)
    assert.match(String(unbindable), /cannot bind undefined/)
    assert.equal((unbindable as { code?: unknown }).code, undefined)
    assert.deepEqual(await readers.search('SELECT 1 AS one', []), [{ one: 1 }])
    await readers.close()
  })

  it('a reader that could not open its database is replaced by the next read', async () => {
    const path = join(root, 'late.db')
    const readers = new Readers(path)
    await assert.rejects(readers.search('SELECT 1', []), { code: 'unavailable' })
    const db = openSqlite(path)
    opened.push(db)
    assert.deepEqual(await readers.search('SELECT 1 AS one', []), [{ one: 1 }])
    await readers.close()
  })

  it('a process that closes its database while a reader answers ends well', () => {
    const url = new URL('./sqlite.ts', import.meta.url).href
    const program = `
      const { openSqlite } = await import('${url}')
      const db = openSqlite(process.argv[1])
      const asked = Array.from({ length: 40 }, () => db.search({ text: 'SELECT 1', params: [] }))
      for (const each of asked) each.catch(() => undefined)
      await asked[Number(process.argv[2])]
      await db.close()
      console.log('closed')`
    for (const answered of [0, 20, 38]) {
      const args = ['--input-type=module', '-e', program, join(root, 'closing.db'), String(answered)]
      assert.equal(execFileSync(process.execPath, args, { encoding: 'utf8' }), 'closed\n')
    }
  })

  it('a killed process loses no row that it was told is there, and leaves no half', async () => {
    const { db, path } = await open()
    await db.tx((t) => t.run('CREATE TABLE acknowledged (id BIGINT PRIMARY KEY, half BIGINT NOT NULL)'))
    await db.close()
    const told: number[] = []
    for (let round = 0; round < 5; round++)
      told.push(...(await insertUntilKilled(path, round * 1_000_000, 300 + round * 311)))
    assert.ok(told.length > 1500)
    const again = openSqlite(path)
    opened.push(again)
    const rows = await again.all<{ id: number; half: number }>('SELECT id, half FROM acknowledged')
    const there = new Set(rows.map((row) => row.id))
    assert.deepEqual(
      told.filter((id) => !there.has(id)),
      [],
    )
    assert.deepEqual(
      rows.filter((row) => row.half !== 2),
      [],
    )
    assert.deepEqual(await again.all('PRAGMA integrity_check'), [{ integrity_check: 'ok' }])
  })
})

/** Runs the inserter until it has told of `rows` rows, kills it, and resolves to all that it told. */
async function insertUntilKilled(path: string, first: number, rows: number): Promise<number[]> {
  const script = join(import.meta.dirname, 'inserter.fixture.ts')
  const child = spawn(process.execPath, [script, path, String(first)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  const ended = new Promise((resolve) => child.once('close', resolve))
  for await (const chunk of child.stdout) {
    text += String(chunk)
    if (text.split('\n').length > rows) child.kill('SIGKILL')
  }
  await ended
  // The last line may have been cut.
  return text.split('\n').slice(0, -1).map(Number)
}
