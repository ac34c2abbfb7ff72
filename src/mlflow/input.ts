/** Reads the arguments of MLflow calls: lenient as its server is, and refusing with its texts. */
import { invalid } from './wire.ts'

/** What an argument is part of. Its path is put together only for a message: a batch has thousands of arguments. */
export interface Place {
  /** A field, or the place of an item in its list. */
  readonly name: string | number
  readonly within: Place | undefined
}

/** One argument. `read` gets what was sent (undefined or null = nothing), and its name and what it is part of for messages. */
export interface Field<T> {
  readonly read: (value: unknown, name: string | number, within?: Place) => T
  /** True when a query may repeat the key. */
  readonly many: boolean
}

/** The arguments of a call, by name. */
export type Fields = Readonly<Record<string, Field<unknown>>>

/** What `readFields` gives for a description. */
export type InputOf<F extends Fields> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never }

/** Where MLflow sends the reader of a message about a field. */
export const DOCS = ' See the API docs for more information about request parameters.'

/** Longest caller's value that a message repeats. */
const SHOWN = 500

/** `metrics[3].key`. */
function pathOf(name: string | number, within: Place | undefined): string {
  if (within === undefined) return String(name)
  const outer = pathOf(within.name, within.within)
  return typeof name === 'number' ? `${outer}[${name}]` : `${outer}.${name}`
}

/** "Invalid value V for parameter 'P' supplied: hint", in MLflow's words. */
export function invalidValue(path: string, value: unknown, hint?: string): string {
  const shown = asJson(value)
  return `Invalid value ${shown} for parameter '${path}' supplied${hint === undefined ? '.' : `: ${hint}`}`
}

/** "Missing value for required parameter 'P'.", in MLflow's words. */
export function missingValue(path: string): string {
  return `Missing value for required parameter '${path}'.`
}

/** Text, or nothing. A whole number is taken for an id where `number` is true. */
export function text(options: { number?: boolean } = {}): Field<string | undefined> {
  return field((value, name, within) => {
    // half a character would be another one once it was kept
    if (typeof value === 'string') return value.toWellFormed()
    if (options.number === true && typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
    throw badType(value, pathOf(name, within))
  })
}

/** A whole number within ±(2^53 - 1), also as text; larger ones would not survive JSON's doubles and are refused. */
export function int(): Field<number | undefined> {
  return field((value, name, within) => {
    const number = typeof value === 'string' && /^[+-]?\d+$/.test(value.trim()) ? Number(value) : value
    if (typeof number !== 'number') throw badType(value, pathOf(name, within))
    const whole = Math.trunc(number)
    if (!Number.isSafeInteger(whole))
      throw invalid(invalidValue(pathOf(name, within), value, ' expected an integer within ±(2^53 - 1).') + DOCS)
    return whole
  })
}

/** A double; "NaN", "Infinity" and "-Infinity" as text, for JSON has no numbers for them. */
export function double(): Field<number | undefined> {
  return field((value, name, within) => {
    if (typeof value === 'number') return value
    if (typeof value === 'string' && value.trim() !== '') {
      const number = fromText(value.trim())
      if (number !== undefined) return number
    }
    throw badType(value, pathOf(name, within))
  })
}

/** True or false; in a query the words `true` and `false`. */
export function bool(): Field<boolean | undefined> {
  return field((value, name, within) => {
    if (typeof value === 'boolean') return value
    if (typeof value !== 'string') throw badType(value, pathOf(name, within))
    const word = value.toLowerCase()
    if (word !== 'true' && word !== 'false') {
      throw invalid(`Invalid boolean value: ${value}, must be 'true' or 'false'.`)
    }
    return word === 'true'
  })
}

/** One of a protobuf enum's names; its number is taken too. */
export function oneOf<const N extends string>(names: Readonly<Record<N, number>>): Field<N | undefined> {
  const byNumber = new Map(Object.entries<number>(names).map(([name, number]) => [number, name]))
  return field((value, name, within) => {
    const word = typeof value === 'number' || /^\d+$/.test(String(value)) ? byNumber.get(Number(value)) : String(value)
    if (word === undefined || !Object.hasOwn(names, word)) throw badType(value, pathOf(name, within))
    return word as N
  })
}

/** A list, [] when nothing was sent. */
export function list<T>(item: Field<T>): Field<T[]> {
  return {
    many: true,
    read(value, name, within) {
      if (value === undefined || value === null) return []
      if (!Array.isArray(value)) throw badType(value, pathOf(name, within))
      const place = { name, within }
      return value.map((one, index) => item.read(one, index, place))
    },
  }
}

/** The same, but undefined where nothing was sent: for lists of which [] says something. */
export function maybe<T>(of: Field<T>): Field<T | undefined> {
  return {
    many: of.many,
    read: (value, name, within) => (value === undefined || value === null ? undefined : of.read(value, name, within)),
  }
}

/** An object of texts under any names. Its values are not repeated in messages: they may be secrets. */
export function texts(): Field<Readonly<Record<string, string>> | undefined> {
  return field((value, name, within) => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      if (Object.values(value).every((one) => typeof one === 'string')) return value as Record<string, string>
    }
    throw invalid(`Invalid value for parameter '${pathOf(name, within)}' supplied: expected an object of texts.`)
  })
}

/** An object with fields of its own. */
export function object<F extends Fields>(fields: F): Field<InputOf<F> | undefined> {
  return field((value, name, within) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badType(value, pathOf(name, within))
    return readFields(fields, value as Record<string, unknown>, { name, within })
  })
}

/** Makes a field compulsory: null, '' and (for lists) [] count as missing. */
export function need<T>(of: Field<T | undefined>): Field<T> {
  return {
    many: of.many,
    read(value, name, within) {
      if (value === undefined || value === null || value === '')
        throw invalid(missingValue(pathOf(name, within)) + DOCS)
      return of.read(value, name, within) as T
    },
  }
}

/** Reads each described field of what was sent; fields that are not described are ignored. */
export function readFields<F extends Fields>(fields: F, sent: Record<string, unknown>, within?: Place): InputOf<F> {
  const read: Record<string, unknown> = {}
  for (const name in fields) {
    const given = spelled(name, sent) ?? (name === 'run_id' ? sent['run_uuid'] : undefined)
    read[name] = fields[name]?.read(given, name, within)
  }
  return read as InputOf<F>
}

/** What was sent for a field: by its name, or as protobuf's JSON spells it, `experimentId`. */
function spelled(name: string, sent: Record<string, unknown>): unknown {
  const other = camelCase(name)
  if (other === name || !Object.hasOwn(sent, other)) return sent[name]
  if (!Object.hasOwn(sent, name)) return sent[other]
  throw invalid(`Request specifies both '${name}' and '${other}'; provide only one of them.`)
}

const camelCased = new Map<string, string>()

/** Kept per name of a field: a batch of points asks for thousands. */
function camelCase(name: string): string {
  let other = camelCased.get(name)
  if (other === undefined) {
    other = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    camelCased.set(name, other)
  }
  return other
}

function field<T>(read: Field<T>['read']): Field<T | undefined> {
  return {
    many: false,
    read: (value, name, within) => (value === undefined || value === null ? undefined : read(value, name, within)),
  }
}

function badType(value: unknown, path: string): Error {
  return invalid(invalidValue(path, value, ` Hint: Value was of type '${typeName(value)}'.`) + DOCS)
}

/** Names of types as MLflow's users know them, Python's. */
function typeName(value: unknown): string {
  if (value === null || value === undefined) return 'NoneType'
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float'
  return { string: 'str', boolean: 'bool' }[typeof value as string] ?? 'dict'
}

function asJson(value: unknown): string {
  const shown = pythonJson(value ?? null)
  return shown.length > SHOWN ? `${shown.slice(0, SHOWN)}…` : shown
}

/** JSON as Python writes it: a space after commas and colons, nothing beyond ASCII. */
function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const parts = Object.entries(value).map(([key, item]) => `${pythonJson(key)}: ${pythonJson(item)}`)
    return `{${parts.join(', ')}}`
  }
  const plain = JSON.stringify(value) ?? 'null'
  return plain.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function fromText(value: string): number | undefined {
  if (/^nan$/i.test(value)) return Number.NaN
  const infinite = /^([+-]?)inf(inity)?$/i.exec(value)
  if (infinite) return infinite[1] === '-' ? -Infinity : Infinity
  // other bases are numbers to JavaScript alone
  const number = /^[+-]?0[box]/i.test(value) ? Number.NaN : Number(value)
  return Number.isNaN(number) ? undefined : number
}
