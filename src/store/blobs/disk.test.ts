/** Blobs in a folder. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { blobCases } from './blobs.cases.ts'
import { openDiskBlobs } from './disk.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-blobs-'))
after(() => rmSync(root, { recursive: true, force: true }))

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
