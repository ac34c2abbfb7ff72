/** Tensors as the Open Inference Protocol knows them: datatypes, shapes, raw bytes, and how they become rows and come from answers. */
import { isAscii, isUtf8 } from 'node:buffer'
import { problem } from '../../contract/errors.ts'
import { MOST_VALUES } from '../../http/json-shape.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import { MAX_ROWS } from './exchange.ts'
import { toJson } from '../../scoring/rows/json.ts'
import type { Results } from '../../scoring/rows/results.ts'
import type { Column, Rows } from '../../scoring/rows/rows.ts'
import { columnRows, invalid } from '../../scoring/rows/rows.ts'
import { rowsOfColumns } from './columns.ts'

/** A tensor whose data lies flat and row-major. */
export interface Tensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly data: ArrayLike<unknown>
}

type Decode = (bytes: ArrayBuffer) => ArrayLike<unknown>

/** Datatypes of fixed size: bytes of an element, and how their little-endian bytes are read. */
const FIXED: Readonly<Record<string, { readonly size: number; readonly decode: Decode }>> = {
  BOOL: { size: 1, decode: (bytes) => Array.from(new Uint8Array(bytes), (value) => value !== 0) },
  UINT8: { size: 1, decode: (bytes) => new Uint8Array(bytes) },
  UINT16: { size: 2, decode: (bytes) => new Uint16Array(bytes) },
  UINT32: { size: 4, decode: (bytes) => new Uint32Array(bytes) },
  UINT64: { size: 8, decode: (bytes) => new BigUint64Array(bytes) },
  INT8: { size: 1, decode: (bytes) => new Int8Array(bytes) },
  INT16: { size: 2, decode: (bytes) => new Int16Array(bytes) },
  INT32: { size: 4, decode: (bytes) => new Int32Array(bytes) },
  INT64: { size: 8, decode: (bytes) => new BigInt64Array(bytes) },
  FP16: { size: 2, decode: (bytes) => Float64Array.from(new Uint16Array(bytes), halfToNumber) },
  BF16: { size: 2, decode: brainToNumbers },
  FP32: { size: 4, decode: (bytes) => new Float32Array(bytes) },
  FP64: { size: 8, decode: (bytes) => new Float64Array(bytes) },
}

const FLOATS = new Set(['FP16', 'BF16', 'FP32', 'FP64'])
const INTEGERS = new Set(['INT8', 'INT16', 'INT32', 'INT64', 'UINT8', 'UINT16', 'UINT32', 'UINT64'])

/** The value of an IEEE 754 binary16 given by its bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** bfloat16 is the upper half of a float32. */
function brainToNumbers(bytes: ArrayBuffer): Float32Array {
  return new Float32Array(Uint32Array.from(new Uint16Array(bytes), (bits) => bits << 16).buffer)
}

/** Checks a datatype. `asJson` true = FP16 and BF16, which JSON cannot carry, are refused. Throws `invalid_field`. */
export function readDatatype(field: string, value: unknown, asJson: boolean): string {
  const known = typeof value === 'string' && (value === 'BYTES' || Object.hasOwn(FIXED, value))
  if (known && !(asJson && (value === 'FP16' || value === 'BF16'))) return value
  const more = asJson ? 'FP32, FP64' : 'FP16, BF16, FP32, FP64'
  throw invalid(field, value, `BOOL, BYTES, ${more}, INT8 … INT64 or UINT8 … UINT64`)
}

/** Checks a shape. Throws `invalid_field` for dims that are no whole numbers ≥ 0, or whose product is no safe integer. */
export function readShape(field: string, shape: unknown): readonly number[] {
  const fine = Array.isArray(shape) && shape.length > 0 && shape.length <= 16
  if (!fine || !shape.every((n) => Number.isSafeInteger(n) && (n as number) >= 0))
    throw invalid(field, shape, 'a list of whole numbers')
  if (!Number.isSafeInteger(elements(shape as number[])))
    throw invalid(field, shape, 'dimensions whose product is below 2^53')
  return shape as number[]
}

/** Number of elements of a shape. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1)
}

/** The elements in raw bytes: little-endian without padding; BYTES as length (u32) and bytes. Throws `invalid_field`. */
export function decodeRaw(field: string, tensor: Omit<Tensor, 'data'>, bytes: Uint8Array): ArrayLike<unknown> {
  const count = elements(tensor.shape)
  if (tensor.datatype === 'BYTES') return decodeTexts(field, bytes, count)
  const { size, decode } = FIXED[tensor.datatype] as { size: number; decode: Decode }
  if (bytes.length !== count * size) {
    const wanted = `${count * size} bytes for ${count} values of ${tensor.datatype}`
    throw invalid(field, `${bytes.length} bytes`, wanted)
  }
  // A copy, for the bytes may lie at an odd place of the body.
  return decode(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer)
}

function decodeTexts(field: string, bytes: Uint8Array, count: number): string[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (count > bytes.length / 4)
    throw invalid(field, `${bytes.length} bytes`, `${count} texts, each with its length before it`)
  if (count > MOST_VALUES)
    throw problem('too_many_values', { what: 'texts in one tensor', value: count, limit: MOST_VALUES })
  const texts: string[] = []
  // lengths below 128 are ASCII too
  const plain = isAscii(buffer)
  let at = 0
  for (let i = 0; i < count; i++) {
    const end = at + 4 <= buffer.length ? at + 4 + buffer.readUInt32LE(at) : Infinity
    if (end > buffer.length)
      throw invalid(field, `${bytes.length} bytes`, `more bytes: text ${i} of ${count} is cut off`)
    texts.push(plain ? buffer.toString('latin1', at + 4, end) : textOf(field, buffer.subarray(at + 4, end)))
    at = end
  }
  if (at !== buffer.length) throw invalid(field, `${bytes.length} bytes`, `${at} bytes for ${count} texts`)
  return texts
}

/** Bytes as a text. Throws `invalid_field` when they are no UTF-8. */
export function textOf(field: string, bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw invalid(field, `${bytes.length} bytes`, 'text in UTF-8')
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
}

/** The datatype by which an input is described; a caller may send any type that fits. */
export const DATATYPE: Readonly<Record<InputField['kind'], string>> = {
  number: 'FP64',
  integer: 'INT64',
  boolean: 'BOOL',
  string: 'BYTES',
}

/**
 * One tensor per input, by name, of shape [n] or [n, 1]; or one tensor of shape [n, inputs] or [n, …], by place.
 * Throws `invalid_field` naming the tensor.
 */
export function rowsOfTensors(tensors: readonly Tensor[], fields: readonly InputField[]): Rows {
  const [only] = tensors
  if (tensors.length === 1 && only !== undefined && isMatrix(only, fields)) return rowsOfMatrix(only, fields)
  const columns = new Map<string, ArrayLike<unknown>>()
  // the only value of a tensor or list has no name of its own
  const nameless = tensors.length === 1 && fields.length === 1 && fields[0]?.name === 'x0'
  for (const [i, tensor] of tensors.entries()) {
    const name = nameless ? 'x0' : tensor.name
    if (columns.has(name)) throw invalid(`inputs.${i}.name`, name, 'each name once')
    if (tensor.shape.length > 2 || (tensor.shape.length === 2 && tensor.shape[1] !== 1))
      throw invalid(`inputs.${i}.shape`, tensor.shape, '[n] or [n, 1] for a tensor that is one input')
    const field = fields.find((one) => one.name === name)
    if (field !== undefined) checkType(i, tensor, field)
    columns.set(name, tensor.data)
  }
  return rowsOfColumns('inputs', columns)
}

/** One tensor for all inputs: of shape [n, inputs], or of another whose rows have so many values. */
function isMatrix({ shape }: Tensor, fields: readonly InputField[]): boolean {
  return shape.length === 2 ? shape[1] !== 1 : shape.length > 2 && elements(shape.slice(1)) === fields.length
}

function rowsOfMatrix(tensor: Tensor, fields: readonly InputField[]): Rows {
  const [count = 0, ...dims] = tensor.shape
  const width = elements(dims)
  if (width !== fields.length)
    throw invalid('inputs.0.shape', tensor.shape, `[n, ${fields.length}], or one tensor per input`)
  if (count > MAX_ROWS) throw invalid('inputs.0.shape', tensor.shape, `at most ${MAX_ROWS} rows`)
  const columns = new Map<string, Column>()
  for (const [start, field] of fields.entries()) {
    checkType(0, tensor, field)
    columns.set(field.name, { data: tensor.data, start, step: width })
  }
  return columnRows(columns, count)
}

function checkType(i: number, tensor: Tensor, field: InputField): void {
  const { datatype } = tensor
  const fits =
    datatype === DATATYPE[field.kind] ||
    (field.kind === 'number' && (FLOATS.has(datatype) || INTEGERS.has(datatype))) ||
    (field.kind === 'integer' && INTEGERS.has(datatype))
  if (!fits) throw invalid(`inputs.${i}.datatype`, datatype, `${DATATYPE[field.kind]} for input ${field.name}`)
}

/** The answer's tensor: numbers as FP64 [n] or [n, k], booleans as BOOL, everything else as BYTES (texts; other values as JSON). */
export function outputTensor(name: string, results: Results): Tensor {
  const { numbers, count: n } = results
  if (numbers !== undefined) {
    const { data, width } = numbers
    return { name, shape: width === undefined ? [n] : [n, width], datatype: 'FP64', data }
  }
  const values = results.predictions()
  if (values.every((value) => typeof value === 'number' || value === null))
    return { name, shape: [n], datatype: 'FP64', data: values }
  if (values.every((value) => typeof value === 'boolean')) return { name, shape: [n], datatype: 'BOOL', data: values }
  if (values.every((value) => typeof value === 'bigint' || Number.isSafeInteger(value)))
    return { name, shape: [n], datatype: 'INT64', data: values }
  const width = Array.isArray(values[0]) ? values[0].length : -1
  const matrix = values.every((value) => Array.isArray(value) && value.length === width && value.every(isNumber))
  if (matrix) return { name, shape: [n, width], datatype: 'FP64', data: (values as number[][]).flat() }
  const texts = values.map((value) => (typeof value === 'string' ? value : toJson(value)))
  return { name, shape: [n], datatype: 'BYTES', data: texts }
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' || value === null
}

/** Values of a tensor that are no finite number and therefore null in JSON. */
export function missingIn(tensor: Tensor): number {
  if (tensor.datatype !== 'FP64') return 0
  let missing = 0
  for (let i = 0; i < tensor.data.length; i++) if (tensor.data[i] === null) missing++
  return missing
}

/** The data of an answer's tensor as raw bytes; null is NaN. */
export function encodeRaw(tensor: Tensor): Buffer {
  const { data, datatype } = tensor
  if (datatype === 'BOOL') return Buffer.from(Array.from(data as ArrayLike<boolean>, Number))
  if (datatype === 'BYTES') return encodeTexts(data as ArrayLike<string>)
  if (data instanceof Float64Array) return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const bytes = Buffer.allocUnsafe(data.length * 8)
  for (let i = 0; i < data.length; i++) {
    if (datatype === 'INT64') bytes.writeBigInt64LE(BigInt(data[i] as number | bigint), i * 8)
    else bytes.writeDoubleLE((data[i] as number | null) ?? Number.NaN, i * 8)
  }
  return bytes
}

function encodeTexts(texts: ArrayLike<string>): Buffer {
  const parts = Array.from(texts, (text) => {
    const part = Buffer.allocUnsafe(4 + Buffer.byteLength(text))
    part.writeUInt32LE(part.length - 4, 0)
    part.write(text, 4)
    return part
  })
  return Buffer.concat(parts)
}
