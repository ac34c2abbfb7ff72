/**
 * JSON Schema 2020-12 (its vocabularies core, applicator and validation, and the usual formats) for values that came as JSON. What is not
 * understood is a fault of the schema, and never passed over.
 */
import { isIP } from 'node:net'
import { patternFault, patternOf } from './patterns.ts'

type Json = Readonly<Record<string, unknown>>

/** Deepest nesting of a value below a schema; what is deeper does not fit. */
const DEEPEST = 200
/** Most schemas that one value is held to; what takes more does not fit. */
const MOST_STEPS = 1_000_000

const ANNOTATIONS = new Set([
  '$schema',
  '$comment',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
])

const TYPES = ['null', 'boolean', 'object', 'array', 'number', 'string', 'integer']

const DATE = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/
const TIME = /^(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i

/** Formats by name, RFC 3339 and others. */
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  date: (text) => DATE.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`)),
  time: (text) => TIME.test(text),
  'date-time': (text) => DATE.test(text.slice(0, 10)) && /^t$/i.test(text.charAt(10)) && TIME.test(text.slice(11)),
  email: (text) => text.length <= 320 && /^[^\s@]+@[^\s@]+$/.test(text),
  ipv4: (text) => isIP(text) === 4,
  ipv6: (text) => isIP(text) === 6,
  uri: (text) => /^[a-z][a-z\d+.-]*:/i.test(text) && URL.canParse(text),
  uuid: (text) => /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text),
}

/** What the value of a keyword is to be. */
type Shape = 'schema' | 'schemas' | 'map' | 'count' | 'number' | 'names' | 'other'

const KEYWORDS: ReadonlyMap<string, Shape> = new Map(
  (
    [
      ['schema', 'not if then else items contains additionalProperties propertyNames'],
      ['schemas', 'allOf anyOf oneOf prefixItems'],
      ['map', '$defs properties patternProperties dependentSchemas'],
      ['count', 'minLength maxLength minItems maxItems minContains maxContains minProperties maxProperties'],
      ['number', 'minimum maximum exclusiveMinimum exclusiveMaximum multipleOf'],
      ['names', 'required'],
      ['other', '$ref type enum const format pattern uniqueItems dependentRequired'],
    ] as const
  ).flatMap(([shape, names]) => names.split(' ').map((name): [string, Shape] => [name, shape])),
)

/** Why values cannot be held to a schema, with the place in it; null = they can. */
export function schemaFault(schema: unknown): string | null {
  return faultAt(schema, '#', schema)
}

function faultAt(schema: unknown, at: string, root: unknown): string | null {
  if (typeof schema === 'boolean') return null
  if (!isObject(schema)) return `${at} is no schema`
  for (const [name, value] of Object.entries(schema)) {
    if (ANNOTATIONS.has(name)) continue
    const place = `${at}/${name}`
    const shape = KEYWORDS.get(name)
    if (shape === undefined) return `${place} is not supported`
    const fault = faultOf(shape, { name, value, place, root })
    if (fault !== null) return fault
  }
  return null
}

interface Keyword {
  readonly name: string
  readonly value: unknown
  readonly place: string
  readonly root: unknown
}

function faultOf(shape: Shape, keyword: Keyword): string | null {
  const { value, place, root } = keyword
  if (shape === 'schema') return faultAt(value, place, root)
  if (shape === 'schemas') {
    if (!Array.isArray(value) || value.length === 0) return `${place} is no list of schemas`
    return firstFault(Object.entries(value as unknown[]), place, root)
  }
  if (shape === 'map') return mapFault(keyword)
  return OTHER[shape === 'other' ? keyword.name : shape]?.(keyword) ?? null
}

function mapFault({ name, value, place, root }: Keyword): string | null {
  if (!isObject(value)) return `${place} is no object`
  for (const pattern of name === 'patternProperties' ? Object.keys(value) : []) {
    const fault = patternFault(pattern)
    if (fault !== null) return `${place}/${pattern}: ${fault}`
  }
  return firstFault(Object.entries(value), place, root)
}

function firstFault(entries: readonly (readonly [string, unknown])[], place: string, root: unknown): string | null {
  for (const [key, one] of entries) {
    const fault = faultAt(one, `${place}/${key}`, root)
    if (fault !== null) return fault
  }
  return null
}

/** Checks of values that are no schemas, by keyword or by shape. */
const OTHER: Readonly<Record<string, (keyword: Keyword) => string | null>> = {
  count: ({ value, place }) =>
    saidUnless(Number.isSafeInteger(value) && (value as number) >= 0, `${place} is no count`),
  number: ({ name, value, place }) =>
    saidUnless(typeof value === 'number' && (name !== 'multipleOf' || value > 0), `${place} is no such number`),
  names: ({ value, place }) => saidUnless(isNames(value), `${place} is no list of names`),
  $ref: ({ value, place, root }) =>
    saidUnless(
      typeof value === 'string' && referred(root, value) !== undefined,
      `${place} is neither # nor one of #/$defs/`,
    ),
  type: ({ value, place }) =>
    saidUnless(
      [value].flat().every((one) => TYPES.includes(one as string)),
      `${place} is no type`,
    ),
  enum: ({ value, place }) => saidUnless(Array.isArray(value), `${place} is no list`),
  format: ({ value, place }) =>
    saidUnless(typeof value === 'string' && Object.hasOwn(FORMATS, value), `${place} is not supported`),
  pattern: ({ value, place }) => {
    const fault = typeof value === 'string' ? patternFault(value) : 'it is no text'
    return fault === null ? null : `${place}: ${fault}`
  },
  uniqueItems: ({ value, place }) => saidUnless(typeof value === 'boolean', `${place} is neither true nor false`),
  dependentRequired: ({ value, place }) =>
    saidUnless(isObject(value) && Object.values(value).every(isNames), `${place} is no map of names`),
}

function saidUnless(isRight: boolean, fault: string): string | null {
  return isRight ? null : fault
}

const DEFINITION = /^#\/\$defs\/([^/]+)$/

/** The schema that a reference names: `#`, or one of `$defs` of the whole. */
function referred(root: unknown, reference: string): unknown {
  if (reference === '#') return root
  const [, name] = DEFINITION.exec(reference) ?? []
  const defined = isObject(root) ? root['$defs'] : undefined
  if (name === undefined || !isObject(defined)) return undefined
  const key = name.replaceAll('~1', '/').replaceAll('~0', '~')
  return Object.hasOwn(defined, key) ? defined[key] : undefined
}

/** Whether a value fits a schema that has no fault. */
export function fits(schema: unknown, value: unknown): boolean {
  return new Fitting(schema).fits(schema, value, 0)
}

class Fitting {
  readonly #root: unknown
  #steps = 0

  constructor(root: unknown) {
    this.#root = root
  }

  fits(schema: unknown, value: unknown, depth: number): boolean {
    if (typeof schema === 'boolean') return schema
    // a reference may lead to itself
    if (!isObject(schema) || depth > DEEPEST || ++this.#steps > MOST_STEPS) return false
    const under = (one: unknown, of: unknown = value): boolean => this.fits(one, of, depth + 1)
    if (typeof schema['$ref'] === 'string' && !under(referred(this.#root, schema['$ref']))) return false
    return isOfType(schema, value) && isCombined(schema, under) && this.#inside(schema, value, under)
  }

  #inside(schema: Json, value: unknown, under: Under): boolean {
    if (typeof value === 'string') return isText(schema, value)
    if (typeof value === 'number') return isNumber(schema, value)
    if (Array.isArray(value)) return isList(schema, value, under)
    return !isObject(value) || (hasCounts(schema, value) && hasProperties(schema, value, under))
  }
}

/** Whether the value, or another one, fits a schema that stands within the one that is looked at. */
type Under = (schema: unknown, value?: unknown) => boolean

function isOfType(schema: Json, value: unknown): boolean {
  const { type, enum: listed } = schema
  if (type !== undefined && ![type].flat().some((one) => isType(one as string, value))) return false
  if (Array.isArray(listed) && !listed.some((one) => sameJson(one, value))) return false
  return !Object.hasOwn(schema, 'const') || sameJson(schema['const'], value)
}

function isType(type: string, value: unknown): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return isObject(value)
  if (type === 'integer') return typeof value === 'number' && Number.isInteger(value)
  return typeof value === type
}

function isCombined(schema: Json, under: Under): boolean {
  const { allOf, anyOf, oneOf, not } = schema
  if (Array.isArray(allOf) && !allOf.every((one) => under(one))) return false
  if (Array.isArray(anyOf) && !anyOf.some((one) => under(one))) return false
  if (Array.isArray(oneOf) && oneOf.filter((one) => under(one)).length !== 1) return false
  if (not !== undefined && under(not)) return false
  if (schema['if'] === undefined) return true
  return under(schema[under(schema['if']) ? 'then' : 'else'] ?? true)
}

function isText(schema: Json, value: string): boolean {
  const { pattern, format } = schema
  if (typeof pattern === 'string' && !patternOf(pattern).test(value)) return false
  if (typeof format === 'string' && FORMATS[format]?.(value) !== true) return false
  // characters are counted, not UTF-16's units
  return inBounds(schema, 'Length', () => value.length - (value.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0))
}

function isNumber(schema: Json, value: number): boolean {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema as Readonly<
    Record<string, number>
  >
  if (minimum !== undefined && value < minimum) return false
  if (maximum !== undefined && value > maximum) return false
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return false
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) return false
  if (multipleOf === undefined) return true
  const times = value / multipleOf
  // 0.3 is three times 0.1, though not in binary
  return Math.abs(times - Math.round(times)) <= Math.abs(times) * Number.EPSILON
}

function isList(schema: Json, value: readonly unknown[], under: Under): boolean {
  const { prefixItems, items, contains, uniqueItems } = schema
  const first = Array.isArray(prefixItems) ? (prefixItems as unknown[]) : []
  if (!inBounds(schema, 'Items', () => value.length)) return false
  if (!first.every((one, i) => i >= value.length || under(one, value[i]))) return false
  if (items !== undefined && !value.slice(first.length).every((one) => under(items, one))) return false
  if (uniqueItems === true && new Set(value.map(canonical)).size !== value.length) return false
  if (contains === undefined) return true
  const count = value.filter((one) => under(contains, one)).length
  return inBounds({ minContains: 1, ...schema }, 'Contains', () => count)
}

function hasCounts(schema: Json, value: Json): boolean {
  const { required, dependentRequired } = schema
  const has = (name: string): boolean => Object.hasOwn(value, name)
  if (Array.isArray(required) && !(required as string[]).every(has)) return false
  const dependent = Object.entries((dependentRequired ?? {}) as Readonly<Record<string, string[]>>)
  if (!dependent.every(([name, others]) => !has(name) || others.every(has))) return false
  return inBounds(schema, 'Properties', () => Object.keys(value).length)
}

function hasProperties(schema: Json, value: Json, under: Under): boolean {
  const { propertyNames, additionalProperties } = schema
  const properties = (schema['properties'] ?? {}) as Json
  const patterns = Object.entries((schema['patternProperties'] ?? {}) as Json)
  const dependent = Object.entries((schema['dependentSchemas'] ?? {}) as Json)
  if (!dependent.every(([name, one]) => !Object.hasOwn(value, name) || under(one))) return false
  return Object.entries(value).every(([name, one]) => {
    if (propertyNames !== undefined && !under(propertyNames, name)) return false
    const isNamed = Object.hasOwn(properties, name)
    if (isNamed && !under(properties[name], one)) return false
    const fitting = patterns.filter(([pattern]) => patternOf(pattern).test(name))
    if (!fitting.every(([, inner]) => under(inner, one))) return false
    return isNamed || fitting.length > 0 || additionalProperties === undefined || under(additionalProperties, one)
  })
}

function inBounds(schema: Json, of: string, count: () => number): boolean {
  const { [`min${of}`]: least, [`max${of}`]: most } = schema as Readonly<Record<string, number>>
  if (least === undefined && most === undefined) return true
  const value = count()
  return value >= (least ?? 0) && value <= (most ?? Infinity)
}

function sameJson(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other)
}

/** One text for equal values: the names of objects are in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, one: unknown) =>
    isObject(one) ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1))) : one,
  )
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
