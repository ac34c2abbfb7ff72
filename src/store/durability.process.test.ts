/** What is on the disk when a caller is told that it is: the order of syncs and names, which a crash of the machine would show. */
import assert from 'node:assert/strict'
import fs, { existsSync, mkdirSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs'
import promises, { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { backup, restore } from './backup/backup.ts'
import { openDiskBlobs } from './blobs/disk.ts'
import { openStore } from './open.ts'
import { SegmentWriter } from './segments/segments.ts'
import { openSqlite } from './sqlite/sqlite.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-durability-'))
after(() => rmSync(root, { recursive: true, force: true }))
const skip = existsSync('/proc/self/fd') ? false : 'finds the files of descriptors in /proc'

const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/

/** Notes from now on what is synced and what gets its name, by the path below `folder`, without what is random. */
async function record(t: TestContext, folder: string): Promise<string[]> {
  const noted: string[] = []
  const short = (path: string): string => path.slice(folder.length + 1).replace(UUID, '*') || '.'
  const synced = (fd: number): void => {
    const path = readlinkSync(`/proc/self/fd/${fd}`)
    if (path.startsWith(folder)) noted.push(`sync ${short(path)}`)
  }
  const { rename } = promises
  const { fsyncSync, fdatasync } = fs
  t.mock.method(promises, 'rename', async (from: string, to: string) => {
    await rename(from, to)
    noted.push(`${short(from)} is ${short(to)}`)
  })
  t.mock.method(fs, 'fsyncSync', (fd: number) => {
    fsyncSync(fd)
    synced(fd)
  })
  t.mock.method(fs, 'fdatasync', (fd: number, then: fs.NoParamCallback) => {
    fdatasync(fd, (error) => {
      synced(fd)
      then(error)
    })
  })
  const handle = await open(root, 'r')
  const methods = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  for (const name of ['sync', 'datasync'] as const) {
    const original = methods[name]
    t.mock.method(methods, name, async function (this: FileHandle) {
      await original.call(this)
      synced(this.fd)
    })
  }
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  return noted
}

function fresh(name: string): string {
  const folder = join(root, name)
  mkdirSync(folder)
  return folder
}

/** Repeated bytes in chunks of a MiB. */
async function* mebibytes(count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield new Uint8Array(2 ** 20)
}

describe('on the disk', { skip }, () => {
  it('are the bytes of a blob before its name, and its name before it is told', async (t) => {
    const folder = fresh('blobs')
    const blobs = openDiskBlobs(folder)
    const noted = await record(t, folder)
    const { digest } = await blobs.put(Buffer.from('one'))
    const [shard, rest] = [digest.slice(7, 9), digest.slice(9)]
    assert.deepEqual(noted.splice(0), ['sync tmp/*', 'sync .', `tmp/* is ${shard}/${rest}`, `sync ${shard}`])
    // the same again takes a name that is durable, with one file or the other; gone, its folder is still there
    await blobs.put(Buffer.from('one'))
    assert.deepEqual(noted.splice(0), ['sync tmp/*', `tmp/* is ${shard}/${rest}`])
    await blobs.delete(digest)
    await blobs.put(Buffer.from('one'))
    assert.deepEqual(noted.splice(0), ['sync tmp/*', `tmp/* is ${shard}/${rest}`, `sync ${shard}`])
  })

  it('is a large blob piece by piece, so that the last sync is short', async (t) => {
    const folder = fresh('large')
    const blobs = openDiskBlobs(folder)
    const noted = await record(t, folder)
    const syncs = async (size: number): Promise<number> => {
      await blobs.put(mebibytes(size))
      return noted.splice(0).filter((line) => line === 'sync tmp/*').length
    }
    assert.deepEqual([await syncs(63), await syncs(131)], [1, 3])
  })

  it('is a backup before its name, and what is restored before the folder has its', async (t) => {
    const folder = fresh('backups')
    const store = await openStore({ dataDir: join(folder, 'data') })
    await store.blobs.put(Buffer.from('x'))
    await store.db.close()
    const noted = await record(t, folder)
    await backup(join(folder, 'data'), join(folder, 'a.backup'))
    assert.deepEqual(
      noted.splice(0).filter((line) => line.includes('a.backup') || line === 'sync .'),
      ['sync a.backup.making-*/backup', 'a.backup.making-*/backup is a.backup', 'sync .'],
    )
    await restore(join(folder, 'a.backup'), join(folder, 'back'))
    assert.deepEqual(
      noted.map((line) => line.replace(/blobs\/.*/, 'blobs/…')),
      ['sync back.restoring-*/slipway.db', 'sync back.restoring-*/blobs/…', 'back.restoring-* is back', 'sync .'],
    )
  })

  it('is a transaction before it is told, and the log of a database before its first', async (t) => {
    const folder = fresh('database')
    const noted = await record(t, folder)
    const db = openSqlite(join(folder, 'a.db'))
    assert.deepEqual(noted.splice(0), ['sync .'])
    await db.tx((tx) => tx.run('CREATE TABLE rows (id BIGINT)'))
    assert.deepEqual(noted, ['sync a.db-wal'])
    await db.close()
  })

  it('are segments that were synced, and each that was finished', async (t) => {
    const folder = fresh('segments')
    const noted = await record(t, folder)
    const writer = new SegmentWriter(folder, { writerId: 'w', maxBytes: 20 })
    writer.append('x'.repeat(12))
    await writer.flush()
    assert.deepEqual(noted, [])
    await writer.sync()
    assert.deepEqual(noted.splice(0), ['sync w-00000001.seg'])
    for (let i = 0; i < 2; i++) writer.append('y'.repeat(12))
    await writer.close()
    assert.deepEqual(noted, ['sync w-00000001.seg', 'sync w-00000002.seg', 'sync w-00000003.seg'])
  })
})
