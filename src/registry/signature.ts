/** A model's signature as MLflow writes it, and whether callers of one model can call another unchanged. */

/** One input or output column. `type` is MLflow's: double, float, long, integer, boolean, string, datetime, binary, or tensor. */
export interface Field {
  readonly name: string
  readonly type: string
  readonly required: boolean
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

/** What would break for a caller of `before` who calls `after`; empty when nothing would. */
export function compatible(before: Signature, after: Signature): string[] {
  const known = new Map(before.inputs.map((field) => [field.name, field]))
  return after.inputs.flatMap((field) => {
    const old = known.get(field.name)
    if (old === undefined)
      return field.required ? [`the new input "${field.name}" is required and callers do not send it`] : []
    if (field.required && !old.required) return [`the input "${field.name}" may no longer be missing`]
    const fits = (WIDER[old.type] ?? [old.type]).includes(field.type)
    return fits ? [] : [`the input "${field.name}" changes from ${old.type} to ${field.type}`]
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
    return [{ name: typeof name === 'string' ? name : String(i), type, required: required !== false }]
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
