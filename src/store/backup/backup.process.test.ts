/** Backups of a store in use, and what becomes of damaged ones. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import Database from 'better-sqlite3'
import { temporaryFolder } from '../../../test/fixtures/folder.ts'
import { backup, restore } from './backup.ts'
import { openStore, type Store } from '../open.ts'
import { listSegments, readSegment, SegmentWriter } from '../segments/segments.ts'

const root = temporaryFolder('backup')

describe('backup', () => {
  const data = join(root, 'data')
  const file = join(root, 'a.backup')
  let store: Store
  let digests: string[]
  before(async () => {
    store = await openStore({ dataDir: data })
    await store.db.tx((t) => t.run('CREATE TABLE pairs (a BIGINT, b BIGINT)'))
    digests = []
    for (let i = 0; i < 5; i++) digests.push((await store.blobs.put(Buffer.alloc(100_000 * i, i))).digest)
    const writer = new SegmentWriter(join(data, 'segments'), { maxBytes: 100 })
    for (let i = 0; i < 20; i++) writer.append(`record ${i}`)
    await writer.close()
    const calls = new SegmentWriter(join(data, 'llm', 'segments'))
    calls.append('a call')
    await calls.close()
    writeFileSync(join(data, 'token'), 'secret')
    writeFileSync(join(data, 'webhook.key'), Buffer.alloc(32, 7), { mode: 0o600 })
  })
  after(() => store.db.close())

  it('made while transactions go on, it holds whole transactions, all blobs and segments and the keys, and no token', async () => {
    const stop = new AbortController()
    let written = 0
    const writes = (async () => {
      while (!stop.signal.aborted) {
        await store.db.tx(async (t) => {
          await t.run('INSERT INTO pairs (a, b) VALUES (?, ?)', [written, 0])
          await t.run('UPDATE pairs SET b = a WHERE a = ?', [written])
        })
        written++
      }
    })()
    const made = await backup(data, file)
    stop.abort()
    await writes
    assert.equal(made.blobs, 5)
    assert.ok(written > 0)
    assert.deepEqual(
      readdirSync(data).filter((name) => name.startsWith('backup-')),
      [],
    )

    const names = execFileSync('tar', ['tf', file], { encoding: 'utf8' }).trim().split('\n')
    assert.deepEqual(names.slice(0, 2), ['manifest.json', 'slipway.db'])
    assert.equal(names.length, 2 + 1 + 5 + listSegments(join(data, 'segments')).length + 1)

    const target = join(root, 'restored')
    assert.deepEqual(await restore(file, target), made)
    assert.equal(existsSync(join(target, 'token')), false)
    assert.ok(readFileSync(join(target, 'webhook.key')).equals(Buffer.alloc(32, 7)))
    for (const path of [file, join(target, 'webhook.key')]) assert.equal(statSync(path).mode & 0o077, 0, path)
    const restored = await openStore({ dataDir: target })
    const row = await restored.db.get<{ whole: number; all: number }>(
      'SELECT count(*) AS "all", sum(CASE WHEN a = b THEN 1 ELSE 0 END) AS whole FROM pairs',
    )
    assert.equal(row?.whole ?? 0, row?.all === 0 ? 0 : row?.all)
    for (const digest of digests) assert.deepEqual(await restored.blobs.bytes(digest), await store.blobs.bytes(digest))
    const records = listSegments(join(target, 'segments')).flatMap(
      (segment) => readSegment(segment.path, 0, 1 << 20).records,
    )
    assert.deepEqual(
      records.map((record) => record.payload.toString()),
      Array.from({ length: 20 }, (_, i) => `record ${i}`),
    )
    const [call] = listSegments(join(target, 'llm', 'segments'))
    assert.equal(readSegment(call?.path ?? '', 0, 1 << 20).records[0]?.payload.toString(), 'a call')
    await restored.db.tx((t) => t.run('INSERT INTO pairs (a, b) VALUES (-1, -1)'))
    await restored.db.close()
  })

  it('a database beside the main one is in it as it is at one moment, with what its log holds', async () => {
    const [from, target] = [join(root, 'beside'), join(root, 'beside-restored')]
    const own = await openStore({ dataDir: from })
    mkdirSync(join(from, 'features'))
    const online = new Database(join(from, 'features', 'online.db'))
    online.pragma('journal_mode = WAL')
    online.exec('CREATE TABLE pushed (a INTEGER); INSERT INTO pushed VALUES (7)')
    await backup(from, join(root, 'beside.tar'))
    online.close()
    await own.db.close()
    await restore(join(root, 'beside.tar'), target)
    const restored = new Database(join(target, 'features', 'online.db'), { readonly: true })
    assert.deepEqual(restored.prepare('SELECT a FROM pushed').pluck().all(), [7])
    restored.close()
  })

  it('is refused where it would overwrite, and where there is nothing to save', async () => {
    await assert.rejects(backup(data, file), { code: 'already_exists' })
    await assert.rejects(backup(join(root, 'nowhere'), join(root, 'b')), { code: 'not_found' })
    await assert.rejects(restore(file, data), { code: 'conflict' })
    await assert.rejects(restore(join(root, 'nothing'), join(root, 'new')), { code: 'not_found' })
    assert.equal(existsSync(join(root, 'b')), false)
  })

  it('a changed byte anywhere is found before anything is put in place', async () => {
    const bytes = readFileSync(file)
    const size = statSync(file).size
    const bad = join(root, 'bad.backup')
    const target = join(root, 'from-bad')
    // Spread over headers, manifest, database and blobs; the end marks and padding carry nothing.
    const places = [10, 600, 1500, 5000, 20_000, Math.floor(size / 3), Math.floor(size / 2), size - 20_000]
    let found = 0
    for (const place of places) {
      const copy = Buffer.from(bytes)
      copy[place] = (copy[place] ?? 0) ^ 0x41
      writeFileSync(bad, copy)
      const outcome = await restore(bad, target).then(
        () => 'restored',
        (error: unknown) => (error as { code: string }).code,
      )
      if (outcome === 'restored') rmSync(target, { recursive: true })
      else {
        assert.ok(['bad_request', 'corrupt_blob'].includes(outcome), outcome)
        assert.equal(existsSync(target), false)
        found++
      }
    }
    assert.ok(found >= places.length - 1, `${found} of ${places.length}`)
    assert.deepEqual(
      readdirSync(root).filter((name) => name.includes('restoring')),
      [],
    )
  })

  it('a cut file is refused at any length', async () => {
    const cut = join(root, 'cut.backup')
    for (const part of [0, 0.01, 0.3, 0.7, 0.98]) {
      writeFileSync(cut, readFileSync(file))
      truncateSync(cut, Math.floor(statSync(file).size * part))
      await assert.rejects(restore(cut, join(root, 'from-cut')), { code: 'bad_request' })
    }
  })

  it('a damaged blob is told when the backup is made', async () => {
    const path = store.blobs.path(digests[2] ?? '') ?? ''
    const sound = readFileSync(path)
    chmodSync(path, 0o644)
    writeFileSync(path, Buffer.alloc(sound.length))
    await assert.rejects(backup(data, join(root, 'c.backup')), {
      code: 'corrupt_blobs',
      data: { count: 1, digests: digests[2], blobs: [digests[2]], missing: [] },
    })
    assert.deepEqual(
      readdirSync(root).filter((name) => name.startsWith('c.backup')),
      [],
    )
    writeFileSync(path, sound)
  })

  it('restores into a folder that is there and empty', async () => {
    mkdirSync(join(root, 'empty'))
    await restore(file, join(root, 'empty'))
    assert.ok(existsSync(join(root, 'empty', 'slipway.db')))
  })
})
