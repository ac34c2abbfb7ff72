/** A caller's rows as a model takes them: values in the order of its inputs, checked field by field. */
import { problem } from '../../contract/errors.ts'
import type { InputField } from '../table.ts'

/** One value: missing is null. Numbers may be ±Infinity, never NaN (NaN is missing). */
export type Value = number | string | boolean | null

/** A row as a protocol handed it over: values by input name. */
export type Named = Readonly<Record<string, unknown>>

/** One fault of one field. */
interface Fault {
  readonly field: string
  readonly value: unknown
  readonly expected: string
}

/** Faults listed in one refusal. */
const MAX_ISSUES = 20

/** Texts that stand for numbers JSON cannot write. */
const WORDS: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}

/**
 * Reads rows by the inputs of a model. A field that is absent is refused when it is required; `null`, and "NaN" for a number,
 * is a missing value. Nothing is coerced between kinds. Fields that the model does not know are ignored.
 * Throws `invalid_field` that names the first fault, with all of them (up to 20) in `issues`.
 */
export function readRows(rows: readonly Named[], inputs: readonly InputField[]): Value[][] {
  const read: Value[][] = []
  let faults: Fault[] | undefined
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as Named
    const values: Value[] = Array.from({ length: inputs.length })
    for (let j = 0; j < inputs.length; j++) {
      const input = inputs[j] as InputField
      const given = row[input.name]
      const value = readValue(given, input)
      if (value === undefined) (faults ??= []).push(fault(given, input, rows.length > 1 ? i : -1))
      else values[j] = value
    }
    if (faults !== undefined && faults.length >= MAX_ISSUES) break
    read.push(values)
  }
  if (faults !== undefined) throw refused(faults)
  return read
}

/** The value as the model takes it, or undefined when it is refused. */
function readValue(given: unknown, input: InputField): Value | undefined {
  if (given === null) return null
  if (given === undefined) return input.required ? undefined : null
  switch (input.kind) {
    case 'number':
      return readNumber(given)
    case 'integer':
      return Number.isSafeInteger(given) ? (given as number) : undefined
    case 'string':
      return typeof given === 'string' ? given : undefined
    case 'boolean':
      return typeof given === 'boolean' ? given : undefined
  }
}

function readNumber(given: unknown): Value | undefined {
  if (typeof given === 'number') return given === given ? given : null
  if (typeof given !== 'string') return undefined
  const word = WORDS[given]
  if (word === undefined) return undefined
  return word === word ? word : null
}

const EXPECTED: Readonly<Record<InputField['kind'], string>> = {
  number: 'a number or null',
  integer: 'a whole number within ±2^53 or null',
  string: 'a text or null',
  boolean: 'true, false or null',
}

function fault(given: unknown, input: InputField, row: number): Fault {
  const field = row < 0 ? `inputs.${input.name}` : `inputs.${row}.${input.name}`
  return { field, value: given, expected: EXPECTED[input.kind] }
}

function refused(faults: readonly Fault[]): Error {
  const first = faults[0] as Fault
  return problem('invalid_field', {
    field: first.field,
    value: first.value === undefined ? 'nothing' : first.value,
    expected: first.expected,
    issues: faults.slice(0, MAX_ISSUES).map(({ field, value, expected }) => ({
      field,
      message: `got ${short(value)}, expected ${expected}`,
    })),
  })
}

function short(value: unknown): string {
  const text = value === undefined ? 'nothing' : (JSON.stringify(value) ?? typeof value)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
