import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { noOpenssl, selfSigned } from '../../../test/certificate.ts'
import { echoModel, serveModels } from '../../../test/clients/gateway.ts'
import type { ServedGateway } from '../../../test/clients/gateway.ts'
import { until } from '../../../test/until.ts'
import { ownTrust, readPair } from './tls.ts'

const PREDICT = '/v1/endpoints/floats:predict'

describe('HTTPS', { skip: noOpenssl() }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'secure-'))
  let files = { cert: '', key: '' }
  let gateway: ServedGateway
  before(async () => {
    files = selfSigned(folder, 'first')
    gateway = await serveModels([echoModel('floats', 'number')], { tls: files })
  })
  after(async () => {
    await gateway.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const session = (to: string): ClientHttp2Session => connect(`https://${to}`, { ca: readFileSync(files.cert) })

  interface Answer {
    readonly status: number
    readonly text: string
    readonly ended: boolean
  }

  /** One request of HTTP/2; `send` gets the stream and ends it, or not. */
  function ask(from: ClientHttp2Session, body: string, headers: Record<string, string> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const stream = from.request({ ':method': 'POST', ':path': PREDICT, ...headers })
      let [status, text, ended] = [0, '', false]
      stream.setEncoding('utf8')
      stream.on('response', (head) => (status = head[':status'] ?? 0))
      stream.on('data', (chunk: string) => (text += chunk))
      stream.on('end', () => (ended = true))
      stream.on('error', reject)
      stream.on('close', () => resolve({ status, text, ended }))
      if (headers['content-length'] === undefined) stream.end(body)
      else stream.write(body)
    })
  }

  /** One request of HTTP/1.1 on a connection of its own; tells whose certificate was shown. */
  function askOld(body: string): Promise<{ status: number; text: string; name: string }> {
    return new Promise((resolve, reject) => {
      const options = { method: 'POST', agent: false, rejectUnauthorized: false }
      const sent = request(`https://${gateway.http}${PREDICT}`, options, (response) => {
        let text = ''
        const { socket } = response
        const name = String((socket as ReturnType<typeof connectTls>).getPeerCertificate().subject.CN)
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (text += chunk))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, name }))
      })
      sent.on('error', reject)
      sent.end(body)
    })
  }

  it('answers HTTP/2 and HTTP/1.1 on one port, many requests on one connection', async () => {
    const two = session(gateway.http)
    try {
      const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => ask(two, `{"inputs":{"x":${i}.5}}`)))
      answers.forEach(({ status, text }, i) => {
        assert.equal(status, 200, text)
        assert.match(text, new RegExp(`"predictions":\\[${i}\\.5\\]`))
      })
      assert.equal((await ask(two, '{')).status, 400)
    } finally {
      two.close()
    }
    const old = await askOld('{"inputs":{"x":2.5}}')
    assert.deepEqual([old.status, old.name], [200, 'first'])
    assert.match(old.text, /"predictions":\[2\.5\]/)
  })

  it('compresses long answers over HTTP/2 as over HTTP/1.1', async () => {
    const two = session(gateway.http)
    try {
      const rows = JSON.stringify({ inputs: Array.from({ length: 1000 }, () => ({ x: 1.25 })) })
      const plain = await ask(two, rows)
      const packed = await ask(two, rows, { 'accept-encoding': 'gzip' })
      assert.deepEqual([plain.status, packed.status], [200, 200])
      assert.ok(packed.text.length < plain.text.length / 4)
    } finally {
      two.close()
    }
  })

  it('refuses a body of a gigabyte over HTTP/2 before it is sent, and the connection goes on', async () => {
    const two = session(gateway.http)
    try {
      const refused = await ask(two, 'xxxx', { 'content-length': '1073741824' })
      assert.deepEqual([refused.status, refused.ended], [413, true])
      assert.match(refused.text, /larger than 16777216 bytes/)
      assert.equal((await ask(two, '{"inputs":{"x":1}}')).status, 200)
    } finally {
      two.close()
    }
  })

  it("refuses another site's name over HTTP/2", async () => {
    const two = session(gateway.http)
    try {
      assert.equal((await ask(two, '{"inputs":{"x":1}}', { ':authority': 'evil.example' })).status, 403)
    } finally {
      two.close()
    }
  })

  it('answers gRPC over TLS', async () => {
    const two = session(gateway.grpc)
    const path = '/inference.GRPCInferenceService/ServerLive'
    try {
      const said = await new Promise<{ bytes: Buffer; status: string }>((resolve, reject) => {
        const stream = two.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' })
        const chunks: Buffer[] = []
        let status = ''
        stream.on('data', (chunk: Buffer) => chunks.push(chunk))
        stream.on('trailers', (headers) => (status = String(headers['grpc-status'])))
        stream.on('error', reject)
        stream.on('close', () => resolve({ bytes: Buffer.concat(chunks), status }))
        stream.end(Buffer.alloc(5))
      })
      assert.deepEqual(said, { bytes: Buffer.from([0, 0, 0, 0, 2, 8, 1]), status: '0' })
    } finally {
      two.close()
    }
  })

  it('lives on after callers that speak no TLS, break off, or send what is not HTTP', async () => {
    const [host = '', port] = gateway.http.split(':')
    for (const text of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\x16\x03\x01\x00\x05hello', ''])
      await new Promise<void>((resolve) => {
        const socket = connectTcp(Number(port), host, () => socket.end(text))
        socket.on('error', () => undefined)
        socket.on('close', () => resolve())
        socket.resume()
      })
    const said = await new Promise<string>((resolve) => {
      let text = ''
      const socket = connectTls({ host, port: Number(port), rejectUnauthorized: false }, () => {
        socket.write('NONSENSE\r\n\r\n')
      })
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
      socket.on('error', () => undefined)
      socket.on('close', () => resolve(text))
    })
    assert.match(said, /^HTTP\/1\.1 400 /)
    const two = session(gateway.http)
    const cut = two.request({ ':method': 'POST', ':path': PREDICT })
    cut.on('error', () => undefined)
    cut.write('{"inputs":')
    two.ping(() => two.destroy())
    await new Promise<void>((resolve) => two.once('close', () => resolve()))
    assert.equal((await askOld('{"inputs":{"x":1}}')).status, 200)
  })

  it('trusts its own certificate, whatever its name, and no other', async () => {
    const other = selfSigned(folder, 'other')
    const ask = (trusted: { cert: string; key: string }): Promise<number> =>
      new Promise((resolve, reject) => {
        const url = `https://${gateway.http}/v2/health/live`
        const sent = request(url, { agent: false, ...ownTrust(trusted) }, (response) => {
          response.resume()
          resolve(response.statusCode ?? 0)
        })
        sent.on('error', reject)
        sent.end()
      })
    assert.equal(await ask(files), 200)
    await assert.rejects(ask(other), /self-signed|unable to verify/)
  })

  it('shows a renewed certificate without a restart; half of a pair changes nothing', async (t) => {
    const next = selfSigned(folder, 'second')
    const open = session(gateway.http)
    await ask(open, '{"inputs":{"x":1}}')
    const said = t.mock.method(process.stderr, 'write', () => true).mock
    copyFileSync(next.cert, files.cert)
    await until('the half to be seen', () =>
      said.calls.some(({ arguments: [text] }) => /does not belong to the certificate/.test(String(text))),
    )
    said.restore()
    assert.equal((await askOld('{"inputs":{"x":1}}')).name, 'first')
    copyFileSync(next.key, files.key)
    await until('the second certificate', async () => (await askOld('{"inputs":{"x":1}}')).name === 'second')
    assert.equal((await ask(open, '{"inputs":{"x":1}}')).status, 200, 'the open connection goes on')
    open.close()
  })

  it('says what is wrong with a pair', () => {
    const [one, two] = [selfSigned(folder, 'one'), selfSigned(folder, 'two')]
    const nothing = join(folder, 'nothing.pem')
    assert.throws(() => readPair({ ...one, cert: nothing }), /certificate .*nothing\.pem cannot be used: ENOENT/)
    writeFileSync(nothing, 'nothing')
    assert.throws(() => readPair({ ...one, cert: nothing }), /certificate .*nothing\.pem cannot be used/)
    assert.throws(() => readPair({ ...one, key: nothing }), /key .*nothing\.pem cannot be used/)
    assert.throws(
      () => readPair({ cert: one.cert, key: two.key }),
      /two\.key does not belong to the certificate .*one\.crt/,
    )
  })

  it('tells open connections of HTTP/2 to go, and answers what runs, before it ends', async () => {
    const leaving = await serveModels([echoModel('floats', 'number')], { tls: files })
    const two = session(leaving.http)
    await ask(two, '{"inputs":{"x":1}}')
    const gone = new Promise<void>((resolve) => two.once('goaway', () => resolve()))
    const stream = two.request({ ':method': 'POST', ':path': PREDICT })
    let text = ''
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => (text += chunk))
    stream.write('{"inputs":')
    await new Promise<void>((resolve) => two.ping(() => resolve()))
    const stopped = leaving.stop()
    await gone
    stream.end('{"x":4.5}}')
    await new Promise<void>((resolve) => stream.once('close', () => resolve()))
    assert.match(text, /"predictions":\[4\.5\]/)
    await stopped
  })
})
