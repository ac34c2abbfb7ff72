/** Acts on checkpoints, one at a time: what is written, noted and sent before an act ends, what a restore tells, and what a check finds. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { problem } from '../contract/errors.ts'
import { RESTORED_FILE } from '../store/backup/restored.ts'
import { dbWith } from '../store/awaited.fixture.ts'
import type { Db } from '../store/db.ts'
import { openTemporaryStore } from '../store/open.ts'
import { auditLog, GENESIS } from './audit.ts'
import type { Audit } from './audit.ts'
import { CHECKPOINTS_FILE, checkpoints } from './checkpoints.ts'
import type { CheckpointDeps } from './checkpoints.ts'
import { fileSigner, hashOfLine, nameOfKey } from './checkpoint-record.ts'
import type { Checkpoint } from './checkpoint-record.ts'
import { SYSTEM } from './tokens.ts'

const KEY_FILE = 'audit-signing.pem'

/** A place outside that takes its time, counts what is read, and can refuse. */
class SlowNotes {
  readonly texts = new Map<string, string>()
  readonly fetched: string[] = []
  fault: Error | undefined
  async put(name: string, text: string): Promise<void> {
    // by the clock: what waits for it does so however long it takes
    await sleep(10)
    if (this.fault !== undefined) throw this.fault
    assert.ok(!this.texts.has(name), 'it is sent once')
    this.texts.set(name, text)
  }
  async get(name: string): Promise<string> {
    this.fetched.push(name)
    return this.texts.get(name) ?? ''
  }
  async *names(below: string): AsyncGenerator<string> {
    for (const name of [...this.texts.keys()].sort()) if (name.startsWith(below)) yield name
  }
}

async function opened(t: TestContext, notes?: SlowNotes) {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  const { db, dataDir } = store
  let now = Date.UTC(2026, 2, 1)
  const clock = (): number => (now += 60_000)
  const audit = auditLog(clock)
  const faults: string[] = []
  const onError = (error: unknown): void => void faults.push(error instanceof Error ? error.message : String(error))
  const bookOf = (changed: Partial<CheckpointDeps> = {}) =>
    checkpoints({ db, clock, dataDir, audit, notes, onError, ...changed })
  const file = join(dataDir, CHECKPOINTS_FILE)
  const linesOf = (): Checkpoint[] =>
    existsSync(file)
      ? readFileSync(file, 'utf8')
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line) as Checkpoint)
      : []
  const record = (): Promise<void> =>
    db.tx((tx) => audit.record(tx, SYSTEM, { verb: 'manage', resource: 'tokens', id: 'x' }))
  return { db, dataDir, audit, faults, file, bookOf, book: bookOf(), linesOf, record }
}

/** The database; each transaction begins late, and is told before. */
function late(db: Db, before: () => void = () => undefined): Db {
  return dbWith(db, {
    async tx(work) {
      before()
      // by the clock: what waits for it does so however long it takes
      await sleep(10)
      return db.tx(work)
    },
  })
}

describe('a checkpoint', () => {
  test('says its number, the rows by then, the hash of the last and the line before, and is returned', async (t) => {
    const { db, book, linesOf, record, file } = await opened(t)
    const lines = [await book.write('empty')]
    await record()
    lines.push(await book.write('one'))
    assert.equal(readFileSync(file, 'utf8'), lines.map((line) => `${line}\n`).join(''))
    const head = (await db.get<{ hash: string }>('SELECT hash FROM audit'))?.hash
    const said = linesOf().map(({ n, kind, rows, head, prev, note, at }) => ({ n, kind, rows, head, prev, note, at }))
    assert.deepEqual(said, [
      {
        n: 1,
        kind: 'checkpoint',
        rows: 0,
        head: GENESIS,
        prev: GENESIS,
        note: 'empty',
        at: '2026-03-01T00:01:00.000Z',
      },
      {
        n: 2,
        kind: 'checkpoint',
        rows: 1,
        head,
        prev: hashOfLine(lines[0] ?? ''),
        note: 'one',
        at: '2026-03-01T00:03:00.000Z',
      },
    ])
    const { ok, checkpoints: told } = await book.verify()
    assert.deepEqual([ok, told], [true, { count: 2, newest: '2026-03-01T00:03:00.000Z', copied: 0, others: 0 }])
  })

  test('comes after those that are asked for at the same time, also where one of them fails', async (t) => {
    const { db, bookOf, linesOf, audit } = await opened(t)
    const failing: Audit = {
      record: (tx, who, entry) =>
        entry.id === 'restored' ? Promise.reject(new Error('no')) : audit.record(tx, who, entry),
    }
    const book = bookOf({ db: late(db), audit: failing })
    const acts = [book.write('a'), book.tellRestored(SYSTEM, 'b'), book.write('c'), book.write('d')]
    assert.deepEqual(
      (await Promise.allSettled(acts)).map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    )
    assert.deepEqual(
      linesOf().map(({ n, note }) => [n, note]),
      [
        [1, 'a'],
        [2, 'b'],
        [3, 'c'],
        [4, 'd'],
      ],
    )
  })

  test('is in the file before the database has it, and in both when it is returned', async (t) => {
    const { db, bookOf, linesOf } = await opened(t)
    const counts: number[] = []
    await bookOf({ db: late(db, () => counts.push(linesOf().length)) }).write('a')
    assert.deepEqual(counts, [1])
    const facts = await db.all<{ name: string }>("SELECT name FROM store_facts WHERE name LIKE 'audit.signed.%'")
    assert.equal(facts.length, 1)
  })

  test('is written where the database takes nothing more; any other fault of it is told', async (t) => {
    const { db, bookOf, linesOf } = await opened(t)
    const refusing = (fault: Error) => bookOf({ db: dbWith(db, { tx: () => Promise.reject(fault) }) }).write('a')
    await refusing(problem('storage_full', {}))
    await refusing(problem('storage_corrupt', { detail: 'bad' }))
    assert.equal(linesOf().length, 2)
    const away = problem('unavailable', { what: 'the database', detail: 'gone' })
    await assert.rejects(refusing(away), away)
  })

  test('is sent before it is returned; what could not be sent is sent with the next', async (t) => {
    const notes = new SlowNotes()
    const { book, linesOf } = await opened(t, notes)
    const fault = new Error('the place is away')
    notes.fault = fault
    await assert.rejects(book.write('a'), fault)
    notes.fault = undefined
    await book.write('b')
    const [{ key } = { key: '' }] = linesOf()
    assert.equal(notes.texts.size, 2)
    for (const [i, [name, line]] of [...notes.texts].entries())
      assert.equal(name, `audit/${nameOfKey(key)}/0000000${i + 1}-${hashOfLine(line)}.json`)
  })

  test('of another key is not sent by this folder', async (t) => {
    const notes = new SlowNotes()
    const { bookOf, dataDir } = await opened(t)
    await bookOf().write('of the old key')
    rmSync(join(dataDir, KEY_FILE))
    await bookOf({ notes }).write('of the new key')
    assert.deepEqual(
      [...notes.texts.values()].map((line) => (JSON.parse(line) as Checkpoint).note),
      ['of the new key'],
    )
  })
})

describe('a look', () => {
  test('writes nothing of an empty chain, nor twice of the same rows', async (t) => {
    const { book, faults, linesOf, record } = await opened(t)
    await book.stop()
    assert.deepEqual(linesOf(), [])
    await book.write('of no rows')
    await book.stop()
    await record()
    await book.stop()
    await book.stop()
    assert.deepEqual(
      linesOf().map(({ rows, note }) => [rows, note]),
      [
        [0, 'of no rows'],
        [1, 'stop'],
      ],
    )
    assert.deepEqual(faults, [])
  })

  test('has written and sent when it ends', async (t) => {
    const notes = new SlowNotes()
    const { db, bookOf, linesOf, record } = await opened(t, notes)
    await record()
    await bookOf({ db: late(db) }).stop()
    assert.deepEqual([linesOf().length, notes.texts.size], [1, 1])
  })

  test('tells that the newest row that was signed is another or missing, and writes nothing', async (t) => {
    const { db, book, faults, linesOf, record } = await opened(t)
    const told = (what: string): string =>
      `the audit chain is not what the checkpoint of ${linesOf().at(-1)?.at} has signed: row 2 is ${what}; see slipway audit verify`
    await record()
    await book.write('a')
    await record()
    await book.write('b')
    await record()
    await db.tx((tx) => tx.run("UPDATE audit SET hash = 'other' WHERE seq = 2"))
    await book.stop()
    await db.tx((tx) => tx.run('DELETE FROM audit WHERE seq > 1'))
    await book.stop()
    assert.deepEqual(faults, [told('another'), told('missing')])
    assert.equal(linesOf().length, 2)
  })
})

describe('a restore', () => {
  const NOTE = { created_at: '2026-02-01T00:00:00.000Z', restored_at: 'r', left_out: [], missing: [] }

  test('is told once, in the file and in the chain, when the folder has its note', async (t) => {
    const { db, dataDir, bookOf, linesOf, faults } = await opened(t)
    const note = join(dataDir, RESTORED_FILE)
    writeFileSync(note, JSON.stringify(NOTE))
    const book = bookOf({ db: late(db) })
    await book.tellRestore()
    await book.tellRestore()
    const text = `restored from the backup of ${NOTE.created_at}`
    assert.deepEqual(
      linesOf().map(({ kind, rows, note }) => [kind, rows, note]),
      [['restored', 0, text]],
    )
    const rows = await db.all<{ actor: string; resource_id: string; detail: string }>('SELECT * FROM audit')
    assert.deepEqual(
      rows.map(({ actor, resource_id, detail }) => [actor, resource_id, JSON.parse(detail) as unknown]),
      [['slipway', 'restored', { note: text, ...NOTE }]],
    )
    assert.deepEqual([existsSync(note), faults], [false, []])
  })

  test('stays to be told where the chain does not take it', async (t) => {
    const { dataDir, bookOf, faults } = await opened(t)
    const note = join(dataDir, RESTORED_FILE)
    writeFileSync(note, JSON.stringify(NOTE))
    const audit = { record: () => Promise.reject(new Error('the disk')) }
    await bookOf({ audit }).tellRestore()
    assert.deepEqual([existsSync(note), faults], [true, ['the disk']])
  })

  test('by hand has its row when its line is returned', async (t) => {
    const { db, bookOf, linesOf } = await opened(t)
    const line = await bookOf({ db: late(db) }).tellRestored({ ...SYSTEM, name: 'ann' }, 'by hand')
    assert.deepEqual([linesOf().length, (JSON.parse(line) as Checkpoint).note], [1, 'by hand'])
    const [row] = await db.all<{ actor: string; detail: string }>('SELECT * FROM audit')
    assert.deepEqual([row?.actor, row?.detail], ['ann', '{"note":"by hand"}'])
  })
})

describe('a check', () => {
  const changed = (reason: string): RegExp => new RegExp(`^the checkpoints were changed: ${reason}`)
  type Found = Awaited<ReturnType<ReturnType<typeof checkpoints>['verify']>>
  function assertTold(found: Found, reason: RegExp): void {
    assert.equal(found.ok, false)
    assert.match('reason' in found ? found.reason : '', reason)
  }

  /** A chain of three rows with a checkpoint of each. */
  async function grown(t: TestContext, notes?: SlowNotes) {
    const all = await opened(t, notes)
    for (const note of ['a', 'b', 'c']) {
      await all.record()
      await all.book.write(note)
    }
    assert.equal((await all.book.verify()).ok, true)
    return all
  }

  test('of nothing finds nothing', async (t) => {
    const { book } = await opened(t)
    assert.deepEqual(await book.verify(), {
      ok: true,
      rows: 0,
      head: GENESIS,
      checkpoints: { count: 0, newest: null, copied: 0, others: 0 },
      restored: [],
    })
  })

  test('finds a line that was changed, one of another key, and lines that are gone', async (t) => {
    const { book, file, dataDir, linesOf } = await grown(t)
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace('"note":"b"', '"note":"B"'))
    assertTold(await book.verify(), changed('line 2 is no checkpoint'))
    const last = linesOf().at(-1) ?? assert.fail()
    const line = text.split('\n').at(-2) ?? ''
    const other = fileSigner(join(dataDir, 'other.pem')).sign({ ...last, n: 4, prev: hashOfLine(line) })
    writeFileSync(file, `${text}${other}\n`)
    assertTold(await book.verify(), changed('line 4 of .* was not signed with the key of this data folder$'))
    writeFileSync(file, `${text.split('\n')[0]}\n`)
    assertTold(
      await book.verify(),
      changed('the key .* had signed 3 lines until .*, and those after line 1 are not in the file$'),
    )
    rmSync(file)
    assertTold(await book.verify(), changed('the key .* had signed 3 lines .* none of them is in the file$'))
  })

  test('tells what is wrong with the chain before what is wrong with its checkpoints', async (t) => {
    const { db, book, file } = await grown(t)
    writeFileSync(file, `text\n${readFileSync(file, 'utf8')}`)
    await db.tx((tx) => tx.run("UPDATE audit SET actor = 'eve' WHERE seq = 2"))
    const found = await book.verify()
    assert.deepEqual(found, {
      ok: false,
      seq: 2,
      reason: 'its content was changed',
      checkpoints: found.checkpoints,
      restored: [],
    })
    assert.equal(found.checkpoints.count, 3)
  })

  test('fetches the copies alone that the file lacks, and takes those that are signed', async (t) => {
    const notes = new SlowNotes()
    const { book, file } = await grown(t, notes)
    assert.deepEqual(notes.fetched, [])
    const [name = '', line = ''] = [...notes.texts][1] ?? []
    const lines = readFileSync(file, 'utf8').split('\n')
    writeFileSync(file, `${lines[0]}\n`)
    notes.texts.set(name, line.replace('"rows":2', '"rows":9'))
    const found = await book.verify()
    assert.deepEqual([found.checkpoints.count, found.checkpoints.copied, notes.fetched.length], [2, 2, 2])
    assertTold(found, changed('line 3 of .* is not in the file, but a copy of it is kept$'))
  })

  test('holds the chain against what other keys have signed, and misses those on SQLite', async (t) => {
    const notes = new SlowNotes()
    const { db, dataDir, bookOf, file, linesOf } = await grown(t)
    const first = linesOf()[0] ?? assert.fail()
    const theirs = fileSigner(join(dataDir, 'theirs.pem'))
    const copy = (head: string): void => {
      const line = theirs.sign({ ...first, head })
      notes.texts.clear()
      notes.texts.set(`audit/${nameOfKey(theirs.key)}/00000001-${hashOfLine(line)}.json`, line)
    }
    copy(first.head)
    const book = bookOf({ notes })
    const found = await book.verify()
    assertTold(found, changed('copies of 1 checkpoints that another key has signed are kept'))
    assert.deepEqual([found.checkpoints.count, found.checkpoints.others], [3, 1])
    const shared = dbWith(db, { kind: 'postgres' })
    assert.equal((await bookOf({ notes, db: shared }).verify()).ok, true)
    copy(GENESIS)
    assertTold(await book.verify(), /^row 1 is not what the checkpoint of .* has signed$/)
    // what is certified comes in the order of its rows, whoever signed it
    writeFileSync(file, '')
    assertTold(await book.verify(), /^row 1 is not what the checkpoint of .* has signed$/)
  })
})
