/** A gateway before its first table: whoever asks about endpoints is told to come back, never that there is nothing or that a token is unknown. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Backend } from '../scoring/rows/backend.ts'
import { pushTable } from '../serving/fleet/admin-client.ts'
import { endpointRoute, openTable, startTestGateway } from './gateway.fixture.ts'
import type { RoutingTable } from './table/table.ts'
import { ProtoWriter } from './grpc/wire.ts'
import { gatewayFile, readJsonFile } from './run-files.ts'
import type { GatewayFile } from './run-files.ts'

const one: Backend = {
  ready: () => true,
  score: (rows) => rows.map(() => ({ prediction: 1, score: 1 })),
  close: async () => undefined,
  describe: () => ({ kind: 'test' }),
}

/** What is asked about endpoints, in every protocol: method, path and body. */
const ASKED: readonly [method: string, path: string, body?: object][] = [
  ['POST', '/v1/endpoints/e:predict', { inputs: { x: 1 } }],
  ['POST', '/v1/models/e:predict', { instances: [[1]] }],
  ['POST', '/v1/projects/p/locations/l/endpoints/e:predict', { instances: [[1]] }],
  ['POST', '/v2/models/e/infer', { inputs: [] }],
  ['POST', '/v2/models/e/versions/1/infer', { inputs: [] }],
  ['POST', '/invocations', { inputs: [[1]] }],
  ['POST', '/endpoints/e/invocations', { inputs: [[1]] }],
  ['POST', '/models/e/invoke', { inputs: [[1]] }],
  ['POST', '/v2/repository/index', {}],
  ['GET', '/v1/endpoints/e/openapi.json'],
  ['GET', '/v1/models'],
  ['GET', '/v1/models/e'],
  ['GET', '/v2/models'],
  ['GET', '/v2/models/stats'],
  ['GET', '/v2/models/e'],
  ['GET', '/v2/models/e/ready'],
  ['GET', '/v2/models/e/config'],
  ['GET', '/v2/models/e/stats'],
  ['GET', '/models'],
  ['GET', '/models/e'],
  ['GET', '/endpoints/e/health'],
  ['GET', '/v2/health/ready'],
]

test('before the first table every question about endpoints is 503, with a token and without; afterwards it is answered', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-no-table-'))
  const gateway = await startTestGateway(undefined, {
    grpcPort: 0,
    dataDir,
    openBackend: async () => one,
  })
  t.after(async () => {
    await gateway.stop()
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
  })
  const ask = async (of: (typeof ASKED)[number], headers: Record<string, string> = {}): Promise<Response> => {
    const [method, path, body] = of
    return fetch(`http://127.0.0.1:${gateway.port}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  }
  for (const of of ASKED) {
    for (const headers of [{}, { authorization: `Bearer slw_a1.${'x'.repeat(26)}` }]) {
      const reply = await ask(of, headers)
      const said = `${of[0]} ${of[1]}: ${reply.status} ${await reply.text()}`
      assert.equal(reply.status, 503, said)
      if (of[1] !== '/v2/health/ready') assert.equal(reply.headers.get('retry-after'), '1', said)
    }
  }
  assert.equal((await ask(['GET', '/v2/health/live'])).status, 200, 'it lives')
  const service = '/inference.GRPCInferenceService'
  for (const call of ['ModelReady', 'ModelMetadata', 'ModelConfig', 'ModelStatistics', 'RepositoryIndex', 'ModelInfer'])
    assert.equal(await grpcStatus(gateway.grpcPort ?? 0, `${service}/${call}`), '14', call)

  const file = readJsonFile(gatewayFile(dataDir, 0)) as GatewayFile
  // a server that has no endpoint says so by a table of epoch 0
  await pushTable(file, openTable([], 0))
  assert.deepEqual(await (await ask(['GET', '/v2/models'])).json(), { models: [] })
  assert.equal((await ask(['GET', '/v1/models/e'])).status, 404)

  await pushTable(file, openTable([endpointRoute('e', [], { kind: 'native', dir: '-' })]))
  assert.equal((await ask(['GET', '/v1/models/e'])).status, 200)
  assert.deepEqual(await (await ask(['GET', '/v2/models'])).json(), { models: ['e'] })
  assert.equal((await ask(['GET', '/v1/models/f'])).status, 404)
})

test('a gateway that answers nothing yet waits for no model of its first table; later ones are there before they are swapped in', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-first-table-'))
  const waited: boolean[] = []
  const gateway = await startTestGateway(undefined, {
    dataDir,
    openBackend: async (_, wait) => {
      waited.push(wait)
      return one
    },
  })
  t.after(async () => {
    await gateway.stop()
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
  })
  const file = readJsonFile(gatewayFile(dataDir, 0)) as GatewayFile
  const routeTo = (dir: string): RoutingTable => openTable([endpointRoute('e', [], { kind: 'native', dir })])
  await pushTable(file, routeTo('first'))
  await pushTable(file, routeTo('second'))
  assert.deepEqual(waited, [false, true])
})

/** The status of a unary call about the model `e`; 14 is UNAVAILABLE. */
async function grpcStatus(port: number, path: string): Promise<string> {
  const session = connect(`http://127.0.0.1:${port}`)
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  stream.on('response', (headers) => {
    if (headers['grpc-status'] !== undefined) resolve(String(headers['grpc-status']))
  })
  stream.on('trailers', (headers) => resolve(String(headers['grpc-status'])))
  stream.on('error', reject)
  stream.resume()
  const message = new ProtoWriter().string(1, 'e').finish()
  const frame = Buffer.alloc(5)
  frame.writeUInt32BE(message.length, 1)
  stream.end(Buffer.concat([frame, message]))
  try {
    return await promise
  } finally {
    session.destroy()
  }
}
