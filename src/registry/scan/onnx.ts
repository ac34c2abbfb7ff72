/** Reads an ONNX file's protobuf: its operator sets, and where it keeps data outside of itself. */
import { eachField, ProtobufError } from '../../http/protobuf.ts'
import type { WireField } from '../../http/protobuf.ts'

/** What an ONNX file asks for. */
export interface Onnx {
  readonly domains: readonly string[]
  /** Files beside it from which tensors are read. */
  readonly external: readonly string[]
}

/** Numbers of ONNX's messages and fields. */
const MODEL = { ir: 1, graph: 7, opset: 8, training: 20, functions: 25 } as const
const GRAPH = { node: 1, initializer: 5, sparse: 15 } as const
const TRAINING_GRAPHS = [1, 2]
const FUNCTION = { node: 7, opset: 9 } as const
const EXTERNAL_DATA = 13
const LOCATION = 'location'
const DEEPEST = 32

/** What the file asks for; undefined when it is not ONNX. Never throws for what the bytes are. */
export function readOnnx(bytes: Uint8Array): Onnx | undefined {
  try {
    const fields = fieldsOf(bytes)
    const [ir, graph] = [MODEL.ir, MODEL.graph].map((number) => fields.find((field) => field.number === number))
    if (ir === undefined || ir.bytes !== undefined || graph?.bytes === undefined) return undefined
    const external = new Set<string>()
    const functions = messages(fields, [MODEL.functions]).map(fieldsOf)
    const training = messages(fields, [MODEL.training]).flatMap((one) => messages(fieldsOf(one), TRAINING_GRAPHS))
    for (const one of [...messages(fields, [MODEL.graph]), ...training]) collect(one, external, 0)
    for (const one of functions) for (const part of messages(one, [FUNCTION.node])) node(part, external, 0)
    const sets = [...messages(fields, [MODEL.opset]), ...functions.flatMap((one) => messages(one, [FUNCTION.opset]))]
    const domains = sets.map((set) => textIn(set, 1))
    return { domains, external: [...external] }
  } catch (error) {
    if (error instanceof ProtobufError) return undefined
    throw error
  }
}

/** Locations in a graph's tensors, and in the tensors and graphs that its nodes carry as attributes. */
function collect(graph: Uint8Array, external: Set<string>, depth: number): void {
  if (depth > DEEPEST) throw new ProtobufError('graphs lie too deep in one another')
  const fields = fieldsOf(graph)
  for (const one of messages(fields, [GRAPH.initializer])) tensor(one, external)
  for (const one of messages(fields, [GRAPH.sparse])) sparse(one, external)
  for (const one of messages(fields, [GRAPH.node])) node(one, external, depth)
}

const NODE_ATTRIBUTE = 5
const ATTRIBUTE = { tensor: 5, graph: 6, tensors: 10, graphs: 11, sparse: 22, sparses: 23 } as const

function node(of: Uint8Array, external: Set<string>, depth: number): void {
  for (const attribute of messages(fieldsOf(of), [NODE_ATTRIBUTE])) {
    const parts = fieldsOf(attribute)
    for (const one of messages(parts, [ATTRIBUTE.tensor, ATTRIBUTE.tensors])) tensor(one, external)
    for (const one of messages(parts, [ATTRIBUTE.sparse, ATTRIBUTE.sparses])) sparse(one, external)
    for (const one of messages(parts, [ATTRIBUTE.graph, ATTRIBUTE.graphs])) collect(one, external, depth + 1)
  }
}

/** Its values and its indices are tensors. */
function sparse(of: Uint8Array, external: Set<string>): void {
  for (const part of messages(fieldsOf(of), [1, 2])) tensor(part, external)
}

function tensor(of: Uint8Array, external: Set<string>): void {
  for (const entry of messages(fieldsOf(of), [EXTERNAL_DATA])) {
    if (textIn(entry, 1) === LOCATION) external.add(textIn(entry, 2))
  }
}

/** Of a text that comes more than once the last one counts, as it does for every reader of protobuf. */
function textIn(message: Uint8Array, number: number): string {
  const text = messages(fieldsOf(message), [number]).at(-1)
  return text === undefined ? '' : Buffer.from(text).toString('utf8')
}

function fieldsOf(message: Uint8Array): WireField[] {
  const fields: WireField[] = []
  eachField(message, (field) => fields.push(field))
  return fields
}

/** The bytes of those of the fields that have one of the numbers and are no numbers themselves. */
function messages(fields: readonly WireField[], numbers: readonly number[]): Uint8Array[] {
  return fields.flatMap(({ number, bytes }) => (bytes !== undefined && numbers.includes(number) ? [bytes] : []))
}
