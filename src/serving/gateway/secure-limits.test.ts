/** What HTTP/2 callers may not do on the TLS port: too many streams, too long headers, resets without end, slowness, bodies without end. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, constants } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { noOpenssl, selfSigned } from '../../../test/certificate.ts'
import { echoModel, serveModels } from '../../../test/clients/gateway.ts'
import type { ServedGateway } from '../../../test/clients/gateway.ts'

const HEADERS = { ':method': 'POST', ':path': '/v1/endpoints/floats:predict' }
const ONE = '{"inputs":{"x":1}}'
const STREAMS = 1024
const PATIENCE = { headersMs: 1500, requestMs: 1500 }

interface Ended {
  readonly status: number
  readonly text: string
  /** Why the stream was broken off; NO_ERROR where it was not. */
  readonly code: number
}

describe('limits of HTTP/2', { skip: noOpenssl(), timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'limits-'))
  const open: ClientHttp2Session[] = []
  let cert = ''
  let gateway: ServedGateway
  before(async () => {
    const files = selfSigned(folder, 'one')
    cert = readFileSync(files.cert, 'utf8')
    gateway = await serveModels([echoModel('floats', 'number')], { tls: files, patience: PATIENCE })
  })
  after(async () => {
    for (const one of open) one.destroy()
    await gateway.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  function session(settings: object = {}): ClientHttp2Session {
    const made = connect(`https://${gateway.http}`, { ca: cert, settings, maxSendHeaderBlockLength: 1_000_000 })
    made.on('error', () => undefined)
    open.push(made)
    return made
  }

  function begin(from: ClientHttp2Session, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream {
    const stream = from.request({ ...HEADERS, ...headers })
    stream.on('error', () => undefined)
    return stream
  }

  function ended(stream: ClientHttp2Stream): Promise<Ended> {
    return new Promise((resolve) => {
      let [status, text] = [0, '']
      stream.setEncoding('utf8')
      stream.on('response', (head) => (status = head[':status'] ?? 0))
      stream.on('data', (chunk: string) => (text += chunk))
      stream.on('close', () => resolve({ status, text, code: stream.rstCode }))
    })
  }

  /** A request on a connection of its own is answered. */
  async function stillAnswers(): Promise<void> {
    const other = session()
    const stream = begin(other)
    stream.end(ONE)
    assert.equal((await ended(stream)).status, 200)
    other.close()
  }

  it('tells how many streams may be open, and answers all that callers have in flight within that', async () => {
    const two = session()
    await new Promise<void>((resolve) => two.once('remoteSettings', () => resolve()))
    assert.equal(two.remoteSettings.maxConcurrentStreams, STREAMS)
    const streams = Array.from({ length: STREAMS + 200 }, () => begin(two))
    const all = streams.map(ended)
    await stillAnswers()
    for (const stream of streams) stream.end(ONE)
    assert.deepEqual(new Set((await Promise.all(all)).map(({ status }) => status)), new Set([200]))
  })

  it('refuses headers that are too long or too many, and the gateway goes on', async () => {
    const pairs = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`x-${i}`, 'a']))
    for (const headers of [{ 'x-long': 'a'.repeat(200_000) }, pairs]) {
      const stream = begin(session(), headers)
      stream.end(ONE)
      const { status } = await ended(stream)
      assert.notEqual(status, 200)
      await stillAnswers()
    }
  })

  it('ends the connection of a caller that resets without end, and answers the others', async () => {
    const two = session()
    const closed = new Promise<void>((resolve) => two.once('close', () => resolve()))
    let said = 0
    two.on('goaway', (code) => (said = code))
    const many = (): ClientHttp2Stream[] => Array.from({ length: 100 }, () => begin(two))
    for (let round = 0; round < 40 && !two.destroyed; round++) {
      const streams = many()
      // what is reset before it is sent is never sent
      await new Promise<void>((resolve) => (two.ping(() => resolve()) ? undefined : resolve()))
      for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL)
      if (round % 20 === 0) await stillAnswers()
    }
    await closed
    assert.notEqual(said, constants.NGHTTP2_NO_ERROR)
    await stillAnswers()
  })

  it('breaks off a request that does not come, and an answer that is not taken', async () => {
    const late = begin(session())
    late.write('{"inputs":')
    const { status, code } = await ended(late)
    assert.deepEqual([status, code], [0, constants.NGHTTP2_CANCEL])
    const deaf = session({ initialWindowSize: 0 })
    const stream = begin(deaf)
    stream.end(JSON.stringify({ inputs: Array.from({ length: 2000 }, () => ({ x: 0.125 })) }))
    const broken = await ended(stream)
    assert.deepEqual([broken.status, broken.text, broken.code], [200, '', constants.NGHTTP2_CANCEL])
    await stillAnswers()
  })

  it('refuses a body without end once it is too long, and the connection goes on', async () => {
    const two = session()
    const stream = begin(two)
    const answer = ended(stream)
    const piece = Buffer.alloc(1024 * 1024, ' ')
    for (let i = 0; i < 40 && !stream.destroyed; i++)
      await Promise.race([answer, new Promise((resolve) => stream.write(piece, resolve))])
    const { status, text } = await answer
    assert.equal(status, 413)
    assert.match(text, /larger than 16777216 bytes/)
    const next = begin(two)
    next.end(ONE)
    assert.equal((await ended(next)).status, 200)
  })
})
