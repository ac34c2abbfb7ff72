/** Bodies that come compressed: read like plain ones on every route, held to the same bound, and refused by their header's name. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { z } from 'zod'
import { route } from '../../contract/route.ts'
import { mount } from '../mount.ts'
import { startOpen } from '../open-server.fixture.ts'
import type { RunningServer } from '../server.ts'

const LIMIT = 1000

describe('a body with Content-Encoding', () => {
  let server: RunningServer
  let calls = 0
  before(async () => {
    const about = { access: 'public', summary: 'for tests', method: 'POST', reply: 'json' } as const
    const own = route({ ...about, path: '/own', body: z.strictObject({ text: z.string() }), limit: LIMIT })
    const foreign = route({ ...about, path: '/foreign', body: 'json', limit: LIMIT })
    const kept = route({ ...about, path: '/kept', body: 'stream' })
    const count = async (bytes: AsyncIterable<Uint8Array>): Promise<number> => {
      let size = 0
      for await (const chunk of bytes) size += chunk.length
      return size
    }
    server = await startOpen([
      mount(own, ({ body }) => (calls++, body)),
      mount(foreign, ({ body }) => (calls++, body)),
      mount(kept, async ({ body }) => (calls++, { size: await count(body) })),
    ])
  })
  after(() => server.stop())

  const send = async (path: string, body: Buffer, encoding: string): Promise<[number, string]> => {
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding }
    const reply = await fetch(`http://127.0.0.1:${server.port}${path}`, { method: 'POST', headers, body })
    return [reply.status, await reply.text()]
  }
  const text = '{"text":"é, and again, and again, and again"}'

  for (const [encoding, pack] of [
    ['gzip', gzipSync],
    [' GZIP ', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['zstd', zstdCompressSync],
    ['br', brotliCompressSync],
    ['identity', (body: Buffer) => body],
  ] as const)
    test(`of ${encoding} (${pack.name}) is what it was before`, async () => {
      for (const path of ['/own', '/foreign'])
        assert.deepEqual(await send(path, pack(Buffer.from(text)), encoding), [200, text])
    })

  test('may be as large as a plain one, unpacked, and no larger', async () => {
    const sized = (size: number): Buffer => Buffer.from(`{"text":"${'a'.repeat(size - 11)}"}`)
    for (const [encoding, pack] of [
      ['gzip', gzipSync],
      ['deflate', deflateRawSync],
      ['zstd', zstdCompressSync],
      ['br', brotliCompressSync],
    ] as const) {
      assert.equal((await send('/own', pack(sized(LIMIT)), encoding))[0], 200, encoding)
      for (const size of [LIMIT + 1, 200_000]) {
        const before = calls
        const [status, said] = await send('/own', pack(sized(size)), encoding)
        assert.match(`${status} ${said}`, /^413 .*payload_too_large.*larger than 1000 bytes/, encoding)
        assert.equal(calls, before)
      }
    }
  })

  test('that is cut off, or none of its encoding, is refused with it', async () => {
    const packed = gzipSync(text)
    assert.match(
      (await send('/own', packed.subarray(0, -5), 'gzip')).join(' '),
      /^400 .*not valid gzip: unexpected end/,
    )
    for (const encoding of ['gzip', 'deflate', 'zstd', 'br'])
      assert.match(
        (await send('/own', Buffer.from(text), encoding)).join(' '),
        RegExp(`^400 .*not valid ${encoding}: `),
      )
  })

  test('of another encoding is refused by header, value and what is taken', async () => {
    for (const encoding of ['snappy', 'gzip, gzip', 'constructor']) {
      const [status, said] = await send('/own', gzipSync(text), encoding)
      const { error } = JSON.parse(said) as { error: { code: string; message: string } }
      assert.deepEqual([status, error.code], [415, 'unsupported_encoding'])
      const expected = 'gzip, deflate, zstd or br, or a body as it is without this header'
      assert.equal(error.message, `the header Content-Encoding is "${encoding}"; expected ${expected}`)
    }
  })

  test('is refused where bytes are kept as they come', async () => {
    const before = calls
    assert.match(
      (await send('/kept', gzipSync(text), 'gzip')).join(' '),
      /^415 .*Content-Encoding is \W+gzip\W+; expected the bytes as they are/,
    )
    assert.equal(calls, before)
    assert.deepEqual(await send('/kept', Buffer.from(text), 'identity'), [200, `{"size":${Buffer.byteLength(text)}}`])
  })

  test('that is empty is an empty body', async () => {
    assert.deepEqual(await send('/foreign', Buffer.alloc(0), 'gzip'), [200, '{}'])
  })
})
