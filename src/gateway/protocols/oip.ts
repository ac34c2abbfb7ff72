/** Open Inference Protocol v2 over REST: infer with JSON tensors and with the binary tensor extension. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Problem } from '../../contract/errors.ts'
import { problem } from '../../contract/errors.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import type { Answer, Ask } from '../engine/ask.ts'
import type { PredictCall, Protocol, Reply } from './exchange.ts'
import { JSON_TYPE, makeAsk } from './exchange.ts'
import { objectOf, prepareJson } from './json-body.ts'
import { explanationTensors } from './explanations.ts'
import type { Shape } from '../../http/json-shape.ts'
import { isRecord, toJson } from '../../scoring/rows/json.ts'
import type { LiveEndpoint } from '../traffic/live.ts'
import { invalid } from '../../scoring/rows/rows.ts'
import { failureHeaders } from './native.ts'
import type { Tensor } from './tensors.ts'
import {
  DATATYPE,
  decodeRaw,
  elements,
  encodeRaw,
  missingIn,
  outputTensor,
  readDatatype,
  readShape,
  rowsOfTensors,
} from './tensors.ts'

/** Name of the one output tensor; MLServer's name for it is understood too. */
export const OUTPUT = 'predictions'
const OUTPUTS: readonly unknown[] = [OUTPUT, 'output-1']

/** Header that tells how much of a body is JSON; tensors as bytes follow. */
const JSON_LENGTH = 'inference-header-content-length'

/**
 * One tensor per input, by name, of shape [n] or [n, 1]; or one tensor of shape [n, inputs], by place. Data is JSON, or bytes behind
 * the JSON (`parameters.binary_data_size`). `null` in a tensor is a missing value. `parameters` may hold prediction_id, event_time,
 * routing_key, priority, timeout (µs) and explain. The answer has one tensor, and with explain two more; `parameters` name prediction ids, variant and epoch.
 */
export const oipProtocol: Protocol = {
  prepare: prepareInfer,
  isJson: (headers) => headers[JSON_LENGTH] === undefined,
  read: readInfer,
  write: writeInfer,
  fail: oipFailure,
}

/** What of a request decides how its answer is written. */
export interface InferNote {
  readonly id: string | undefined
  readonly output: string
  readonly binary: boolean
}

function prepareInfer(headers: IncomingHttpHeaders, body: Buffer, shape?: Shape): unknown {
  return prepareJson(headers, body.subarray(0, jsonLength(headers, body.length)), shape)
}

function readInfer(call: PredictCall): { ask: Ask; note: unknown } {
  const fields = inputsOf(call.endpoint)
  const length = jsonLength(call.headers, call.body.length)
  if (length === 0) return readRawInput(call, fields)
  const body = objectOf(call, length)
  const rest = length === undefined ? NOTHING : call.body.subarray(length)
  // clients that write a request from a class write what was not given as null
  const id = body['id'] ?? undefined
  if (id !== undefined && typeof id !== 'string') throw invalid('id', id, 'a text')
  const parameters = body['parameters'] ?? {}
  if (!isRecord(parameters)) throw invalid('parameters', parameters, 'an object')
  const wanted = readOutputs(body['outputs'], parameters['binary_data_output'] === true)
  const rows = rowsOfTensors(readTensors(body['inputs'], rest), fields)
  const note: InferNote = { id, ...wanted }
  return { ask: makeAsk(call, rows, factsOf(parameters)), note }
}

const NOTHING = Buffer.alloc(0)

/** The header's value; undefined without it. Throws `invalid_field` when it does not lie in the body. */
function jsonLength(headers: IncomingHttpHeaders, size: number): number | undefined {
  const given = headers[JSON_LENGTH]
  if (given === undefined) return undefined
  const length = /^\d{1,15}$/.test(String(given)) ? Number(given) : -1
  if (length < 0 || length > size)
    throw invalid(JSON_LENGTH, given, `a number of bytes from 0 to ${size}, the body's size`)
  return length
}

/** A body that is nothing but the bytes of the model's only input. */
function readRawInput(call: PredictCall, fields: readonly InputField[]): { ask: Ask; note: unknown } {
  const [field] = fields
  if (fields.length !== 1 || field === undefined) {
    const detail = `a body without JSON header serves a model of one input; this one has ${fields.length}`
    throw problem('bad_request', { detail })
  }
  const datatype = DATATYPE[field.kind]
  const count = datatype === 'BYTES' ? 1 : Math.floor(call.body.length / (datatype === 'BOOL' ? 1 : 8))
  const tensor = { name: field.name, datatype, shape: [count] }
  const rows = rowsOfTensors([{ ...tensor, data: decodeRaw('inputs.0', tensor, call.body) }], fields)
  return { ask: makeAsk(call, rows, {}), note: { id: undefined, output: OUTPUT, binary: true } satisfies InferNote }
}

/** The facts that the protocol's parameters carry. Triton's priority: 0 is the default, 1 the highest; its timeout: 0 is none. */
export function factsOf(parameters: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { timeout, priority } = parameters as { timeout?: unknown; priority?: unknown }
  const urgent = typeof priority === 'number' ? (['normal', 'high'][priority] ?? 'low') : priority
  return {
    id: parameters['prediction_id'],
    event_time: parameters['event_time'],
    routing_key: parameters['routing_key'],
    priority: urgent,
    timeout_ms: timeout === 0 ? undefined : typeof timeout === 'number' ? timeout / 1000 : timeout,
    explain: parameters['explain'],
  }
}

/** The inputs of the version that answers most requests: positional tensors are read by it. */
export function inputsOf(endpoint: LiveEndpoint): readonly InputField[] {
  return (endpoint.stable ?? endpoint.canary)?.route.inputs ?? []
}

/** What a request for that version has to bring: where a feature service fills inputs, its keys and fields in place of them. */
export function askedOf(endpoint: LiveEndpoint): readonly InputField[] {
  const variant = endpoint.stable ?? endpoint.canary
  return variant?.features?.asked(variant.route.inputs) ?? inputsOf(endpoint)
}

/** Which name the answer's tensor gets, and whether it comes as bytes: what the output says wins over the request. */
function readOutputs(outputs: unknown, binary: boolean): { output: string; binary: boolean } {
  if (outputs === undefined || outputs === null) return { output: OUTPUT, binary }
  if (!Array.isArray(outputs)) throw invalid('outputs', outputs, 'a list')
  let wanted = { output: OUTPUT, binary }
  for (const [i, output] of outputs.entries()) {
    if (!isRecord(output)) throw invalid(`outputs.${i}`, output, 'an object with a name')
    wanted = { output: readOutputName(`outputs.${i}.name`, output['name']), binary }
    const own = isRecord(output['parameters']) ? output['parameters']['binary_data'] : undefined
    if (typeof own === 'boolean') wanted.binary = own
  }
  return wanted
}

/** Checks the name of a wanted output. Throws `invalid_field`. */
export function readOutputName(field: string, name: unknown): string {
  if (!OUTPUTS.includes(name)) throw invalid(field, name, `"${OUTPUT}"`)
  return name as string
}

function readTensors(inputs: unknown, rest: Buffer): readonly Tensor[] {
  if (!Array.isArray(inputs) || inputs.length === 0) throw invalid('inputs', inputs, 'a list of tensors')
  let at = 0
  const tensors = inputs.map((value, i) => {
    const field = `inputs.${i}`
    if (!isRecord(value)) throw invalid(field, value, 'an object with name, shape, datatype and data')
    const size = isRecord(value['parameters']) ? value['parameters']['binary_data_size'] : undefined
    if (size === undefined) return { ...readHead(field, value, true), data: readData(field, value) }
    const from = at
    at += readSize(`${field}.parameters.binary_data_size`, size, rest.length - at)
    if (value['data'] !== undefined) throw invalid(`${field}.data`, value['data'], 'nothing beside binary_data_size')
    const head = readHead(field, value, false)
    return { ...head, data: decodeRaw(field, head, rest.subarray(from, at)) }
  })
  if (at !== rest.length)
    throw invalid('inputs', `${rest.length} bytes behind the JSON`, `${at}, the sum of every binary_data_size`)
  return tensors
}

function readSize(field: string, size: unknown, left: number): number {
  if (!Number.isSafeInteger(size) || (size as number) < 0 || (size as number) > left)
    throw invalid(field, size, `a number of bytes up to ${left}, which is what the body still has`)
  return size as number
}

function readHead(field: string, value: Record<string, unknown>, asJson: boolean): Omit<Tensor, 'data'> {
  const { name } = value
  if (typeof name !== 'string' || name === '') throw invalid(`${field}.name`, name, 'a text')
  const datatype = readDatatype(`${field}.datatype`, value['datatype'], asJson)
  return { name, datatype, shape: readShape(`${field}.shape`, value['shape']) }
}

function readData(field: string, { data, shape }: Record<string, unknown>): readonly unknown[] {
  if (!Array.isArray(data))
    throw invalid(`${field}.data`, data, 'a list, or parameters.binary_data_size and bytes behind the JSON')
  const dims = shape as number[]
  const flat: unknown[] = data.some(Array.isArray) ? data.flat(dims.length - 1) : data
  const size = elements(dims)
  if (flat.length !== size)
    throw invalid(`${field}.data`, `${flat.length} values`, `${size} values for shape [${dims.join(', ')}]`)
  return flat
}

function writeInfer(answer: Answer, note: unknown): Reply {
  const { id, output, binary } = note as InferNote
  const tensors = [outputTensor(output, answer.results), ...explanationTensors(answer)]
  const head = {
    model_name: answer.endpoint.route.name,
    model_version: answer.variant.route.version,
    ...(id !== undefined && { id }),
    parameters: answerParameters(answer),
  }
  if (!binary) {
    const outputs = tensors.map((tensor) => {
      const nonfinite = missingIn(tensor)
      const plain = { ...tensor, data: Array.from(tensor.data) }
      return nonfinite > 0 ? { ...plain, parameters: { nonfinite } } : plain
    })
    return { status: 200, type: JSON_TYPE, body: toJson({ ...head, outputs }) }
  }
  const raw = tensors.map(encodeRaw)
  const outputs = tensors.map(({ name, datatype, shape }, i) => {
    return { name, datatype, shape, parameters: { binary_data_size: raw[i]?.length } }
  })
  const json = Buffer.from(toJson({ ...head, outputs }))
  const headers = { 'Inference-Header-Content-Length': String(json.length) }
  return { status: 200, type: 'application/octet-stream', body: Buffer.concat([json, ...raw]), headers }
}

/** What the answer says of itself: the ids of its predictions, who answered, and with which table. */
export function answerParameters(answer: Answer): { [key: string]: string | number } {
  const { ids, variant, endpoint } = answer
  return {
    ...(ids.length === 1 ? { prediction_id: ids[0] as string } : { prediction_ids: JSON.stringify(ids) }),
    variant: variant.route.role,
    epoch: endpoint.epoch,
  }
}

/** The protocol's error shape: one text. */
export function oipFailure(error: Problem): Reply {
  const body = JSON.stringify({ error: error.message })
  return { status: error.status, type: JSON_TYPE, body, headers: failureHeaders(error) }
}
