import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { hash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Backend } from '../scoring/rows/backend.ts'
import type { Scored } from '../scoring/rows/scores.ts'
import type { RoutingTable } from './table/table.ts'
import type { InputField } from '../scoring/rows/fields.ts'
import { endpointRoute, startTestGateway } from './gateway.fixture.ts'
import type { Gateway } from './gateway.ts'

const INPUTS: InputField[] = [
  { name: 'x', kind: 'number', required: true, dtype: 'double' },
  { name: 'n', kind: 'integer', required: true, dtype: 'long' },
  { name: 'on', kind: 'boolean', required: false, dtype: 'boolean' },
  { name: 'c', kind: 'string', required: true, dtype: 'string' },
]
const SECRET = 'abcdefghijklmnopqrstuvwxyz'
const AUTH = { authorization: `Bearer slw_a1.${SECRET}` }

/** A model that adds: enough to see what arrived. */
const adder: Backend = {
  ready: () => true,
  score: (rows): Scored[] =>
    rows.map((row) => {
      const sum = row.reduce<number>((total, value) => total + (typeof value === 'number' ? value : 0), 0)
      return { prediction: sum, score: sum }
    }),
  close: async () => undefined,
  describe: () => ({ kind: 'test' }),
}

let gateway: Gateway
let base = ''
const dataDir = mkdtempSync(join(tmpdir(), 'gateway-'))
before(async () => {
  const endpoint = endpointRoute('sum', INPUTS, { kind: 'native', dir: '-' })
  const token = (id: string, role: 'service' | 'viewer', project: string | null, expires_at: number | null) => ({
    id,
    hash: hash('sha256', SECRET, 'hex'),
    role,
    project,
    expires_at,
  })
  const table: RoutingTable = {
    format: 'slipway.routing/1',
    epoch: 4,
    open: false,
    endpoints: [endpoint],
    tokens: [
      token('a1', 'service', null, null),
      token('v1', 'viewer', null, null),
      token('o1', 'service', 'other', null),
      token('e1', 'service', null, 1),
    ],
  }
  gateway = await startTestGateway(table, { dataDir, version: '1.2.3', openBackend: async () => adder })
  base = `http://127.0.0.1:${gateway.port}`
})
after(async () => {
  await gateway.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

interface Sent {
  readonly path?: string
  readonly method?: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

async function send(sent: Sent): Promise<{ status: number; text: string; headers: Headers }> {
  const { path = '/v1/endpoints/sum:predict', method = 'POST', body, headers = {} } = sent
  const response = await fetch(base + path, {
    method,
    headers: { 'content-type': 'application/json', ...AUTH, ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: response.status, text: await response.text(), headers: response.headers }
}

const GOOD = { x: 1.5, n: 2, on: true, c: 'a' }
const V2 = '/v2/models/sum/infer'
const INVOKE = '/invocations'
const tensor = (name: string, datatype: string, data: unknown, shape: unknown = [1]): object => ({
  name,
  datatype,
  data,
  shape,
})
const TENSORS = [tensor('x', 'FP64', [1.5]), tensor('n', 'INT64', [2]), tensor('c', 'BYTES', ['a'])]
const without = (i: number, other: object): object[] => TENSORS.map((one, j) => (i === j ? other : one))
const split = (columns: unknown, data: unknown): object => ({ dataframe_split: { columns, data } })

/** What is sent, the status, and what the message names. */
const REFUSED: [string, Sent, number, RegExp][] = [
  ['empty body', { body: '' }, 400, /not valid JSON: it is empty/],
  ['no JSON', { body: '{"inputs":' }, 400, /not valid JSON/],
  ['a list', { body: '[1]' }, 400, /it is a list/],
  ['a number', { body: '7' }, 400, /it is a number/],
  ['null', { body: 'null' }, 400, /it is null/],
  ['NUL byte', { body: '\u0000' }, 400, /not valid JSON/],
  ['an unknown key', { body: { inputs: GOOD, input: 1 } }, 400, /input: got 1, expected one of inputs/],
  ['no inputs', { body: {} }, 400, /inputs: got nothing/],
  ['inputs a text', { body: { inputs: 'x' } }, 400, /inputs: got x, expected an object/],
  ['no rows', { body: { inputs: [] } }, 400, /at least one row/],
  ['a row that is no object', { body: { inputs: [GOOD, 3] } }, 400, /inputs\.1: got 3/],
  ['too many rows', { body: { inputs: Array.from({ length: 10_001 }, () => ({})) } }, 400, /at most 10000 rows/],
  ['a missing field', { body: { inputs: { x: 1, n: 2 } } }, 400, /inputs\.c: got nothing, expected a text/],
  ['a text for a number', { body: { inputs: { ...GOOD, x: '1' } } }, 400, /inputs\.x: got 1, expected a number/],
  ['true for a number', { body: { inputs: { ...GOOD, x: true } } }, 400, /inputs\.x: got true/],
  ['a list for a number', { body: { inputs: { ...GOOD, x: [1] } } }, 400, /inputs\.x: got \[1\]/],
  [
    'a fraction for a whole number',
    { body: { inputs: { ...GOOD, n: 2.5 } } },
    400,
    /inputs\.n: got 2\.5, expected a whole number of int64/,
  ],
  [
    'a whole number beyond int64',
    { body: `{"inputs":{"x":1,"n":9223372036854775808,"c":"a"}}` },
    400,
    /inputs\.n: got 9223372036854775808, expected a whole number of int64/,
  ],
  ['a number for a text', { body: { inputs: { ...GOOD, c: 4 } } }, 400, /inputs\.c: got 4, expected a text/],
  ['1 for a boolean', { body: { inputs: { ...GOOD, on: 1 } } }, 400, /inputs\.on: got 1, expected true, false/],
  ['a fault in row 1', { body: { inputs: [GOOD, { ...GOOD, x: {} }] } }, 400, /inputs\.1\.x: got \{\}/],
  ['an empty id', { body: { inputs: GOOD, id: '' } }, 400, /id: got , expected a text of 1 to 256/],
  ['an id that is a number', { body: { inputs: GOOD, id: 5 } }, 400, /id: got 5/],
  ['an id with a line end', { body: { inputs: GOOD, id: 'a\nb' } }, 400, /without control characters/],
  ['an id of 257 characters', { body: { inputs: GOOD, id: 'a'.repeat(257) } }, 400, /id: got aaa/],
  ['one id for two rows', { body: { inputs: [GOOD, GOOD], id: 'a' } }, 400, /a list of 2 texts/],
  ['the same id twice', { body: { inputs: [GOOD, GOOD], id: ['a', 'a'] } }, 400, /a different id for each row/],
  ['an event time in words', { body: { inputs: GOOD, event_time: 'yesterday' } }, 400, /event_time: got yesterday/],
  ['an event time without zone', { body: { inputs: GOOD, event_time: '2013-07-01T00:00:00' } }, 400, /event_time/],
  ['a negative event time', { body: { inputs: GOOD, event_time: -1 } }, 400, /event_time: got -1/],
  ['an event time beyond 9999', { body: { inputs: GOOD, event_time: 1e18 } }, 400, /event_time/],
  [
    'the year 2050',
    { body: { inputs: GOOD, event_time: '2050-01-01T00:00:00Z' } },
    400,
    /event_time: got .*at most a year ahead/,
  ],
  ['two times for one row', { body: { inputs: GOOD, event_time: [1, 2] } }, 400, /one time, or a list of 1/],
  ['a routing key that is a list', { body: { inputs: GOOD, routing_key: [] } }, 400, /routing_key: got \[\]/],
  ['params that are a list', { body: { inputs: GOOD, params: [1] } }, 400, /params: got \[1\], expected an object/],
  ['a timeout of 0', { body: { inputs: GOOD, timeout_ms: 0 } }, 400, /timeout_ms: got 0/],
  [
    'an endpoint that is not there',
    { path: '/v1/endpoints/none:predict', body: {} },
    404,
    /endpoint "none" does not exist/,
  ],
  ['an endpoint of ..', { path: '/v1/endpoints/..%2f..%2fetc:predict', body: {} }, 404, /does not exist/],
  ['bad percent-encoding', { path: '/v1/endpoints/%zz:predict', body: {} }, 400, /percent-encoding/],
  ['an unknown path', { path: '/v1/nothing', body: {} }, 404, /no route POST \/v1\/nothing/],
  ['GET on predict', { method: 'GET' }, 405, /allowed: POST/],
  ['a body in gzip that is none', { body: 'x', headers: { 'content-encoding': 'gzip' } }, 400, /not valid gzip: /],
  [
    'an unknown content-encoding',
    { body: 'x', headers: { 'content-encoding': 'rot13' } },
    415,
    /Content-Encoding is "rot13"; expected gzip, deflate, zstd or br/,
  ],
  ['a body beyond the limit', { body: 'x'.repeat(17 * 1024 * 1024) }, 413, /larger than 16777216 bytes/],
  ['a 10 MB text', { body: { inputs: { ...GOOD, c: 7, x: 'y'.repeat(10_000_000) } } }, 400, /inputs\.x: got yyy/],
  ['no credential', { body: { inputs: GOOD }, headers: { authorization: '' } }, 401, /no valid credential/],
  ['a wrong secret', { body: {}, headers: { authorization: `Bearer slw_a1.${'z'.repeat(26)}` } }, 401, /not known/],
  ['an unknown token', { body: {}, headers: { authorization: `Bearer slw_zz.${SECRET}` } }, 401, /not known/],
  ['no token at all', { body: {}, headers: { authorization: 'Bearer hello' } }, 401, /looks like slw_ID\.SECRET/],
  ['another scheme', { body: {}, headers: { authorization: 'Digest x' } }, 401, /not Bearer or Basic/],
  ['an expired token', { body: {}, headers: { authorization: `Bearer slw_e1.${SECRET}` } }, 401, /expired/],
  ['a viewer', { body: {}, headers: { authorization: `Bearer slw_v1.${SECRET}` } }, 403, /role viewer may not predict/],
  [
    'another project',
    { body: {}, headers: { authorization: `Bearer slw_o1.${SECRET}` } },
    404,
    /endpoint "sum" does not exist/,
  ],
  ['v2: no JSON', { path: V2, body: '{' }, 400, /not valid JSON/],
  ['v2: no tensors', { path: V2, body: { inputs: [] } }, 400, /inputs: got \[\], expected a list of tensors/],
  ['v2: a tensor without name', { path: V2, body: { inputs: [tensor('', 'FP64', [1])] } }, 400, /inputs\.0\.name/],
  [
    'v2: an unknown datatype',
    { path: V2, body: { inputs: without(0, tensor('x', 'FLOAT', [1])) } },
    400,
    /inputs\.0\.datatype: got FLOAT/,
  ],
  ['v2: FP16', { path: V2, body: { inputs: without(0, tensor('x', 'FP16', [1])) } }, 400, /datatype: got FP16/],
  [
    'v2: a text tensor for a number',
    { path: V2, body: { inputs: without(0, tensor('x', 'BYTES', ['1'])) } },
    400,
    /expected FP64 for input x/,
  ],
  [
    'v2: floats for a whole number',
    { path: V2, body: { inputs: without(1, tensor('n', 'FP64', [1])) } },
    400,
    /expected INT64 for input n/,
  ],
  [
    'v2: a negative shape',
    { path: V2, body: { inputs: without(0, tensor('x', 'FP64', [1], [-1])) } },
    400,
    /inputs\.0\.shape/,
  ],
  [
    'v2: too few values',
    { path: V2, body: { inputs: without(0, tensor('x', 'FP64', [1], [2])) } },
    400,
    /1 values, expected 2 values/,
  ],
  [
    'v2: a cube',
    { path: V2, body: { inputs: without(0, tensor('x', 'FP64', [[[1]]], [1, 1, 1])) } },
    400,
    /inputs\.0\.shape/,
  ],
  [
    'v2: data that is no list',
    { path: V2, body: { inputs: without(0, tensor('x', 'FP64', 1)) } },
    400,
    /inputs\.0\.data/,
  ],
  [
    'v2: columns of two lengths',
    { path: V2, body: { inputs: without(1, tensor('n', 'INT64', [1, 2], [2])) } },
    400,
    /inputs\.n: got 2 values/,
  ],
  ['v2: one name twice', { path: V2, body: { inputs: [...TENSORS, TENSORS[0]] } }, 400, /each name once/],
  [
    'v2: a matrix of the wrong width',
    { path: V2, body: { inputs: [tensor('m', 'FP64', [1, 2], [1, 2])] } },
    400,
    /\[n, 4\]/,
  ],
  [
    'v2: an output that is not there',
    { path: V2, body: { inputs: TENSORS, outputs: [{ name: 'y' }] } },
    400,
    /outputs\.0\.name: got y/,
  ],
  ['v2: an id that is a number', { path: V2, body: { id: 3, inputs: TENSORS } }, 400, /id: got 3/],
  [
    'v2: parameters that are a list',
    { path: V2, body: { inputs: TENSORS, parameters: [] } },
    400,
    /parameters: got \[\]/,
  ],
  [
    'v2: a JSON header that ends within the JSON',
    { path: V2, body: { inputs: TENSORS }, headers: { 'inference-header-content-length': '10' } },
    400,
    /not valid JSON/,
  ],
  [
    'v2: a JSON header beyond the body',
    { path: V2, body: '{}', headers: { 'inference-header-content-length': '3' } },
    400,
    /from 0 to 2/,
  ],
  ['v2: an unknown model', { path: '/v2/models/none/infer', body: {} }, 404, /"none" does not exist/],
  [
    'v2: an unknown version',
    { path: '/v2/models/sum/versions/9/infer', body: { inputs: TENSORS } },
    404,
    /version "9" does not exist/,
  ],
  ['mlflow: no form', { path: INVOKE, body: { data: [] } }, 400, /exactly one of the input fields.*got the keys data/],
  ['mlflow: two forms', { path: INVOKE, body: { inputs: [], instances: [] } }, 400, /exactly one of the input fields/],
  ['mlflow: a list', { path: INVOKE, body: [] }, 400, /it is a list/],
  [
    'mlflow: another content type',
    { path: INVOKE, body: 'x', headers: { 'content-type': 'text/xml' } },
    415,
    /text\/xml/,
  ],
  [
    'mlflow: another charset',
    { path: INVOKE, body: 'x', headers: { 'content-type': 'text/csv; charset=latin1' } },
    415,
    /latin1/,
  ],
  [
    'mlflow: split without columns',
    { path: INVOKE, body: { dataframe_split: { data: [] } } },
    400,
    /dataframe_split\.columns/,
  ],
  [
    'mlflow: split with a short row',
    { path: INVOKE, body: split(['x', 'n', 'c'], [[1, 2]]) },
    400,
    /data\.0: got 2 values/,
  ],
  [
    'mlflow: split that lacks a column',
    { path: INVOKE, body: split(['x', 'n'], [[1, 2]]) },
    400,
    /inputs\.c: got nothing/,
  ],
  ['mlflow: records that are no objects', { path: INVOKE, body: { dataframe_records: [1] } }, 400, /dataframe_records/],
  ['mlflow: rows of mixed forms', { path: INVOKE, body: { instances: [GOOD, [1]] } }, 400, /instances\.0/],
  [
    'mlflow: columns of two lengths',
    { path: INVOKE, body: { inputs: { x: [1], n: [1, 2] } } },
    400,
    /inputs\.n: got 2 values/,
  ],
  [
    'mlflow: a CSV with an open quote',
    { path: INVOKE, body: 'x,n,c\n1,2,"a', headers: { 'content-type': 'text/csv' } },
    400,
    /quote/,
  ],
  [
    'mlflow: a CSV with a long line',
    { path: INVOKE, body: 'x,n,c\n1,2,a,4\n', headers: { 'content-type': 'text/csv' } },
    400,
    /line 2 has 4 cells/,
  ],
  [
    'mlflow: a CSV with a word for a number',
    { path: INVOKE, body: 'x,n,c\nq,2,a\n', headers: { 'content-type': 'text/csv' } },
    400,
    /inputs\.x: got q/,
  ],
]

for (const [what, sent, status, names] of REFUSED) {
  test(`refused: ${what}`, async () => {
    const reply = await send(sent)
    assert.equal(reply.status, status, reply.text.slice(0, 300))
    const path = sent.path ?? ''
    const body = JSON.parse(
      reply.headers.get('content-type') === 'text/plain' ? JSON.stringify(reply.text) : reply.text,
    ) as unknown
    assert.match(messageOf(body, path), names)
    assert.ok(reply.text.length < 4000, 'a refusal does not echo the request')
  })
}

/** Each protocol words its errors in its own shape. */
function messageOf(body: unknown, path: string): string {
  if (typeof body === 'string') return body
  if (path.startsWith('/v2')) return (body as { error: string }).error
  if (path === INVOKE) {
    assert.ok('error_code' in (body as object))
    return (body as { message: string }).message
  }
  const { error } = body as { error: { code: string; message: string; help: string } }
  assert.ok(error.code.length > 0 && error.help.length > 0)
  return error.message
}

test('all faults of a request are told at once', async () => {
  const { text } = await send({ body: { inputs: { x: 'a', n: 1.5 } } })
  const { error } = JSON.parse(text) as { error: { details: { issues: { field: string }[] } } }
  assert.deepEqual(
    error.details.issues.map((issue) => issue.field),
    ['inputs.x', 'inputs.n', 'inputs.c'],
  )
})

test('every form of the same row gives the same answer', async () => {
  const sum = async (sent: Sent): Promise<unknown> => {
    const { status, text } = await send(sent)
    assert.equal(status, 200, text)
    const body = JSON.parse(text) as { predictions?: unknown[]; outputs?: { data: unknown[] }[] }
    return (body.predictions ?? body.outputs?.[0]?.data)?.[0]
  }
  const csv = { 'content-type': 'text/csv; charset=utf-8' }
  const forms: Sent[] = [
    { body: { inputs: GOOD } },
    { body: { inputs: [GOOD], event_time: 0 } },
    { path: V2, body: { inputs: [...TENSORS, tensor('on', 'BOOL', [true])] } },
    { path: '/v2/models/sum/versions/1/infer', body: { inputs: TENSORS.map((one) => ({ ...one, shape: [1, 1] })) } },
    { path: V2, body: { inputs: TENSORS, parameters: { timeout: 0, priority: 0 } } },
    { path: V2, body: { id: null, parameters: null, outputs: null, inputs: TENSORS } },
    { path: INVOKE, body: split(['c', 'n', 'x', 'more'], [['a', 2, 1.5, 'ignored']]) },
    { path: '/endpoints/sum/invocations', body: { dataframe_records: [GOOD] } },
    { path: INVOKE, body: { instances: [GOOD] } },
    { path: INVOKE, body: { instances: [[1.5, 2, true, 'a']] } },
    { path: INVOKE, body: { inputs: { x: [1.5], n: [2], c: ['a'] } } },
    { path: INVOKE, body: { inputs: GOOD } },
    { path: INVOKE, body: 'x,n,c\r\n1.5,2,"a"\r\n', headers: csv },
    { path: INVOKE, body: '\ufeffx,n,c\n1.5,2,"say ""a"",\nb"\n\n', headers: csv },
  ]
  for (const form of forms) assert.equal(await sum(form), 3.5, JSON.stringify(form))
})

test('missing values: null, "NaN" and bare NaN in a number; null in the others; infinities stay', async () => {
  const rows = [
    { x: null, n: 2, c: 'a' },
    { x: 'NaN', n: 2, c: null },
    { x: 0, n: null, c: 'a', on: null },
  ]
  const { text } = await send({ body: { inputs: rows } })
  assert.deepEqual((JSON.parse(text) as { predictions: unknown }).predictions, [2, 2, 0])
  const bare = await send({ body: '{"inputs":{"x":NaN,"n":2,"c":"NaN, not a number"}}' })
  assert.deepEqual((JSON.parse(bare.text) as { predictions: unknown }).predictions, [2])
  const infinite = await send({ body: '{"inputs":{"x":-Infinity,"n":2,"c":"a"}}' })
  assert.deepEqual((JSON.parse(infinite.text) as { scores: unknown }).scores, [null])
})

test('health, metadata and version as each protocol asks for them', async () => {
  const get = async (path: string, headers = {}): Promise<[number, string]> => {
    const { status, text } = await send({ path, method: 'GET', headers })
    return [status, text]
  }
  const anyone = { authorization: '' }
  assert.deepEqual(await get('/v2/health/live', anyone), [200, '{"live":true}'])
  assert.deepEqual(await get('/v2/health/ready', anyone), [200, '{"live":true,"ready":true}'])
  assert.equal((await get('/v2/models/sum/ready', anyone))[0], 401)
  assert.deepEqual(await get('/v2/models/sum/ready'), [200, '{"name":"sum","ready":true}'])
  assert.deepEqual(await get('/ping', anyone), [200, '\n'])
  assert.deepEqual(await get('/health', anyone), [200, '\n'])
  assert.deepEqual(await get('/endpoints/none/ping'), [404, '\n'])
  assert.deepEqual(await get('/version', anyone), [200, '1.2.3'])
  assert.deepEqual(await get('/endpoints/sum/version', anyone), [200, '1.2.3'])
  const [, server] = await get('/v2?test_1=1')
  assert.match(server, /^{"name":"slipway","version":"1\.2\.3","extensions":\["parameters","binary_tensor_data",/)
  assert.deepEqual(await get('/v2/models'), [200, '{"models":["sum"]}'])
  const [status, text] = await get('/v2/models/sum')
  const { inputs } = JSON.parse(text) as { inputs: { name: string; datatype: string }[] }
  assert.deepEqual([status, inputs.map((one) => one.datatype)], [200, ['FP64', 'INT64', 'BOOL', 'BYTES']])
  assert.equal((await get('/metrics', anyone))[0], 401)
  assert.match((await get('/metrics'))[1], /^slipway_requests_total\{endpoint="sum",role="stable",version="1"\} \d+$/m)
})

test('a token as the password of Basic is taken', async () => {
  const authorization = `Basic ${Buffer.from(`user:slw_a1.${SECRET}`).toString('base64')}`
  assert.equal((await send({ body: { inputs: GOOD }, headers: { authorization } })).status, 200)
})

test('what is not HTTP gets one 400 and a closed connection', async () => {
  for (const [raw, status] of [
    ['NONSENSE\r\n\r\n', '400'],
    ['GET / HTTP/9.9\r\n\r\n', '400'],
    [`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(100_000)}\r\n\r\n`, '431'],
    [
      'POST /v1/endpoints/sum:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
      '400',
    ],
  ] as const) {
    const text = await new Promise<string>((resolve) => {
      const socket = connect(gateway.port, '127.0.0.1', () => socket.write(raw))
      let said = ''
      socket.on('data', (chunk) => (said += chunk.toString('latin1')))
      socket.on('close', () => resolve(said))
      socket.on('error', () => undefined)
    })
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `))
  }
})
