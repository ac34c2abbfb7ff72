/** Blobs in a folder. */
import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import promises, { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { it } from 'node:test'
import { temporaryFolder } from '../../../test/fixtures/folder.ts'
import { blobCases } from './blobs.cases.ts'
import { openDiskBlobs } from './disk.ts'

const root = temporaryFolder('blobs')

blobCases('disk', async () => {
  const blobs = openDiskBlobs(join(root, 'cases'))
  const path = (digest: string): string => blobs.path(digest) ?? ''
  return {
    blobs,
    damage: async (digest) => {
      const bytes = readFileSync(path(digest))
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
      chmodSync(path(digest), 0o644)
      writeFileSync(path(digest), bytes)
    },
    age: async (digest, ms) => {
      const at = new Date(Date.now() - ms)
      utimesSync(path(digest), at, at)
    },
    close: async () => undefined,
  }
})

it('disk blobs are read-only files, and what was left half-written is swept away in time', async () => {
  const folder = join(root, 'sweep')
  let now = Date.now()
  const blobs = openDiskBlobs(folder, () => now)
  const { digest } = await blobs.put(Buffer.from('kept'))
  assert.equal(statSync(blobs.path(digest) ?? '').mode & 0o222, 0)
  writeFileSync(join(folder, 'tmp', 'left-by-a-crash'), 'x')
  await blobs.sweep()
  assert.deepEqual(readdirSync(join(folder, 'tmp')), ['left-by-a-crash'])
  now += 25 * 3600 * 1000
  await blobs.sweep()
  assert.deepEqual(readdirSync(join(folder, 'tmp')), [])
  assert.equal((await blobs.bytes(digest)).toString(), 'kept')
})

for (const [how, takeAway] of [
  ['the folder is gone', (folder: string) => renameSync(folder, `${folder}-away`)],
  ['its disk is not mounted', (folder: string) => (renameSync(folder, `${folder}-away`), mkdirSync(folder))],
] as const) {
  it(`no blob is called missing, stored or deleted while ${how}`, async () => {
    const folder = join(root, how)
    const blobs = openDiskBlobs(folder)
    const { digest } = await blobs.put(Buffer.from('kept'))
    takeAway(folder)
    const away = { code: 'unavailable', status: 503 }
    await assert.rejects(blobs.has(digest), away)
    await assert.rejects(blobs.bytes(digest), away)
    await assert.rejects(async () => blobs.bytesMany?.([digest]), away)
    await assert.rejects(blobs.read(digest), away)
    await assert.rejects(blobs.delete(digest), away)
    await assert.rejects(blobs.deleteIdle(digest, Date.now()), away)
    await assert.rejects(blobs.list()[Symbol.asyncIterator]().next(), away)
    await assert.rejects(blobs.put(Buffer.from('new')), away)
    await assert.rejects(async () => blobs.putMany?.([() => Readable.from([Buffer.from('new')])]), away)
    rmSync(folder, { recursive: true, force: true })
    renameSync(`${folder}-away`, folder)
    assert.equal((await blobs.bytes(digest)).toString(), 'kept')
    assert.equal(await blobs.has(`sha256:${'0'.repeat(64)}`), false)
  })
}

it('the memory of a large chunk is given back once it is written, that of a part of something larger is not', async () => {
  const blobs = openDiskBlobs(join(root, 'memory'))
  const whole = Buffer.alloc(100_000, 1)
  const larger = Buffer.alloc(100_000, 2)
  async function* source(): AsyncGenerator<Uint8Array> {
    yield whole
    yield larger.subarray(0, 50_000)
  }
  const { digest, size } = await blobs.put(source())
  assert.deepEqual([size, whole.length, larger.length], [150_000, 0, 100_000])
  const read = await blobs.bytes(digest)
  assert.ok(read.equals(Buffer.concat([Buffer.alloc(100_000, 1), Buffer.alloc(50_000, 2)])))
})

it('half-written files are swept after a day, those on their way out never', async () => {
  const folder = join(root, 'edges')
  let now = 1_700_000_000_000
  const blobs = openDiskBlobs(folder, () => now)
  const tmp = join(folder, 'tmp')
  for (const name of ['half', `leaving-${'0'.repeat(64)}`]) {
    writeFileSync(join(tmp, name), 'x')
    utimesSync(join(tmp, name), now / 1000, now / 1000)
  }
  now += 24 * 3600 * 1000
  await blobs.sweep()
  assert.equal(readdirSync(tmp).length, 2)
  now += 1
  await blobs.sweep()
  assert.deepEqual(readdirSync(tmp), [`leaving-${'0'.repeat(64)}`])
})

it('a blob is as old as its last storing says, and nothing temporary is left', async () => {
  const folder = join(root, 'ages')
  let now = 1_700_000_000_000
  const blobs = openDiskBlobs(folder, () => now)
  const ages = async (): Promise<number[]> => {
    const found: number[] = []
    for await (const { touched_at } of blobs.list()) found.push(Math.round(touched_at))
    return found
  }
  const { digest } = await blobs.put(Buffer.from('x'))
  assert.deepEqual(await ages(), [now])
  now += 5000
  await blobs.put(Buffer.from('x'))
  assert.deepEqual(await ages(), [now])
  assert.deepEqual(readdirSync(join(folder, 'tmp')), [])
  // exactly as old as the limit is not idle
  assert.equal(await blobs.deleteIdle(digest, now), false)
  assert.equal(await blobs.deleteIdle(digest, now + 1), true)
  assert.deepEqual(readdirSync(join(folder, 'tmp')), [])
  assert.equal(await blobs.delete(digest), false)
})

it('a blob of another length than its name says is replaced when it is stored again', async () => {
  const blobs = openDiskBlobs(join(root, 'cut'))
  const { digest } = await blobs.put(Buffer.from('all of it'))
  const path = blobs.path(digest) ?? ''
  chmodSync(path, 0o644)
  writeFileSync(path, 'all')
  await assert.rejects(blobs.bytes(digest), { code: 'corrupt_blob' })
  await blobs.put(Buffer.from('all of it'))
  assert.equal((await blobs.bytes(digest)).toString(), 'all of it')
})

it('lists only what lies where a blob lies', async () => {
  const folder = join(root, 'listed')
  const blobs = openDiskBlobs(folder)
  const { digest } = await blobs.put(Buffer.from('x'))
  for (const name of ['abc', 'AB', 'xy0', 'a']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'abc', 'y'), 'y')
  const found: string[] = []
  for await (const blob of blobs.list()) found.push(blob.digest)
  assert.deepEqual(found, [digest])
})

it('what was on its way out is brought back when the folder is opened, unless it was stored again', async () => {
  const folder = join(root, 'back')
  const blobs = openDiskBlobs(folder)
  const one = (await blobs.put(Buffer.from('one'))).digest
  const two = (await blobs.put(Buffer.from('two'))).digest
  const leaving = (digest: string): string => join(folder, 'tmp', `leaving-${digest.slice(7)}`)
  renameSync(blobs.path(one) ?? '', leaving(one))
  writeFileSync(leaving(two), 'old')
  writeFileSync(join(folder, 'tmp', 'half'), 'x')
  const again = openDiskBlobs(folder)
  assert.equal((await again.bytes(one)).toString(), 'one')
  assert.equal((await again.bytes(two)).toString(), 'two')
  assert.deepEqual(readdirSync(join(folder, 'tmp')), ['half'])
})

it('a stream in pieces that are no even part of a write comes back whole', async () => {
  const blobs = openDiskBlobs(join(root, 'pieces'))
  const bytes = Buffer.alloc(3 * 1024 * 1024 + 17)
  for (let i = 0; i < bytes.length; i += 4096) bytes.writeUInt32LE(i, Math.min(i, bytes.length - 4))
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 333_333) {
      yield new Uint8Array(0)
      yield new Uint8Array(bytes.subarray(at, at + 333_333))
    }
  }
  const { digest, size } = await blobs.put(source())
  assert.equal(size, bytes.length)
  assert.ok(bytes.equals(await blobs.bytes(digest)))
})

it('a put that fails tells why in the words of the store, and leaves no half file', async () => {
  const folder = join(root, 'failing')
  const blobs = openDiskBlobs(folder)
  async function* full(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(10)
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  }
  await assert.rejects(blobs.put(full()), { code: 'storage_full' })
  await assert.rejects(blobs.put(Buffer.from('x'), { size: 2 }), { code: 'unprocessable' })
  assert.deepEqual(readdirSync(join(folder, 'tmp')), [])
})

it('what is wrong with the folder itself is told, and not taken for a blob that is missing', async () => {
  const folder = join(root, 'wrong')
  const blobs = openDiskBlobs(folder)
  const inFile = `sha256:ab${'0'.repeat(62)}`
  writeFileSync(join(folder, 'ab'), 'a file where a folder should be')
  for (const ask of [
    () => blobs.has(inFile),
    () => blobs.bytes(inFile),
    () => blobs.read(inFile),
    () => blobs.delete(inFile),
    () => blobs.deleteIdle(inFile, Date.now()),
  ])
    await assert.rejects(ask, { code: 'ENOTDIR' })
})

it('a blob that was stored while it was on its way out comes back, whoever stored it', async () => {
  const folder = join(root, 'young')
  let now = 1_700_000_000_000
  const blobs = openDiskBlobs(folder, () => now)
  const { digest } = await blobs.put(Buffer.from('x'))
  const before = now + 1
  now += 10_000
  // each storing races with a deletion that has seen the old age or the new one
  for (let round = 0; round < 50; round++) {
    utimesSync(blobs.path(digest) ?? '', before / 1000 - 5, before / 1000 - 5)
    await Promise.all([blobs.put(Buffer.from('x')), blobs.deleteIdle(digest, before), blobs.deleteIdle(digest, before)])
    assert.equal((await blobs.bytes(digest)).toString(), 'x', `round ${round}`)
    assert.deepEqual(readdirSync(join(folder, 'tmp')), [], `round ${round}`)
  }
})

/** The methods of every open file, and how several chunks are written. */
async function ofFiles(folder: string): Promise<{ methods: FileHandle; writev: FileHandle['writev'] }> {
  const handle = await open(folder)
  const methods = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  const writev = Object.getOwnPropertyDescriptor(methods, 'writev')?.value as FileHandle['writev']
  return { methods, writev }
}

it('a write that failed is told, though all after it succeed', async (t) => {
  const folder = join(root, 'once full')
  const blobs = openDiskBlobs(folder)
  const { methods, writev } = await ofFiles(folder)
  let writes = 0
  t.mock.method(methods, 'writev', function (this: FileHandle, chunks: readonly Uint8Array[]) {
    if (writes++ === 0) return Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }))
    return writev.call(this, chunks)
  })
  async function* source(): AsyncGenerator<Uint8Array> {
    for (const byte of [1, 2, 3]) yield new Uint8Array(1024 * 1024).fill(byte)
  }
  await assert.rejects(blobs.put(source()), { code: 'storage_full' })
  assert.deepEqual(readdirSync(join(folder, 'tmp')), [])
})

it('what the system takes only in part is written to its end', async (t) => {
  const folder = join(root, 'short')
  const blobs = openDiskBlobs(folder)
  const { methods, writev } = await ofFiles(folder)
  // 1500 bytes at most: within a chunk, at its end, or over several
  t.mock.method(methods, 'writev', function (this: FileHandle, chunks: readonly Uint8Array[]) {
    const bytes = Buffer.concat(chunks).subarray(0, 1500)
    return writev.call(this, [bytes])
  })
  const chunks = [700, 800, 1, 4000, 1500, 2].map((length, i) => Buffer.alloc(length, i + 1))
  async function* source(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield new Uint8Array(chunk)
  }
  const { digest, size } = await blobs.put(source())
  assert.equal(size, 7003)
  assert.ok((await blobs.bytes(digest)).equals(Buffer.concat(chunks)))
})

it('a blob that is stored again between the look at its age and its removal is put back', async (t) => {
  const folder = join(root, 'between')
  let now = 1_700_000_000_000
  const blobs = openDiskBlobs(folder, () => now)
  const { digest } = await blobs.put(Buffer.from('x'))
  now += 10_000
  const { rename } = promises
  t.mock.method(promises, 'rename', async (from: string, to: string) => {
    if (to.includes('leaving-')) await blobs.put(Buffer.from('x'))
    await rename(from, to)
    // and once more, while it is out of reach
    if (to.includes('leaving-') && again) await blobs.put(Buffer.from('x'))
  })
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  let again = false
  for (again of [false, true]) {
    utimesSync(blobs.path(digest) ?? '', now / 1000 - 20, now / 1000 - 20)
    assert.equal(await blobs.deleteIdle(digest, now - 5000), false)
    assert.equal((await blobs.bytes(digest)).toString(), 'x')
    assert.deepEqual(readdirSync(join(folder, 'tmp')), [])
  }
})
