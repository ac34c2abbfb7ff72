/** Replies that stream: whole, at the caller's pace, and each chunk is given back only when it has gone out. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { never } from '../../test/until.ts'
import { Raw } from './mount.ts'
import { send } from './reply.ts'
import { PATIENCE } from './callers/request-body.ts'

const CHUNK = 256 * 1024
const CHUNKS = 64

test('a streamed reply arrives whole though its chunks are wiped once they are sent, and waits for a slow reader', async () => {
  const state = { made: 0, sent: 0 }
  const source = Readable.from(
    (async function* () {
      for (; state.made < CHUNKS; state.made++) yield Buffer.alloc(CHUNK, state.made + 1)
    })(),
    { objectMode: false },
  )
  const wipe = (chunk: Uint8Array): void => {
    state.sent++
    chunk.fill(0)
  }
  const failed = (): Raw => new Raw(500, {}, 'failed')
  const server = createServer((_request, response) => {
    const raw = new Raw(200, { 'content-length': String(CHUNK * CHUNKS) }, source, wipe)
    send(response, raw, { requestId: 'r', close: true, head: false, failed, patience: PATIENCE })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await never('the source ran ahead of the reader', () => state.made === CHUNKS, 200)
    const got = Buffer.from(await response.arrayBuffer())
    assert.equal(got.length, CHUNK * CHUNKS)
    for (let i = 0; i < CHUNKS; i++) {
      const part = got.subarray(i * CHUNK, (i + 1) * CHUNK)
      assert.ok(part.equals(Buffer.alloc(CHUNK, i + 1)), `chunk ${i}`)
    }
    assert.equal(state.sent, CHUNKS)
  } finally {
    server.close()
  }
})
