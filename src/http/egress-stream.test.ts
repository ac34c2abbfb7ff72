/** Streams in and out: a body that is refused midway, one that is too short or too long, answers that break off or never come. */
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer, globalAgent } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, it } from 'node:test'
import { until } from '../../test/until.ts'
import { egressStream, wholeBody } from './egress-stream.ts'
import type { StreamRequest } from './egress-stream.ts'

const servers: Server[] = []
after(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

async function serving(handle: RequestListener): Promise<string> {
  const server = createServer(handle)
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

const send = egressStream({ allow: ['127.0.0.1'] })
const impatient = egressStream({ allow: ['127.0.0.1'], silenceMs: 500 })

async function* chunks(count: number, size: number, told: { sent: number } = { sent: 0 }): AsyncGenerator<Buffer> {
  for (let i = 0; i < count; i++) {
    told.sent += 1
    yield Buffer.alloc(size, 'x')
  }
}

/** Resolves when this process, as a client, has the head of the next reply. */
function nextReply(): Promise<void> {
  const channel = 'http.client.response.finish'
  return new Promise((resolve) => {
    const heard = (): void => {
      unsubscribe(channel, heard)
      resolve()
    }
    subscribe(channel, heard)
  })
}

const put = (url: string, parts: AsyncIterable<Uint8Array>, size: number): StreamRequest => ({
  method: 'PUT',
  url,
  body: { size, parts },
})

describe('a stream out', () => {
  it('arrives whole, with its length said before', async () => {
    const url = await serving((request, reply) => {
      let size = 0
      request.on('data', (part: Buffer) => (size += part.length))
      request.on('end', () => reply.end(`${request.headers['content-length']} ${size}`))
    })
    const reply = await send(put(url, chunks(50, 100_000), 5_000_000))
    assert.equal((await wholeBody(reply, 100, 'it')).toString(), '5000000 5000000')
  })

  it('ends when the other side answers before its end', async () => {
    const url = await serving((_request, reply) => {
      reply.writeHead(401, { connection: 'close' }).end('no')
    })
    const told = { sent: 0 }
    const reply = await send(put(url, chunks(100_000, 100_000, told), 10_000_000_000))
    assert.equal(reply.status, 401)
    assert.ok(told.sent < 1000, `${told.sent} parts were read`)
  })

  for (const [what, size, sent] of [
    ['whole', 10, 10],
    ['in part', 1_000_000, 10],
  ] as const)
    it(`that is answered before its stream is over leaves no connection in use, sent ${what}`, async () => {
      const url = await serving((request, reply) => {
        let got = 0
        request.on('data', (part: Buffer) => {
          got += part.length
          if (got >= sent) reply.end('ok')
        })
      })
      // it is not the other side that ends what lies unused
      for (const server of servers) server.keepAliveTimeout = 300_000
      const answered = nextReply()
      async function* slow(): AsyncGenerator<Buffer> {
        yield Buffer.alloc(sent)
        await answered
        if (sent < size) yield Buffer.alloc(sent)
      }
      const reply = await send(put(url, slow(), size))
      assert.equal((await wholeBody(reply, 100, 'it')).toString(), 'ok')
      const inUse = (): boolean => Object.keys(globalAgent.sockets).some((name) => name.includes(new URL(url).port))
      await until('a connection to be in use no more, for the process to end', () => !inUse())
    })

  it('that is not as long as it was said to be is an error', async () => {
    const url = await serving((request, reply) => void request.resume().on('end', () => reply.end()))
    await assert.rejects(send(put(url, chunks(1, 10), 11)), /10 bytes in place of 11/)
    async function* breaks(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(1)
      throw new Error('the disk is gone')
    }
    await assert.rejects(send(put(url, breaks(), 10)), /the disk is gone/)
  })

  it('into a connection that breaks is an error of the other side', async () => {
    const url = await serving((request) => void request.once('data', () => request.socket.destroy()))
    await assert.rejects(send(put(url, chunks(1000, 100_000), 100_000_000)), { code: 'upstream_failed' })
  })
})

describe('a stream in', () => {
  it('that breaks off, is too large or never begins is an error of the other side', async () => {
    const url = await serving((request, reply) => {
      if (request.url === '/silent') return
      void nextReply().then(() => reply.destroy())
      reply.writeHead(200, { 'content-length': '1000' }).write('some')
    })
    const cut = await send({ method: 'GET', url })
    await assert.rejects(wholeBody(cut, 1000, 'it'), { code: 'upstream_failed', message: /broke off/ })
    await assert.rejects(impatient({ method: 'GET', url: `${url}silent` }), {
      code: 'upstream_failed',
      message: /no answer in time/,
    })
    const large = await send({ method: 'GET', url: await serving((_request, reply) => reply.end('x'.repeat(1001))) })
    await assert.rejects(wholeBody(large, 1000, 'it'), { code: 'upstream_failed', message: /more than 1000 bytes/ })
  })

  it('comes from no private address that was not allowed, and by no redirect', async () => {
    const url = await serving(
      (_request, reply) => void reply.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
    )
    assert.equal((await send({ method: 'GET', url })).status, 302)
    await assert.rejects(egressStream({ allow: [] })({ method: 'GET', url }), {
      code: 'invalid_field',
      message: /is private/,
    })
  })

  it('leaves no connection behind when nobody reads the answer', async () => {
    let isClosed = false
    const url = await serving((request, reply) => {
      request.socket.once('close', () => (isClosed = true))
      reply.writeHead(404).end('not found')
    })
    const patient = egressStream({ allow: ['127.0.0.1'], silenceMs: 3_600_000 })
    const reply = await patient({ method: 'GET', url })
    reply.body.destroy()
    await until('the end of the connection, before its silence is too long', () => isClosed)
  })

  it('keeps a connection that was read to its end', async () => {
    let sockets = 0
    const url = await serving((_request, reply) => reply.end('yes'))
    servers.at(-1)?.on('connection', () => (sockets += 1))
    for (let i = 0; i < 3; i++)
      assert.equal((await wholeBody(await send({ method: 'GET', url }), 10, 'it')).toString(), 'yes')
    assert.equal(sockets, 1)
  })
})
