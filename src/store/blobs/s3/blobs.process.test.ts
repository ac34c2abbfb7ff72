/** Blobs in a real S3 server do what blobs on disk do, also when the server is busy, slow or cuts connections. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, utimesSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { buffer } from 'node:stream/consumers'
import { after, describe, it } from 'node:test'
import { faultyProxy, NO_S3, startS3, type Fault } from '../../../../test/s3.ts'
import { blobCases } from '../blobs.cases.ts'
import type { Digest } from '../blobs.ts'
import { digestOf } from '../verify.ts'
import { openS3Blobs } from './blobs.ts'
import { s3Client } from './client.ts'
import { copyObject } from './copy.ts'
import { deleteMarked, settled } from './leaving.ts'
import { listObjects } from './listing.ts'

const s3 = await startS3()
const QUICK = { attempts: 4, baseMs: 5 }
const LARGE = 21 * 1024 * 1024 + 17

if (s3 === undefined) describe('S3: blobs', { skip: NO_S3 })
else tests(s3)

function keyOf(digest: Digest): string {
  return `${digest.slice(7, 9)}/${digest.slice(9)}`
}

async function* chunks(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 300_001) yield bytes.subarray(at, at + 300_001)
}

function tests(server: NonNullable<typeof s3>): void {
  after(() => server.stop())

  it('bytes that are wrong are taken once more, and no third time', async () => {
    const proxy = await faultyProxy(server)
    const blobs = await openS3Blobs(proxy.settings, QUICK)
    const { digest } = await blobs.put(randomBytes(100))
    writeFileSync(server.file(keyOf(digest)), randomBytes(100))
    let taken = 0
    proxy.decide = ({ method }) => void (method === 'GET' && taken++)
    await assert.rejects(blobs.bytes(digest), { code: 'corrupt_blob' })
    assert.equal(taken, 2)
    blobs.close()
    proxy.stop()
  })

  blobCases('S3', async () => {
    const blobs = await openS3Blobs(server.settings)
    return {
      blobs,
      damage: async (digest) => {
        const path = server.file(keyOf(digest))
        const bytes = readFileSync(path)
        bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
        writeFileSync(path, bytes)
      },
      age: async (digest, ms) => {
        const at = new Date(Date.now() - ms)
        utimesSync(server.file(keyOf(digest)), at, at)
      },
      close: async () => blobs.close(),
    }
  })

  describe('S3: large blobs and faults', () => {
    const left = async (): Promise<string[]> => {
      const client = s3Client(server.settings)
      const keys: string[] = []
      for (const below of ['tmp/', 'leaving/']) {
        for await (const { key } of listObjects(client, below)) keys.push(key)
      }
      const { text } = await client.call({ method: 'GET', query: { uploads: '' } })
      client.close()
      return [...keys, ...(text.match(/<UploadId>/g) ?? [])]
    }

    it('a link brings whoever has it to the bytes, for a while, as a file of that name; where links are allowed', async () => {
      const blobs = await openS3Blobs({ ...server.settings, directLinks: true })
      const { digest } = await blobs.put(Buffer.from('<script>'))
      const asked = { seconds: 60, name: 'mödel "1".html' }
      const link = blobs.link(digest, asked) ?? ''
      const reply = await fetch(link)
      assert.deepEqual([reply.status, await reply.text()], [200, '<script>'])
      assert.equal(reply.headers.get('content-type'), 'application/octet-stream')
      const shown = "attachment; filename*=UTF-8''m%C3%B6del%20%221%22.html"
      assert.equal(reply.headers.get('content-disposition'), shown)
      assert.equal((await fetch(link.replace('X-Amz-Expires=60', 'X-Amz-Expires=6000'))).status, 403)
      blobs.close()
      const closed = await openS3Blobs(server.settings)
      assert.equal(closed.link(digest, asked), undefined)
      closed.close()
    })

    it('a blob of several parts comes back whole and in ranges, and leaves nothing beside it', async () => {
      const blobs = await openS3Blobs(server.settings)
      const bytes = randomBytes(LARGE)
      const info = await blobs.put(chunks(bytes))
      assert.deepEqual(info, { digest: digestOf(bytes), size: LARGE })
      assert.ok(bytes.equals(await blobs.bytes(info.digest)))
      const { size, stream } = await blobs.read(info.digest, { start: 8_388_600, end: 16_777_300 })
      const read = await buffer(stream)
      assert.equal(size, LARGE)
      assert.ok(bytes.subarray(8_388_600, 16_777_301).equals(read))
      await assert.rejects(blobs.put(chunks(randomBytes(LARGE)), { size: LARGE + 1 }), { code: 'unprocessable' })
      assert.deepEqual(await left(), [])
      blobs.close()
    })

    it('objects beyond the limit of one copy are copied in pieces', async () => {
      const client = s3Client(server.settings)
      const bytes = randomBytes(11 * 1024 * 1024)
      await client.call({ method: 'PUT', key: 'from', body: bytes, contentHash: digestOf(bytes).slice(7) })
      await copyObject(client, { from: 'from', to: 'to', size: bytes.length }, 5 * 1024 * 1024)
      assert.ok(readFileSync(server.file('to')).equals(bytes))
      client.close()
    })

    it('each request may fail once by 500, SlowDown, reset, silence or a lost answer: the blob is stored and read', async (t) => {
      const proxy = await faultyProxy(server)
      t.after(() => proxy.stop())
      const requests = t.mock.method(http, 'request').mock
      /** As the timer of the last request would, which on a busy machine would take a slow server for a silent one. */
      const timeOut = (): void => {
        const last = requests.calls.findLast(({ arguments: [url] }) => String(url).startsWith(proxy.endpoint))
        last?.result?.emit('timeout')
      }
      const faults: Fault[] = [
        { status: 500, code: 'InternalError' },
        { status: 503, code: 'SlowDown' },
        { reset: true, after: false },
        { reset: true, after: true },
        { silent: true },
      ]
      for (const fault of faults) {
        const silent = 'silent' in fault
        const blobs = await openS3Blobs(proxy.settings, QUICK)
        const seen = new Set<string>()
        proxy.decide = ({ method, path }) => {
          const id = `${method} ${path}`
          if (seen.has(id)) return undefined
          seen.add(id)
          if (silent) timeOut()
          return fault
        }
        for (const size of silent ? [1000] : [1000, LARGE]) {
          const bytes = randomBytes(size)
          const { digest } = await blobs.put(chunks(bytes))
          assert.equal(digest, digestOf(bytes))
          assert.ok(bytes.equals(await blobs.bytes(digest)), JSON.stringify(fault))
        }
        blobs.close()
      }
      assert.ok(proxy.met > 30, `${proxy.met} faults`)
    })

    it('a reply that is cut off goes on where it broke; one that always breaks at once is told as unavailable', async (t) => {
      const proxy = await faultyProxy(server)
      t.after(() => proxy.stop())
      const blobs = await openS3Blobs(proxy.settings, QUICK)
      const bytes = randomBytes(3_000_000)
      const { digest } = await blobs.put(bytes)
      proxy.decide = ({ method }) => (method === 'GET' ? { cutAt: 700_000 } : undefined)
      assert.ok(bytes.equals(await blobs.bytes(digest)))
      assert.ok(proxy.met >= 4)
      proxy.decide = ({ method }) => (method === 'GET' ? { cutAt: 0 } : undefined)
      await assert.rejects(blobs.bytes(digest), { code: 'unavailable' })
      blobs.close()
    })

    it('a server that stays broken is told as unavailable, refused keys as refused, and nothing is half done', async (t) => {
      const proxy = await faultyProxy(server)
      t.after(() => proxy.stop())
      const blobs = await openS3Blobs(proxy.settings, QUICK)
      const bytes = randomBytes(LARGE)
      const before = await left()
      proxy.decide = ({ method, path }) =>
        method === 'PUT' && /partNumber=2/.test(path) ? { status: 503, code: 'SlowDown' } : undefined
      await assert.rejects(blobs.put(chunks(bytes)), { code: 'unavailable', message: /SlowDown/ })
      assert.equal(await blobs.has(digestOf(bytes)), false)
      assert.deepEqual(await left(), before)
      const { credentials } = proxy.settings
      const wrong = { ...proxy.settings, credentials: { ...credentials, secretAccessKey: 'wrong' } }
      await assert.rejects(openS3Blobs(wrong, QUICK), { code: 'unavailable', message: /SignatureDoesNotMatch/ })
      const bucket = { ...server.settings, base: '/no-such-bucket', bucket: 'no-such-bucket' }
      await assert.rejects(openS3Blobs(bucket, QUICK), { code: 'upstream_failed', message: /NoSuchBucket/ })
      blobs.close()
    })

    it('a blob that is stored again while a collector deletes it is there afterwards', async () => {
      const blobs = await openS3Blobs(server.settings)
      const client = s3Client(server.settings)
      const bytes = randomBytes(100)
      const { digest } = await blobs.put(bytes)
      let again: Promise<unknown> | undefined
      const gone = await deleteMarked(client, keyOf(digest), async () => {
        // The collector has looked; now another stores the blob, and must notice that it is about to go.
        again = blobs.put(bytes)
        return true
      })
      await again
      assert.equal(gone, true)
      assert.ok(bytes.equals(await blobs.bytes(digest)))
      assert.deepEqual(
        (await left()).filter((key) => key.startsWith('leaving/')),
        [],
      )
      client.close()
      blobs.close()
    })

    it('a blob that is stored again is there afterwards although the mark of its deletion was never seen', async () => {
      const blobs = await openS3Blobs(server.settings)
      const client = s3Client(server.settings)
      const collector = s3Client(server.settings)
      const bytes = randomBytes(100)
      const { digest } = await blobs.put(bytes)
      const key = keyOf(digest)
      let stored = 0
      // The object is written while the mark is up, and gone with its mark before anybody looks.
      await settled(client, key, async () => {
        stored += 1
        const write = () => client.call({ method: 'PUT', key, body: bytes })
        if (stored > 1) await write()
        else await deleteMarked(collector, key, () => write().then(() => true))
      })
      assert.equal(stored, 2)
      assert.ok(bytes.equals(await blobs.bytes(digest)))
      for (const it of [client, collector, blobs]) it.close()
    })

    it('what lost answers and dead processes have left is swept away after a day', async () => {
      const client = s3Client(server.settings)
      for (const key of ['tmp/dead', 'leaving/dead']) await client.call({ method: 'PUT', key, body: Buffer.alloc(1) })
      await client.call({ method: 'POST', key: 'tmp/parts', query: { uploads: '' } })
      client.close()
      const soon = await openS3Blobs(server.settings)
      const before = await left()
      await soon.sweep()
      assert.deepEqual(await left(), before)
      assert.ok(before.length >= 3)
      const tomorrow = Date.now() + 25 * 3600 * 1000
      const later = await openS3Blobs(server.settings, { now: () => tomorrow })
      await later.sweep()
      assert.deepEqual(await left(), [])
      soon.close()
      later.close()
    })
  })
}
