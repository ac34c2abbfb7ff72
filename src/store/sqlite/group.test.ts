/** Group commit by itself: who is told what, when, and what of a group is lost with one of its members. */
import Database from 'better-sqlite3'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { GroupCommit } from './group.ts'
import { Statements } from './statements.ts'
import type { SqliteTx } from './transaction.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-group-'))
const opened: Database.Database[] = []
after(() => {
  for (const each of opened) each.close()
  rmSync(root, { recursive: true, force: true })
})

/** A writer whose syncs are held until they are let go. */
function open(busyMs = 100) {
  const path = join(root, `${opened.length}.db`)
  const connection = new Database(path, { timeout: 0 })
  opened.push(connection)
  connection.exec('PRAGMA journal_mode = WAL; CREATE TABLE rows (id BIGINT PRIMARY KEY)')
  const syncs: PromiseWithResolvers<void>[] = []
  let arrived = Promise.withResolvers<void>()
  let held = false
  const group = new GroupCommit(connection, new Statements(connection), {
    busyMs,
    sync: () => {
      const sync = Promise.withResolvers<void>()
      syncs.push(sync)
      if (!held) sync.resolve()
      arrived.resolve()
      return sync.promise
    },
  })
  return {
    connection,
    group,
    syncs,
    path,
    hold: (): Promise<void> => {
      held = true
      arrived = Promise.withResolvers()
      return arrived.promise
    },
    letGo: (): void => {
      held = false
      syncs.forEach((sync) => sync.resolve())
    },
    ids: (): unknown[] => connection.prepare('SELECT id FROM rows ORDER BY id').pluck().all(),
  }
}

const adds = (id: number) => (t: SqliteTx) => t.run('INSERT INTO rows (id) VALUES (?)', [id])
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('group commit', () => {
  it('has a transaction in each commit, however long the machine stands still in between', async (t) => {
    const { group, syncs, ids } = open()
    let now = 0
    // a second goes by between any two looks at the clock
    const clock = t.mock.method(performance, 'now', () => (now += 1000))
    await Promise.all([1, 2, 3].map((id) => group.add(adds(id))))
    clock.mock.restore()
    assert.deepEqual([ids(), syncs.length], [[1, 2, 3], 3])
  })

  it('runs transactions in the order in which they came, and tells them in it', async (t) => {
    // however long they take, they are one group
    t.mock.method(performance, 'now', () => 0)
    const { group, syncs } = open()
    const [ran, told, followed]: [number[], number[], number[]] = [[], [], []]
    await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        group
          .add(async (tx) => {
            ran.push(i)
            tx.afterCommit(() => followed.push(i))
            await adds(i)(tx)
            return i
          })
          .then((value) => told.push(value as number)),
      ),
    )
    const order = Array.from({ length: 30 }, (_, i) => i)
    assert.deepEqual([ran, told, followed], [order, order, order])
    assert.equal(syncs.length, 1)
  })

  it('tells nobody, and calls nothing that was to follow, before the sync', async () => {
    const bench = open()
    const syncing = bench.hold()
    const told: string[] = []
    const good = bench.group.add(async (t) => {
      t.afterCommit(() => told.push('followed'))
      await adds(1)(t)
    })
    const bad = bench.group.add(async (t) => {
      t.afterCommit(() => told.push('never'))
      await adds(2)(t)
      throw new Error('no')
    })
    void good.then(() => told.push('told'))
    bad.catch(() => told.push('refused'))
    await syncing
    await turn()
    assert.deepEqual(told, [])
    assert.deepEqual(bench.ids(), [1])
    bench.letGo()
    await good
    await turn()
    assert.deepEqual(new Set(told), new Set(['followed', 'refused', 'told']))
    assert.equal(told.length, 3)
  })

  it('a failed sync refuses all of its group and what comes after, and nothing that was to follow is called', async () => {
    const bench = open()
    const syncing = bench.hold()
    let followed = 0
    const first = [1, 2].map((id) =>
      bench.group.add(async (t) => {
        t.afterCommit(() => followed++)
        await adds(id)(t)
      }),
    )
    const ended = Promise.allSettled(first)
    await syncing
    bench.syncs[0]?.reject(Object.assign(new Error('EIO'), { code: 'EIO' }))
    for (const each of await ended) {
      assert.equal(each.status, 'rejected')
      assert.match(String(each.reason), /disk sync failed/)
    }
    await assert.rejects(bench.group.add(adds(3)), { code: 'unavailable', message: /disk sync failed/ })
    assert.equal(followed, 0)
    assert.deepEqual(bench.ids(), [1, 2])
  })

  it('of a group one fails alone: its rows go, those before and after it stay', async () => {
    const { group, ids } = open()
    const ended = await Promise.allSettled([
      group.add(adds(1)),
      group.add(async (t) => {
        await adds(2)(t)
        await adds(1)(t)
      }),
      group.add(async (t) => {
        await adds(3)(t)
        throw new Error('mine')
      }),
      group.add(() => Promise.reject(new Error('at once'))),
      group.add(adds(4)),
    ])
    assert.deepEqual(
      ended.map((each) => (each.status === 'fulfilled' ? each.value : String(each.reason).split(':')[0])),
      [1, 'SqliteError', 'Error', 'Error', 1],
    )
    assert.deepEqual(ids(), [1, 4])
  })

  it('a lone one that fails leaves nothing, and nothing is synced for it', async () => {
    const { connection, group, syncs, ids } = open()
    await assert.rejects(
      group.add(async (t) => {
        await adds(1)(t)
        throw new Error('mine')
      }),
      /mine/,
    )
    assert.deepEqual([ids(), syncs.length, connection.inTransaction], [[], 0, false])
    const both = await Promise.allSettled([1, 2].map((id) => group.add((t) => adds(id)(t).then(() => adds(id)(t)))))
    assert.deepEqual([both.map(({ status }) => status), ids(), syncs.length], [['rejected', 'rejected'], [], 0])
    await group.add(adds(3))
    assert.deepEqual([ids(), syncs.length], [[3], 1])
  })

  it('one that waits for something else than its statements is ended, each of several', async () => {
    const { group, ids } = open()
    const waits = async (t: SqliteTx): Promise<void> => {
      await adds(1)(t)
      await new Promise(() => undefined)
    }
    const ended = await Promise.allSettled([group.add(waits), group.add(adds(2)), group.add(waits)])
    assert.deepEqual(
      ended.map(({ status }) => status),
      ['rejected', 'fulfilled', 'rejected'],
    )
    await assert.rejects(group.add(waits), /waited for something other/)
    assert.deepEqual(ids(), [2])
  })

  it('a member that throws before it makes a promise is not waited for', async () => {
    const { group, ids } = open()
    const thrown = group.add(() => {
      throw new Error('no promise')
    })
    await assert.rejects(thrown, /no promise/)
    await group.add(adds(1))
    assert.deepEqual(ids(), [1])
  })

  it('at most 512 share a commit; the rest follow in their order', async () => {
    const { group, ids, syncs } = open()
    const all = Promise.all(Array.from({ length: 1300 }, (_, i) => group.add(adds(i))))
    await all
    assert.ok(syncs.length >= 3, `${syncs.length} commits`)
    assert.deepEqual(
      ids(),
      Array.from({ length: 1300 }, (_, i) => i),
    )
  })

  it('what is added during a sync goes into the next group, and idle waits for that one too', async () => {
    const bench = open()
    const syncing = bench.hold()
    const first = bench.group.add(adds(1))
    await syncing
    const second = bench.group.add(adds(2))
    let idle = false
    const ended = bench.group.idle().then(() => (idle = true))
    await turn()
    assert.deepEqual([bench.ids(), idle, bench.syncs.length], [[1], false, 1])
    bench.letGo()
    assert.deepEqual(await Promise.all([first, second]), [1, 1])
    await ended
    assert.deepEqual([bench.ids(), bench.syncs.length], [[1, 2], 2])
    await bench.group.idle()
  })

  it('another process that writes is waited for, and not longer than is allowed', async (t) => {
    const bench = open(60)
    const other = new Database(bench.path)
    opened.push(other)
    other.exec('BEGIN IMMEDIATE')
    let [looks, now] = [0, 0]
    t.mock.method(performance, 'now', () => (now = looks++ * 10))
    const refused = await Promise.allSettled([bench.group.add(adds(1)), bench.group.add(adds(2))])
    t.mock.restoreAll()
    assert.equal(now, 70)
    for (const each of refused) {
      assert.equal(each.status, 'rejected')
      assert.match(String(each.reason), /another process holds its lock/)
    }
    other.exec('COMMIT')
    assert.equal(await bench.group.add(adds(3)), 1)
    assert.deepEqual(bench.ids(), [3])
  })

  it('a commit that fails is told to all of its group, and the next group is sound', async () => {
    const { connection, group, ids } = open()
    connection.exec(
      'PRAGMA foreign_keys = ON; CREATE TABLE parts (row BIGINT REFERENCES rows (id) DEFERRABLE INITIALLY DEFERRED)',
    )
    const dangling = (t: SqliteTx): Promise<number> => t.run('INSERT INTO parts (row) VALUES (99)')
    const ended = await Promise.allSettled([group.add(adds(1)), group.add(dangling)])
    assert.deepEqual(
      ended.map((each) => each.status),
      ['rejected', 'rejected'],
    )
    assert.equal(connection.inTransaction, false)
    assert.equal(await group.add(adds(2)), 1)
    assert.deepEqual(ids(), [2])
  })

  it('a full disk refuses writes for a second, then the next one is tried', async (t) => {
    const { connection, group, ids } = open()
    let now = 5000
    t.mock.method(performance, 'now', () => now)
    connection.pragma(`max_page_count = ${connection.pragma('page_count', { simple: true }) as number}`)
    const large = (tx: SqliteTx): Promise<number> => tx.run('CREATE TABLE large AS SELECT zeroblob(100000) AS x')
    await assert.rejects(group.add(large), { code: 'storage_full' })
    connection.pragma('max_page_count = 1000')
    for (const passed of [0, 999]) {
      now = 5000 + passed
      let told: unknown
      group.add(adds(1)).catch((error: { code: string }) => (told = error.code))
      await turn()
      assert.equal(told, 'storage_full', `at once, after ${passed} ms`)
    }
    now = 6000
    assert.equal(await group.add(adds(2)), 1)
    assert.deepEqual(ids(), [2])
  })

  it('what can neither be committed nor rolled back is told, and nothing is written after it', async (t) => {
    const { connection, group, ids } = open()
    const broken = new Statements(connection)
    const run = broken.run.bind(broken)
    t.mock.method(broken, 'run', (sql: string, params?: readonly unknown[]) => {
      if (sql === 'COMMIT' || sql === 'ROLLBACK') throw Object.assign(new Error('EIO'), { code: 'SQLITE_IOERR' })
      return run(sql, params)
    })
    const failing = new GroupCommit(connection, broken, { sync: () => Promise.resolve(), busyMs: 100 })
    const ended = await Promise.allSettled([failing.add(adds(1)), failing.add(adds(2))])
    assert.deepEqual(
      ended.map((each) => each.status === 'rejected' && String((each.reason as Error).cause)),
      ['Error: EIO', 'Error: EIO'],
    )
    for (let again = 0; again < 2; again++)
      await assert.rejects(failing.add(adds(3)), { code: 'unavailable', message: /a rollback failed; it is read-only/ })
    connection.exec('ROLLBACK')
    await group.add(adds(4))
    assert.deepEqual(ids(), [4])
  })
})
