/** A model's signature as MLflow writes it, and whether callers of one model can call another unchanged. */

/** One input or output column. `type` is MLflow's: double, float, long, integer, boolean, string, datetime, binary, or tensor. */
export interface Field {
  readonly name: string
  readonly type: string
  readonly required: boolean
  /** Of a tensor the type of its elements, as NumPy names it. */
  readonly dtype?: string
}

export interface Signature {
  readonly inputs: readonly Field[]
  readonly outputs: readonly Field[]
}

/** From → the types that hold every value of it. */
const WIDER: Readonly<Record<string, readonly string[]>> = {
  integer: ['integer', 'long', 'double'],
  long: ['long'],
  float: ['float', 'double'],
  double: ['double'],
  boolean: ['boolean'],
}

/** Columns that differ, by name, and what of it would break for a caller of the earlier one. */
export interface SignatureChange {
  /** Inputs that only the later one has. */
  readonly added: readonly string[]
  /** Inputs that only the earlier one has. */
  readonly removed: readonly string[]
  /** Inputs whose type or need differs, as `name: before → after`. */
  readonly changed: readonly string[]
  /** In words; empty when a caller notices nothing. */
  readonly faults: readonly string[]
}

/** Compares what callers of `before` send and get with what `after` takes and gives. */
export function compareSignatures(before: Signature, after: Signature): SignatureChange {
  const known = new Map(before.inputs.map((field) => [field.name, field]))
  const kept = new Set(after.inputs.map((field) => field.name))
  return {
    added: after.inputs.flatMap(({ name }) => (known.has(name) ? [] : [name])),
    removed: before.inputs.flatMap(({ name }) => (kept.has(name) ? [] : [name])),
    changed: after.inputs.flatMap((field) => changeOf(known.get(field.name), field)),
    faults: [
      ...after.inputs.flatMap((field) => inputFault(known.get(field.name), field)),
      ...outputFaults(before, after),
    ],
  }
}

function changeOf(old: Field | undefined, field: Field): string[] {
  if (old === undefined || (old.type === field.type && old.required === field.required)) return []
  const told = (one: Field): string => `${one.type}${one.required ? '' : ' (optional)'}`
  return [`${field.name}: ${told(old)} → ${told(field)}`]
}

function inputFault(old: Field | undefined, field: Field): string[] {
  if (old === undefined)
    return field.required ? [`the new input "${field.name}" is required and callers do not send it`] : []
  if (field.required && !old.required) return [`the input "${field.name}" may no longer be missing`]
  const fits = (WIDER[old.type] ?? [old.type]).includes(field.type)
  return fits ? [] : [`the input "${field.name}" changes from ${old.type} to ${field.type}`]
}

/** Callers read outputs by name, or by place where they have none; a signature without outputs says nothing of them. */
function outputFaults(before: Signature, after: Signature): string[] {
  if (before.outputs.length === 0 || after.outputs.length === 0) return []
  const given = new Map(after.outputs.map((field) => [field.name, field.type]))
  return before.outputs.flatMap(({ name, type }) => {
    const now = given.get(name)
    if (now === undefined) return [`the output "${name}" is gone`]
    return now === type ? [] : [`the output "${name}" changes from ${type} to ${now}`]
  })
}

/** Reads the `signature` of an MLmodel file (inputs and outputs are JSON texts in it); null when there is none or it is not columns. */
export function readSignature(signature: unknown): Signature | null {
  if (typeof signature !== 'object' || signature === null) return null
  const { inputs, outputs } = signature as { inputs?: unknown; outputs?: unknown }
  const read = fields(inputs)
  return read.length === 0 ? null : { inputs: read, outputs: fields(outputs) }
}

function fields(given: unknown): Field[] {
  const list = typeof given === 'string' ? parse(given) : given
  if (!Array.isArray(list)) return []
  return list.flatMap((one: unknown, i) => {
    const { name, type, required } = one as { name?: unknown; type?: unknown; required?: unknown }
    if (typeof type !== 'string') return []
    const dtype = elementsOf(one)
    return [
      {
        name: typeof name === 'string' ? name : String(i),
        type,
        required: required !== false,
        ...(dtype !== undefined && { dtype }),
      },
    ]
  })
}

function elementsOf(field: unknown): string | undefined {
  const { 'tensor-spec': spec, dtype } = field as { 'tensor-spec'?: { dtype?: unknown } | null; dtype?: unknown }
  const found = spec?.dtype ?? dtype
  return typeof found === 'string' ? found : undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
