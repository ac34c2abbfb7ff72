/** Open Inference Protocol v2 over REST with JSON tensors: metadata, readiness, infer. */
import type { Problem } from '../../../contract/errors.ts'
import { problem } from '../../../contract/errors.ts'
import type { InputField } from '../../table.ts'
import type { Scored } from '../backend.ts'
import type { Answer, Ask } from '../engine.ts'
import type { PredictCall, Protocol, Reply } from '../exchange.ts'
import { invalid, isRecord, JSON_TYPE, makeAsk, parseObject } from '../exchange.ts'
import type { LiveEndpoint, LiveVariant } from '../live.ts'
import type { Named } from '../rows.ts'
import { rowsOfColumns, rowsOfLists } from './columns.ts'
import { failureHeaders } from './native.ts'

/** Name of the one output tensor. */
const OUTPUT = 'predictions'

const FLOATS = new Set(['FP32', 'FP64'])
const INTEGERS = new Set(['INT8', 'INT16', 'INT32', 'INT64', 'UINT8', 'UINT16', 'UINT32', 'UINT64'])

/** The datatype by which an input is described; a caller may send any type that fits. */
const DATATYPE: Readonly<Record<InputField['kind'], string>> = {
  number: 'FP64',
  integer: 'INT64',
  boolean: 'BOOL',
  string: 'BYTES',
}

/**
 * One tensor per input, by name, of shape [n] or [n, 1]; or one numeric tensor of shape [n, inputs], by place.
 * `null` in a tensor is a missing value. `parameters` may hold prediction_id, event_time, routing_key and timeout (µs).
 * The answer has one tensor `predictions`; `parameters` name prediction ids, variant and epoch.
 */
export const oipProtocol: Protocol = { read: readInfer, write: writeInfer, fail: oipFailure }

interface Note {
  readonly id: string | undefined
}

function readInfer(call: PredictCall): { ask: Ask; note: unknown } {
  if (call.headers['inference-header-content-length'] !== undefined)
    throw problem('unsupported_media_type', { value: 'binary tensor data', expected: 'tensors as JSON in "data"' })
  const body = parseObject(call.body)
  const id = body['id']
  if (id !== undefined && typeof id !== 'string') throw invalid('id', id, 'a text')
  const parameters = body['parameters'] ?? {}
  if (!isRecord(parameters)) throw invalid('parameters', parameters, 'an object')
  checkOutputs(body['outputs'])
  const rows = readTensors(body['inputs'], inputsOf(call.endpoint))
  const timeout = parameters['timeout']
  const ask = makeAsk(call, rows, {
    id: parameters['prediction_id'],
    event_time: parameters['event_time'],
    routing_key: parameters['routing_key'],
    timeout_ms: typeof timeout === 'number' ? timeout / 1000 : timeout,
  })
  return { ask, note: { id } satisfies Note }
}

function inputsOf(endpoint: LiveEndpoint): readonly InputField[] {
  return (endpoint.stable ?? endpoint.canary)?.route.inputs ?? []
}

function checkOutputs(outputs: unknown): void {
  if (outputs === undefined) return
  if (!Array.isArray(outputs)) throw invalid('outputs', outputs, 'a list')
  for (const [i, output] of outputs.entries()) {
    if (!isRecord(output)) throw invalid(`outputs.${i}`, output, 'an object with a name')
    if (output['name'] !== OUTPUT) throw invalid(`outputs.${i}.name`, output['name'], `"${OUTPUT}"`)
  }
}

interface Tensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly data: readonly unknown[]
}

function readTensors(inputs: unknown, fields: readonly InputField[]): readonly Named[] {
  if (!Array.isArray(inputs) || inputs.length === 0) throw invalid('inputs', inputs, 'a list of tensors')
  const tensors = inputs.map(readTensor)
  const [only] = tensors
  if (tensors.length === 1 && only !== undefined && only.shape.length === 2 && only.shape[1] !== 1)
    return rowsOfMatrix(only, fields)
  const columns = new Map<string, readonly unknown[]>()
  for (const [i, tensor] of tensors.entries()) {
    if (columns.has(tensor.name)) throw invalid(`inputs.${i}.name`, tensor.name, 'each name once')
    if (tensor.shape.length > 2 || (tensor.shape.length === 2 && tensor.shape[1] !== 1))
      throw invalid(`inputs.${i}.shape`, tensor.shape, '[n] or [n, 1] for a tensor that is one input')
    const field = fields.find((one) => one.name === tensor.name)
    if (field !== undefined) checkType(i, tensor, field)
    columns.set(tensor.name, tensor.data)
  }
  return rowsOfColumns('inputs', columns)
}

function rowsOfMatrix(tensor: Tensor, fields: readonly InputField[]): readonly Named[] {
  const [rows = 0, width = 0] = tensor.shape
  if (width !== fields.length)
    throw invalid('inputs.0.shape', tensor.shape, `[n, ${fields.length}], or one tensor per input`)
  for (const field of fields) checkType(0, tensor, field)
  const names = fields.map((field) => field.name)
  const lists = Array.from({ length: rows }, (_, i) => tensor.data.slice(i * width, (i + 1) * width))
  return rowsOfLists('inputs.0.data', names, lists)
}

function checkType(i: number, tensor: Tensor, field: InputField): void {
  const { datatype } = tensor
  const fits =
    datatype === DATATYPE[field.kind] ||
    (field.kind === 'number' && (FLOATS.has(datatype) || INTEGERS.has(datatype))) ||
    (field.kind === 'integer' && INTEGERS.has(datatype))
  if (!fits) throw invalid(`inputs.${i}.datatype`, datatype, `${DATATYPE[field.kind]} for input ${field.name}`)
}

function readTensor(value: unknown, i: number): Tensor {
  const at = `inputs.${i}`
  if (!isRecord(value)) throw invalid(at, value, 'an object with name, shape, datatype and data')
  const { name, datatype, shape, data } = value
  if (typeof name !== 'string' || name === '') throw invalid(`${at}.name`, name, 'a text')
  const known =
    typeof datatype === 'string' &&
    (FLOATS.has(datatype) || INTEGERS.has(datatype) || datatype === 'BOOL' || datatype === 'BYTES')
  if (!known) throw invalid(`${at}.datatype`, datatype, 'BOOL, BYTES, FP32, FP64, INT8 … INT64 or UINT8 … UINT64')
  if (!Array.isArray(shape) || shape.length === 0 || !shape.every((n) => Number.isSafeInteger(n) && (n as number) >= 0))
    throw invalid(`${at}.shape`, shape, 'a list of whole numbers')
  if (!Array.isArray(data)) throw invalid(`${at}.data`, data, 'a list; binary tensors are not supported')
  const flat: unknown[] = data.some(Array.isArray) ? data.flat(shape.length - 1) : data
  const size = (shape as number[]).reduce((product, n) => product * n, 1)
  if (flat.length !== size)
    throw invalid(`${at}.data`, `${flat.length} values`, `${size} values for shape [${shape.join(', ')}]`)
  return { name, datatype, shape: shape as number[], data: flat }
}

function writeInfer(answer: Answer, note: unknown): Reply {
  const { id } = note as Note
  const { route } = answer.variant
  const body = JSON.stringify({
    model_name: answer.endpoint.route.name,
    model_version: route.version,
    ...(id !== undefined && { id }),
    parameters: {
      ...(answer.ids.length === 1 ? { prediction_id: answer.ids[0] } : { prediction_ids: JSON.stringify(answer.ids) }),
      variant: route.role,
      epoch: answer.endpoint.epoch,
    },
    outputs: [outputTensor(answer.scored)],
  })
  return { status: 200, type: JSON_TYPE, body }
}

/** Numbers as FP64 [n] or [n, k], booleans as BOOL, everything else as BYTES (texts; other values as JSON). */
function outputTensor(scored: readonly Scored[]): Record<string, unknown> {
  const values = scored.map((one) => one.prediction)
  const n = values.length
  if (values.every((value) => typeof value === 'number' || value === null))
    return { name: OUTPUT, shape: [n], datatype: 'FP64', data: values }
  if (values.every((value) => typeof value === 'boolean'))
    return { name: OUTPUT, shape: [n], datatype: 'BOOL', data: values }
  const width = Array.isArray(values[0]) ? values[0].length : -1
  const matrix = values.every(
    (value) => Array.isArray(value) && value.length === width && value.every((x) => typeof x === 'number'),
  )
  if (matrix) return { name: OUTPUT, shape: [n, width], datatype: 'FP64', data: (values as number[][]).flat() }
  const texts = values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)))
  return { name: OUTPUT, shape: [n], datatype: 'BYTES', data: texts }
}

/** The protocol's error shape: one text. */
export function oipFailure(error: Problem): Reply {
  return {
    status: error.status,
    type: JSON_TYPE,
    body: JSON.stringify({ error: error.message }),
    headers: failureHeaders(error),
  }
}

/** GET /v2. */
export function serverMetadata(version: string): Reply {
  return json({ name: 'slipway', version, extensions: ['parameters'] })
}

/** GET /v2/models/NAME. */
export function modelMetadata(endpoint: LiveEndpoint): Reply {
  const loaded = [endpoint.stable, endpoint.canary].filter((variant): variant is LiveVariant => variant !== undefined)
  return json({
    name: endpoint.route.name,
    versions: [...new Set(loaded.map((variant) => variant.route.version))],
    platform: `slipway_${loaded[0]?.route.backend.kind ?? 'none'}`,
    inputs: inputsOf(endpoint).map(({ name, kind }) => ({ name, datatype: DATATYPE[kind], shape: [-1] })),
    outputs: [{ name: OUTPUT, datatype: 'FP64', shape: [-1] }],
  })
}

/** GET /v2/models/NAME/ready: 503 until the stable version can answer. */
export function modelReady(endpoint: LiveEndpoint): Reply {
  const ready = endpoint.stable?.backend.ready() ?? false
  return json({ name: endpoint.route.name, ready }, ready ? 200 : 503)
}

function json(value: unknown, status = 200): Reply {
  return { status, type: JSON_TYPE, body: JSON.stringify(value) }
}
