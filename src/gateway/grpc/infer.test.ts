/** ModelInfer: tensors as typed contents and as raw bytes, what is refused and by which name, and the answer field by field. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listResults, numberResults } from '../../scoring/rows/results.ts'
import type { Results } from '../../scoring/rows/results.ts'
import { answerOf, call, FIELDS, NOW } from '../protocols/call.fixture.ts'
import { grpcProtocol, inferTarget } from './infer.ts'
import { ProtoReader, ProtoWriter } from './wire.ts'

/** An InferInputTensor: name, datatype, shape, and the contents under the field of their type. */
function input(name: string, datatype: string, shape: readonly number[], contents?: ProtoWriter): ProtoWriter {
  const tensor = new ProtoWriter().string(1, name).string(2, datatype).packed(3, shape)
  return contents === undefined ? tensor : tensor.message(5, contents)
}

const doubles = (...values: number[]): Buffer => Buffer.from(new Float64Array(values).buffer)
const contents = (field: number, bytes: Uint8Array): ProtoWriter => new ProtoWriter().bytes(field, bytes)
const x = (...values: number[]) => input('x', 'FP64', [values.length], contents(7, doubles(...values)))
const n = (...values: number[]) => input('n', 'INT64', [values.length], new ProtoWriter().packed(3, values))
const on = (...values: number[]) => input('on', 'BOOL', [values.length], new ProtoWriter().packed(1, values))
const c = (...texts: string[]) => {
  const values = new ProtoWriter()
  for (const text of texts) values.bytes(8, Buffer.from(text))
  return input('c', 'BYTES', [texts.length], values)
}

/** A ModelInferRequest of tensors; `more` adds to it. */
function request(inputs: readonly ProtoWriter[], more: (message: ProtoWriter) => unknown = () => undefined): Buffer {
  const message = new ProtoWriter().string(1, 'e')
  for (const tensor of inputs) message.message(5, tensor)
  more(message)
  return message.finish()
}

function rowsOf(body: Buffer): unknown[][] {
  return grpcProtocol.read(call(body)).ask.rows.values(FIELDS)
}

/** The field that a request is refused by; its code where it is no field. */
function refusal(body: Buffer): string {
  try {
    rowsOf(body)
  } catch (error) {
    const { code, data } = error as { code: string; data: { field?: string } }
    return code === 'invalid_field' ? (data.field ?? '?') : code
  }
  return 'nothing'
}

test('typed contents of every kind become rows, whatever order the tensors come in', () => {
  const rows = [
    [0.5, 7, true, 'é'],
    [-1, -8, false, ''],
  ]
  assert.deepEqual(rowsOf(request([x(0.5, -1), n(7, -8), on(1, 0), c('é', '')])), rows)
  assert.deepEqual(rowsOf(request([c('é', ''), on(1, 0), n(7, -8), x(0.5, -1)])), rows)
})

test('raw bytes mean the same as typed contents, one item a tensor in their order', () => {
  const heads = [input('x', 'FP64', [1]), input('n', 'INT64', [1]), input('on', 'BOOL', [1]), input('c', 'BYTES', [1])]
  const raw = [
    doubles(0.5),
    Buffer.from('f9ffffffffffffff', 'hex'),
    Buffer.from([1]),
    Buffer.from('\u0002\0\0\0\u00c3\u00a9', 'latin1'),
  ]
  const body = request(heads, (message) => raw.forEach((bytes) => message.bytes(7, bytes)))
  assert.deepEqual(rowsOf(body), [[0.5, -7, true, 'é']])
})

for (const [datatype, field, bytes, value] of [
  ['INT8', 2, 'ffffffffffffffffff01', -1],
  ['INT16', 2, '8080feffffffffffff01', -32768],
  ['INT32', 2, 'ffffffff07', 2 ** 31 - 1],
  ['UINT8', 4, 'ff01', 255],
  ['UINT16', 4, 'ffff03', 65535],
  ['UINT32', 4, 'ffffffff0f', 2 ** 32 - 1],
  ['INT64', 3, 'ffffffffffffffff7f', 9223372036854775807n],
  ['UINT64', 5, 'ffffffffffffffff7f', 9223372036854775807n],
] as const) {
  test(`a whole number comes as ${datatype} too`, () => {
    const tensor = input('n', datatype, [1], contents(field, Buffer.from(bytes, 'hex')))
    assert.deepEqual(rowsOf(request([x(1), tensor, on(1)])), [[1, value, true, Number.NaN]])
  })
}

test('a number comes as FP32 or whole; NaN is a missing value, infinities stay', () => {
  const floats = contents(6, Buffer.from('0000c03f0000c07f000080ff', 'hex'))
  const rows = rowsOf(request([input('x', 'FP32', [3], floats), n(1, 2, 3), on(1, 1, 1)]))
  assert.deepEqual(
    rows.map((row) => row[0]),
    [1.5, null, -Infinity],
  )
})

for (const [what, body, field] of [
  ['no tensors', request([]), 'inputs'],
  ['a tensor without a name', request([input('', 'FP64', [1], contents(7, doubles(1)))]), 'inputs.0.name'],
  ['a datatype that is none', request([input('x', 'FP65', [1], contents(7, doubles(1)))]), 'inputs.0.datatype'],
  ['FP16 in typed contents', request([input('x', 'FP16', [1], contents(6, Buffer.alloc(4)))]), 'inputs.0.datatype'],
  ['no shape', request([input('x', 'FP64', [], contents(7, doubles(1)))]), 'inputs.0.shape'],
  ['a negative dimension', request([input('x', 'FP64', [-1], contents(7, doubles(1)))]), 'inputs.0.shape'],
  ['a shape beyond 2^53', request([input('x', 'FP64', [2 ** 40, 2 ** 40])]), 'inputs.0.shape'],
  ['fewer values than the shape', request([input('x', 'FP64', [2], contents(7, doubles(1)))]), 'inputs.0.contents'],
  ['more values than the shape', request([input('x', 'FP64', [1], contents(7, doubles(1, 2)))]), 'inputs.0.contents'],
  ['no contents', request([x(1), n(1), input('on', 'BOOL', [1])]), 'inputs.2.contents'],
  ['contents of another type', request([input('x', 'FP64', [1], contents(6, Buffer.alloc(4)))]), 'inputs.0.contents'],
  ['texts that are no UTF-8', request([input('c', 'BYTES', [1], contents(8, Buffer.from([255])))]), 'inputs.0'],
  [
    'a type that does not fit the input',
    request([x(1), input('n', 'FP64', [1], contents(7, doubles(1)))]),
    'inputs.1.datatype',
  ],
  ['a tensor twice', request([x(1), x(1)]), 'inputs.1.name'],
  ['columns of different lengths', request([x(1, 2), n(1)]), 'inputs.n'],
  ['an input that is left out', request([x(1), n(1)]), 'inputs.on'],
  ['raw bytes beside contents', request([x(1)], (m) => m.bytes(7, doubles(1))), 'inputs.0.contents'],
  [
    'raw bytes for some tensors',
    request([input('x', 'FP64', [1]), n(1)], (m) => m.bytes(7, doubles(1))),
    'raw_input_contents',
  ],
  ['raw bytes that are too few', request([input('x', 'FP64', [2])], (m) => m.bytes(7, doubles(1))), 'inputs.0'],
  [
    'an output that is none',
    request([x(1), n(1), on(1)], (m) => m.message(6, new ProtoWriter().string(1, 'y'))),
    'outputs.name',
  ],
  ['a number where a text belongs', request([x(1)], (m) => m.uint(3, 5)), 'malformed_body'],
  ['bytes that are cut off', request([x(1), n(1), on(1)]).subarray(0, -1), 'malformed_body'],
] as const) {
  test(`refused: ${what}`, () => assert.equal(refusal(body), field))
}

/** A request whose parameters are these, each an InferParameter. */
function withParameters(parameters: readonly (readonly [string, ProtoWriter])[]): Buffer {
  return request([x(1), n(1), on(1)], (message) => {
    for (const [key, value] of parameters) message.message(4, new ProtoWriter().string(1, key).message(2, value))
  })
}

test('parameters of each type carry what may be said beside the rows', () => {
  const body = withParameters([
    ['prediction_id', new ProtoWriter().string(3, 'p1')],
    ['event_time', new ProtoWriter().uint(2, 5000)],
    ['routing_key', new ProtoWriter().string(3, 'k')],
    ['timeout', new ProtoWriter().uint(5, 250_000)],
    ['priority', new ProtoWriter().uint(5, 1)],
    ['explain', new ProtoWriter().bool(1, true)],
  ])
  const { ask } = grpcProtocol.read(call(body))
  assert.deepEqual([ask.ids, ask.times, ask.key], [['p1'], [5000], 'k'])
  assert.deepEqual([ask.deadline - NOW, ask.priority, ask.explain], [250, 'high', true])
  const double = withParameters([['timeout', new ProtoWriter().double(4, 1500)]])
  assert.equal(grpcProtocol.read(call(double)).ask.deadline - NOW, 1.5)
})

test('a parameter called __proto__ is one among others', () => {
  const body = withParameters([
    ['__proto__', new ProtoWriter().string(3, 'p')],
    ['prediction_id', new ProtoWriter().string(3, 'p1')],
  ])
  assert.deepEqual(grpcProtocol.read(call(body)).ask.ids, ['p1'])
  assert.equal(({} as Record<string, unknown>)['prediction_id'], undefined)
})

test('model and version are found before the tensors are read, wherever they stand', () => {
  const plain = request([x(1)], (message) => message.string(2, '7'))
  assert.deepEqual(inferTarget(plain), { model: 'e', version: '7' })
  assert.deepEqual(inferTarget(Buffer.alloc(0)), { model: '', version: '' })
  assert.throws(() => inferTarget(plain.subarray(0, -1)), { code: 'malformed_body' })
})

/** The fields of an answer, read by number: texts, parameters, descriptions of tensors and their bytes. */
function answered(results: Results, ids: readonly string[], more?: (message: ProtoWriter) => unknown) {
  const { note } = grpcProtocol.read(call(request([x(1), n(1), on(1)], more)))
  const reader = new ProtoReader(grpcProtocol.write(answerOf(results, ids), note).body as Buffer)
  const texts: string[] = []
  const parameters: Record<string, string | number> = {}
  const tensors: { name: string; datatype: string; shape: unknown[]; nonfinite?: unknown }[] = []
  const raw: Buffer[] = []
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 4) Object.assign(parameters, parameterOf(reader.message()))
    else if (field === 5) tensors.push(tensorOf(reader.message()))
    else if (field === 6) raw.push(Buffer.from(reader.bytes()))
    else texts[field] = reader.string()
  }
  return { model: texts[1], version: texts[2], id: texts[3], parameters, tensors, raw }
}

function parameterOf(entry: ProtoReader): Record<string, string | number> {
  entry.next()
  const key = entry.string()
  entry.next()
  const value = entry.message()
  return { [key]: value.next() === 3 ? value.string() : Number(value.int64()) }
}

function tensorOf(reader: ProtoReader) {
  const tensor = { name: '', datatype: '', shape: [] as (number | bigint | boolean)[] }
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) tensor.name = reader.string()
    else if (field === 2) tensor.datatype = reader.string()
    else if (field === 3) reader.numbers('int', tensor.shape)
    else Object.assign(tensor, parameterOf(reader.message()))
  }
  return tensor
}

test('an answer names model, version, request and predictions, and has its numbers as bytes', () => {
  const results = numberResults(2, { data: Float64Array.of(0.25, -2), width: undefined })
  const answer = answered(results, ['a', 'b'], (message) => message.string(3, 'r1'))
  assert.deepEqual([answer.model, answer.version, answer.id], ['e', '1', 'r1'])
  assert.deepEqual(answer.parameters, { prediction_ids: '["a","b"]', variant: 'stable', epoch: 7 })
  assert.deepEqual(answer.tensors, [{ name: 'predictions', datatype: 'FP64', shape: [2n] }])
  assert.deepEqual(answer.raw, [doubles(0.25, -2)])
})

test('one prediction has its id as it is; numbers that are none are counted; the other name of the output is kept', () => {
  const answer = answered(listResults([null, 1, null]), ['a', 'b', 'c'])
  assert.equal(answer.tensors[0]?.nonfinite, 2)
  assert.deepEqual(answer.raw, [doubles(Number.NaN, 1, Number.NaN)])
  const named = answered(listResults(['é']), ['a'], (m) => m.message(6, new ProtoWriter().string(1, 'output-1')))
  assert.deepEqual(named.parameters, { prediction_id: 'a', variant: 'stable', epoch: 7 })
  assert.deepEqual(named.tensors, [{ name: 'output-1', datatype: 'BYTES', shape: [1n] }])
  assert.deepEqual(named.raw, [Buffer.from('\u0002\0\0\0\u00c3\u00a9', 'latin1')])
})
