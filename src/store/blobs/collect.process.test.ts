/** Collection of blobs: what is unreachable goes in time, what is reachable never does, wherever the collector is killed. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { endOf } from '../../../test/output.ts'
import { collectGarbage } from './collect.ts'
import { openDiskBlobs } from './disk.ts'
import { migrate } from '../migrate.ts'
import { openSqlite } from '../sqlite/sqlite.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-collect-'))
after(() => rmSync(root, { recursive: true, force: true }))

const GRACE = 1000

async function open(name: string) {
  const folder = join(root, name)
  let now = 1_700_000_000_000
  const clock = (): number => now
  const blobs = openDiskBlobs(join(folder, 'blobs'), clock)
  const db = openSqlite(join(folder, 'slipway.db'))
  await migrate(db)
  await db.tx((t) => t.run('CREATE TABLE kept (digest TEXT PRIMARY KEY)'))
  async function* kept(): AsyncGenerator<string> {
    for (const { digest } of await db.all<{ digest: string }>('SELECT digest FROM kept')) yield digest
  }
  return {
    folder,
    blobs,
    db,
    clock,
    kept,
    wait: (ms: number): void => void (now += ms),
    keep: (digest: string) => db.tx((t) => t.run('INSERT INTO kept VALUES (?)', [digest])),
    put: async (text: string) => (await blobs.put(Buffer.from(text))).digest,
    collect: (dryRun = false) => collectGarbage({ db, blobs, clock }, [kept], { graceMs: GRACE, dryRun }),
  }
}

it('condemns first and deletes when it stayed unreachable; a dry run changes nothing', async () => {
  const bench = await open('grace')
  const kept = await bench.put('kept')
  const loose = await bench.put('loose!')
  await bench.keep(kept)
  bench.wait(2 * GRACE)
  const dry = await bench.collect(true)
  assert.deepEqual([dry.deleted.blobs, dry.waiting], [0, { blobs: 1, bytes: 6 }])
  assert.deepEqual(await bench.db.all('SELECT * FROM condemned_blobs'), [])
  assert.equal((await bench.collect()).deleted.blobs, 0)
  bench.wait(GRACE + 1)
  assert.deepEqual((await bench.collect(true)).deleted, { blobs: 1, bytes: 6 })
  assert.equal(await bench.blobs.has(loose), true)
  const done = await bench.collect()
  assert.deepEqual(done, {
    stored: { blobs: 2, bytes: 10 },
    deleted: { blobs: 1, bytes: 6 },
    waiting: { blobs: 0, bytes: 0 },
  })
  assert.equal(await bench.blobs.has(loose), false)
  assert.equal((await bench.blobs.bytes(kept)).toString(), 'kept')
  assert.deepEqual(await bench.db.all('SELECT * FROM condemned_blobs'), [])
  await bench.db.close()
})

it('a blob that is reachable again, or stored again, begins its grace period anew', async () => {
  const bench = await open('again')
  const back = await bench.put('back')
  const again = await bench.put('again')
  bench.wait(2 * GRACE)
  await bench.collect()
  await bench.keep(back)
  bench.wait(GRACE + 1)
  await bench.put('again')
  assert.deepEqual((await bench.collect()).deleted, { blobs: 0, bytes: 0 })
  await bench.db.tx((t) => t.run('DELETE FROM kept'))
  bench.wait(GRACE - 1)
  await bench.collect()
  assert.deepEqual([await bench.blobs.has(back), await bench.blobs.has(again)], [true, true])
  await bench.db.close()
})

it('a source that fails stops the collection before anything goes', async () => {
  const bench = await open('fails')
  const loose = await bench.put('loose')
  bench.wait(2 * GRACE)
  await bench.collect()
  bench.wait(2 * GRACE)
  async function* broken(): AsyncGenerator<string> {
    yield* bench.kept()
    throw new Error('no answer')
  }
  await assert.rejects(collectGarbage(bench, [bench.kept, broken], { graceMs: GRACE }), /no answer/)
  assert.equal(await bench.blobs.has(loose), true)
  await bench.db.close()
})

it('the grace period ends to the millisecond, by the age of the blob and by the time it was found unreachable', async () => {
  const bench = await open('edges')
  await bench.put('loose')
  bench.wait(GRACE)
  // exactly as old as the period is not old enough, but it is noted
  assert.deepEqual((await bench.collect()).waiting, { blobs: 1, bytes: 5 })
  bench.wait(GRACE - 1)
  assert.deepEqual((await bench.collect()).deleted, { blobs: 0, bytes: 0 })
  bench.wait(1)
  assert.deepEqual((await bench.collect()).deleted, { blobs: 1, bytes: 5 })
  await bench.db.close()
})

it('a young blob is spared though it was found unreachable long ago', async () => {
  const bench = await open('young')
  const digest = await bench.put('loose')
  await bench.collect()
  bench.wait(2 * GRACE)
  await bench.put('loose')
  bench.wait(GRACE)
  assert.deepEqual((await bench.collect()).waiting, { blobs: 1, bytes: 5 })
  assert.equal(await bench.blobs.has(digest), true)
  bench.wait(1)
  assert.equal((await bench.collect()).deleted.blobs, 1)
  await bench.db.close()
})

it('more blobs than a statement takes are noted, forgotten and removed', async () => {
  const bench = await open('chunks')
  const digests: string[] = []
  for (let i = 0; i < 805; i++) digests.push(`sha256:${i.toString(16).padStart(64, '0')}`)
  const listed = new Set(digests)
  async function* list(): AsyncGenerator<{ digest: string; size: number; touched_at: number }> {
    for (const digest of listed) yield { digest, size: 2, touched_at: 0 }
  }
  const gone: string[] = []
  const blobs = Object.assign(openDiskBlobs(join(bench.folder, 'others')), {
    list,
    deleteIdle: async (digest: string) => gone.push(digest) > 0,
  })
  const kept = new Set<string>(digests.slice(0, 2))
  async function* reachable(): AsyncGenerator<string> {
    yield* kept
  }
  const collect = () => collectGarbage({ db: bench.db, blobs, clock: bench.clock }, [reachable], { graceMs: GRACE })
  const noted = async () =>
    (await bench.db.all<{ digest: string }>('SELECT digest FROM condemned_blobs ORDER BY digest')).map(
      ({ digest }) => digest,
    )
  assert.deepEqual((await collect()).waiting, { blobs: 803, bytes: 1606 })
  assert.deepEqual(await noted(), digests.slice(2))
  for (const digest of digests.slice(0, 404)) kept.add(digest)
  await collect()
  assert.deepEqual(await noted(), digests.slice(404))
  bench.wait(GRACE + 1)
  assert.deepEqual((await collect()).deleted, { blobs: 401, bytes: 802 })
  assert.deepEqual(gone, digests.slice(404))
  assert.deepEqual(await noted(), [])
  await bench.db.close()
})

it('uploads while collections run: what was stored and entered is there', async () => {
  const bench = await open('race')
  const names = Array.from({ length: 60 }, (_, i) => `blob ${i}`)
  for (const name of names) await bench.put(name)
  bench.wait(2 * GRACE)
  await bench.collect()
  bench.wait(GRACE + 1)
  const digests: string[] = []
  const uploads = async (): Promise<void> => {
    for (const name of names) {
      const digest = await bench.put(name)
      await bench.keep(digest)
      digests.push(digest)
    }
  }
  await Promise.all([uploads(), bench.collect(), bench.collect()])
  assert.equal(digests.length, 60)
  for (const digest of digests) assert.equal(await bench.blobs.has(digest), true)
  await bench.db.close()
})

/** Resolves to the exit code, or the signal, of a process that collects once. */
function collector(folder: string, now: number, fault?: string): Promise<string> {
  return endOf(join(import.meta.dirname, 'collect.fixture.ts'), [folder, String(now), String(GRACE)], fault)
}

it('killed at any point, nothing reachable is ever missing and the next one ends it', async () => {
  const bench = await open('crash')
  const kept: string[] = []
  for (let i = 0; i < 8; i++) {
    const digest = await bench.put(`kept ${i}`)
    kept.push(digest)
    await bench.keep(digest)
    await bench.put(`loose ${i}`)
  }
  bench.wait(2 * GRACE)
  const check = async (): Promise<void> => {
    for (const [i, digest] of kept.entries()) assert.equal((await bench.blobs.bytes(digest)).toString(), `kept ${i}`)
  }
  const faults = [
    'collect.listed',
    'collect.reached',
    'collect.condemned',
    'blobs.leaving@1',
    'blobs.leaving@3',
    'blobs.left@1',
    'blobs.left@2',
    'collect.done',
  ]
  await bench.collect()
  bench.wait(GRACE + 1)
  for (const fault of faults) {
    assert.equal(await collector(bench.folder, bench.clock(), fault), 'SIGKILL', fault)
    await check()
  }
  assert.equal(await collector(bench.folder, bench.clock()), '0')
  await check()
  const left: string[] = []
  for await (const { digest } of bench.blobs.list()) left.push(digest)
  assert.deepEqual(left.sort(), kept.sort())
  assert.deepEqual(readdirSync(join(bench.folder, 'blobs', 'tmp')), [])
  await bench.db.close()
})

it('a blob caught between leaving and gone is back when the folder is opened', async () => {
  const bench = await open('leaving')
  const digest = await bench.put('needed')
  const at = new Date(bench.clock() - 10 * GRACE)
  utimesSync(bench.blobs.path(digest) ?? '', at, at)
  await bench.db.tx((t) => t.run('INSERT INTO condemned_blobs VALUES (?, 0)', [digest]))
  assert.equal(await collector(bench.folder, bench.clock(), 'blobs.leaving'), 'SIGKILL')
  assert.equal(await bench.blobs.has(digest), false)
  await bench.keep(digest)
  assert.equal(await collector(bench.folder, bench.clock()), '0')
  assert.equal((await bench.blobs.bytes(digest)).toString(), 'needed')
  await bench.db.close()
})
