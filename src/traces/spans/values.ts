/** Values of span attributes and their JSON: whole numbers, doubles and bytes stay what they were, to the last digit. */
import { numbers, parseExact } from '../../contract/values/exact.ts'
import type { ExactNumbers } from '../../contract/values/exact.ts'

/** A bigint is a whole number, a number a double. */
export type Value = string | bigint | number | boolean | null | Uint8Array | readonly Value[] | ValueMap

/** Keys in the order in which they came. */
export type ValueMap = ReadonlyMap<string, Value>

/** How a double is said that JSON has no number for, and how bytes are said. */
const DOUBLE_KEY = '$double'
const BYTES_KEY = '$bytes'

/** JSON of a value: a double always has a point or an exponent, so that it is read back as one. */
export function writeValue(value: Value): string {
  if (typeof value === 'number') return writeDouble(value)
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return `{"${BYTES_KEY}":"${Buffer.from(value).toString('base64')}"}`
  if (value instanceof Map) return writeMap(value)
  if (Array.isArray(value)) return `[${value.map(writeValue).join(',')}]`
  return JSON.stringify(value)
}

/** The value that such JSON says. Throws SyntaxError for text that is none. */
export function readValue(text: string): Value {
  return fromParsed(parseExact(text, EXACT))
}

/** A number in Python's words: `1e-07`, `1e+16`, `NaN`. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity'
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits = '', power = ''] = value.toExponential().split('e')
    const exponent = Math.abs(Number(power)).toString().padStart(2, '0')
    return `${digits}e${power.startsWith('-') ? '-' : '+'}${exponent}`
  }
  return withPoint(Object.is(value, -0) ? '-0' : String(value))
}

/** JSON as Python's `json.dumps` writes it, which MLflow's clients compare as text. Bytes become base64. */
export function pythonJson(value: Value): string {
  if (typeof value === 'number') return pythonFloat(value)
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'))
  if (value instanceof Map) {
    const entries = [...(value as ValueMap)].map(([key, one]) => `${JSON.stringify(key)}: ${pythonJson(one)}`)
    return `{${entries.join(', ')}}`
  }
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  return JSON.stringify(value)
}

/** The value that Python's JSON says, where the text is JSON. */
export function fromJsonText(text: string): Value | undefined {
  try {
    return readValue(text)
  } catch {
    return undefined
  }
}

/** Plain JSON for people: whole numbers beyond 2^53 and numbers that JSON has none for become text. */
export function plainValue(value: Value): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value.toString()
  }
  if (typeof value === 'number') return Number.isFinite(value) ? value : pythonFloat(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Map) return Object.fromEntries([...(value as ValueMap)].map(([k, v]) => [k, plainValue(v)]))
  if (Array.isArray(value)) return value.map(plainValue)
  return value
}

/** The map behind a value, where it is one. */
export function mapOf(value: Value | undefined): ValueMap | undefined {
  return value instanceof Map ? (value as ValueMap) : undefined
}

function writeMap(map: ValueMap): string {
  let text = ''
  for (const [key, value] of map) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${writeValue(value)}`
  return `{${text}}`
}

function writeDouble(value: number): string {
  if (!Number.isFinite(value)) return `{"${DOUBLE_KEY}":"${pythonFloat(value)}"}`
  return withPoint(Object.is(value, -0) ? '-0' : String(value))
}

function withPoint(digits: string): string {
  return /[.e]/.test(digits) ? digits : `${digits}.0`
}

/** A double that is whole; a plain number that is whole was written as one. */
class Whole {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

/** Most digits of a whole number, as of Python's: to read a million of them takes half a second, to write them two. */
const MOST_DIGITS = 4300

/** Whole numbers that a double may not hold, and doubles that are whole: what `fromParsed` cannot tell from a plain number. */
export const EXACT: ExactNumbers = {
  pattern: numbers('-?[1-9]\\d{15,}|-?(?:0|[1-9]\\d*)(?:\\.\\d+(?:[eE][+-]?\\d+)?|[eE][+-]?\\d+)'),
  read(source) {
    if (/[.eE]/.test(source)) return new Whole(Number(source))
    if (source.length > MOST_DIGITS)
      throw new SyntaxError(`a number of ${source.length} digits, expected at most ${MOST_DIGITS}`)
    return BigInt(source)
  },
}

/** The value of JSON that was parsed with `EXACT`. */
export function fromParsed(value: unknown): Value {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value
  if (value instanceof Whole) return value.value
  if (Array.isArray(value)) return value.map(fromParsed)
  if (typeof value !== 'object' || value === null) return value as Value
  const entries = Object.entries(value)
  const [first] = entries
  if (entries.length === 1 && first !== undefined && typeof first[1] === 'string') {
    if (first[0] === BYTES_KEY) return new Uint8Array(Buffer.from(first[1], 'base64'))
    if (first[0] === DOUBLE_KEY && /^(NaN|-?Infinity)$/.test(first[1])) return Number(first[1])
  }
  return new Map(entries.map(([key, one]) => [key, fromParsed(one)]))
}
