/** The Open Inference Protocol over gRPC: ModelInfer requests become rows, answers become ModelInfer responses. */
import type { Problem } from '../../contract/errors.ts'
import type { Answer, Ask } from '../engine/ask.ts'
import type { PredictCall, Protocol, Reply } from '../protocols/exchange.ts'
import { makeAsk } from '../protocols/exchange.ts'
import { explanationTensors } from '../protocols/explanations.ts'
import { invalid } from '../../scoring/rows/rows.ts'
import { answerParameters, factsOf, inputsOf, OUTPUT, readOutputName } from '../protocols/oip.ts'
import type { Tensor } from '../protocols/tensors.ts'
import {
  decodeRaw,
  elements,
  encodeRaw,
  missingIn,
  outputTensor,
  readDatatype,
  readShape,
  rowsOfTensors,
  textOf,
} from '../protocols/tensors.ts'
import type { Packed } from './wire.ts'
import { ProtoReader, ProtoWriter } from './wire.ts'

/** Content type of gRPC messages. */
export const GRPC_TYPE = 'application/grpc'

/** ModelInfer. Tensors come as typed contents or as raw bytes; the answer's tensor comes as raw bytes. */
export const grpcProtocol: Protocol = {
  prepare: () => undefined,
  isJson: () => false,
  read: readInfer,
  write: writeInfer,
  fail: grpcFailure,
}

/** What a ModelInfer request names before its tensors are read. */
export interface InferTarget {
  readonly model: string
  readonly version: string
}

/** The model and version of a ModelInferRequest. Throws `malformed_body`. */
export function inferTarget(message: Uint8Array): InferTarget {
  const reader = new ProtoReader(message)
  let [model, version] = ['', '']
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) model = reader.string()
    else if (field === 2) version = reader.string()
    else reader.skip()
  }
  return { model, version }
}

interface Note {
  readonly id: string
  readonly output: string
}

interface GrpcInput {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly (number | bigint | boolean)[]
  readonly contents: Buffer | undefined
}

function readInfer(call: PredictCall): { ask: Ask; note: unknown } {
  const request = readRequest(call.body)
  const fields = inputsOf(call.endpoint)
  const rows = rowsOfTensors(tensorsOf(request.inputs, request.raw), fields)
  const ask = makeAsk(call, rows, factsOf(request.parameters))
  return { ask, note: { id: request.id, output: request.output } satisfies Note }
}

interface InferRequest {
  id: string
  output: string
  readonly parameters: Record<string, unknown>
  readonly inputs: GrpcInput[]
  readonly raw: Buffer[]
}

function readRequest(body: Buffer): InferRequest {
  const reader = new ProtoReader(body)
  const request: InferRequest = { id: '', output: OUTPUT, parameters: {}, inputs: [], raw: [] }
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    switch (field) {
      case 3:
        request.id = reader.string()
        break
      case 4:
        readParameter(reader.message(), request.parameters)
        break
      case 5:
        request.inputs.push(readInput(reader.message()))
        break
      case 6:
        request.output = readOutputName('outputs.name', nameOf(reader.message()))
        break
      case 7:
        request.raw.push(reader.bytes())
        break
      default:
        reader.skip()
    }
  }
  return request
}

/** One entry of a map of InferParameter: 1 = key, 2 = value, of which one field is set. */
function readParameter(entry: ProtoReader, to: Record<string, unknown>): void {
  let key = ''
  let value: unknown
  for (let field = entry.next(); field !== 0; field = entry.next()) {
    if (field === 1) key = entry.string()
    else if (field === 2) value = parameterValue(entry.message())
    else entry.skip()
  }
  Object.defineProperty(to, key, { value, enumerable: true, configurable: true, writable: true })
}

function parameterValue(reader: ProtoReader): unknown {
  let value: unknown
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) value = reader.bool()
    else if (field === 2) value = Number(reader.int64())
    else if (field === 3) value = reader.string()
    else if (field === 4) value = reader.double()
    else if (field === 5) value = Number(reader.uint64())
    else reader.skip()
  }
  return value
}

function nameOf(reader: ProtoReader): string {
  let name = ''
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) name = reader.string()
    else reader.skip()
  }
  return name
}

function readInput(reader: ProtoReader): GrpcInput {
  const shape: (number | bigint | boolean)[] = []
  let [name, datatype] = ['', '']
  let contents: Buffer | undefined
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) name = reader.string()
    else if (field === 2) datatype = reader.string()
    else if (field === 3) reader.numbers('int', shape)
    else if (field === 5) contents = reader.bytes()
    else reader.skip()
  }
  return { name, datatype, shape, contents }
}

function tensorsOf(inputs: readonly GrpcInput[], raw: readonly Buffer[]): Tensor[] {
  if (inputs.length === 0) throw invalid('inputs', [], 'a list of tensors')
  if (raw.length > 0 && raw.length !== inputs.length)
    throw invalid('raw_input_contents', `${raw.length} items`, `${inputs.length}, one an input`)
  return inputs.map((input, i) => {
    const field = `inputs.${i}`
    if (input.name === '') throw invalid(`${field}.name`, '', 'a text')
    const bytes = raw[i]
    if (bytes !== undefined && input.contents !== undefined)
      throw invalid(`${field}.contents`, 'contents', 'nothing beside raw_input_contents')
    const datatype = readDatatype(`${field}.datatype`, input.datatype, bytes === undefined)
    const shape = readShape(`${field}.shape`, input.shape.map(Number))
    const head = { name: input.name, datatype, shape }
    if (bytes !== undefined) return { ...head, data: decodeRaw(field, head, bytes) }
    return { ...head, data: typedData(field, head, input.contents) }
  })
}

/** Field of InferTensorContents that holds the values of a datatype, and how they are coded. */
const CONTENTS: Readonly<Record<string, readonly [number, Packed]>> = {
  BOOL: [1, 'bool'],
  INT8: [2, 'int'],
  INT16: [2, 'int'],
  INT32: [2, 'int'],
  INT64: [3, 'int'],
  UINT8: [4, 'uint'],
  UINT16: [4, 'uint'],
  UINT32: [4, 'uint'],
  UINT64: [5, 'uint'],
  FP32: [6, 'float'],
  FP64: [7, 'double'],
}
const TEXTS = 8

function typedData(field: string, head: Omit<Tensor, 'data'>, contents: Buffer | undefined): readonly unknown[] {
  const values: (number | bigint | boolean)[] = []
  const texts: string[] = []
  const reader = new ProtoReader(contents ?? Buffer.alloc(0))
  const [wanted, kind] = CONTENTS[head.datatype] ?? [TEXTS, 'int']
  for (let at = reader.next(); at !== 0; at = reader.next()) {
    if (at !== wanted)
      throw invalid(`${field}.contents`, `contents field ${at}`, `field ${wanted}, for ${head.datatype}`)
    if (at === TEXTS) texts.push(textOf(field, reader.bytes()))
    else reader.numbers(kind, values)
  }
  const data = wanted === TEXTS ? texts : values
  const size = elements(head.shape)
  if (data.length !== size)
    throw invalid(`${field}.contents`, `${data.length} values`, `${size} values for shape [${head.shape.join(', ')}]`)
  return data
}

function writeInfer(answer: Answer, note: unknown): Reply {
  const { id, output } = note as Note
  const tensors = [outputTensor(output, answer.results), ...explanationTensors(answer)]
  const message = new ProtoWriter()
    .string(1, answer.endpoint.route.name)
    .string(2, answer.variant.route.version)
    .string(3, id)
  for (const [key, value] of Object.entries(answerParameters(answer))) message.message(4, parameter(key, value))
  for (const tensor of tensors) message.message(5, describe(tensor))
  for (const tensor of tensors) message.bytes(6, encodeRaw(tensor))
  return { status: 200, type: GRPC_TYPE, body: message.finish() }
}

function describe(tensor: Tensor): ProtoWriter {
  const described = new ProtoWriter().string(1, tensor.name).string(2, tensor.datatype).packed(3, tensor.shape)
  const nonfinite = missingIn(tensor)
  if (nonfinite > 0) described.message(4, parameter('nonfinite', nonfinite))
  return described
}

function parameter(key: string, value: string | number): ProtoWriter {
  const coded = new ProtoWriter()
  if (typeof value === 'string') coded.bytes(3, Buffer.from(value))
  else coded.uint(2, value)
  return new ProtoWriter().string(1, key).message(2, coded)
}

/** gRPC tells failures by trailers; this is what they are made from. */
export function grpcFailure(error: Problem): Reply {
  return { status: error.status, type: GRPC_TYPE, body: error.message }
}
