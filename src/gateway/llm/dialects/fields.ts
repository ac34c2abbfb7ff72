/** Reads JSON of another's making field by field: names what is wrong with its path, and remembers what nobody read. */
import { problem, type Problem } from '../../../contract/errors.ts'
import type { Json } from './dialects.ts'

/** A value together with the path where it stood. */
export interface Said<T> {
  readonly value: T
  readonly path: string
}

/** True for an object that is neither null nor a list. */
export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Longest key that a path repeats whole. */
const LONGEST = 100

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Path of a member; a key that is no plain word is quoted and in ASCII, so that a path may stand in a header. */
export function below(path: string, key: string): string {
  const short = key.length > LONGEST ? `${key.slice(0, LONGEST)}...` : key
  if (!/^[A-Za-z_][\w-]*$/.test(short)) {
    return `${path}[${JSON.stringify(short).replaceAll(/[^ -~]/g, escaped)}]`
  }
  return path === '' ? key : `${path}.${key}`
}

/** What a message repeats of a wrong value: never a whole structure. */
function shown(value: unknown): unknown {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (isObject(value)) return 'an object'
  return typeof value === 'string' ? value.slice(0, 100) : value
}

/** One reading of a body: whose fault a wrong field is, and what was lost. */
export class Reading {
  private readonly of: 'caller' | 'upstream'
  private readonly paths = new Set<string>()

  constructor(of: 'caller' | 'upstream') {
    this.of = of
  }

  /** Notes that the field at the path is dropped or approximated. */
  lose(path: string): void {
    this.paths.add(path)
  }

  /** Paths that were lost, sorted, each once. */
  lost(): string[] {
    return [...this.paths].sort()
  }

  /** The problem of a wrong field: `invalid_field` for a caller's, `upstream_failed` for a provider's. */
  fault(path: string, value: unknown, expected: string): Problem {
    const field = path === '' ? 'body' : path
    if (this.of === 'caller') return problem('invalid_field', { field, value: shown(value), expected })
    const detail = `${field}: got ${JSON.stringify(shown(value))}, expected ${expected}`
    return problem('upstream_failed', { what: 'the provider', detail })
  }

  /** The fields of an object; throws where the value is none. */
  fields(value: unknown, path: string): Fields {
    if (!isObject(value)) throw this.fault(path, value, 'an object')
    return new Fields(this, value, path)
  }
}

/**
 * The fields of one object. Null and absent are the same. A key in camel case is found in snake case too, as protocol buffers
 * allow. Each getter throws the problem of the reading for a value of another type.
 */
export class Fields {
  readonly reading: Reading
  /** Path of the object; empty for the body. */
  readonly at: string
  private readonly value: Json
  private readonly read = new Set<string>()
  private readonly inside: Fields[] = []
  private closed = false

  constructor(reading: Reading, value: Json, at: string) {
    this.reading = reading
    this.value = value
    this.at = at
  }

  /** Path of a field as the object has it. */
  path(key: string): string {
    return below(this.at, this.own(key))
  }

  /** Value of any type; undefined for null. */
  raw(key: string): unknown {
    const own = this.own(key)
    this.read.add(own)
    return Object.hasOwn(this.value, own) ? (this.value[own] ?? undefined) : undefined
  }

  text(key: string): string | undefined {
    const value = this.raw(key)
    if (value === undefined || typeof value === 'string') return value
    throw this.reading.fault(this.path(key), value, 'a text')
  }

  /** A text that must be there. */
  needed(key: string): string {
    const value = this.text(key)
    if (value === undefined) throw this.reading.fault(this.path(key), value, 'a text')
    return value
  }

  number(key: string): number | undefined {
    const value = this.raw(key)
    if (value === undefined || typeof value === 'number') return value
    throw this.reading.fault(this.path(key), value, 'a number')
  }

  flag(key: string): boolean | undefined {
    const value = this.raw(key)
    if (value === undefined || typeof value === 'boolean') return value
    throw this.reading.fault(this.path(key), value, 'true or false')
  }

  /** An object whose own fields are not looked at. */
  object(key: string): Json | undefined {
    const value = this.raw(key)
    if (value === undefined || isObject(value)) return value
    throw this.reading.fault(this.path(key), value, 'an object')
  }

  /** The fields of an object within. */
  within(key: string): Fields | undefined {
    const value = this.object(key)
    return value === undefined ? undefined : this.inner(value, this.path(key))
  }

  /** The items of a list with their paths; an absent one is undefined. */
  items(key: string): Said<unknown>[] | undefined {
    const value = this.raw(key)
    if (value === undefined) return undefined
    if (!Array.isArray(value)) throw this.reading.fault(this.path(key), value, 'a list')
    return value.map((item: unknown, n) => ({ value: item, path: `${this.path(key)}[${n}]` }))
  }

  /** The fields of each object of a list; an absent list is empty. */
  objects(key: string): Fields[] {
    return (this.items(key) ?? []).map(({ value, path }) => {
      if (isObject(value)) return this.inner(value, path)
      throw this.reading.fault(path, value, 'an object')
    })
  }

  /** The fields of each object of a list that must be there. */
  neededObjects(key: string): Fields[] {
    if (this.raw(key) === undefined) throw this.reading.fault(this.path(key), undefined, 'a list')
    return this.objects(key)
  }

  /** A list of texts, or one text as a list of one. */
  texts(key: string): string[] | undefined {
    const value = this.raw(key)
    if (value === undefined) return undefined
    const list: unknown[] = Array.isArray(value) ? value : [value]
    return list.map((item, n) => {
      if (typeof item === 'string') return item
      throw this.reading.fault(Array.isArray(value) ? `${this.path(key)}[${n}]` : this.path(key), item, 'a text')
    })
  }

  saidText(key: string): Said<string> | undefined {
    return this.said(key, this.text(key))
  }

  saidTexts(key: string): Said<string[]> | undefined {
    return this.said(key, this.texts(key))
  }

  /** A number, but undefined where it is the neutral one, which every dialect has without asking. */
  saidNumber(key: string, neutral?: number): Said<number> | undefined {
    const value = this.number(key)
    return this.said(key, value === neutral ? undefined : value)
  }

  /** A flag, but undefined where it is the neutral one. */
  saidFlag(key: string, neutral: boolean): Said<boolean> | undefined {
    const value = this.flag(key)
    return this.said(key, value === neutral ? undefined : value)
  }

  /** The value with the path of the key; undefined stays undefined. */
  said<T>(key: string, value: T | undefined): Said<T> | undefined {
    return value === undefined ? undefined : { value, path: this.path(key) }
  }

  /** Fields that say nothing which a translation could lose. */
  skip(...keys: string[]): void {
    for (const key of keys) this.read.add(this.own(key))
  }

  /** Notes a field as lost, if it is there. */
  lose(...keys: string[]): void {
    for (const key of keys) if (this.raw(key) !== undefined) this.reading.lose(this.path(key))
  }

  /** Notes the whole object as lost. */
  drop(): void {
    this.closed = true
    this.reading.lose(this.at)
  }

  /** Notes every field that nobody has read, null apart, as lost, within inner objects too. */
  close(): void {
    if (this.closed) return
    this.closed = true
    for (const one of this.inside) one.close()
    for (const key of Object.keys(this.value))
      if (!this.read.has(key) && this.value[key] !== null) this.reading.lose(below(this.at, key))
  }

  private inner(value: Json, path: string): Fields {
    const fields = new Fields(this.reading, value, path)
    this.inside.push(fields)
    return fields
  }

  private own(key: string): string {
    if (Object.hasOwn(this.value, key)) return key
    const snake = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    return Object.hasOwn(this.value, snake) ? snake : key
  }
}
