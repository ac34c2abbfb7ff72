/** gRPC's calls beside ModelInfer: fields by number as Triton's and gRPC's own descriptions give them, and what is not found. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FIELDS, liveEndpoint } from '../protocols/call.fixture.ts'
import { openTable } from '../gateway.fixture.ts'
import type { GatewayView } from '../http/targets.ts'
import type { LiveEndpoint, LiveVariant } from '../traffic/live.ts'
import { CALLS } from './calls.ts'
import type { UnaryCall } from './calls.ts'
import { ProtoReader, ProtoWriter } from './wire.ts'

const INFERENCE = '/inference.GRPCInferenceService/'

/** A gateway with the endpoint `e`, whose stable version is ready or not. */
function viewOf(
  more: { ready?: boolean; draining?: boolean; epoch?: number; endpoints?: LiveEndpoint[] } = {},
): GatewayView {
  const { ready = true, draining = false, epoch = 7 } = more
  const known = liveEndpoint()
  const stable = known.stable as LiveVariant
  const e = { ...known, stable: { ...stable, backend: { ...stable.backend, ready: () => ready } } }
  const endpoints = more.endpoints ?? [e]
  return {
    table: {
      source: openTable([]),
      epoch,
      endpoints: new Map(endpoints.map((one) => [one.route.name, one])),
      tokens: new Map(),
      only: endpoints[0],
    },
    version: '1.2.3',
    draining,
    proof: () => undefined,
    metrics: () => '',
  }
}

/** What a call answers, as hex. */
function ask(path: string, message = new ProtoWriter(), view = viewOf()): string {
  const call = CALLS.get(path)
  assert.ok(call !== undefined, path)
  return call.answer(view, message.finish()).finish().toString('hex')
}

const named = (name: string, version = ''): ProtoWriter => new ProtoWriter().string(1, name).string(2, version)
const YES = '0801'
const NO = ''

test('live is always, ready is once a table is there whose versions answer, until the gateway leaves', () => {
  assert.equal(ask(`${INFERENCE}ServerLive`, undefined, viewOf({ draining: true })), YES)
  const ready = (more: Parameters<typeof viewOf>[0]) => ask(`${INFERENCE}ServerReady`, undefined, viewOf(more))
  assert.deepEqual([{}, { endpoints: [] }, { ready: false }, { draining: true }, { epoch: 0 }].map(ready), [
    YES,
    YES,
    NO,
    NO,
    NO,
  ])
})

test('a model is ready when its stable version answers; a version or a model that is not there is not found', () => {
  const ready = (message: ProtoWriter, view = viewOf()) => ask(`${INFERENCE}ModelReady`, message, view)
  assert.deepEqual(
    [ready(named('e')), ready(named('e', '1')), ready(named('e'), viewOf({ ready: false }))],
    [YES, YES, NO],
  )
  assert.throws(() => ready(named('e', '2')), {
    code: 'not_found',
    message: 'version "2" does not exist',
  })
  for (const name of ['f', '']) assert.throws(() => ready(named(name)), { code: 'not_found' })
})

test('health is told as grpc.health.v1 numbers it: 1 serving, 2 not', () => {
  const check = (service: string, view = viewOf()) =>
    ask('/grpc.health.v1.Health/Check', new ProtoWriter().string(1, service), view)
  for (const service of ['', 'inference.GRPCInferenceService', 'e']) {
    assert.equal(check(service), '0801', service)
    assert.equal(check(service, viewOf({ ready: false })), '0802', service)
  }
  assert.throws(() => check('f'), { code: 'not_found' })
})

/** The texts of some fields of a message; others are passed over. */
function textsOf(bytes: Buffer, ...wanted: number[]): string[] {
  const found: string[] = []
  const reader = new ProtoReader(bytes)
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (wanted.includes(field)) found.push(reader.string())
    else reader.skip()
  }
  return found
}

/** The messages under a field. */
function messagesOf(bytes: Buffer, wanted: number): Buffer[] {
  const found: Buffer[] = []
  const reader = new ProtoReader(bytes)
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === wanted) found.push(reader.bytes())
    else reader.skip()
  }
  return found
}

const answer = (path: string, message?: ProtoWriter, view?: GatewayView): Buffer =>
  Buffer.from(ask(path, message, view), 'hex')

test('metadata of the server and of a model', () => {
  const server = answer(`${INFERENCE}ServerMetadata`)
  assert.deepEqual([textsOf(server, 1), textsOf(server, 2)], [['slipway'], ['1.2.3']])
  assert.ok(textsOf(server, 3).includes('binary_tensor_data'))
  const model = answer(`${INFERENCE}ModelMetadata`, named('e', '1'))
  assert.deepEqual([textsOf(model, 1), textsOf(model, 2), textsOf(model, 3)], [['e'], ['1'], ['slipway_native']])
  assert.deepEqual(
    messagesOf(model, 4).map((input) => textsOf(input, 1, 2)),
    [
      ['x', 'FP64'],
      ['n', 'INT64'],
      ['on', 'BOOL'],
      ['c', 'BYTES'],
    ],
  )
  // any number of rows is -1, ten bytes of a packed int64
  assert.equal(messagesOf(messagesOf(model, 4)[0] as Buffer, 3)[0]?.toString('hex'), 'ffffffffffffffffff01')
  assert.deepEqual(
    messagesOf(model, 5).map((output) => textsOf(output, 1, 2)),
    [['predictions', 'FP64']],
  )
})

test('a configuration numbers types as Triton does: FP64 12, INT64 9, BOOL 1, STRING 13', () => {
  const [config] = messagesOf(answer(`${INFERENCE}ModelConfig`, named('e')), 1)
  assert.ok(config !== undefined)
  assert.deepEqual([textsOf(config, 1), textsOf(config, 17)], [['e'], ['slipway']])
  const types = messagesOf(config, 5).map((input) => {
    const reader = new ProtoReader(input)
    for (let field = reader.next(); field !== 2; field = reader.next()) reader.skip()
    return Number(reader.int64())
  })
  assert.deepEqual(types, [12, 9, 1, 13])
  assert.equal(types.length, FIELDS.length)
})

test('statistics are of one model or of all, and count what was answered', () => {
  const endpoint = liveEndpoint()
  endpoint.stable?.stats.add(5000, 3, 250, false)
  endpoint.stable?.stats.add(6000, 1, 50, true)
  const view = viewOf({ endpoints: [endpoint] })
  for (const message of [undefined, named('e')]) {
    const [stats] = messagesOf(answer(`${INFERENCE}ModelStatistics`, message, view), 1)
    const numbers: Record<number, number> = {}
    const reader = new ProtoReader(stats as Buffer)
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field >= 3 && field <= 5) numbers[field] = Number(reader.int64())
      else reader.skip()
    }
    assert.deepEqual(numbers, { 3: 6000, 4: 4, 5: 1 })
  }
  assert.throws(() => ask(`${INFERENCE}ModelStatistics`, named('f'), view), { code: 'not_found' })
})

test('the repository lists every version with its state, or only what is ready', () => {
  const index = (path: string, ready: boolean, view: GatewayView) =>
    messagesOf(answer(path, new ProtoWriter().bool(2, ready), view), 1).map((one) => textsOf(one, 1, 2, 3, 4))
  for (const path of [
    `${INFERENCE}RepositoryIndex`,
    '/inference.model_repository.ModelRepositoryService/RepositoryIndex',
  ]) {
    assert.deepEqual(index(path, false, viewOf()), [['e', '1', 'READY']])
    assert.deepEqual(index(path, false, viewOf({ ready: false })), [['e', '1', 'UNAVAILABLE', 'loading']])
    assert.deepEqual(index(path, true, viewOf({ ready: false })), [])
  }
})

test('nobody loads or unloads a model by a call', () => {
  for (const service of [INFERENCE, '/inference.model_repository.ModelRepositoryService/'])
    for (const call of ['RepositoryModelLoad', 'RepositoryModelUnload'])
      assert.throws(() => ask(`${service}${call}`, named('e')), { code: 'forbidden' })
})

test('who asks for the readiness of the server needs no token, who asks of a model needs one', () => {
  const verbOf = ({ verb }: UnaryCall, name = ''): unknown =>
    typeof verb === 'function' ? verb(named(name).finish()) : verb
  const open = (name: string) =>
    [...CALLS].filter(([, call]) => verbOf(call, name) === null).map(([path]) => path.split('/').at(-1))
  assert.deepEqual(open(''), ['ServerLive', 'ServerReady', 'ServerMetadata', 'Check'])
  assert.deepEqual(open('e'), ['ServerLive', 'ServerReady', 'ServerMetadata'])
})

test('bytes that are no message are refused', () => {
  for (const hex of ['0a05', '0a', 'ff'])
    assert.throws(() => CALLS.get(`${INFERENCE}ModelReady`)?.answer(viewOf(), Buffer.from(hex, 'hex')), {
      code: 'malformed_body',
    })
})
