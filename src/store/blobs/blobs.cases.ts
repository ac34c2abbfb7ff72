/** What every blob driver must do. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import type { Readable } from 'node:stream'
import { openedOnce } from '../../../test/opened.ts'
import type { BlobInfo, Blobs, Digest } from './blobs.ts'
import { digestOf } from './verify.ts'

/** A fresh, empty driver. */
export interface OpenedBlobs {
  readonly blobs: Blobs
  /** Changes a byte of a stored blob behind the driver's back. */
  damage(digest: Digest): Promise<void>
  /** Makes a stored blob look as if it had been stored so long ago, ms. */
  age(digest: Digest, ms: number): Promise<void>
  close(): Promise<void>
}

/** Copies, for the store may give back the memory of what it got. */
async function* pieces(bytes: Buffer, step: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield new Uint8Array(bytes.subarray(at, at + step))
}

async function listed(blobs: Blobs): Promise<BlobInfo[]> {
  const found: BlobInfo[] = []
  for await (const blob of blobs.list()) found.push(blob)
  return found
}

/** What arrives before a stream ends or fails. */
async function drained(stream: Readable): Promise<{ bytes: Buffer; error: unknown }> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
    return { bytes: Buffer.concat(chunks), error: undefined }
  } catch (error) {
    return { bytes: Buffer.concat(chunks), error }
  }
}

export function blobCases(name: string, open: () => Promise<OpenedBlobs>): void {
  describe(`${name}: blob contract`, () => {
    let opened: OpenedBlobs
    let blobs: Blobs
    openedOnce(open, (made) => {
      opened = made
      blobs = made.blobs
    })

    it('gives back what was put, from memory and from a stream, of any size', async () => {
      for (const size of [0, 1, 65_535, 65_536, 65_537, 1_000_003]) {
        const bytes = randomBytes(size)
        const info = await blobs.put(pieces(bytes, size > 65_536 ? 40_000 : 7001))
        assert.deepEqual(info, { digest: digestOf(bytes), size })
        assert.deepEqual(await blobs.put(bytes), info)
        assert.ok(bytes.equals(await blobs.bytes(info.digest)))
        const { size: told, stream } = await blobs.read(info.digest)
        const read = await drained(stream)
        assert.equal(told, size)
        assert.equal(read.error, undefined)
        assert.ok(bytes.equals(read.bytes))
      }
    })

    it('reads ranges, both ends included', async () => {
      const bytes = randomBytes(200_000)
      const { digest } = await blobs.put(bytes)
      for (const [start, end] of [
        [0, 0],
        [0, 199_999],
        [199_999, 199_999],
        [70_000, 150_000],
      ] as const) {
        const { size, stream } = await blobs.read(digest, { start, end })
        assert.equal(size, 200_000)
        assert.ok(bytes.subarray(start, end + 1).equals((await drained(stream)).bytes))
      }
      for (const range of [
        { start: 5, end: 4 },
        { start: -1, end: 4 },
        { start: 0, end: 200_000 },
        { start: 0.5, end: 4 },
        { start: 0, end: 4.5 },
        { start: 0, end: Number.NaN },
      ]) {
        await assert.rejects(blobs.read(digest, range), { code: 'invalid_field' })
      }
    })

    it('refuses bytes that are not what was said, and keeps nothing of them', async () => {
      const bytes = randomBytes(1000)
      const other = digestOf('other')
      await assert.rejects(blobs.put(bytes, { size: 999 }), { code: 'unprocessable' })
      await assert.rejects(blobs.put(pieces(bytes, 100), { digest: other }), { code: 'unprocessable' })
      assert.equal(await blobs.has(digestOf(bytes)), false)
      assert.equal(await blobs.has(other), false)
      assert.deepEqual(await blobs.put(bytes, { digest: digestOf(bytes), size: 1000 }), {
        digest: digestOf(bytes),
        size: 1000,
      })
    })

    it('a source that breaks off leaves nothing', async () => {
      const before = (await listed(blobs)).length
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield randomBytes(1000)
        throw new Error('connection lost')
      }
      await assert.rejects(blobs.put(broken()), /connection lost/)
      assert.equal((await listed(blobs)).length, before)
    })

    it('the same bytes put many times at once are one blob', async () => {
      const bytes = randomBytes(100_000)
      const infos = await Promise.all(Array.from({ length: 20 }, (_, i) => blobs.put(pieces(bytes, 900 + i))))
      assert.equal(new Set(infos.map((info) => info.digest)).size, 1)
      const same = (await listed(blobs)).filter((blob) => blob.digest === digestOf(bytes))
      assert.equal(same.length, 1)
      assert.equal(same[0]?.size, 100_000)
    })

    it('never serves a damaged blob', async () => {
      for (const size of [10, 300_000]) {
        const bytes = randomBytes(size)
        const { digest } = await blobs.put(bytes)
        await opened.damage(digest)
        await assert.rejects(blobs.bytes(digest), { code: 'corrupt_blob' })
        const read = await drained((await blobs.read(digest)).stream)
        assert.equal((read.error as { code?: string }).code, 'corrupt_blob')
        assert.ok(read.bytes.length < size)
      }
    })

    it('makes a damaged blob whole where it is stored again, though nobody has met the damage', async () => {
      for (const size of [10, 300_000]) {
        const bytes = randomBytes(size)
        const { digest } = await blobs.put(bytes)
        await opened.damage(digest)
        await blobs.put(bytes)
        assert.deepEqual(await blobs.bytes(digest), bytes)
      }
    })

    it('says what it does not have, and what is no digest', async () => {
      const absent = digestOf('absent')
      assert.equal(await blobs.has(absent), false)
      assert.equal(await blobs.delete(absent), false)
      await assert.rejects(blobs.bytes(absent), { code: 'not_found' })
      await assert.rejects(blobs.read(absent), { code: 'not_found' })
      for (const digest of [
        '',
        'sha256:',
        `sha256:${'A'.repeat(64)}`,
        'sha256:../../../../etc/passwd',
        `md5:${'0'.repeat(64)}`,
      ]) {
        await assert.rejects(blobs.has(digest), { code: 'invalid_field' })
        await assert.rejects(blobs.bytes(digest), { code: 'invalid_field' })
      }
    })

    it('deletes', async () => {
      const { digest } = await blobs.put(randomBytes(10))
      assert.equal(await blobs.delete(digest), true)
      assert.equal(await blobs.has(digest), false)
    })

    it('deletes what is idle, and what was stored again is not', async () => {
      const put = async (): Promise<Digest> => (await blobs.put(randomBytes(50))).digest
      const [young, old, again] = [await put(), await put(), await put()]
      const bytes = await blobs.bytes(again)
      for (const digest of [old, again]) await opened.age(digest, 100_000)
      await blobs.put(bytes)
      const before = Date.now() - 50_000
      for (const [digest, gone] of [
        [young, false],
        [old, true],
        [again, false],
        [digestOf('absent'), false],
      ] as const) {
        assert.equal(await blobs.deleteIdle(digest, before), gone)
        assert.equal(await blobs.has(digest), !gone && digest !== digestOf('absent'))
      }
    })

    it('a stream may be left alone or destroyed at any moment, read or not, sound or damaged', async () => {
      const { digest } = await blobs.put(randomBytes(400_000))
      const bad = (await blobs.put(randomBytes(400_000))).digest
      await opened.damage(bad)
      for (const range of [undefined, { start: 5, end: 300_000 }]) {
        for (const each of [digest, bad]) {
          const opening = async (): Promise<Readable> => (await blobs.read(each, range)).stream
          ;(await opening()).destroy()
          const begun = await opening()
          await once(begun, 'readable')
          begun.destroy()
          await closed(begun)
          const left = await opening()
          for await (const _ of left) break
          await closed(left)
          // nobody listens: what is wrong with it must not end the process
          const unheard = await opening()
          unheard.resume()
          await closed(unheard)
        }
      }
    })
  })
}

/** Resolves when a stream is closed, however it ended. */
function closed(stream: Readable): Promise<void> {
  return new Promise((resolve) => (stream.closed ? resolve() : void stream.once('close', resolve)))
}
