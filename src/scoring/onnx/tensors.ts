/** Rows to the tensors that an ONNX graph takes, and its tensors to one answer a row. */
import type { Scored } from '../rows/scores.ts'
import { scoreOf } from '../rows/scores.ts'
import type { Value } from '../rows/rows.ts'
import type { InputField, OnnxAnswer } from '../rows/fields.ts'

/** A graph's input or output as the runtime tells it. A dimension is a number, or a text where it is free. */
export interface GraphValue {
  readonly name: string
  readonly type: string
  readonly shape: readonly (number | string)[]
}

export interface GraphInfo {
  readonly inputs: readonly GraphValue[]
  readonly outputs: readonly GraphValue[]
}

/** Values of a tensor in row-major order. */
export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | string[]

export interface TensorOf {
  readonly type: string
  readonly dims: readonly number[]
  readonly data: TensorData
}

/** Which of the model's inputs fill a tensor, by their places. */
interface Feed {
  readonly name: string
  readonly type: string
  readonly rank: number
  readonly places: readonly number[]
}

const MAKERS: Readonly<Record<string, (length: number) => TensorData>> = {
  float32: (length) => new Float32Array(length),
  float64: (length) => new Float64Array(length),
  int32: (length) => new Int32Array(length),
  int64: (length) => new BigInt64Array(length),
  bool: (length) => new Uint8Array(length),
  string: (length) => Array.from({ length }, () => ''),
}

/**
 * How a model's inputs feed a graph: one tensor [rows, n] takes them all in order, as MLflow feeds it; several tensors take them by
 * name. Throws a plain Error that says what does not fit.
 */
export function planFeeds(graph: GraphInfo, inputs: readonly InputField[]): Feed[] {
  for (const output of graph.outputs)
    if (output.type === '')
      throw new Error(`its output "${output.name}" is no tensor; export it without a map (zipmap=False)`)
  const [only] = graph.inputs
  if (graph.inputs.length === 1 && only !== undefined) return [singleFeed(only, inputs)]
  return graph.inputs.map((input) => {
    const place = inputs.findIndex(({ name }) => name === input.name)
    if (place < 0) throw new Error(`its tensor "${input.name}" has no input of that name in the signature`)
    return feedOf(input, [place])
  })
}

/** What a graph computes when one of its outputs is the answer. Throws a plain Error where it is not there. */
export function onlyOutput(graph: GraphInfo, output: string): GraphInfo {
  const outputs = graph.outputs.filter(({ name }) => name === output)
  if (outputs.length === 0) throw new Error(`it has no output "${output}"`)
  return { ...graph, outputs }
}

function singleFeed(tensor: GraphValue, inputs: readonly InputField[]): Feed {
  const width = tensor.shape.length === 2 ? tensor.shape[1] : 1
  if (typeof width === 'number' && width > 0 && width !== inputs.length)
    throw new Error(`its tensor "${tensor.name}" has ${width} columns, and the signature ${inputs.length} inputs`)
  const text = tensor.type === 'string' ? undefined : inputs.find(({ kind }) => kind === 'string')
  if (text !== undefined)
    throw new Error(`its tensor "${tensor.name}" takes numbers, and input "${text.name}" is a text`)
  return feedOf(
    tensor,
    inputs.map((_, i) => i),
  )
}

function feedOf({ name, type, shape }: GraphValue, places: readonly number[]): Feed {
  if (!Object.hasOwn(MAKERS, type)) throw new Error(`its tensor "${name}" has type ${type}, which is not served`)
  if (shape.length < 1 || shape.length > 2)
    throw new Error(`its tensor "${name}" has ${shape.length} dimensions, not 1 or 2`)
  return { name, type, rank: shape.length, places }
}

/** Tensors of some rows, by name. A missing number is NaN; in a tensor that has none, the caller's mistake is told by a plain Error. */
export function toTensors(feeds: readonly Feed[], rows: readonly (readonly Value[])[]): Record<string, TensorOf> {
  return Object.fromEntries(
    feeds.map((feed) => {
      const width = feed.places.length
      const data = (MAKERS[feed.type] as (length: number) => TensorData)(rows.length * width)
      const put = PUT[feed.type] ?? putNumber
      rows.forEach((row, i) =>
        feed.places.forEach((place, j) => put(data, i * width + j, row[place] ?? null, feed.name)),
      )
      const dims = feed.rank === 1 ? [rows.length] : [rows.length, width]
      return [feed.name, { type: feed.type, dims, data }]
    }),
  )
}

type Put = (data: TensorData, at: number, value: Exclude<Value, undefined>, name: string) => void

const putNumber: Put = (data, at, value) => {
  ;(data as Float64Array)[at] = value === null ? Number.NaN : Number(value)
}

function missing(name: string): never {
  throw new Error(`a value is missing, and tensor "${name}" has no way to say so`)
}

/** A number that an integer of so many bits holds as it is: another one would be cut to it without a word. */
function wholeOf(value: number | string | boolean | bigint, bits: 32 | 64, name: string): bigint {
  const whole = typeof value === 'number' && !Number.isInteger(value) ? undefined : BigInt(value)
  if (whole !== undefined && BigInt.asIntN(bits, whole) === whole) return whole
  throw new Error(`${value} is no whole number of int${bits}, which tensor "${name}" takes`)
}

const PUT: Readonly<Record<string, Put>> = {
  int32: (data, at, value, name) => {
    ;(data as Int32Array)[at] = value === null ? missing(name) : Number(wholeOf(value, 32, name))
  },
  int64: (data, at, value, name) => {
    ;(data as BigInt64Array)[at] = value === null ? missing(name) : wholeOf(value, 64, name)
  },
  bool: (data, at, value, name) => {
    ;(data as Uint8Array)[at] = value === null ? missing(name) : value === true ? 1 : 0
  },
  string: (data, at, value) => {
    ;(data as string[])[at] = value === null || Number.isNaN(value) ? '' : String(value)
  },
}

/**
 * One answer a row: of one output its value, or its values as a list; of several an object by output name. The score is that of the
 * last output of fractions, which in a classifier holds the probabilities. Throws a plain Error when a tensor has other rows.
 */
export function toScored(outputs: readonly [string, TensorOf][], count: number): Scored[] {
  const columns = outputs.map(([name, tensor]) => ({
    name,
    fractions: tensor.type.startsWith('float'),
    at: reader(name, tensor, count),
  }))
  const judged = columns.findLast((column) => column.fractions) ?? columns.at(-1)
  const [only] = columns
  return Array.from({ length: count }, (_, i) => {
    const prediction =
      columns.length === 1 ? only?.at(i) : Object.fromEntries(columns.map(({ name, at }) => [name, at(i)]))
    return { prediction, score: scoreOf(judged?.at(i)) }
  })
}

/** One answer a row from one output, as the Python model gives it: missing numbers are null, lists stay lists. Throws as `toScored`. */
export function toAnswers(
  outputs: readonly [string, TensorOf][],
  count: number,
  { output, list, columns }: Pick<OnnxAnswer, 'output' | 'list' | 'columns'>,
): Scored[] {
  const tensor = outputs.find(([name]) => name === output)?.[1]
  if (tensor === undefined) throw new Error(`the graph did not compute "${output}"`)
  const at = reader(output, tensor, count)
  return Array.from({ length: count }, (_, i) => {
    const value = at(i)
    const prediction = list && !Array.isArray(value) ? [orNull(value)] : orNull(value)
    return { prediction, score: scoreOf(prediction), ...(columns !== undefined && { columns }) }
  })
}

function orNull(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(orNull)
  return Number.isNaN(value) ? null : value
}

/** Reads the part of a tensor that belongs to a row. */
function reader(name: string, { dims, data }: TensorOf, count: number): (row: number) => unknown {
  const [rows = 0, ...rest] = dims
  if (rows !== count) throw new Error(`output "${name}" has ${rows} rows for ${count}`)
  const width = rest.reduce((product, dim) => product * dim, 1)
  const value = (at: number): unknown => plain(data[at])
  if (rest.filter((dim) => dim !== 1).length > 1) return (row) => nested(rest, row * width, value)
  if (width === 1) return (row) => value(row)
  return (row) => Array.from({ length: width }, (_, j) => value(row * width + j))
}

/** The values from a place on as lists within lists of these lengths. */
function nested([length = 0, ...rest]: readonly number[], from: number, value: (at: number) => unknown): unknown[] {
  const width = rest.reduce((product, dim) => product * dim, 1)
  return Array.from({ length }, (_, i) => (rest.length === 0 ? value(from + i) : nested(rest, from + i * width, value)))
}

/** A whole number stays exact; beyond 2^53 it is a bigint. */
function plain(value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
