/** Bodies beyond a limit are refused while they come, and what only looks like them is not. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { speak } from '../../http/raw-socket.fixture.ts'
import { echoModel, serveModels } from '../../../test/clients/gateway.ts'
import type { ServedGateway } from '../../../test/clients/gateway.ts'
import { until } from '../../../test/until.ts'

let gateway: ServedGateway
before(async () => {
  gateway = await serveModels([echoModel('floats', 'number'), echoModel('texts', 'string')])
})
after(() => gateway.stop())

/** What a whole request would have, in bytes; only its beginning is sent. */
const WHOLE = 16_000_000

describe('refused before the body has ended, on', () => {
  const paths = [
    '/v1/endpoints/floats:predict',
    '/endpoints/floats/invocations',
    '/v2/models/floats/infer',
    '/v1/models/floats:predict',
  ]
  for (const path of paths)
    for (const [what, begin, status] of [
      ['lists', '['.repeat(300_000), 400],
      ['objects', '{"a":'.repeat(60_000), 400],
      ['fields', `{${'"a":1,'.repeat(110_000)}`, 413],
      ['values', `[${'[],'.repeat(2_100_000)}`, 413],
    ] as const)
      test(`${path}: ${what}`, async () => {
        const { socket, said } = await speak(Number(gateway.http.split(':')[1]))
        socket.write(
          `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${WHOLE}\r\n\r\n${begin}`,
        )
        await until('an answer', () => said().includes('\r\n\r\n') || socket.destroyed)
        assert.match(said(), new RegExp(`^HTTP/1.1 ${status} `), said().slice(0, 200))
        assert.ok(!socket.destroyed, 'the caller may read its answer while it sends')
        socket.destroy()
      })
})

describe('brackets that are no JSON are taken, in', () => {
  const ask = async (path: string, headers: Record<string, string>, body: Buffer | string): Promise<number> => {
    const reply = await fetch(`http://${gateway.http}${path}`, {
      method: 'POST',
      headers,
      body: new Uint8Array(Buffer.from(body)),
    })
    await reply.arrayBuffer()
    return reply.status
  }

  test('CSV', async () => {
    const rows = Array.from({ length: 5000 }, () => '['.repeat(100)).join('\n')
    assert.equal(await ask('/endpoints/texts/invocations', { 'content-type': 'text/csv' }, `x\n${rows}\n`), 200)
  })

  test('a tensor as bytes', async () => {
    const count = 9000
    const json = JSON.stringify({
      inputs: [{ name: 'x', datatype: 'FP64', shape: [count], parameters: { binary_data_size: 8 * count } }],
    })
    const body = Buffer.concat([Buffer.from(json), Buffer.alloc(8 * count, '[')])
    const headers = { 'inference-header-content-length': String(json.length) }
    assert.equal(await ask('/v2/models/floats/infer', headers, body), 200)
  })

  test('a text of a long body', async () => {
    const body = JSON.stringify({ inputs: [{ x: '[{'.repeat(500_000) }] })
    assert.equal(await ask('/v1/endpoints/texts:predict', {}, body), 200)
  })
})
