/** The inputs of a model version, from the signature in its MLmodel file. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { modelYaml } from '../../contract/values/yaml.ts'
import { problem } from '../../contract/errors.ts'
import { loadNative } from '../native/load.ts'
import { answerOf } from '../rows/outputs.ts'
import type { AnswerShape } from '../rows/outputs.ts'
import type { InputField, InputKind } from '../rows/fields.ts'

/** What a scorer and the gateway must know to feed a model. */
export interface ModelInputs {
  readonly inputs: readonly InputField[]
  /** numpy type when the model takes an array instead of a DataFrame. */
  readonly tensor: string | null
  /** Shape of one row of the array where it is not [inputs]; its values are the inputs in row-major order. */
  readonly dims?: readonly number[]
  /** True where the model takes a list of values: its signature has one column without a name, as type hints `list[str]` make it. */
  readonly list?: true
  /** What its answers look like, where the signature says it. */
  readonly answers?: AnswerShape
}

/** MLflow's column types and the kinds that callers send for them. */
const KINDS: Readonly<Record<string, InputKind>> = {
  double: 'number',
  float: 'number',
  long: 'integer',
  integer: 'integer',
  boolean: 'boolean',
  string: 'string',
  datetime: 'string',
  binary: 'string',
}

const TENSOR_KINDS: Readonly<Record<string, InputKind>> = {
  float64: 'number',
  float32: 'number',
  float16: 'number',
  int64: 'integer',
  int32: 'integer',
  int16: 'integer',
  int8: 'integer',
  uint32: 'integer',
  uint16: 'integer',
  uint8: 'integer',
  bool: 'boolean',
  str: 'string',
}

/** Columns of a tensor at most; each becomes an input with a name of its own. */
const WIDEST = 10_000

/**
 * Reads the inputs of a model folder: named columns, or the values x0, x1, … of one tensor [-1, …]. A folder without a signature
 * takes the inputs of its lowered form, where there is one. Throws `unprocessable` saying how to log the model instead.
 */
export async function readInputs(dir: string, nativeDir: string | null): Promise<ModelInputs> {
  const signature = await signatureOf(dir)
  if (signature.inputs !== undefined) {
    const answers = answerOf(signature.outputs)
    return { ...ofSignature(signature.inputs), ...(answers !== undefined && { answers }) }
  }
  if (nativeDir === null) throw refused('it was logged without a signature')
  const inputs = loadNative(nativeDir).inputs.map(({ name, kind, required }) => ({
    name,
    kind,
    required,
    dtype: DTYPES[kind],
  }))
  return { inputs, tensor: null }
}

const DTYPES: Readonly<Record<InputKind, string>> = {
  number: 'double',
  integer: 'long',
  boolean: 'boolean',
  string: 'string',
}

async function signatureOf(dir: string): Promise<{ inputs: unknown; outputs: unknown }> {
  const text = await ifMissing(readFile(join(dir, 'MLmodel'), 'utf8'))
  if (text === undefined) throw refused('it has no MLmodel file')
  const document = readable('MLmodel file', () => modelYaml(text))
  const { inputs, outputs } =
    (document as { signature?: { inputs?: unknown; outputs?: unknown } | null } | null)?.signature ?? {}
  const read = (columns: unknown): unknown =>
    typeof columns === 'string' ? readable('signature', () => JSON.parse(columns) as unknown) : (columns ?? undefined)
  return { inputs: read(inputs), outputs: read(outputs) }
}

function readable(what: string, read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    throw refused(`its ${what} cannot be read: ${(error as Error).message.split('\n', 1)[0] ?? ''}`)
  }
}

function ofSignature(columns: unknown): ModelInputs {
  if (!Array.isArray(columns) || columns.length === 0) throw refused('its signature has no inputs')
  if (columns.some((column) => typeof column !== 'object' || column === null)) {
    throw refused('its signature has inputs that are no columns')
  }
  const [first] = columns as { type?: unknown }[]
  if (first?.type === 'tensor') return ofTensor(columns)
  if (columns.length === 1 && first !== undefined && !('name' in first))
    return { inputs: [ofColumn({ ...first, name: 'x0' })], tensor: null, list: true }
  return { inputs: columns.map(ofColumn), tensor: null }
}

function ofColumn(column: { name?: unknown; type?: unknown; required?: unknown }): InputField {
  const { name, type, required } = column
  if (typeof name !== 'string') throw refused('its signature has columns without names')
  const kind = kindOf(KINDS, type)
  if (kind === undefined)
    throw refused(`its input "${name}" has type ${JSON.stringify(type)}; served are ${Object.keys(KINDS).join(', ')}`)
  return { name, kind, required: required !== false, dtype: String(type) }
}

/** The kind of a type that the signature names. */
function kindOf(kinds: Readonly<Record<string, InputKind>>, type: unknown): InputKind | undefined {
  return typeof type === 'string' && Object.hasOwn(kinds, type) ? kinds[type] : undefined
}

function ofTensor(columns: unknown[]): ModelInputs {
  const spec = (columns[0] as { 'tensor-spec'?: { dtype?: string; shape?: unknown } })['tensor-spec']
  const [rows, ...dims] = Array.isArray(spec?.shape) ? (spec.shape as number[]) : []
  const width = dims.reduce((product, n) => product * n, 1)
  const kind = kindOf(TENSOR_KINDS, spec?.dtype)
  const sized = dims.every((n) => Number.isInteger(n) && n >= 1) && width <= WIDEST
  if (columns.length !== 1 || rows !== -1 || !sized || kind === undefined)
    throw refused(
      `its signature is ${JSON.stringify(columns).slice(0, 200)}; of tensors one of shape [-1, …] is served, of at most ${WIDEST} numbers, booleans or texts a row`,
    )
  const dtype = spec?.dtype ?? ''
  const inputs = Array.from({ length: width }, (_, i) => ({ name: `x${i}`, kind, required: true, dtype }))
  return { inputs, tensor: dtype, ...(dims.length !== 1 && { dims }) }
}

function refused(why: string): Error {
  const how = 'Log it with a signature of named columns: mlflow.models.infer_signature(X, model.predict(X)).'
  return problem('unprocessable', { detail: `the model cannot be served: ${why}. ${how}` })
}
