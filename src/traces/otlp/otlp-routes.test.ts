/** OTLP's route: how a body may be sent and answered, and that of a request that is refused nothing is kept. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { otlpRequest } from '../../../test/otlp.ts'
import { partOf } from '../../../test/mlflow-calls.ts'
import { newTrace, span } from '../bench.cases.ts'
import { serveTraces } from '../http.fixture.ts'
import type { ServedTraces } from '../http.fixture.ts'

const PROTOBUF = 'application/x-protobuf'

describe('OTLP over HTTP', () => {
  let traces: ServedTraces
  before(async () => {
    traces = await serveTraces(['admin', 'viewer', 'service'])
  })
  after(() => traces.stop())

  const one = (trace: string) => otlpRequest([span(trace, '01'.repeat(8))])
  const jsonOf = (trace: string) =>
    JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: trace, spanId: '01', name: 'n' }] }] }] })
  const isKept = async (trace: string) => (await traces.ask(`/v1/traces/tr-${trace}`)).status === 200

  for (const [type, encoding, pack] of [
    [PROTOBUF, undefined, (body: Buffer) => body],
    [`${PROTOBUF}; charset=utf-8`, 'identity', (body: Buffer) => body],
    ['APPLICATION/X-PROTOBUF', 'GZIP', gzipSync],
    [PROTOBUF, ' deflate ', deflateSync],
    [PROTOBUF, 'deflate', deflateRawSync],
    [PROTOBUF, 'zstd', zstdCompressSync],
  ] as const) {
    it(`takes ${type} in ${encoding ?? 'no encoding'} and answers with protobuf`, async () => {
      const trace = newTrace()
      const headers = { 'content-type': type, ...(encoding !== undefined && { 'content-encoding': encoding }) }
      const reply = await traces.send(pack(one(trace)), headers)
      assert.equal(reply.status, 200)
      assert.equal(reply.headers.get('content-type'), PROTOBUF)
      assert.equal((await reply.arrayBuffer()).byteLength, 0, 'an empty message: all was taken')
      assert.ok(await isKept(trace))
    })
  }

  it('takes JSON and answers with JSON', async () => {
    const [plain, packed] = [newTrace(), newTrace()]
    for (const reply of [
      await traces.send(jsonOf(plain), { 'content-type': 'application/json' }),
      await traces.send(gzipSync(jsonOf(packed)), { 'content-type': 'application/json', 'content-encoding': 'gzip' }),
    ]) {
      assert.deepEqual([reply.status, await reply.json()], [200, { partialSuccess: {} }])
    }
    assert.deepEqual([await isKept(plain), await isKept(packed)], [true, true])
  })

  it('links traces to the run that the header names, where there is one and the root came', async () => {
    const made = await traces.call('POST', '2.0/mlflow/runs/create', { experiment_id: '0' })
    const run = String(partOf(made, 'run', 'info', 'run_id'))
    const rooted = await traces.sendSpans([span(newTrace(), '01'.repeat(8))], { run })
    const partial = await traces.sendSpans([span(newTrace(), '02'.repeat(8), { parent: '01'.repeat(8) })], { run })
    const lost = await traces.sendSpans([span(newTrace(), '01'.repeat(8))], { run: 'none' })
    const locations = [{ mlflow_experiment: { experiment_id: '0' } }]
    const found = await traces.call('POST', '3.0/mlflow/traces/search', { locations, filter: `run_id = '${run}'` })
    const ids = (partOf(found, 'traces') as { trace_id: string }[]).map((trace) => trace.trace_id)
    assert.deepEqual(ids, [rooted])
    assert.ok((await isKept(partial.slice(3))) && (await isKept(lost.slice(3))))
  })

  it('one span without an id refuses its whole request', async () => {
    const [good, other] = [newTrace(), newTrace()]
    for (const bad of [
      { ...span('', '01'.repeat(8)), trace: '' },
      { ...span(other, ''), id: '' },
    ]) {
      const reply = await traces.send(otlpRequest([span(good, '01'.repeat(8)), bad]))
      assert.equal(reply.status, 422)
      assert.match(await reply.text(), bad.trace === '' ? /trace_id is empty/ : /span_id is empty/)
    }
    assert.deepEqual([await isKept(good), await isKept(other)], [false, false])
  })

  it('refusals are in MLflow’s words, and nothing of what they refuse is kept', async () => {
    const trace = newTrace()
    const body = one(trace)
    const refusals: readonly (readonly [Uint8Array | string, Record<string, string>, number, string, RegExp])[] = [
      [body, { 'x-mlflow-experiment-id': '' }, 422, 'INVALID_PARAMETER_VALUE', /x-mlflow-experiment-id is missing/],
      [body, { 'x-mlflow-experiment-id': '999999' }, 404, 'RESOURCE_DOES_NOT_EXIST', /No Experiment with id=999999/],
      [body, { 'content-type': 'text/plain' }, 400, 'INVALID_PARAMETER_VALUE', /Invalid Content-Type: text\/plain/],
      [
        body,
        { 'content-encoding': 'gzip, gzip' },
        400,
        'INVALID_PARAMETER_VALUE',
        /Unsupported Content-Encoding: gzip, /,
      ],
      [body, { 'content-encoding': 'constructor' }, 400, 'INVALID_PARAMETER_VALUE', /Unsupported Content-Encoding/],
      [body, { 'content-encoding': 'gzip' }, 400, 'INVALID_PARAMETER_VALUE', /Failed to decompress gzip payload/],
      [body, { 'content-encoding': 'deflate' }, 400, 'INVALID_PARAMETER_VALUE', /Failed to decompress deflate payload/],
      [body.subarray(0, -3), {}, 400, 'INVALID_PARAMETER_VALUE', /Invalid OpenTelemetry format/],
      [new Uint8Array(), {}, 400, 'INVALID_PARAMETER_VALUE', /no spans found/],
      [jsonOf(trace).slice(1), { 'content-type': 'application/json' }, 400, 'INVALID_PARAMETER_VALUE', /JSON/],
      ['{}', { 'content-type': 'application/json' }, 400, 'INVALID_PARAMETER_VALUE', /no spans found/],
    ]
    for (const [sent, headers, status, code, text] of refusals) {
      const reply = await traces.send(sent, headers)
      const answer = (await reply.json()) as Record<string, string>
      assert.deepEqual([reply.status, answer['error_code']], [status, code], JSON.stringify(answer))
      assert.match(answer['message'] ?? '', text)
    }
    assert.equal(await isKept(trace), false)
  })

  it('what unpacks to more than 64 MiB is refused, what is as large is read', async () => {
    const packed = (size: number) => gzipSync(Buffer.alloc(size))
    const gzip = { 'content-encoding': 'gzip' }
    const large = await traces.send(packed(64 * 1024 * 1024 + 1), gzip)
    assert.deepEqual([large.status, /larger than/.test(await large.text())], [413, true])
    const whole = await traces.send(packed(64 * 1024 * 1024), gzip)
    assert.equal(whole.status, 400, 'it is read, and is no request')
  })

  it('who may only look, or predict, sends none', async () => {
    for (const role of ['viewer', 'service'] as const) {
      const init = {
        method: 'POST',
        headers: { 'content-type': PROTOBUF, 'x-mlflow-experiment-id': '0' },
        body: new Uint8Array(one(newTrace())),
      }
      assert.equal((await traces.ask('/v1/traces', init, role)).status, 403)
    }
  })
})
