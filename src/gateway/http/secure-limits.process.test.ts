/** Limits of HTTP/2 on the TLS ports of a gateway: HTTP and gRPC. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { constants } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { noOpenssl, selfSigned } from '../../../test/certificate.ts'
import { echoModel, serveModels } from '../../../test/clients/gateway.ts'
import type { ServedGateway } from '../../../test/clients/gateway.ts'
import { begin, callersOf, ended } from '../../../test/clients/http2.ts'
import { framed } from '../grpc/messages.ts'
import { ProtoWriter } from '../grpc/wire.ts'
import { http2Limits } from './http2-limits.cases.ts'
import type { Port } from './http2-limits.cases.ts'

const GRPC = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' }
/** A whole request comes within it on a busy machine, and one that does not come is soon told. */
const HASTY = { headersMs: 4000, requestMs: 4000 }
/** A body of 16 MiB comes within it, however busy the machine is. */
const PATIENT = { headersMs: 60_000, requestMs: 60_000 }

describe('limits of HTTP/2', { skip: noOpenssl() }, () => {
  http2Limits('HTTP', {
    ...opening('http'),
    headers: { ':method': 'POST', ':path': '/v1/endpoints/floats:predict' },
    rows: (count) => Buffer.from(JSON.stringify({ inputs: Array.from({ length: count }, () => ({ x: 0.125 })) })),
    isAnswer: ({ status, code }) => status === 200 && code === 0,
    isTooLarge: ({ status, body }) => status === 413 && body.includes('larger than 16777216 bytes'),
    endless: Buffer.from('{"inputs":'),
  })
  http2Limits('gRPC', {
    ...opening('grpc'),
    headers: { ...GRPC, ':path': '/inference.GRPCInferenceService/ModelInfer' },
    rows: (count) => framed(inferRequest(count)),
    isAnswer: ({ status, grpc, code }) => status === 200 && grpc === '0' && code === 0,
    isTooLarge: ({ grpc }) => grpc === '8',
    // a message of 16 MiB and one byte
    endless: Buffer.from([0, 1, 0, 0, 1]),
  })

  test('gRPC: a stream whose answers nobody takes is not read on without end, and is broken off', async () => {
    const { open, close } = opening('grpc')
    const { address, cert } = await open('hasty')
    const callers = callersOf(address, cert)
    try {
      const headers = { ...GRPC, ':path': '/inference.GRPCInferenceService/ModelStreamInfer' }
      const stream = begin(callers.session({ initialWindowSize: 0 }), headers)
      const over = ended(stream)
      const requests = Buffer.concat(Array.from({ length: 10_000 }, () => framed(inferRequest(1))))
      let taken = 0
      while (!stream.destroyed && taken < 100 * requests.length) {
        await Promise.race([over, new Promise((resolve) => stream.write(requests, resolve))])
        if (!stream.destroyed) taken += requests.length
      }
      assert.ok(taken < 10 * requests.length, `${taken} bytes were read`)
      assert.deepEqual([(await over).body.length, (await over).code], [0, constants.NGHTTP2_CANCEL])

      const partial = begin(callers.session(), headers)
      partial.write(framed(inferRequest(1)).subarray(0, 9))
      assert.equal((await ended(partial)).body.length, 0)

      const calm = begin(callers.session(), headers)
      const whole = ended(calm)
      for (let i = 0; i < 2000; i++) calm.write(framed(inferRequest(1)))
      // by the clock: no request is under way for longer than a request may take, a stream may be silent
      await new Promise((resolve) => setTimeout(resolve, 2 * HASTY.requestMs))
      calm.end(framed(inferRequest(1)))
      const { body, grpc } = await whole
      assert.equal(grpc, '0')
      let answers = 0
      for (let at = 0; at < body.length; at += 5 + body.readUInt32BE(at + 1)) answers++
      assert.equal(answers, 2001)
    } finally {
      callers.close()
      await close()
    }
  })
})

function opening(port: 'http' | 'grpc'): Pick<Port, 'open' | 'close'> {
  const folder = mkdtempSync(join(tmpdir(), 'limits-'))
  const opened: ServedGateway[] = []
  return {
    async open(haste) {
      const tls = selfSigned(folder, haste)
      const patience = haste === 'hasty' ? HASTY : PATIENT
      const gateway = await serveModels([echoModel('floats', 'number')], { tls, patience })
      opened.push(gateway)
      return { address: gateway[port], cert: readFileSync(tls.cert, 'utf8') }
    },
    async close() {
      for (const gateway of opened) await gateway.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A ModelInferRequest with so many rows of the input x. */
function inferRequest(count: number): Uint8Array {
  const tensor = new ProtoWriter().string(1, 'x').string(2, 'FP64')
  for (const dim of [count, 1]) tensor.uint(3, dim)
  return new ProtoWriter()
    .string(1, 'floats')
    .bytes(5, tensor.finish())
    .bytes(7, Buffer.alloc(8 * count))
    .finish()
}
