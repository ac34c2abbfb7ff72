/** Looks at what is stored: a damaged page is named, time is kept, portions join to a round, laid-out folders are compared, a process that is not wanted ends. */
import assert from 'node:assert/strict'
import Database from 'better-sqlite3'
import { getEventListeners, once } from 'node:events'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { constants, getPriority } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { temporaryFolder } from '../../../test/fixtures/folder.ts'
import { until } from '../../../test/until.ts'
import type { Blobs } from '../blobs/blobs.ts'
import { openDiskBlobs } from '../blobs/disk.ts'
import { materialise, putTree } from '../blobs/trees.ts'
import { storeRoom } from '../room.ts'
import { isSound, lookAtBlobs } from './blob-look.ts'
import { damagedTrees } from './laid-out.ts'
import { ask } from './look.ts'
import { quickCheck } from './quick-check.ts'

const root = temporaryFolder('look')

/** A database of `tables` tables of many pages; returns the first page of each. */
function database(path: string, tables: number, rows = 200): number[] {
  const db = new Database(path)
  const pages: number[] = []
  for (let i = 0; i < tables; i++) {
    db.exec(`CREATE TABLE t${i} (a INTEGER PRIMARY KEY, b TEXT)`)
    const insert = db.prepare(`INSERT INTO t${i} (b) VALUES (?)`)
    db.transaction(() => {
      for (let row = 0; row < rows; row++) insert.run('x'.repeat(500))
    })()
    const leaves = db.prepare("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY pageno").pluck()
    pages.push((leaves.all(`t${i}`) as number[])[1] ?? 0)
  }
  db.close()
  return pages
}

function overwrite(path: string, at: number, bytes: Buffer): void {
  chmodSync(path, 0o644)
  const file = openSync(path, 'r+')
  writeSync(file, bytes, 0, bytes.length, at)
  closeSync(file)
}

describe('a look through an SQLite file', () => {
  test('finds nothing in a sound one, and each damaged table in another, after the first too', () => {
    const path = join(root, 'two.db')
    const [first = 0, , third = 0] = database(path, 3)
    assert.deepEqual(quickCheck(path, Infinity), { found: [], tables: 3, left: 0 })
    for (const page of [first, third]) overwrite(path, (page - 1) * 4096, Buffer.alloc(100, 0xff))
    const { found, left } = quickCheck(path, Infinity)
    assert.equal(left, 0)
    assert.ok(found.some((text) => text.includes('t0')) || found.length >= 2, found.join())
    assert.ok(found.length >= 2 && found.length <= 10, found.join())
  })

  test('ends after ten faults, whatever a table is called', () => {
    const path = join(root, 'many.db')
    const db = new Database(path)
    for (let i = 0; i < 12; i++)
      db.exec(`CREATE TABLE "it's ${i}" (a TEXT NOT NULL); INSERT INTO "it's ${i}" VALUES ('x')`)
    db.close()
    assert.deepEqual(quickCheck(path, Infinity), { found: [], tables: 12, left: 0 })
    // the page behind the schema's is the first table's, and so on: none is a page of a tree any more
    for (let page = 2; page <= 13; page++) overwrite(path, (page - 1) * 4096, Buffer.alloc(4096, 0xff))
    const { found, tables, left } = quickCheck(path, Infinity)
    assert.deepEqual([found.length, tables, left], [10, 12, 2])
  })

  test('ends in time and says how many tables are left', () => {
    const path = join(root, 'time.db')
    database(path, 4)
    const { found, tables, left } = quickCheck(path, -1)
    assert.deepEqual([found, tables, left], [[], 4, 5], 'the schema is one more')
  })

  test('of what is no database says so; of what is not there throws', () => {
    const path = join(root, 'none.db')
    writeFileSync(path, Buffer.alloc(8192, 1))
    assert.match(quickCheck(path, Infinity).found.join(), /not a database/)
    assert.throws(() => quickCheck(join(root, 'missing.db'), Infinity), { code: 'SQLITE_CANTOPEN' })
  })

  test('by a process of its own gives the same, tells why it could not be made, and is ended when it is not wanted', async () => {
    const path = join(root, 'process.db')
    database(path, 2)
    const never = new AbortController().signal
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    assert.deepEqual(
      await ask({ database: path, ms: 1e6, background: false }, 60_000, never),
      quickCheck(path, Infinity),
    )
    assert.deepEqual([timers() - before, getEventListeners(never, 'abort')], [0, []], 'nothing waits for it any more')
    const missing = ask({ database: join(root, 'missing.db'), ms: 1, background: false }, 60_000, never)
    await assert.rejects(missing, { code: 'unavailable', message: /unable to open database file/ })
    assert.equal(await ask({ database: path, ms: 1e6, background: false }, 1, never), undefined, 'too late')
    const stop = new AbortController()
    const stopped = ask({ database: path, ms: 1e6, background: false }, 60_000, stop.signal)
    stop.abort()
    assert.equal(await stopped, undefined)
    assert.equal(await ask({ database: path, ms: 1e6, background: false }, 60_000, stop.signal), undefined)
  })
})

/** Processes that this one has started and that have not ended, as the kernel lists them. */
const CHILDREN = `/proc/self/task/${process.pid}/children`

/** Starts a process that finds a store of S3 there. */
function withStore<T>(url: string, start: () => T): T {
  const variables = { AWS_ENDPOINT_URL_S3: url, AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' }
  const before = { ...process.env }
  Object.assign(process.env, variables)
  const started = start()
  for (const name of Object.keys(variables)) delete process.env[name]
  Object.assign(process.env, before)
  return started
}

describe(
  'the process of a look',
  { skip: existsSync(CHILDREN) ? false : 'the system lists no children; run it on Linux' },
  () => {
    /** The priority of the process once it is below the usual, or once it asks a store, which does not answer. */
    async function priorityOf(t: TestContext, background: boolean): Promise<number> {
      const store = createServer()
      const asked: unknown[] = []
      store.on('request', (request) => asked.push(request))
      t.after(() => store.close().closeAllConnections())
      await once(store.listen(0, '127.0.0.1'), 'listening')
      const { port } = store.address() as AddressInfo
      const stop = new AbortController()
      const looked = withStore(`http://127.0.0.1:${port}`, () => {
        const blobs = { dataDir: root, url: 's3://bucket' }
        const portion = { after: '', ms: 1, bytes: 1 }
        return ask({ blobs, again: [], laidOut: root, portion, background }, 600_000, stop.signal)
      })
      const child = Number(readFileSync(CHILDREN, 'utf8').trim())
      await until('a lower priority, or a question to the store', () => {
        return asked.length > 0 || getPriority(child) === constants.priority.PRIORITY_BELOW_NORMAL
      })
      const priority = getPriority(child)
      stop.abort()
      assert.equal(await looked, undefined)
      return priority
    }

    test('has the priority of the server where somebody waits for it', async (t) => {
      assert.equal(await priorityOf(t, false), getPriority())
    })

    test('gives way to the server in the background', async (t) => {
      assert.equal(await priorityOf(t, true), constants.priority.PRIORITY_BELOW_NORMAL)
    })
  },
)

describe('a look at blobs', () => {
  test('in portions reads each once, in order, goes on where it ended, and finds every damaged one', async () => {
    const folder = join(root, 'blobs')
    const blobs = openDiskBlobs(folder)
    const stored: string[] = []
    for (let i = 0; i < 40; i++) stored.push((await blobs.put(Buffer.from(`blob ${i}`))).digest)
    stored.sort()
    const bad = [stored[0] ?? '', stored[17] ?? '', stored[39] ?? '']
    for (const digest of bad) overwrite(blobs.path(digest) ?? '', 0, Buffer.from('X'))
    const found: string[] = []
    let [after, portions, count] = ['', 0, 0]
    do {
      const looked = await lookAtBlobs(blobs, { after, bytes: 30, ms: 60_000 })
      assert.ok(looked.bytes < 45, 'a portion ends with the blob that fills it')
      if (looked.after !== '') assert.ok(looked.after > after)
      found.push(...looked.corrupt.map(({ digest }) => digest))
      ;[after, portions, count] = [looked.after, portions + 1, count + looked.blobs]
    } while (after !== '')
    assert.deepEqual([found, count], [bad, 40])
    assert.ok(portions > 5)
    const late = await lookAtBlobs(blobs, { after: '', bytes: 1e9, ms: -1 })
    assert.deepEqual([late.blobs, late.after], [1, stored[0]], 'out of time it still gets on')
  })

  test('takes a blob that is gone for sound and one that the disk cannot read for damaged; other faults are thrown', async () => {
    const failing = (code: string): Pick<Blobs, 'read'> => ({
      read: () => Promise.reject(Object.assign(new Error(code), { code })),
    })
    const sound = (code: string): Promise<boolean> => isSound(failing(code) as Blobs, `sha256:${'0'.repeat(64)}`)
    const told = await Promise.all(['not_found', 'ENOENT', 'corrupt_blob', 'EIO'].map(sound))
    assert.deepEqual(told, [true, true, false, false])
    await assert.rejects(sound('EACCES'), { code: 'EACCES' })
  })

  test('at laid-out folders names those of which a file is missing, once, and no others', async () => {
    const blobs = openDiskBlobs(join(root, 'laid-out-blobs'))
    const [source, models] = [join(root, 'source'), join(root, 'laid-out')]
    assert.deepEqual(await damagedTrees(blobs, models, 1e6), [], 'no model was laid out yet')
    for (const folder of [source, models, join(models, 'own'), join(models, `sha256-${'0'.repeat(64)}`)])
      mkdirSync(folder)
    for (const name of ['a', 'b']) writeFileSync(join(source, name), name)
    const { digest } = await putTree(blobs, source)
    const place = join(models, digest.replace(':', '-'))
    await materialise(blobs, digest, place)
    assert.deepEqual(await damagedTrees(blobs, models, 1e6), [])
    chmodSync(place, 0o755)
    for (const name of ['a', 'b']) rmSync(join(place, name))
    assert.deepEqual(await damagedTrees(blobs, models, 1e6), [digest.replace(':', '-')])
    assert.deepEqual(await damagedTrees(blobs, models, -1), [], 'out of time')
  })

  test('a room keeps the cursor over its end, and lays out again what is laid out wrongly', async () => {
    const dataDir = join(root, 'room')
    const clock = (): number => 1_750_000_000_000
    const told: string[] = []
    const onError = (error: unknown): void => void told.push(String(error))
    const source = join(root, 'model')
    mkdirSync(source)
    writeFileSync(join(source, 'a.txt'), 'weights')
    writeFileSync(join(source, 'b.txt'), 'more')
    const first = await storeRoom({ dataDir, clock, onError })
    const { digest } = await putTree(first.blobs, source)
    const place = join(dataDir, 'models', digest.replace(':', '-'))
    mkdirSync(join(dataDir, 'models'))
    await materialise(first.blobs, digest, place)
    assert.deepEqual(await damagedTrees(first.blobs, join(dataDir, 'models'), 1e6), [])
    const limits = { background: false, databaseMs: 1e6, blobMs: 1e6, blobBytes: 1, comparedMs: 1e6 }
    await first.looks.look([], limits)
    const { round } = (await first.looks.state()).blobs
    assert.deepEqual([round.blobs, round.ended_at], [1, null])
    assert.equal(readFileSync(join(place, 'a.txt'), 'utf8'), 'weights')
    overwrite(join(place, 'a.txt'), 0, Buffer.from('W'))
    await first.close()

    const second = await storeRoom({ dataDir, clock, onError })
    await second.looks.look([], { ...limits, blobBytes: 1e6 })
    const state = await second.looks.state()
    assert.equal(state.blobs.round.blobs, 3, 'the manifest and two files')
    assert.equal(state.blobs.round.ended_at, '2025-06-15T15:06:40.000Z')
    assert.equal(state.database.state, 'sound')
    assert.equal(existsSync(place), false)
    assert.deepEqual(told, [`Error: the laid-out model ${place} was not what is stored; it is laid out again`])
    await second.close()
  })
})
