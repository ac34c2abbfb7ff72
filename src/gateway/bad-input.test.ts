import assert from 'node:assert/strict'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { echoModel, serveModels } from '../../test/clients/gateway.ts'
import type { ServedGateway } from '../../test/clients/gateway.ts'

let gateway: ServedGateway
before(async () => {
  gateway = await serveModels([
    echoModel('floats', 'number'),
    echoModel('wholes', 'integer'),
    echoModel('texts', 'string'),
    { ...echoModel('empty', 'number'), backend: null },
    { ...echoModel('limited', 'number'), limits: { per_token: { per_second: 0.001, burst: 1 } } },
  ])
})
after(() => gateway.stop())

const FLOATS = '/v2/models/floats/infer'

/** A request whose JSON header is followed by bytes. */
async function binary(head: unknown, bytes: Buffer, length?: string): Promise<{ status: number; error: string }> {
  const json = Buffer.from(JSON.stringify(head))
  const response = await fetch(`http://${gateway.http}${FLOATS}`, {
    method: 'POST',
    headers: { 'inference-header-content-length': length ?? String(json.length) },
    body: Buffer.concat([json, bytes]),
  })
  const { error = '' } = JSON.parse(await response.text()) as { error?: string }
  return { status: response.status, error }
}

const tensor = (shape: unknown, size: unknown, datatype = 'FP64'): object => ({
  inputs: [{ name: 'x', datatype, shape, parameters: { binary_data_size: size } }],
})

test('malformed binary tensors are refused by what is wrong', async () => {
  const eight = Buffer.alloc(8)
  const cases: [object, Buffer, RegExp, string?][] = [
    [tensor([1], 16), eight, /binary_data_size: got 16, expected a number of bytes up to 8/],
    [tensor([1], -1), eight, /binary_data_size: got -1/],
    [tensor([1], 8), Buffer.alloc(9), /9 bytes behind the JSON, expected 8/],
    [tensor([2], 8), eight, /8 bytes, expected 16 bytes for 2 values of FP64/],
    [tensor([2 ** 32, 2 ** 32], 8), eight, /product is below 2\^53/],
    [tensor([1.5], 8), eight, /inputs\.0\.shape/],
    [tensor([1], 8, 'FP128'), eight, /inputs\.0\.datatype: got FP128/],
    [tensor([2 ** 40], 8, 'BYTES'), eight, /texts, each with its length/],
    [tensor([1], 8, 'BYTES'), Buffer.from([255, 255, 255, 255, 1, 2, 3, 4]), /text 0 of 1 is cut off/],
    [tensor([1], 5, 'BYTES'), Buffer.from([1, 0, 0, 0, 255]), /text in UTF-8/],
    [tensor([1], 8), eight, /inference-header-content-length: got 99999/, '99999'],
    [tensor([1], 8), eight, /inference-header-content-length: got -1/, '-1'],
    [tensor([1], 8), eight, /serves|not valid JSON|cut|FP64|bytes/, '0'],
  ]
  for (const [head, bytes, said, length] of cases) {
    const { status, error } = await binary(head, bytes, length)
    assert.equal(status, 400, error)
    assert.match(error, said)
  }
})

test('whole numbers around 2^53 and at the ends of int64 keep every digit in JSON', async () => {
  const edges = ['9007199254740991', '9007199254740993', '-9223372036854775808', '9223372036854775807']
  const inputs = edges.map((edge) => `{"x":${edge}}`).join(',')
  const url = `http://${gateway.http}/v1/endpoints/wholes:predict`
  const response = await fetch(url, { method: 'POST', body: `{"inputs":[${inputs}]}` })
  assert.match(await response.text(), new RegExp(`"predictions":\\[${edges.join(',')}\\]`))
})

test('compressed bodies: whole ones are read, cut ones and bombs refused', async () => {
  const send = async (body: Buffer, encoding = 'gzip'): Promise<[number, string]> => {
    const headers = { 'content-encoding': encoding }
    const response = await fetch(`http://${gateway.http}/v1/endpoints/floats:predict`, {
      method: 'POST',
      headers,
      body,
    })
    return [response.status, await response.text()]
  }
  const packed = gzipSync('{"inputs":{"x":1.5}}')
  assert.match((await send(packed)).join(' '), /^200 .*"predictions":\[1\.5\]/)
  assert.match((await send(packed.subarray(0, packed.length - 6))).join(' '), /^400 .*not valid gzip/)
  assert.match((await send(gzipSync(Buffer.alloc(64 * 1024 * 1024)))).join(' '), /^413 .*larger than 16777216 bytes/)
  const named = /^415 .*Content-Encoding is \W+snappy\W+; expected gzip, deflate, zstd or br/
  assert.match((await send(packed, 'snappy')).join(' '), named)
})

/** Sends raw bytes, closes this side of the connection if asked, and returns all that came back. */
function raw(text: string, half: boolean): Promise<string> {
  return new Promise((resolve) => {
    const [host, port] = gateway.http.split(':')
    const socket = connect({ host: host ?? '', port: Number(port), allowHalfOpen: true }, () => {
      if (half) socket.end(text)
      else socket.write(text)
    })
    let said = ''
    socket.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')))
    socket.on('end', () => socket.end())
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(said))
  })
}

test('a caller that closes its side after the request still gets the answer', async () => {
  const body = '{"inputs":{"x":2.5}}'
  const head = `POST /v1/endpoints/floats:predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${body.length}\r\n\r\n`
  assert.match(await raw(head + body, true), /^HTTP\/1\.1 200 [^]*"predictions":\[2\.5\]/)
})

test('who asks before sending is told to go on, or that it is too much', async () => {
  const head = (length: number): string =>
    `POST /v1/endpoints/floats:predict HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`
  const body = '{"inputs":{"x":2.5}}'
  assert.match(await raw(head(body.length) + body, true), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /)
  assert.match(await raw(head(1073741824), true), /^HTTP\/1\.1 413 /)
})

test('an address that is written in full is read by its path', async () => {
  const full = `GET http://127.0.0.1/v2/health/live?a=http://x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`
  assert.match(await raw(full, false), /^HTTP\/1\.1 200 [^]*"live":true/)
})

test('a body that says it has a gigabyte is refused before it is sent', async () => {
  const head = 'POST /v1/endpoints/floats:predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1073741824\r\n\r\n'
  assert.match(await raw(`${head}xxxx`, true), /^HTTP\/1\.1 413 [^]*larger than 16777216 bytes/)
})

test('a token beyond its rate is told when to come back', async () => {
  const send = (): Promise<Response> =>
    fetch(`http://${gateway.http}/v1/endpoints/limited:predict`, { method: 'POST', body: '{"inputs":{"x":1}}' })
  assert.equal((await send()).status, 200)
  const refused = await send()
  assert.equal(refused.status, 429)
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  await refused.text()
})

test('gRPC: what is no message, and calls that are not there, end with a status', async () => {
  const session = connectHttp2(`http://${gateway.grpc}`)
  const call = (path: string, bytes: Buffer): Promise<string> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' })
      let status = ''
      stream.on(
        'response',
        (headers) => (status = `${String(headers['grpc-status'])} ${String(headers['grpc-message'])}`),
      )
      stream.on('error', reject)
      stream.on('close', () => resolve(status))
      stream.resume()
      stream.end(bytes)
    })
  const infer = '/inference.GRPCInferenceService/ModelInfer'
  try {
    assert.match(await call('/inference.GRPCInferenceService/Nothing', Buffer.alloc(5)), /^12 /)
    assert.match(await call(infer, Buffer.alloc(0)), /^3 .*0 whole messages/)
    assert.match(await call(infer, Buffer.from([0, 0, 0, 0, 2, 0x0a, 0x7f])), /^3 .*cut off/)
    assert.match(await call(infer, Buffer.from([0, 255, 255, 255, 255])), /^8 .*larger than/)
    assert.match(await call(infer, Buffer.from([1, 0, 0, 0, 1, 7])), /^3 .*grpc-encoding/)
  } finally {
    session.close()
  }
})

/** Every protocol's path for a model of one number, and the keys under which a caller may put anything. */
const PATHS: Readonly<Record<string, readonly string[]>> = {
  '/v1/endpoints/floats:predict': ['{"inputs":_}', '{"inputs":{"x":_}}', '{"inputs":{"x":1},"id":_}', '{"other":_}'],
  [FLOATS]: [
    '{"inputs":_}',
    '{"inputs":[{"name":"x","datatype":"FP64","shape":_,"data":[1]}]}',
    '{"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":_}]}',
  ],
  '/endpoints/floats/invocations': ['{"inputs":_}', '{"instances":_}', '{"dataframe_split":{"columns":_}}'],
  '/v1/models/floats:predict': ['{"instances":_}'],
  '/v1/projects/p/locations/l/endpoints/floats:predict': ['{"instances":[[_]]}'],
}

test('what is nested a hundred thousand deep is refused, wherever it stands', async () => {
  const deep = ['['.repeat(1e5) + ']'.repeat(1e5), `[${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)}]`]
  for (const [path, forms] of Object.entries(PATHS)) {
    for (const form of forms) {
      for (const nest of deep) {
        const response = await fetch(`http://${gateway.http}${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: form.replace('_', nest),
        })
        const text = await response.text()
        assert.equal(response.status, 400, `${path} ${form}: ${text.slice(0, 200)}`)
      }
    }
  }
  // a page that reads next to nothing does not read this at all
  const index = await fetch(`http://${gateway.http}/v2/repository/index`, { method: 'POST', body: deep[0] ?? '' })
  assert.equal(index.status, 413, await index.text())
})

test('texts of many megabytes are read: beside a bare NaN in JSON, and in a quoted cell of CSV', async () => {
  const long = 'y'.repeat(12_000_000)
  const send = async (path: string, type: string, body: string): Promise<[number, string]> => {
    const headers = { 'content-type': type }
    const response = await fetch(`http://${gateway.http}${path}`, { method: 'POST', headers, body })
    return [response.status, await response.text()]
  }
  const json = await send(
    '/v1/endpoints/texts:predict',
    'application/json',
    `{"inputs":{"x":"${long}"},"params":{"n":NaN,"s":"NaN \\\\\\" NaN"}}`,
  )
  assert.deepEqual([json[0], json[1].includes(long)], [200, true])
  const csv = await send('/endpoints/texts/invocations', 'text/csv', `x\n"${long}"\n`)
  assert.deepEqual([csv[0], csv[1].includes(long)], [200, true])
  const open = await send('/endpoints/texts/invocations', 'text/csv', `x\n"${long}\n`)
  assert.match(open.join(' '), /^400 .*a stray quote or an open one/)
})

test('what is no UTF-8 is refused instead of being read as other letters', async () => {
  const cases: [string, string, Buffer][] = [
    ['/v1/endpoints/texts:predict', 'application/json', Buffer.from('{"inputs":{"x":"a\u00ff"}}', 'latin1')],
    ['/endpoints/texts/invocations', 'text/csv', Buffer.from('x\na\u00ff\n', 'latin1')],
  ]
  for (const [path, type, body] of cases) {
    const headers = { 'content-type': type }
    const response = await fetch(`http://${gateway.http}${path}`, { method: 'POST', headers, body })
    assert.equal(response.status, 400)
    assert.match(await response.text(), /it is not UTF-8/)
  }
})

test('cells of CSV are the numbers that pandas reads, and no others', async () => {
  const send = async (cell: string): Promise<string> => {
    const headers = { 'content-type': 'text/csv' }
    const response = await fetch(`http://${gateway.http}/endpoints/floats/invocations`, {
      method: 'POST',
      headers,
      body: `x,other\n${cell},1\n`,
    })
    return `${response.status} ${await response.text()}`
  }
  const read = ['1.5', '+1.5', ' 1.5 ', '15e-1', '1.5E0']
  for (const cell of read) assert.match(await send(cell), /^200 .*\[1\.5\]/, cell)
  for (const cell of ['0x10', '  ', '0b1', '1_000', 'e5', '.'])
    assert.match(await send(cell), /^400 .*inputs\.x: got /, cell)
  assert.equal(await send('-inf'), await send('-Infinity'))
})

test('an endpoint without a version is not available, whatever the request says', async () => {
  const paths = ['/v1/endpoints/empty:predict', '/v2/models/empty/infer', '/endpoints/empty/invocations']
  for (const path of [...paths, '/v1/models/empty:predict']) {
    const response = await fetch(`http://${gateway.http}${path}`, { method: 'POST', body: '{"inputs":[[1]]}' })
    assert.equal(response.status, 503)
    assert.match(await response.text(), /endpoint empty is not available: no version of it is loaded/)
  }
})

test('instances may be an object of columns, as MLflow takes it', async () => {
  const response = await fetch(`http://${gateway.http}/endpoints/floats/invocations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"instances":{"x":[1.5,2.5]}}',
  })
  assert.equal(await response.text(), '{"predictions":[1.5,2.5]}')
})
