/** Reads an ONNX file's protobuf: its operator sets, and where it keeps data outside of itself. */

interface Field {
  readonly number: number
  /** 0 a number, 1 eight bytes, 2 bytes, 5 four bytes. */
  readonly type: number
  readonly start: number
  readonly end: number
  readonly value: number
}

/** What an ONNX file asks for. */
export interface Onnx {
  readonly domains: readonly string[]
  /** Files beside it from which tensors are read. */
  readonly external: readonly string[]
}

class Broken extends Error {}

/** Numbers of ONNX's messages and fields. */
const MODEL = { ir: 1, graph: 7, opset: 8, training: 20, functions: 25 } as const
const GRAPH = { node: 1, initializer: 5, sparse: 15 } as const
const EXTERNAL_DATA = 13
const LOCATION = 'location'
const DEEPEST = 32

/** What the file asks for; undefined when it is not ONNX. Never throws for what the bytes are. */
export function readOnnx(bytes: Buffer): Onnx | undefined {
  try {
    const fields = [...fieldsOf(bytes, 0, bytes.length)]
    const [ir, graph] = [MODEL.ir, MODEL.graph].map((number) => fields.find((field) => field.number === number))
    if (ir?.type !== 0 || graph?.type !== 2) return undefined
    const external = new Set<string>()
    for (const field of fields) {
      if (field.number === MODEL.graph && field.type === 2) collect(bytes, field, external, 0)
    }
    const domains = fields.filter((field) => field.number === MODEL.opset && field.type === 2)
    return { domains: domains.map((field) => textIn(bytes, field, 1)), external: [...external] }
  } catch (error) {
    if (error instanceof Broken) return undefined
    throw error
  }
}

/** Locations in a graph's tensors, and in the tensors and graphs that its nodes carry as attributes. */
function collect(bytes: Buffer, graph: Field, external: Set<string>, depth: number): void {
  if (depth > DEEPEST) throw new Broken('graphs lie too deep in one another')
  for (const field of fieldsOf(bytes, graph.start, graph.end)) {
    if (field.type !== 2) continue
    if (field.number === GRAPH.initializer) tensor(bytes, field, external)
    if (field.number === GRAPH.sparse) nestedTensors(bytes, field, [1, 2], external)
    if (field.number === GRAPH.node) node(bytes, field, external, depth)
  }
}

const NODE_ATTRIBUTE = 5
const ATTRIBUTE = { tensor: 5, graph: 6, tensors: 10, graphs: 11 } as const

function node(bytes: Buffer, of: Field, external: Set<string>, depth: number): void {
  for (const attribute of fieldsOf(bytes, of.start, of.end)) {
    if (attribute.number !== NODE_ATTRIBUTE || attribute.type !== 2) continue
    for (const part of fieldsOf(bytes, attribute.start, attribute.end)) {
      if (part.type !== 2) continue
      if (part.number === ATTRIBUTE.tensor || part.number === ATTRIBUTE.tensors) tensor(bytes, part, external)
      if (part.number === ATTRIBUTE.graph || part.number === ATTRIBUTE.graphs) collect(bytes, part, external, depth + 1)
    }
  }
}

function nestedTensors(bytes: Buffer, of: Field, numbers: readonly number[], external: Set<string>): void {
  for (const field of fieldsOf(bytes, of.start, of.end)) {
    if (field.type === 2 && numbers.includes(field.number)) tensor(bytes, field, external)
  }
}

function tensor(bytes: Buffer, of: Field, external: Set<string>): void {
  for (const field of fieldsOf(bytes, of.start, of.end)) {
    if (field.number !== EXTERNAL_DATA || field.type !== 2) continue
    if (textIn(bytes, field, 1) === LOCATION) external.add(textIn(bytes, field, 2))
  }
}

function textIn(bytes: Buffer, of: Field, number: number): string {
  for (const field of fieldsOf(bytes, of.start, of.end)) {
    if (field.number === number && field.type === 2) return bytes.toString('utf8', field.start, field.end)
  }
  return ''
}

function* fieldsOf(bytes: Buffer, from: number, to: number): Generator<Field> {
  for (let at = from; at < to;) {
    const key = varint(bytes, at, to)
    const [number, type] = [Math.floor(key.value / 8), key.value % 8]
    const field = body(bytes, { at: key.next, to, type })
    if (number === 0) throw new Broken('field 0')
    yield { number, type, ...field }
    at = field.end
  }
}

function body(
  bytes: Buffer,
  { at, to, type }: { at: number; to: number; type: number },
): { start: number; end: number; value: number } {
  if (type === 0) {
    const { value, next } = varint(bytes, at, to)
    return { start: at, end: next, value }
  }
  const size = type === 2 ? varint(bytes, at, to) : { value: type === 1 ? 8 : type === 5 ? 4 : Number.NaN, next: at }
  const end = size.next + size.value
  if (!(end <= to)) throw new Broken('a field goes beyond its end')
  return { start: size.next, end, value: 0 }
}

function varint(bytes: Buffer, from: number, to: number): { value: number; next: number } {
  let value = 0
  for (let i = 0; i < 10; i++) {
    const byte = bytes[from + i]
    if (byte === undefined || from + i >= to) break
    value += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return { value, next: from + i + 1 }
  }
  throw new Broken('a number does not end')
}
