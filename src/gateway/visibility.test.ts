/** What a caller learns of endpoints: by every path that lists or names one, over HTTP and gRPC, those of its own project only. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, constants } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Backend } from '../scoring/rows/backend.ts'
import type { Gateway } from './gateway.ts'
import { endpointRoute, startTestGateway } from './gateway.fixture.ts'
import { ProtoWriter } from './grpc/wire.ts'

const SECRET = 'abcdefghijklmnopqrstuvwxyz'
const FIELDS = [{ name: 'x', kind: 'number', required: true, dtype: 'double' }] as const
const OWN = 'own-endpoint'
const FOREIGN = 'foreign-endpoint'
const MISSING = 'missing-endpoint'

const one: Backend = {
  ready: () => true,
  score: (rows) => rows.map(() => ({ prediction: 1, score: 1 })),
  close: async () => undefined,
  describe: () => ({ kind: 'test' }),
}

const dataDir = mkdtempSync(join(tmpdir(), 'gateway-'))
let gateway: Gateway
let session: ClientHttp2Session

before(async () => {
  const backend = { kind: 'native', dir: '-' } as const
  const token = (id: string, project: string | null) => ({
    id,
    hash: hash('sha256', SECRET, 'hex'),
    role: 'service' as const,
    project,
    expires_at: null,
  })
  const table = {
    format: 'slipway.routing/1',
    epoch: 4,
    open: false,
    endpoints: [
      endpointRoute(OWN, FIELDS, backend),
      endpointRoute(FOREIGN, FIELDS, backend, { project: 'q', model: 'foreign-model' }),
    ],
    tokens: [token('p1', 'p'), token('all', null)],
  } as const
  gateway = await startTestGateway(table, { dataDir, grpcPort: 0, openBackend: async () => one })
  session = connect(`http://127.0.0.1:${gateway.grpcPort}`)
})

after(async () => {
  session.destroy()
  await gateway.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

interface Seen {
  readonly status: number
  readonly text: string
}

async function http(path: string, as?: string, body?: object): Promise<Seen> {
  const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(as !== undefined && { authorization: `Bearer slw_${as}.${SECRET}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: response.status, text: await response.text() }
}

/** A unary call; `status` is gRPC's, `text` the answer and the reason as they came. */
function grpc(path: string, message: ProtoWriter, as?: string): Promise<Seen> {
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: path,
    'content-type': 'application/grpc',
    ...(as !== undefined && { authorization: `Bearer slw_${as}.${SECRET}` }),
  })
  const bytes = message.finish()
  const head = Buffer.alloc(5)
  head.writeUInt32BE(bytes.length, 1)
  stream.end(Buffer.concat([head, bytes]))
  const { promise, resolve, reject } = Promise.withResolvers<Seen>()
  let text = ''
  let status = ''
  const take = (headers: object): void => {
    const { 'grpc-status': code, 'grpc-message': why } = headers as Record<string, string | undefined>
    status = code ?? status
    text += why ?? ''
  }
  stream.on('response', take).on('trailers', take).on('error', reject)
  stream.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  stream.on('close', () => resolve({ status: Number(status), text }))
  return promise
}

const named = (name: string): ProtoWriter => new ProtoWriter().string(1, name)
const INFERENCE = '/inference.GRPCInferenceService/'
const REPOSITORY = '/inference.model_repository.ModelRepositoryService/'

const LISTS: readonly (readonly [string, (as?: string) => Promise<Seen>])[] = [
  ['/v1/models', (as) => http('/v1/models', as)],
  ['/v2/models', (as) => http('/v2/models', as)],
  ['/v2/models/stats', (as) => http('/v2/models/stats', as)],
  ['/v2/repository/index', (as) => http('/v2/repository/index', as, {})],
  ['/models', (as) => http('/models', as)],
  ['/metrics', (as) => http('/metrics', as)],
  ['RepositoryIndex', (as) => grpc(`${INFERENCE}RepositoryIndex`, new ProtoWriter(), as)],
  ["MLServer's RepositoryIndex", (as) => grpc(`${REPOSITORY}RepositoryIndex`, new ProtoWriter(), as)],
  ['ModelStatistics', (as) => grpc(`${INFERENCE}ModelStatistics`, new ProtoWriter(), as)],
]

for (const [what, ask] of LISTS) {
  test(`${what} shows a caller its own endpoints, an all-projects caller all, a stranger none`, async () => {
    const own = await ask('p1')
    assert.ok(own.text.includes(OWN), own.text)
    assert.ok(!own.text.includes('foreign'), own.text)
    const all = await ask('all')
    assert.ok(all.text.includes(OWN) && all.text.includes(FOREIGN), all.text)
    for (const stranger of [await ask(), await ask('none')]) {
      assert.ok([401, 16].includes(stranger.status), `${stranger.status} ${stranger.text}`)
      assert.ok(!/-endpoint/.test(stranger.text), stranger.text)
    }
  })
}

const ROW = { inputs: { x: 1 } }
const NAMED: readonly (readonly [string, (name: string, as?: string) => Promise<Seen>])[] = [
  [':predict', (name, as) => http(`/v1/endpoints/${name}:predict`, as, ROW)],
  ['openapi.json', (name, as) => http(`/v1/endpoints/${name}/openapi.json`, as)],
  ["KServe's readiness", (name, as) => http(`/v1/models/${name}`, as)],
  ["KServe's predict", (name, as) => http(`/v1/models/${name}:predict`, as, { instances: [[1]] })],
  ['Vertex', (name, as) => http(`/v1/projects/a/locations/b/endpoints/${name}:predict`, as, { instances: [[1]] })],
  ['metadata', (name, as) => http(`/v2/models/${name}`, as)],
  ['readiness', (name, as) => http(`/v2/models/${name}/ready`, as)],
  ['configuration', (name, as) => http(`/v2/models/${name}/config`, as)],
  ['statistics', (name, as) => http(`/v2/models/${name}/stats`, as)],
  ['infer', (name, as) => http(`/v2/models/${name}/infer`, as, tensor())],
  ['invocations', (name, as) => http(`/endpoints/${name}/invocations`, as, { dataframe_records: [{ x: 1 }] })],
  ['ping of an endpoint', (name, as) => http(`/endpoints/${name}/ping`, as)],
  ["SageMaker's model", (name, as) => http(`/models/${name}`, as)],
  ["SageMaker's invoke", (name, as) => http(`/models/${name}/invoke`, as, { dataframe_records: [{ x: 1 }] })],
  ...['ModelReady', 'ModelMetadata', 'ModelConfig', 'ModelStatistics', 'ModelInfer'].map(
    (call) => [call, (name: string, as?: string) => grpc(INFERENCE + call, named(name), as)] as const,
  ),
  ['Health/Check', (name, as) => grpc('/grpc.health.v1.Health/Check', named(name), as)],
]

for (const [what, ask] of NAMED) {
  test(`${what}: the name of a foreign endpoint is answered as one that nobody has`, async () => {
    const said = async (name: string, as?: string): Promise<Seen> => {
      const { status, text } = await ask(name, as)
      return { status, text: text.replaceAll(name, 'NAME').replaceAll(/"request_id":"[^"]*"/g, '') }
    }
    // a wrong token counts against its address, which is tried by the lists above
    for (const as of ['p1', undefined]) {
      const foreign = await said(FOREIGN, as)
      assert.deepEqual(foreign, await said(MISSING, as), String(as))
      assert.ok((as === 'p1' ? [404, 5] : [401, 16]).includes(foreign.status), `${as}: ${foreign.status}`)
    }
    assert.ok(![401, 403, 404, 5, 7, 16].includes((await ask(OWN, 'p1')).status))
    assert.ok(![401, 403, 404, 5, 7, 16].includes((await ask(FOREIGN, 'all')).status))
  })
}

test('paths without a name mean the only endpoint that the caller sees', async () => {
  assert.equal((await http('/invocations', 'p1', { dataframe_records: [{ x: 1 }] })).status, 200)
  assert.equal((await http('/invocations', 'all', { dataframe_records: [{ x: 1 }] })).status, 400)
})

test('whether the gateway lives and is ready is told to everybody', async () => {
  for (const path of ['/v2/health/live', '/v2/health/ready', '/ping', '/health', '/version', '/v2', '/'])
    assert.equal((await http(path)).status, 200, path)
  for (const path of [`${INFERENCE}ServerLive`, `${INFERENCE}ServerReady`, '/grpc.health.v1.Health/Check'])
    assert.equal((await grpc(path, new ProtoWriter())).status, 0, path)
})

test('figures of the process are for those who see all endpoints', async () => {
  assert.ok(!(await http('/metrics', 'p1')).text.includes('process_resident_memory_bytes'))
  assert.ok((await http('/metrics', 'all')).text.includes('process_resident_memory_bytes'))
})

function tensor(): object {
  return { inputs: [{ name: 'x', shape: [1], datatype: 'FP64', data: [1] }] }
}
