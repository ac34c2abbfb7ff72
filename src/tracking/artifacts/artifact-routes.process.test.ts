/** The artifact proxy over HTTP with its files on disk and in S3: parts, links, and uploads that are cut off. */
import assert from 'node:assert/strict'
import net from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { until } from '../../../test/until.ts'
import { NO_S3, startS3 } from '../../../test/s3.ts'
import type { TestS3 } from '../../../test/s3.ts'
import { startTestServer } from '../../../test/server.ts'
import type { TestServer } from '../../../test/server.ts'
import { namesBelow } from '../../../test/fixtures/folder.ts'

const PROXY = '/api/2.0/mlflow-artifacts'

for (const where of ['disk', 'S3'] as const) {
  describe(`artifacts on ${where}`, () => {
    let server: TestServer | undefined
    let s3: TestS3 | undefined
    let run = ''
    let ready = false

    before(async () => {
      if (where === 'S3') s3 = await startS3()
      if (where === 'S3' && s3 === undefined) return
      server = await startTestServer({ env: { SLIPWAY_LOG_LEVEL: 'fatal', ...s3?.env } })
      const made = (await json('POST', '/api/2.0/mlflow/runs/create', { experiment_id: '0' })) as {
        run: { info: { run_id: string } }
      }
      run = made.run.info.run_id
      ready = true
    })
    after(async () => {
      await server?.stop()
      s3?.stop()
    })

    const url = () => server?.url ?? ''
    const authorization = () => `Bearer ${server?.token ?? ''}`
    const send = (method: string, path: string, body?: string | object, headers: Record<string, string> = {}) =>
      fetch(url() + path, {
        method,
        headers: {
          authorization: authorization(),
          ...(typeof body === 'object' && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
    async function json(method: string, path: string, body?: string | object): Promise<unknown> {
      const reply = await send(method, path, body)
      return reply.json()
    }
    const place = (name: string) => `0/${run}/artifacts/${name}`
    const names = async (folder: string) => {
      const found = (await json('GET', `${PROXY}/artifacts?path=${place(folder)}`)) as { files: { path: string }[] }
      return found.files.map((file) => file.path)
    }
    const skipUnready = (context: { skip(reason: string): void }): boolean => {
      if (!ready) context.skip(NO_S3)
      return !ready
    }

    interface Begun {
      readonly upload_id: string
      readonly credentials: { url: string; part_number: number; headers: Record<string, string> }[]
    }
    const begin = async (folder: string, num_parts: number) =>
      (await json('POST', `${PROXY}/mpu/create/${place(folder)}`, { path: '/tmp/w.bin', num_parts })) as Begun
    const sendParts = (begun: Begun) =>
      Promise.all(
        begun.credentials.map(async ({ url: address, part_number, headers }) => {
          const reply = await fetch(address, { method: 'PUT', headers, body: `part ${part_number};` })
          assert.equal(reply.status, 200)
          return { part_number, etag: reply.headers.get('etag') ?? '' }
        }),
      )
    const complete = (folder: string, upload_id: string, parts: object[]) =>
      send('POST', `${PROXY}/mpu/complete/${place(folder)}`, { path: '/tmp/w.bin', upload_id, parts })

    it('are joined from parts in their order, whatever the order of their arrival', async (context) => {
      if (skipUnready(context)) return
      const begun = await begin('parts', 3)
      const parts = await sendParts(begun)
      assert.equal(await (await complete('parts', begun.upload_id, parts.toReversed())).text(), '{}')
      const path = `${PROXY}/artifacts/${place('parts/w.bin')}`
      assert.equal(await (await send('GET', path)).text(), 'part 1;part 2;part 3;')
      const range = await send('GET', path, undefined, { range: 'bytes=7-12' })
      assert.deepEqual([range.status, await range.text()], [206, 'part 2'])
      assert.equal((await complete('parts', begun.upload_id, parts)).status, 404, 'an upload ends once')
    })

    it('parts of a wrong content, path or number are refused and change nothing', async (context) => {
      if (skipUnready(context)) return
      const begun = await begin('refused', 2)
      const [first, second] = await sendParts(begun)
      assert.ok(first !== undefined && second !== undefined)
      for (const parts of [[first, { ...second, etag: first.etag }], [{ ...first, part_number: 9 }]]) {
        const reply = await complete('refused', begun.upload_id, parts)
        assert.equal(reply.status, 400, await reply.text())
      }
      assert.equal((await complete('elsewhere', begun.upload_id, [first, second])).status, 400)
      const parts = `${PROXY}/mpu/parts/${begun.upload_id}`
      assert.equal((await send('PUT', `${parts}/0`, 'x')).status, 400)
      assert.equal((await send('PUT', `${parts}/10001`, 'x')).status, 400)
      assert.deepEqual(await names('refused'), [])
      assert.equal(await (await complete('refused', begun.upload_id, [first, second])).text(), '{}')
    })

    it('an upload that is given up takes no more parts', async (context) => {
      if (skipUnready(context)) return
      const begun = await begin('aborted', 1)
      await sendParts(begun)
      const body = { path: '/tmp/w.bin', upload_id: begun.upload_id }
      assert.equal((await send('POST', `${PROXY}/mpu/abort/${place('aborted')}`, body)).status, 200)
      assert.equal((await send('PUT', `${PROXY}/mpu/parts/${begun.upload_id}/1`, 'late')).status, 404)
      assert.equal((await send('POST', `${PROXY}/mpu/abort/${place('aborted')}`, body)).status, 404)
      assert.deepEqual(await names('aborted'), [])
    })

    it('are read by a link without a credential, in ranges of the bytes that it was made for', async (context) => {
      if (skipUnready(context)) return
      const path = place('l/%C3%BC%20linked.txt')
      await send('PUT', `${PROXY}/artifacts/${path}`, 'first bytes')
      const made = (await json('GET', `${PROXY}/presigned/${path}`)) as {
        url: string
        headers: object
        file_size: number
      }
      assert.deepEqual([made.file_size, made.headers], [11, {}])
      await send('PUT', `${PROXY}/artifacts/${path}`, 'other')
      const part = await fetch(made.url, { headers: { range: 'bytes=6-10' } })
      assert.deepEqual([part.status, await part.text()], [206, 'bytes'])
      assert.match(part.headers.get('content-disposition') ?? '', /^attachment; .*UTF-8''%C3%BC%20linked\.txt$/)
      const beyond = await fetch(made.url, { headers: { range: 'bytes=11-' } })
      assert.deepEqual([beyond.status, beyond.headers.get('content-range')], [416, 'bytes */11'])
      const forged = await fetch(made.url.replace(/links\/(.)/, (_, first) => `links/${first === '-' ? 'a' : '-'}`))
      assert.deepEqual(
        [forged.status, await forged.text()],
        [
          404,
          '{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"No such link, or it has expired","sqlstate":"KAM00","error_class":"RESOURCE_NOT_FOUND"}',
        ],
      )
      assert.equal((await send('GET', `${PROXY}/presigned/${place('l/none.txt')}`)).status, 404)
      assert.equal((await send('GET', `${PROXY}/presigned/..%2fx`)).status, 400)
      assert.equal((await fetch(`${url()}${PROXY}/presigned/${path}`)).status, 401)
      const secure = await send('GET', `${PROXY}/presigned/${path}`, undefined, { 'x-forwarded-proto': 'https' })
      assert.equal(new URL(((await secure.json()) as { url: string }).url).protocol, 'https:')
    })

    it('a deleted folder takes its files with it and no others', async (context) => {
      if (skipUnready(context)) return
      for (const name of ['d/a.txt', 'd/e/b.txt', 'd2/c.txt'])
        await send('PUT', `${PROXY}/artifacts/${place(name)}`, 'x')
      assert.equal((await send('DELETE', `${PROXY}/artifacts/${place('d')}`)).status, 200)
      assert.deepEqual(await names('d'), [])
      assert.deepEqual(await names('d2'), ['c.txt'])
    })

    describe('an upload that is cut off', () => {
      const CONTENT = Buffer.alloc(300_000, 'x')
      const CUTS = [0, 1, 65_536, 150_000, CONTENT.length - 1]

      /** Sends so many bytes of a body and goes away; resolves when the connection is closed. */
      function cut(path: string, bytes: number, framing: 'length' | 'chunks'): Promise<void> {
        const { hostname, port } = new URL(url())
        const length = framing === 'length' ? `content-length: ${CONTENT.length}` : 'transfer-encoding: chunked'
        const head = `PUT ${path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: ${authorization()}\r\n${length}\r\n\r\n`
        const sent = CONTENT.subarray(0, bytes)
        const chunk = Buffer.concat([Buffer.from(`${bytes.toString(16)}\r\n`), sent, Buffer.from('\r\n')])
        const body = framing === 'length' || bytes === 0 ? sent : chunk
        return new Promise((done, fail) => {
          const socket = net.connect(Number(port), hostname, () => {
            // by the clock: mostly it is read by then, and where it is not nothing of it is kept either
            socket.write(Buffer.concat([Buffer.from(head), body]), () => setTimeout(() => socket.destroy(), 50))
          })
          socket.once('error', fail)
          socket.once('close', () => done())
        })
      }

      it('leaves nothing of a new file, and the old one as it was', async (context) => {
        if (skipUnready(context)) return
        await send('PUT', `${PROXY}/artifacts/${place('cut/old.bin')}`, 'old')
        const whole = kept()
        assert.ok(whole.length > 0)
        for (const bytes of CUTS) {
          for (const framing of ['length', 'chunks'] as const) {
            for (const name of ['new', 'old'])
              await cut(`${PROXY}/artifacts/${place(`cut/${name}.bin`)}`, bytes, framing)
          }
        }
        await nothingMoreThan(whole)
        assert.deepEqual(await names('cut'), ['old.bin'])
        assert.equal(await (await send('GET', `${PROXY}/artifacts/${place('cut/old.bin')}`)).text(), 'old')
      })

      it('leaves no part either', async (context) => {
        if (skipUnready(context)) return
        const begun = await begin('cutparts', 1)
        const whole = kept()
        for (const bytes of CUTS) await cut(`${PROXY}/mpu/parts/${begun.upload_id}/1`, bytes, 'length')
        await nothingMoreThan(whole)
        const [part] = await sendParts(begun)
        assert.ok(part !== undefined)
        const wrong = await complete('cutparts', begun.upload_id, [{ ...part, etag: 'sha256:0' }])
        assert.equal(wrong.status, 400)
        assert.equal(await (await complete('cutparts', begun.upload_id, [part])).text(), '{}')
      })

      /** Every blob, by name; where the folder of half-written ones is not empty, that is told too. */
      function kept(): string[] {
        const folder = where === 'disk' ? join(server?.data ?? '', 'blobs') : (s3?.file('') ?? '')
        return namesBelow(folder)
          .filter((name) => /[0-9a-f]{62}$/.test(name) || name.startsWith('tmp/'))
          .sort()
      }

      /** Waits until what is kept is what was kept before, and fails when something stays. */
      async function nothingMoreThan(before: readonly string[]): Promise<void> {
        await send('GET', '/health')
        await until(
          () => `these to be all that is kept: ${before.join(' ')}; it was ${kept().join(' ')}`,
          () => kept().length <= before.length,
        )
        assert.deepEqual(kept(), before)
      }
    })
  })
}
