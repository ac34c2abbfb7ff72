/** Callers that mean harm, over raw sockets, beside one that does not: no fault of ours, bounded memory, and the other is answered. */
import assert from 'node:assert/strict'
import { connect as connectHttp2 } from 'node:http2'
import type { IncomingHttpHeaders } from 'node:http2'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { echoModel, serveModels } from '../../test/clients/gateway.ts'
import type { ServedGateway } from '../../test/clients/gateway.ts'
import { sendRaw, statusesIn } from '../../test/fixtures/raw-socket.ts'

let gateway: ServedGateway
before(async () => {
  gateway = await serveModels([echoModel('floats', 'number'), echoModel('texts', 'string')])
})
after(() => gateway.stop())

const PREDICT = '/v1/endpoints/floats:predict'

const raw = (bytes: string | Buffer, ms?: number): Promise<string> => sendRaw(gateway.http, bytes, ms)

/** The caller that means no harm gets one answer. */
async function honest(): Promise<void> {
  const response = await fetch(`http://${gateway.http}${PREDICT}`, { method: 'POST', body: '{"inputs": {"x": 1}}' })
  assert.equal(response.status, 200, await response.text())
}

const head = (more: string, path = PREDICT): string => `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${more}\r\n\r\n`

test('lengths that lie, twofold framing, odd verbs and headers end with a refusal or a closed connection', async () => {
  const body = '{"inputs": {"x": 1}}'
  const requests = [
    head('content-length: -1') + body,
    head('content-length: 1e3') + body,
    head('content-length: 20, 21') + body,
    head('content-length: 20\r\ncontent-length: 21') + body,
    head('content-length: 99999999999999999999') + body,
    head('transfer-encoding: chunked\r\ncontent-length: 20') + body,
    head('transfer-encoding: gzip, chunked') + `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    head('transfer-encoding: chunked') + 'zz\r\nhello\r\n0\r\n\r\n',
    head('transfer-encoding: chunked') + 'ffffffffffffffff1\r\nx',
    head('transfer-encoding: chunked') + `5;${'x'.repeat(100_000)}\r\nhello\r\n0\r\n\r\n`,
    head(`x: ${'y'.repeat(70_000)}`),
    head(Array.from({ length: 5000 }, (_, i) => `x-${i}: 1`).join('\r\n')),
    head('content-encoding: gzip, gzip\r\ncontent-length: 3') + 'abc',
    head('content-type: application/json; charset=utf-16\r\ncontent-length: 20') + body,
    `POST ${'/v1'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
    `BREW ${PREDICT} HTTP/1.1\r\nhost: x\r\n\r\n`,
    `POST ${PREDICT} HTTP/9.9\r\nhost: x\r\n\r\n`,
    `POST ${PREDICT} HTTP/1.1\r\n\r\n`,
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01',
    Buffer.alloc(100_000, 0),
  ]
  const answers = await Promise.all(requests.map((request) => raw(request)))
  for (const [i, answer] of answers.entries())
    for (const status of statusesIn(answer))
      assert.ok(status < 500 || status === 501 || status === 505, `${i}: ${answer.slice(0, 300)}`)
  await honest()
})

test('requests behind each other on one connection are answered in order, each by itself', async () => {
  const one = (x: string, more = ''): string => `${head(`content-length: ${x.length}${more}`)}${x}`
  const good = '{"inputs": {"x": 1}}'
  const all = Array.from({ length: 299 }, (_, i) => one(i % 3 === 0 ? '{"inputs": ' : good)).join('')
  const text = await raw(`${all}${one(good, '\r\nconnection: close')}`, 60_000)
  const codes = statusesIn(text)
  assert.equal(codes.length, 300)
  for (const [i, code] of codes.entries()) assert.equal(code, i % 3 === 0 ? 400 : 200)
})

test('bombs of every encoding, at once, are refused by size in bounded memory', async () => {
  const zeros = Buffer.alloc(512 * 1024 * 1024, 0x20)
  const bombs = [
    ['gzip', gzipSync(zeros)],
    ['deflate', deflateSync(zeros)],
    ['br', brotliCompressSync(zeros, { params: { 1: 1 } })],
  ] as const
  const before = process.memoryUsage.rss()
  let most = 0
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 10)
  const asked = bombs.flatMap(([encoding, body]) => Array.from({ length: 6 }, () => ({ encoding, body })))
  const codes = await Promise.all(
    asked.map(async ({ encoding, body }) => {
      const headers = { 'content-encoding': encoding }
      const reply = await fetch(`http://${gateway.http}${PREDICT}`, { method: 'POST', headers, body })
      await reply.text()
      return reply.status
    }),
  )
  clearInterval(watch)
  assert.deepEqual(new Set(codes), new Set([413]))
  assert.ok(most - before < 512 * 1024 * 1024, `${Math.round((most - before) / 1024 ** 2)} MiB more`)
})

test('many that say nothing, and many that drip, keep nobody else from an answer', async () => {
  const [host = '', port] = gateway.http.split(':')
  const open = (bytes: string): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(port), host, () => socket.write(bytes, () => resolve(socket)))
      socket.once('error', reject)
    })
  const idle = await Promise.all(Array.from({ length: 1000 }, () => open('P')))
  const dripping = await Promise.all(
    Array.from({ length: 300 }, () => open(`${head('content-length: 16000000')}{"inputs"`)),
  )
  for (const socket of [...idle, ...dripping]) socket.on('error', () => undefined)
  const isThere = (socket: Socket): boolean => !socket.destroyed
  let beside = 0
  for (let i = 0; i < 30; i++) {
    for (const socket of dripping) socket.write(' ')
    await honest()
    if ([...idle, ...dripping].every(isThere)) beside++
  }
  for (const socket of [...idle, ...dripping]) socket.destroy()
  assert.ok(beside > 0, 'there was no answer until some of them were cut')
})

test('binary tensors whose shapes lie are refused, whatever they claim', async () => {
  const shapes = [
    [2 ** 53],
    [2 ** 31, 2 ** 31],
    [0, 2 ** 53],
    [-1],
    [1.5],
    ['3'],
    [],
    [[1]],
    Array(5000).fill(1),
    [1e308, 10],
    null,
    {},
  ]
  const sizes = [0, 7, 8, 2 ** 53, -8, 1e308, '8', null]
  for (const shape of shapes)
    for (const size of sizes) {
      const json = Buffer.from(
        JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP64', shape, parameters: { binary_data_size: size } }] }),
      )
      const reply = await fetch(`http://${gateway.http}/v2/models/floats/infer`, {
        method: 'POST',
        headers: { 'inference-header-content-length': String(json.length) },
        body: Buffer.concat([json, Buffer.alloc(8)]),
      })
      await reply.text()
      assert.ok(reply.status >= 400 && reply.status < 500, `${JSON.stringify(shape)} ${String(size)}: ${reply.status}`)
    }
  for (const length of ['-1', '1e9', '99999999999999999999', 'x', '']) {
    const headers = { 'inference-header-content-length': length }
    const reply = await fetch(`http://${gateway.http}/v2/models/floats/infer`, { method: 'POST', headers, body: '{}' })
    assert.equal(reply.status, 400, length)
  }
})

test('frames of gRPC that are cut, too many or too large end with a status, and the next call is answered', async () => {
  const session = connectHttp2(`http://${gateway.grpc}`, { maxSessionMemory: 100 })
  const infer = '/inference.GRPCInferenceService/ModelInfer'
  const call = (bytes: Buffer, path = infer): Promise<string> =>
    new Promise((resolve) => {
      const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' })
      let status = ''
      const note = (headers: IncomingHttpHeaders): void => {
        const given = headers['grpc-status']
        if (typeof given === 'string') status = given
      }
      stream.on('response', note).on('trailers', note)
      stream.on('error', () => undefined).on('close', () => resolve(status))
      stream.resume()
      stream.end(bytes)
    })
  const frame = (body: Buffer, length = body.length): Buffer => {
    const start = Buffer.alloc(5)
    start.writeUInt32BE(length, 1)
    return Buffer.concat([start, body])
  }
  let seed = 7
  const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31
  const noise = (): Buffer =>
    Buffer.from(Array.from({ length: Math.floor(random() * 200) }, () => Math.floor(random() * 256)))
  const bodies = [
    ...Array.from({ length: 200 }, () => frame(noise())),
    frame(Buffer.alloc(10), 11),
    frame(Buffer.alloc(10), 2 ** 32 - 1),
    Buffer.concat(Array.from({ length: 2000 }, () => frame(Buffer.alloc(0)))),
    Buffer.alloc(3),
    frame(Buffer.alloc(17 * 1024 * 1024)),
  ]
  for (const body of bodies) {
    const status = await call(body)
    // neither UNKNOWN, INTERNAL nor DATA_LOSS
    assert.ok(!['', '2', '13', '15'].includes(status), `${status}: ${body.subarray(0, 40).toString('hex')}`)
  }
  assert.equal(await call(frame(Buffer.alloc(0)), '/inference.GRPCInferenceService/ServerLive'), '0')
  session.close()
  await honest()
})
