/** Blobs under watch: wrong bytes are noted and refused, a part is given of a sound blob only, and what is stored again is mended. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Digest } from './blobs.ts'
import { openDiskBlobs } from './disk.ts'
import { watchedBlobs } from './watched.ts'

function watched(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-watched-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const disk = openDiskBlobs(folder)
  const [known, told, mended]: [Set<Digest>, unknown[], Digest[]] = [new Set(), [], []]
  /** What another process has mended. */
  const elsewhere = new Set<Digest>()
  const time = { now: 0 }
  const read = t.mock.method(disk, 'read')
  const watch = {
    isCorrupt: (digest: Digest) => known.has(digest),
    isListed: (digest: Digest) => known.has(digest),
    corrupt: (blob: { digest: Digest; size: number }) => void told.push([blob.digest, blob.size]),
    missing: (blob: { digest: Digest }) => void told.push(blob.digest),
    faulty: () => {
      for (const digest of elsewhere) known.delete(digest)
      return Promise.resolve(known)
    },
    mended: (digest: Digest) => void mended.push(digest),
  }
  const blobs = watchedBlobs(disk, watch, () => time.now)
  const spoil = (digest: Digest): void => {
    const path = disk.path(digest) ?? assert.fail('it has no file')
    chmodSync(path, 0o644)
    writeFileSync(path, 'spoilt')
  }
  return { blobs, known, elsewhere, told, mended, time, read: read.mock, spoil }
}

const RANGE = { start: 1, end: 2 }

test('wrong bytes are noted by whoever reads them: whole, at once, or a part', async (t) => {
  const { blobs, told, spoil } = watched(t)
  const { digest } = await blobs.put(Buffer.from('sounds'))
  spoil(digest)
  await assert.rejects(
    blobs.read(digest).then(({ stream }) => buffer(stream)),
    { code: 'corrupt_blob' },
  )
  await assert.rejects(blobs.bytes(digest), { code: 'corrupt_blob' })
  await assert.rejects(blobs.read(digest, RANGE), { code: 'corrupt_blob' })
  assert.deepEqual(told, [
    [digest, 6],
    [digest, 0],
    [digest, 6],
  ])
  await assert.rejects(blobs.bytes(`sha256:${'0'.repeat(64)}`), { code: 'not_found' })
  assert.equal(told.length, 3, 'what is missing is not corrupt')
})

test('a part is given after the whole was found sound, which is believed for an hour', async (t) => {
  const { blobs, time, read } = watched(t)
  const { digest } = await blobs.put(Buffer.from('sounds'))
  const wholes = async (): Promise<number> => {
    read.resetCalls()
    const { size, stream } = await blobs.read(digest, RANGE)
    assert.deepEqual([size, (await buffer(stream)).toString()], [6, 'ou'])
    return read.calls.filter((call) => call.arguments[1] === undefined).length
  }
  assert.equal(await wholes(), 1)
  time.now = 3_599_999
  assert.equal(await wholes(), 0)
  time.now = 3_600_000
  assert.equal(await wholes(), 1)
  assert.equal(await wholes(), 0)
})

test('of a blob that is known to be corrupt no part is read', async (t) => {
  const { blobs, known, read } = watched(t)
  const { digest } = await blobs.put(Buffer.from('sounds'))
  known.add(digest)
  await assert.rejects(blobs.read(digest, RANGE), { code: 'corrupt_blob' })
  assert.equal(read.callCount(), 0)
})

test('a part is read of a blob that another process has mended since this one was told', async (t) => {
  const { blobs, known, elsewhere } = watched(t)
  const { digest } = await blobs.put(Buffer.from('sounds'))
  known.add(digest)
  elsewhere.add(digest)
  assert.equal((await buffer((await blobs.read(digest, RANGE)).stream)).toString(), 'ou')
})

test('a corrupt blob that is stored again is mended, and so is one that is deleted; what was not there is neither', async (t) => {
  const { blobs, known, mended } = watched(t)
  const { digest } = await blobs.put(Buffer.from('sounds'))
  assert.deepEqual(mended, [])
  known.add(digest)
  await blobs.put(Buffer.from('sounds'))
  assert.deepEqual(mended, [digest])
  assert.deepEqual([await blobs.delete(digest), await blobs.delete(digest)], [true, false])
  assert.deepEqual(mended, [digest, digest])
  assert.equal(await blobs.deleteIdle(digest, Date.now()), false)
  assert.deepEqual(mended, [digest, digest])
})
