/** Sources that are files of SQLite, made and written meanwhile by another program: one snapshot, types as they are stored, and nothing but reading. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { after, before, beforeEach, describe, test, type TestContext } from 'node:test'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { until } from '../../../../test/until.ts'
import { Problem } from '../../../contract/errors.ts'
import { treeFiles } from '../../../store/blobs/trees.ts'
import { openTemporaryStore } from '../../../store/open.ts'
import { compileSource, Source } from '../../spec/external/source.ts'
import { limitsOf } from '../limits.ts'
import { queryApart } from '../sqlite/child.ts'
import { failure, pinned, sourced, untilSettled } from '../sources.fixture.ts'
import type { Given, Reading } from './asked.ts'
import { readSqlite } from './sqlite.ts'

let store: Awaited<ReturnType<typeof openTemporaryStore>>
let root: string
let path: string

/** Where readings have their scratch, so that what is left there is theirs. */
const scratch = mkdtempSync(join(tmpdir(), 'slipway-scratch-'))

before(async () => {
  process.env['TMPDIR'] = scratch
  store = await openTemporaryStore()
})
after(async () => {
  await store.close()
  rmSync(scratch, { recursive: true, force: true })
})
beforeEach((t) => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-shop-')))
  path = join(root, 'shop.db')
  ;(t as TestContext).after(() => rmSync(root, { recursive: true, force: true }))
})

/** Lines of Python, with `db` as a connection to the database, that commit as they end. */
function python(lines: string, at = path): void {
  execFileSync('python3', ['-c', `${OPENED}${lines}\ndb.commit()\ndb.close()\n`, at])
}
const OPENED = 'import os, sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\n'

/** A program that runs lines with the database open and stays, until it is ended in a moment from which it can clean up nothing. */
async function writing(
  t: TestContext,
  lines: string,
): Promise<{ say: (line: string) => Promise<void>; kill: () => Promise<void> }> {
  const loop = 'print("done", flush=True)\nfor line in sys.stdin:\n    exec(line)\n    print("done", flush=True)\n'
  const child = spawn('python3', ['-c', `${OPENED}${lines}\n${loop}`, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  let said = 0
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString().split('done').length - 1))
  const gone = new Promise<void>((done) => child.once('exit', () => done()))
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await gone
  }
  t.after(kill)
  await until('it has run its lines', () => said === 1)
  return {
    kill,
    async say(line) {
      const before = said
      child.stdin.write(`${line}\n`)
      await until('it has run a line', () => said > before)
    },
  }
}

interface More {
  readonly [key: string]: unknown
  readonly limit?: string
  readonly timeout?: string
}

async function read({ limit, timeout, ...more }: More, last: string | null = null): Promise<Reading> {
  const source = compileSource(
    Source.parse({ sqlite: { file: path, ...more }, ...(limit && { limit }), ...(timeout && { timeout }) }),
  )
  if (source.place.kind !== 'sqlite') throw new Error('it is another kind')
  return readSqlite({
    place: source.place,
    blobs: store.blobs,
    access: { folders: [root], hidden: [join(root, 'data')], allow: [], index: '' },
    http: () => Promise.reject(new Error('nobody asks the network')),
    secret: () => Promise.reject(new Error('nobody asks for a secret')),
    before: last,
    limits: limitsOf(source),
  })
}

async function given(more: More): Promise<Given> {
  const reading = await read(more)
  assert.ok(reading !== 'unchanged')
  return reading
}

async function parquetOf({ tree }: Given): Promise<ArrayBuffer> {
  const [file, ...others] = await treeFiles(store.blobs, tree.digest)
  assert.deepEqual(others, [])
  return Uint8Array.from(await store.blobs.bytes(file?.digest ?? '')).buffer
}

async function rows(more: More): Promise<Record<string, unknown>[]> {
  return parquetReadObjects({ file: await parquetOf(await given(more)) })
}

async function refusal(more: More): Promise<string> {
  const error = await read(more).then(
    () => assert.fail(`it was read: ${JSON.stringify(more)}`),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof Problem, String(error))
  assert.equal(error.code, 'unprocessable')
  return String(error.data['detail'])
}

/** What the process itself says of a query, with a short wait for locks. */
function asked(query: string, memory_bytes = 2 ** 30) {
  const into = join(root, 'rows')
  const task = { ordered: false, time: null, limit_bytes: 1e9, patience_ms: 50, memory_bytes, scratch: root, into }
  return queryApart({ ...task, uri: pathToFileURL(path).href, query }, 60_000)
}

/** All that lies in the folder, by name, with what tells that it was written. */
function lying(): Record<string, string> {
  return Object.fromEntries(
    readdirSync(root).map((name) => {
      const { ino, size, mtimeNs } = statSync(join(root, name), { bigint: true })
      return [name, `${ino} ${size} ${mtimeNs}`]
    }),
  )
}

describe('values', () => {
  test('they keep their types: 64 bits of a whole number, an empty text beside none, infinities', async () => {
    python(`db.execute("CREATE TABLE t (id INTEGER, name TEXT, price REAL, note)")
db.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", [(9007199254740993, '', 0.1, 'a "b"\\nc'), (-2**63, None, float('inf'), None), (3, 'Zürich', float('-inf'), ''), (None, 'x', None, None)])`)
    const made = await given({ table: 't' })
    const file = await parquetOf(made)
    assert.deepEqual(
      parquetMetadata(file)
        .schema.slice(1)
        .map(({ name, type }) => `${name} ${type}`),
      ['id INT64', 'name BYTE_ARRAY', 'price DOUBLE', 'note BYTE_ARRAY'],
    )
    assert.equal(made.rows, 4)
    // sorted by what they say, and what is absent at the end
    assert.deepEqual(
      await parquetReadObjects({ file }),
      [
        { id: -(2n ** 63n), name: undefined, price: Infinity, note: undefined },
        { id: 3n, name: 'Zürich', price: -Infinity, note: '' },
        { id: 9007199254740993n, name: '', price: 0.1, note: 'a "b"\nc' },
        { id: undefined, name: 'x', price: undefined, note: undefined },
      ].map((row) => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, value ?? null]))),
    )
  })
})

describe('a database that another program writes', () => {
  test('with a write-ahead log: what is committed is read, what is not is not, and nothing is written beside it', async (t) => {
    const { say, kill } = await writing(
      t,
      `db.execute("PRAGMA journal_mode = wal"); db.execute("CREATE TABLE t (a INT)"); db.execute("INSERT INTO t VALUES (1)"); db.commit()
db.execute("PRAGMA cache_size = 1"); db.executemany("INSERT INTO t VALUES (?)", [(i,) for i in range(100, 20000)])`,
    )
    const lay = lying()
    assert.deepEqual(Object.keys(lay).toSorted(), ['shop.db', 'shop.db-shm', 'shop.db-wal'])
    assert.ok(statSync(`${path}-wal`).size > 100_000, 'what is not committed lies in the log')
    assert.deepEqual(await rows({ table: 't' }), [{ a: 1n }])
    assert.deepEqual(lying(), lay)
    await say('db.rollback(); db.execute("INSERT INTO t VALUES (2)"); db.commit()')
    assert.deepEqual(await rows({ table: 't' }), [{ a: 1n }, { a: 2n }])
    // the writer goes on: no lock of ours is left
    await say('db.execute("INSERT INTO t VALUES (3)"); db.commit(); db.execute("PRAGMA wal_checkpoint(TRUNCATE)")')
    assert.equal((await rows({ table: 't' })).length, 3)
    await say('db.execute("INSERT INTO t VALUES (4)"); db.commit()')
    await kill()
    const left = lying()
    assert.equal((await rows({ table: 't' })).length, 4, 'what a killed writer committed')
    assert.deepEqual(lying(), left)
    rmSync(`${path}-shm`)
    assert.match(await refusal({ table: 't' }), /shop\.db-wal holds changes and there is no .*-shm.*open it once/)
    assert.equal(existsSync(`${path}-shm`), false)
  })

  test('one that was closed is read without the files that SQLite would make', async () => {
    python(
      'db.execute("PRAGMA journal_mode = wal"); db.execute("CREATE TABLE t (a INT)"); db.execute("INSERT INTO t VALUES (1)")',
    )
    assert.deepEqual(await rows({ table: 't' }), [{ a: 1n }])
    assert.deepEqual(readdirSync(root), ['shop.db'])
  })

  test('with a rollback journal: before a commit it is as it was, while it is locked it is away, and a killed writer is told', async (t) => {
    python('db.execute("CREATE TABLE t (a INT)"); db.execute("INSERT INTO t VALUES (1)")')
    const { say, kill } = await writing(t, 'db.execute("UPDATE t SET a = 2")')
    assert.deepEqual(readdirSync(root).toSorted(), ['shop.db', 'shop.db-journal'])
    assert.deepEqual(await rows({ table: 't' }), [{ a: 1n }])
    await say(
      'db.rollback(); db.isolation_level = None; db.execute("BEGIN EXCLUSIVE"); db.execute("UPDATE t SET a = 3")',
    )
    assert.deepEqual(await asked('SELECT a FROM t'), { away: 'another program has locked it' })
    await say(
      'db.execute("PRAGMA cache_size = 1"); db.executemany("INSERT INTO t VALUES (?)", [(i,) for i in range(20000)])',
    )
    await kill()
    const left = lying()
    assert.match(await refusal({ table: 't' }), /ended in the middle of a transaction.*open it once/)
    assert.deepEqual(lying(), left)
    python('assert db.execute("SELECT a FROM t").fetchall() == [(1,)]')
    assert.deepEqual(await rows({ table: 't' }), [{ a: 1n }])
  })
})

describe('unchanged', () => {
  test('it is where its files are as they were and the query says so', async () => {
    python('db.execute("CREATE TABLE t (a INT)"); db.execute("INSERT INTO t VALUES (1)")')
    await untilSettled(path)
    const { token } = await given({ table: 't' })
    assert.ok(token !== null)
    assert.equal(await read({ table: 't' }, token), 'unchanged')
    assert.equal((await given({ query: 'SELECT a, random() AS b FROM t' })).token, null)
    python('db.execute("INSERT INTO t VALUES (2)")')
    assert.notEqual(await read({ table: 't' }, token), 'unchanged')
  })
})

describe('what is refused', () => {
  beforeEach(() => python('db.execute("CREATE TABLE t (a INT)"); db.execute("INSERT INTO t VALUES (1)")'))

  test('what has no end is ended by its time, and what is too much by its limit or its memory', async () => {
    const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)'
    let turns = 0
    const timer = setInterval(() => turns++, 20)
    assert.match(
      await refusal({ query: `${endless} SELECT count(*) AS c FROM n`, timeout: '1500ms' }),
      /not read within 1500 ms/,
    )
    clearInterval(timer)
    // a query that ran in this process would have held its loop until then
    assert.ok(turns > 5, `the loop had ${turns} turns`)
    assert.match(
      await refusal({ query: `${endless} SELECT i FROM n`, limit: '100kB' }),
      /more than 100000 bytes, its limit/,
    )
    const large =
      'WITH RECURSIVE n(a) AS (SELECT hex(zeroblob(10000000)) UNION ALL SELECT a || a FROM n) SELECT length(a) FROM n'
    const answer = await asked(large, 200 * 2 ** 20)
    assert.deepEqual(answer, { refused: 'the query takes more than 200 MiB of memory' })
    assert.deepEqual(
      readdirSync(scratch).filter((name) => name.startsWith('slipway-sqlite-')),
      [],
    )
  })

  test('a file that is none, lies elsewhere, is a link, or is the server’s own', async (t) => {
    writeFileSync(join(root, 'a.db'), 'no database, but long enough to have a head of a hundred bytes'.repeat(4))
    const outside = mkdtempSync(join(tmpdir(), 'slipway-outside-'))
    t.after(() => rmSync(outside, { recursive: true }))
    python('db.execute("CREATE TABLE t (a INT)")', join(outside, 'o.db'))
    symlinkSync(join(outside, 'o.db'), join(root, 'link.db'))
    mkdirSync(join(root, 'data'))
    mkdirSync(join(root, 'folder'))
    python('db.execute("CREATE TABLE t (a INT)")', join(root, 'data/own.db'))
    const cases: [string, RegExp][] = [
      [join(root, 'a.db'), /a\.db is no database of SQLite, or an encrypted one/],
      [join(root, 'none.db'), /there is no file or folder .*none\.db/],
      [join(outside, 'o.db'), /is not below a folder from which sources may be read/],
      [join(root, 'link.db'), /a link leads out of them/],
      [join(root, 'data/own.db'), /the data folder of the server/],
      [join(root, 'folder'), /folder is a link or a special file; only regular files are read|is no regular file/],
    ]
    for (const [file, said] of cases) assert.match(await refusal({ file, table: 't' }), said)
    symlinkSync('/etc/passwd', `${path}-wal`)
    assert.match(await refusal({ table: 't' }), /shop\.db-wal is a link or a special file/)
    rmSync(`${path}-wal`)
    const bytes = readFileSync(path)
    bytes.fill(0xff, 100, 200)
    chmodSync(path, 0o600)
    writeFileSync(path, bytes)
    assert.match(await refusal({ table: 't' }), /it is damaged: /)
  })
})

test('a run reads it once, tells its place, and takes the step from the cache while nothing changes', async (t) => {
  const { folder, run, bench } = await sourced(t)
  const file = join(folder, 'shop.db')
  python(
    'db.execute("CREATE TABLE orders (id INT, at TEXT)"); db.execute("INSERT INTO orders VALUES (1, \'2026-05-01\')")',
    file,
  )
  await untilSettled(file)
  const source = { sqlite: { file, query: 'SELECT * FROM orders', time: 'at' } }
  const first = await run(source)
  assert.equal(first.state, 'succeeded', first.message)
  const { kind, place, rows: count, data_at, unchanged } = pinned(first)
  assert.deepEqual(
    [kind, place, count, data_at, unchanged],
    ['sqlite', `${file}: SELECT * FROM orders`, 1, '2026-05-01T00:00:00.000Z', false],
  )
  const again = await run(source)
  assert.deepEqual([pinned(again).unchanged, again.steps[0]?.state], [true, 'cached'])
  const [read] = await treeFiles(bench.store.blobs, again.steps[0]?.outputs['out']?.digest ?? '')
  const bytes = Uint8Array.from(await bench.store.blobs.bytes(read?.digest ?? '')).buffer
  assert.deepEqual(await parquetReadObjects({ file: bytes }), [{ id: 1n, at: '2026-05-01' }])
  assert.match(failure(await run({ ...source, fresh: '1 hour' })), /the data is \d+ days.* old, of 2026-05-01/)
  assert.match(failure(await run({ sqlite: { file, table: 'nothing' } })), /source "given": .*no such table: nothing/)
})
