/** Each protocol by itself: what a body means, what is refused and by which name, how answers and errors are written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problem } from '../../contract/errors.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import { listResults, numberResults } from '../../scoring/rows/results.ts'
import type { Results } from '../../scoring/rows/results.ts'
import { answerOf, call, FIELDS, NOW } from './call.fixture.ts'
import { kserveFailure, kserveProtocol, vertexFailure, vertexProtocol } from './instances.ts'
import { mlflowFailure, mlflowProtocol } from './mlflow.ts'
import { nativeFailure, nativeProtocol } from './native.ts'
import { oipProtocol } from './oip.ts'
import type { Protocol } from './exchange.ts'

const ROW = { x: 0.5, n: 7, on: true, c: 'a' }
const VALUES = [[0.5, 7, true, 'a']]
const X: readonly InputField[] = [{ name: 'x', kind: 'number', required: true, dtype: 'double' }]

type Options = Parameters<typeof call>[1]

function valuesOf(protocol: Protocol, body: unknown, options: Options = {}): unknown[][] {
  const text = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  return protocol.read(call(text, options)).ask.rows.values(options?.inputs ?? FIELDS)
}

/** The field that a body is refused by; its code where it is no field. */
function refusal(protocol: Protocol, body: unknown, options: Options = {}): string {
  try {
    valuesOf(protocol, body, options)
  } catch (error) {
    const { code, data } = error as { code: string; data: { field?: string } }
    return code === 'invalid_field' ? (data.field ?? '?') : code
  }
  return 'nothing'
}

test('native: one row or several, with what may be said beside them', () => {
  assert.deepEqual(valuesOf(nativeProtocol, { inputs: ROW }), VALUES)
  assert.deepEqual(valuesOf(nativeProtocol, { inputs: [ROW, ROW] }), [...VALUES, ...VALUES])
  const { ask } = nativeProtocol.read(
    call(
      JSON.stringify({
        inputs: [ROW, ROW],
        id: ['a', 'b'],
        event_time: ['2026-05-03T10:00:00Z', 5],
        routing_key: 42,
        priority: 'high',
        timeout_ms: 100,
        params: { k: 1 },
        explain: true,
      }),
    ),
  )
  assert.deepEqual(ask.ids, ['a', 'b'])
  assert.deepEqual(ask.times, [Date.UTC(2026, 4, 3, 10), 5])
  assert.deepEqual([ask.key, ask.priority, ask.deadline - NOW, ask.explain], ['42', 'high', 100, true])
  assert.deepEqual(ask.params, { k: 1 })
})

test('native: what is left out has its default, headers stand in for the body, and the body wins', () => {
  const headers = { 'x-slipway-prediction-id': 'h', 'x-slipway-routing-key': 'key', 'x-slipway-timeout-ms': '50' }
  const plain = nativeProtocol.read(call(JSON.stringify({ inputs: ROW }))).ask
  assert.deepEqual([plain.ids, plain.times, plain.key], [['id0'], [NOW], null])
  assert.deepEqual([plain.params, plain.priority, plain.explain], [null, 'normal', false])
  assert.equal(plain.deadline - NOW, 30_000)
  const said = nativeProtocol.read(call(JSON.stringify({ inputs: ROW }), { headers })).ask
  assert.deepEqual([said.ids, said.key, said.deadline - NOW], [['h'], 'key', 50])
  const both = nativeProtocol.read(call(JSON.stringify({ inputs: ROW, id: 'b' }), { headers })).ask
  assert.deepEqual(both.ids, ['b'])
})

for (const [body, field] of [
  ['', 'malformed_body'],
  ['[1]', 'malformed_body'],
  ['{"inputs":{}', 'malformed_body'],
  [Buffer.from([0x7b, 0xff, 0x7d]), 'malformed_body'],
  [{}, 'inputs'],
  [{ inputs: null }, 'inputs'],
  [{ inputs: [] }, 'inputs'],
  [{ inputs: [ROW, 3] }, 'inputs.1'],
  [{ inputs: [ROW], more: 1 }, 'more'],
  [{ inputs: Array.from({ length: 10_001 }, () => ROW) }, 'inputs'],
  [{ inputs: { ...ROW, x: '0.5' } }, 'inputs.x'],
  [{ inputs: { ...ROW, x: true } }, 'inputs.x'],
  [{ inputs: { ...ROW, n: 1.5 } }, 'inputs.n'],
  ['{"inputs":{"x":1,"n":9223372036854775808,"on":true}}', 'inputs.n'],
  ['{"inputs":{"x":1,"n":-9223372036854775809,"on":true}}', 'inputs.n'],
  [{ inputs: { ...ROW, on: 1 } }, 'inputs.on'],
  [{ inputs: { ...ROW, c: 5 } }, 'inputs.c'],
  [{ inputs: { x: 1, n: 1 } }, 'inputs.on'],
  [{ inputs: [ROW, { ...ROW, x: [] }] }, 'inputs.1.x'],
  [{ inputs: ROW, id: '' }, 'id'],
  [{ inputs: ROW, id: 'a\nb' }, 'id'],
  [{ inputs: ROW, id: 'x'.repeat(257) }, 'id'],
  [{ inputs: ROW, id: 5 }, 'id'],
  [{ inputs: [ROW, ROW], id: 'a' }, 'id'],
  [{ inputs: [ROW, ROW], id: ['a', 'a'] }, 'id'],
  [{ inputs: [ROW, ROW], id: ['a', 5] }, 'id.1'],
  [{ inputs: ROW, event_time: 'yesterday' }, 'event_time'],
  [{ inputs: ROW, event_time: -1 }, 'event_time'],
  [{ inputs: ROW, event_time: 1.5 }, 'event_time'],
  [{ inputs: ROW, event_time: 253_402_300_800_000 }, 'event_time'],
  [{ inputs: ROW, event_time: '2026-13-01T00:00:00Z' }, 'event_time'],
  [{ inputs: [ROW, ROW], event_time: [1] }, 'event_time'],
  [{ inputs: ROW, routing_key: {} }, 'routing_key'],
  [{ inputs: ROW, priority: 'urgent' }, 'priority'],
  [{ inputs: ROW, timeout_ms: 0 }, 'timeout_ms'],
  [{ inputs: ROW, timeout_ms: 300_001 }, 'timeout_ms'],
  [{ inputs: ROW, timeout_ms: 'soon' }, 'timeout_ms'],
  [{ inputs: ROW, params: [] }, 'params'],
  [{ inputs: ROW, explain: 1 }, 'explain'],
] as const) {
  const shown = Buffer.isBuffer(body)
    ? 'no UTF-8'
    : (typeof body === 'string' ? body : JSON.stringify(body)).slice(0, 70)
  test(`native refuses ${shown} by ${field}`, () => assert.equal(refusal(nativeProtocol, body), field))
}

test('native: NaN and infinite numbers, whole numbers of 64 bits, any letters', () => {
  const text =
    '{"inputs":[{"x":NaN,"n":9223372036854775807,"on":true,"c":"NaN: \\"日\\" 👍"},{"x":-Infinity,"n":-9223372036854775808,"on":false,"c":null}]}'
  assert.deepEqual(valuesOf(nativeProtocol, text), [
    [null, 2n ** 63n - 1n, true, 'NaN: "日" 👍'],
    [-Infinity, -(2n ** 63n), false, undefined],
  ])
})

test('native: the answer names the version, the variant and the epoch; an error its fields, clipped', () => {
  const reply = nativeProtocol.write(answerOf(listResults([1, 'a']), ['p', 'q']), undefined)
  assert.deepEqual(JSON.parse(String(reply.body)), {
    predictions: [1, 'a'],
    scores: [1, null],
    prediction_ids: ['p', 'q'],
    version: '1',
    variant: 'stable',
    epoch: 7,
  })
  const failure = nativeFailure(problem('invalid_field', { field: 'x', value: 'v'.repeat(5000), expected: 'less' }))
  const { error } = JSON.parse(String(failure.body)) as { error: { code: string; details: { value: string } } }
  assert.deepEqual([failure.status, error.code, error.details.value.length], [400, 'invalid_field', 201])
  const busy = nativeFailure(problem('too_many_requests', { what: 'the queue', retry_after: 0.2 }))
  assert.deepEqual([busy.status, busy.headers?.['retry-after']], [429, '1'])
  const stranger = nativeFailure(problem('unauthenticated', { detail: 'none' }))
  assert.match(stranger.headers?.['www-authenticate'] ?? '', /^Bearer/)
})

/** The row as tensors. */
const TENSORS = [
  { name: 'x', datatype: 'FP64', shape: [1], data: [0.5] },
  { name: 'n', datatype: 'INT64', shape: [1, 1], data: [[7]] },
  { name: 'on', datatype: 'BOOL', shape: [1], data: [true] },
  { name: 'c', datatype: 'BYTES', shape: [1], data: ['a'] },
]

test('open inference: JSON tensors, with ids and facts among the parameters', () => {
  assert.deepEqual(valuesOf(oipProtocol, { inputs: TENSORS }), VALUES)
  const parameters = { prediction_id: 'p', priority: 1, timeout: 2_000_000, routing_key: 'r', explain: true }
  const { ask, note } = oipProtocol.read(call(JSON.stringify({ id: 'call', inputs: TENSORS, parameters })))
  assert.deepEqual([ask.ids, ask.priority, ask.deadline - NOW, ask.key], [['p'], 'high', 2000, 'r'])
  assert.deepEqual(note, { id: 'call', output: 'predictions', binary: false })
  for (const [priority, meant] of [
    [0, 'normal'],
    [1, 'high'],
    [2, 'low'],
    ['low', 'low'],
  ] as const)
    assert.equal(
      oipProtocol.read(call(JSON.stringify({ inputs: TENSORS, parameters: { priority, timeout: 0 } }))).ask.priority,
      meant,
    )
})

/** A request whose tensors lie behind its JSON. */
function binary(head: object, ...parts: Buffer[]): { body: Buffer; options: Options } {
  const json = Buffer.from(JSON.stringify(head))
  const headers = { 'inference-header-content-length': String(json.length) }
  return { body: Buffer.concat([json, ...parts]), options: { headers, inputs: X } }
}

const FLOATS = Buffer.from(Float64Array.of(1.5, -2).buffer)
const HEAD = { name: 'x', datatype: 'FP64', shape: [2], parameters: { binary_data_size: 16 } }

test('open inference: bytes behind the JSON, and a body of nothing but bytes', () => {
  const { body, options } = binary({ inputs: [HEAD] }, FLOATS)
  assert.deepEqual(valuesOf(oipProtocol, body, options), [[1.5], [-2]])
  const raw = { headers: { 'inference-header-content-length': '0' }, inputs: X }
  assert.deepEqual(valuesOf(oipProtocol, FLOATS, raw), [[1.5], [-2]])
  assert.equal(refusal(oipProtocol, FLOATS.subarray(1), raw), 'inputs.0')
  assert.equal(refusal(oipProtocol, FLOATS, { ...raw, inputs: FIELDS }), 'bad_request')
})

for (const [what, head, parts, field] of [
  ['fewer bytes than said', { inputs: [HEAD] }, [FLOATS.subarray(0, 8)], 'inputs.0.parameters.binary_data_size'],
  ['bytes left over', { inputs: [HEAD] }, [FLOATS, FLOATS], 'inputs'],
  ['data beside the bytes', { inputs: [{ ...HEAD, data: [1, 2] }] }, [FLOATS], 'inputs.0.data'],
  [
    'a size below 0',
    { inputs: [{ ...HEAD, parameters: { binary_data_size: -1 } }] },
    [FLOATS],
    'inputs.0.parameters.binary_data_size',
  ],
  ['a size of another shape', { inputs: [{ ...HEAD, shape: [3] }] }, [FLOATS], 'inputs.0'],
] as const) {
  test(`open inference refuses ${what} by ${field}`, () => {
    const { body, options } = binary(head, ...parts)
    assert.equal(refusal(oipProtocol, body, options), field)
  })
}

test('open inference: the length of the JSON must lie in the body', () => {
  for (const length of ['-1', '1e3', '999999', 'x', '0x10', '']) {
    const options = { headers: { 'inference-header-content-length': length } }
    assert.equal(refusal(oipProtocol, '{}', options), 'inference-header-content-length', length)
  }
})

for (const [body, field] of [
  [{}, 'inputs'],
  [{ inputs: [] }, 'inputs'],
  [{ inputs: [3] }, 'inputs.0'],
  [{ inputs: [{ ...TENSORS[0], name: '' }] }, 'inputs.0.name'],
  [{ inputs: [{ ...TENSORS[0], datatype: 'FP16' }] }, 'inputs.0.datatype'],
  [{ inputs: [{ ...TENSORS[0], shape: [-1] }] }, 'inputs.0.shape'],
  [{ inputs: [{ ...TENSORS[0], shape: [2] }] }, 'inputs.0.data'],
  [{ inputs: [{ ...TENSORS[0], data: 0.5 }] }, 'inputs.0.data'],
  [{ inputs: TENSORS, id: 5 }, 'id'],
  [{ inputs: TENSORS, parameters: [] }, 'parameters'],
  [{ inputs: TENSORS, parameters: { timeout: -1 } }, 'timeout_ms'],
  [{ inputs: TENSORS, outputs: {} }, 'outputs'],
  [{ inputs: TENSORS, outputs: ['predictions'] }, 'outputs.0'],
  [{ inputs: TENSORS, outputs: [{ name: 'other' }] }, 'outputs.0.name'],
  [{ inputs: TENSORS.slice(0, 2) }, 'inputs.on'],
] as const) {
  test(`open inference refuses ${JSON.stringify(body).slice(0, 70)} by ${field}`, () =>
    assert.equal(refusal(oipProtocol, body), field))
}

test('open inference: an answer as JSON says how many of its numbers are none, as bytes it has NaN for them', () => {
  const answer = answerOf(listResults([1, null]), ['p', 'q'])
  const json = oipProtocol.write(answer, { id: 'call', output: 'output-1', binary: false })
  assert.deepEqual(JSON.parse(String(json.body)), {
    model_name: 'e',
    model_version: '1',
    id: 'call',
    parameters: { prediction_ids: '["p","q"]', variant: 'stable', epoch: 7 },
    outputs: [{ name: 'output-1', datatype: 'FP64', shape: [2], data: [1, null], parameters: { nonfinite: 1 } }],
  })
  const bytes = oipProtocol.write(answer, { id: undefined, output: 'predictions', binary: true })
  const length = Number(bytes.headers?.['Inference-Header-Content-Length'])
  const body = bytes.body as Buffer
  const head = JSON.parse(body.toString('utf8', 0, length)) as { outputs: { parameters: object }[]; id?: string }
  assert.deepEqual(
    [head.outputs[0]?.parameters, head.id, body.length],
    [{ binary_data_size: 16 }, undefined, length + 16],
  )
  assert.deepEqual([body.readDoubleLE(length), body.readDoubleLE(length + 8)], [1, Number.NaN])
})

test('open inference: what an output says of its bytes wins over the request', () => {
  const noteOf = (more: object): unknown => oipProtocol.read(call(JSON.stringify({ inputs: TENSORS, ...more }))).note
  const all = { parameters: { binary_data_output: true } }
  assert.deepEqual(noteOf(all), { id: undefined, output: 'predictions', binary: true })
  const own = { ...all, outputs: [{ name: 'output-1', parameters: { binary_data: false } }] }
  assert.deepEqual(noteOf(own), { id: undefined, output: 'output-1', binary: false })
  assert.deepEqual(noteOf({ id: null, outputs: null }), { id: undefined, output: 'predictions', binary: false })
})

const CSV = { 'content-type': 'text/csv' }

test('MLflow: each of its forms means the same row', () => {
  const { x, n, on, c } = ROW
  const list = [x, n, on, c]
  const columns = Object.fromEntries(Object.entries(ROW).map(([name, value]) => [name, [value]]))
  const nested = Object.fromEntries(Object.entries(ROW).map(([name, value]) => [name, [[value]]]))
  const bodies: object[] = [
    { dataframe_split: { columns: Object.keys(ROW), data: [list] } },
    { dataframe_split: { columns: ['c', 'z', 'x', 'on', 'n'], index: [0], data: [[c, 1, x, on, n]] } },
    { dataframe_records: [ROW] },
    { instances: [ROW] },
    { instances: [list] },
    { instances: columns },
    { inputs: columns },
    { inputs: nested },
    { inputs: ROW },
    { inputs: [ROW] },
  ]
  for (const body of bodies) assert.deepEqual(valuesOf(mlflowProtocol, body), VALUES, JSON.stringify(body))
  assert.deepEqual(valuesOf(mlflowProtocol, 'n,x,c,on\n7,0.5,a,true\n', { headers: CSV }), VALUES)
  const absent = { headers: { 'content-type': 'text/csv; header=absent; charset=utf-8' } }
  assert.deepEqual(valuesOf(mlflowProtocol, '0.5,7,true,a', absent), VALUES)
})

for (const [body, field] of [
  [{}, 'bad_request'],
  [{ inputs: ROW, instances: [ROW] }, 'bad_request'],
  [{ dataframe_split: [] }, 'dataframe_split'],
  [{ dataframe_split: { columns: [1], data: [] } }, 'dataframe_split.columns'],
  [{ dataframe_split: { columns: ['x'] } }, 'dataframe_split.data'],
  [{ dataframe_split: { columns: ['x'], data: [[1, 2]] } }, 'dataframe_split.data.0'],
  [{ dataframe_records: ROW }, 'dataframe_records'],
  [{ dataframe_records: [[1]] }, 'dataframe_records'],
  [{ instances: 'a' }, 'instances'],
  [{ inputs: { x: [1], n: 1 } }, 'inputs.n'],
  [{ inputs: { x: [1], n: [1, 2] } }, 'inputs.n'],
  [{ inputs: {} }, 'inputs'],
] as const) {
  test(`MLflow refuses ${JSON.stringify(body)} by ${field}`, () => assert.equal(refusal(mlflowProtocol, body), field))
}

test('MLflow: content types, and CSV that is no UTF-8', () => {
  const of = (type: string, body: unknown = { inputs: ROW }): string =>
    refusal(mlflowProtocol, body, { headers: { 'content-type': type } })
  assert.equal(of('application/json; charset=utf-8'), 'nothing')
  assert.equal(of('Application/JSON'), 'nothing')
  for (const type of ['text/plain', 'application/json; charset=latin1', 'text/csv; separator=;', ''])
    assert.equal(of(type), 'unsupported_media_type', type)
  assert.equal(of('text/csv', Buffer.from([0x78, 0x0a, 0xff])), 'malformed_body')
})

test('MLflow: ids of several rows in one header, and contributions that CSV cannot carry', () => {
  const headers = { ...CSV, 'x-slipway-prediction-id': 'a, b' }
  const { ask } = mlflowProtocol.read(call('x,n,on\n1,2,true\n3,4,false\n', { headers }))
  assert.deepEqual(ask.ids, ['a', 'b'])
  const explain = { accept: 'text/csv', 'x-slipway-explain': 'true' }
  assert.equal(refusal(mlflowProtocol, { inputs: ROW }, { headers: explain }), 'bad_request')
})

test('MLflow: predictions as JSON, as records of a DataFrame, and as CSV', () => {
  const write = (results: Results, csv = false, ids = ['p']): ReturnType<Protocol['write']> =>
    mlflowProtocol.write(answerOf(results, ids), { csv })
  const plain = write(numberResults(1, { data: Float64Array.of(0.25, 0.75), width: 2 }))
  assert.deepEqual(JSON.parse(String(plain.body)), { predictions: [[0.25, 0.75]] })
  assert.equal(plain.headers?.['x-slipway-prediction-id'], 'p')
  const table = write({ ...listResults([[1, 'a'], [2, 'b']]), columns: ['n', 't'] }) // prettier-ignore
  assert.deepEqual(JSON.parse(String(table.body)), { predictions: [{ n: 1, t: 'a' }, { n: 2, t: 'b' }] }) // prettier-ignore
  const lines = write(listResults(['a,b', 'say "x"', null, 2n ** 60n, [1, 'two\nlines']]), true)
  assert.equal(lines.body, `"a,b"\n"say ""x"""\n\n${2n ** 60n}\n1,"two\nlines"\n`)
  assert.equal(write(listResults([1]), false, ['with,comma']).headers?.['x-slipway-prediction-id'], undefined)
})

test('instances: rows of objects and lists, parameters, and both shapes of answers', () => {
  for (const protocol of [kserveProtocol, vertexProtocol]) {
    assert.deepEqual(valuesOf(protocol, { instances: [ROW, [0.5, 7, true, 'a']].slice(0, 1) }), VALUES)
    assert.deepEqual(valuesOf(protocol, { instances: [[0.5, 7, true, 'a']] }), VALUES)
    assert.equal(refusal(protocol, { instances: ROW }), 'instances')
    assert.equal(refusal(protocol, { instances: [] }), 'inputs')
    assert.equal(refusal(protocol, { instances: [ROW], parameters: 5 }), 'params')
  }
  const { ask } = vertexProtocol.read(call(JSON.stringify({ instances: [ROW], parameters: { k: 1 } })))
  assert.deepEqual(ask.params, { k: 1 })
  const answer = answerOf(listResults([3]), ['p'])
  assert.deepEqual(JSON.parse(String(kserveProtocol.write(answer, undefined).body)), { predictions: [3] })
  assert.deepEqual(JSON.parse(String(vertexProtocol.write(answer, undefined).body)), {
    predictions: [3],
    deployedModelId: 'e-stable',
    model: 'm',
    modelDisplayName: 'm',
    modelVersionId: '1',
  })
})

test('a model that raised is a 400 to MLflow’s clients and a 5xx to all others', () => {
  const raised = problem('upstream_failed', { what: 'the model', detail: 'it raised' })
  assert.deepEqual(JSON.parse(String(mlflowFailure(raised).body)), {
    error_code: 'BAD_REQUEST',
    message: raised.message,
  })
  assert.equal(mlflowFailure(raised).status, 400)
  assert.equal(kserveFailure(raised).status, 502)
  const vertex = JSON.parse(String(vertexFailure(raised).body)) as { error: { code: number; status: string } }
  assert.deepEqual([vertex.error.code, vertex.error.status], [502, 'INTERNAL'])
  for (const [code, status] of [
    ['not_found', 'NOT_FOUND'],
    ['too_many_requests', 'RESOURCE_EXHAUSTED'],
    ['deadline_exceeded', 'DEADLINE_EXCEEDED'],
  ] as const) {
    const { error } = JSON.parse(String(vertexFailure(problem(code, { what: 'w', id: 'i', limit: 1 })).body)) as { error: { status: string } } // prettier-ignore
    assert.equal(error.status, status)
  }
  const media = mlflowFailure(problem('unsupported_media_type', { value: 'a', expected: 'b' }))
  assert.deepEqual([media.status, media.type], [415, 'text/plain'])
})
