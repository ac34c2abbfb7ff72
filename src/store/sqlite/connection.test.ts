/** Connections to SQLite: what is set on them, how long another process is waited for, what a copy of the database is. */
import Database from 'better-sqlite3'
import assert from 'node:assert/strict'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { temporaryFolder } from '../../../test/fixtures/folder.ts'
import { checkpoint, openReader, openWriter, snapshot, type Connection } from './connection.ts'

const root = temporaryFolder('connection')
const opened: Connection[] = []
after(() => {
  for (const each of opened) each.close()
})

function kept(connection: Connection): Connection {
  opened.push(connection)
  return connection
}

/** A database with as many rows of 1000 bytes, all of them in its log. */
function filled(name: string, rows: number): { path: string; writer: Connection } {
  const path = join(root, name)
  const writer = kept(openWriter(path))
  writer.exec('CREATE TABLE rows (id INTEGER PRIMARY KEY, data BLOB)')
  const insert = writer.prepare('INSERT INTO rows (id, data) VALUES (?, zeroblob(1000))')
  writer.transaction(() => {
    for (let id = 0; id < rows; id++) insert.run(id)
  })()
  return { path, writer }
}

function count(connection: Connection): unknown {
  return connection.prepare('SELECT count(*) FROM rows').pluck().get()
}

describe('a connection', () => {
  it('is set up for one writer whose commits another part syncs, and for readers that a schema cannot use', () => {
    const { path, writer } = filled('settings.db', 1)
    const reader = kept(openReader(path))
    const values = (connection: Connection, ...names: string[]): unknown[] =>
      names.map((name) => connection.pragma(name, { simple: true }))
    // NORMAL is 1; a log is moved by SQLite itself only when nobody did, and cut when it was moved
    assert.deepEqual(
      values(writer, 'journal_mode', 'synchronous', 'busy_timeout', 'wal_autocheckpoint', 'journal_size_limit'),
      ['wal', 1, 0, 8000, 64 * 2 ** 20],
    )
    assert.deepEqual(values(reader, 'busy_timeout'), [5000])
    for (const connection of [writer, reader])
      assert.deepEqual(values(connection, 'foreign_keys', 'trusted_schema', 'temp_store', 'cache_size'), [
        1,
        0,
        2,
        -32 * 1024,
      ])
    assert.throws(() => reader.exec('DELETE FROM rows'), { code: 'SQLITE_READONLY' })
    assert.throws(() => openReader(join(root, 'absent.db')), { code: 'SQLITE_CANTOPEN' })
    assert.deepEqual(reader.prepare("SELECT 'net2' REGEXP '[0-3]$' AS yes, 'net4' REGEXP '[0-3]$' AS no").get(), {
      yes: 1,
      no: 0,
    })
  })

  /** A file that another connection writes to; `clock` gives the time of each look at it. */
  function busy(t: TestContext, name: string, clock: (look: number, holder: Connection) => number): { path: string } {
    const path = join(root, name)
    const holder = kept(new Database(path))
    holder.exec('CREATE TABLE rows (id INTEGER PRIMARY KEY); BEGIN IMMEDIATE')
    let looks = 0
    t.mock.method(performance, 'now', () => clock(looks++, holder))
    return { path }
  }

  it('waits for another process that is opening the same new file', (t) => {
    const { path } = busy(t, 'opening.db', (look, holder) => {
      if (look === 3) holder.exec('COMMIT')
      return look
    })
    const writer = kept(openWriter(path))
    t.mock.restoreAll()
    assert.equal(writer.pragma('journal_mode', { simple: true }), 'wal')
    assert.ok(statSync(`${path}-wal`).isFile(), 'the log is there to be synced')
  })

  it('gives up after 5 s, and not before', (t) => {
    let last = 0
    const waits = t.mock.method(Atomics, 'wait')
    const { path } = busy(t, 'held.db', (look) => (last = look * 1000))
    assert.throws(() => openWriter(path), { code: 'SQLITE_BUSY' })
    t.mock.restoreAll()
    // the first look is the beginning, and exactly 5 s are not more than 5 s
    assert.equal(last, 6000)
    assert.deepEqual(
      waits.mock.calls.map((call) => [call.arguments[3], call.result]),
      Array.from({ length: 5 }, () => [20, 'timed-out']),
      'it rests between two tries',
    )
  })

  it('a file that is no database is told at once', (t) => {
    const path = join(root, 'none.db')
    writeFileSync(path, 'x'.repeat(5000))
    const looks = t.mock.method(performance, 'now', () => 0)
    assert.throws(() => openWriter(path), { code: 'SQLITE_NOTADB' })
    assert.equal(looks.mock.callCount(), 1)
  })
})

describe('the log', () => {
  it('is moved into the database, and its pages are told', () => {
    const { path, writer } = filled('log.db', 400)
    const mover = kept(openWriter(path))
    const before = statSync(path).size
    const pages = checkpoint(mover)
    // 400 rows of 1000 bytes fill 100 pages of 4096 bytes at least
    assert.ok(pages > 100 && pages < 200, `${pages} pages`)
    assert.ok(before < 100_000 && statSync(path).size > 400_000, `${before} and ${statSync(path).size} bytes`)
    assert.equal(count(writer), 400)
    const { path: empty, writer: first } = filled('empty.db', 0)
    first.close()
    assert.equal(checkpoint(kept(openWriter(empty))), 0)
  })
})

describe('a copy', () => {
  it('holds what was committed, also what lies in the log, and needs nothing beside it', async () => {
    const { path, writer } = filled('source.db', 300)
    const folder = join(root, 'copies')
    mkdirSync(folder)
    const file = join(folder, 'copy.db')
    writer.exec('BEGIN; INSERT INTO rows (id) VALUES (1000)')
    await snapshot(kept(openReader(path)), file)
    writer.exec('COMMIT')
    assert.deepEqual(readdirSync(folder), ['copy.db'])
    // bytes 18 and 19 of a database file: 1 where it is written and read without a log
    assert.deepEqual([...readFileSync(file).subarray(18, 20)], [1, 1])
    assert.equal(count(kept(new Database(file, { readonly: true }))), 300)
  })

  it('of a damaged database is refused', async () => {
    const { path, writer } = filled('damaged.db', 300)
    checkpoint(writer)
    writer.close()
    const fd = openSync(path, 'r+')
    // a page within the table
    writeSync(fd, Buffer.alloc(4096, 0xa5), 0, 4096, 20 * 4096)
    closeSync(fd)
    await assert.rejects(snapshot(kept(openReader(path)), join(root, 'damaged-copy.db')), /the database is damaged \(/)
  })
})
