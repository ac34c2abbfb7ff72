/** What a schema says of a project file, in words: the key, what stands there and what was expected. */
import type { z } from 'zod'
import { GivenGates } from '../../contract/registry.ts'
import { formOfGate } from './gate-forms.ts'
import { nearest } from './names/nearest.ts'
import { projectJsonSchema } from './project.ts'

/** Where in the project file, as keys and indexes. */
export type Path = readonly PropertyKey[]

/** A fault at a path. */
export interface Said {
  readonly path: Path
  readonly message: string
}

type Issue = z.core.$ZodIssue

/** Longest value that a message repeats. */
const SHOWN = 80

/**
 * What issues say, each place once: a misspelled key and not the key that is missing because of it, and nothing of a place whose inside,
 * or what is around it, is told already.
 */
export function describeAll(issues: readonly Issue[], data: unknown): Said[] {
  const said: Said[] = []
  const gates = new Set<string>()
  const meant = new Set(issues.flatMap(meantKeys))
  const causes = issues.filter(({ path }) => valueAt(data, path) !== undefined || !meant.has(JSON.stringify(path)))
  for (const issue of causes.toSorted((a, b) => Number(isUnknown(b)) - Number(isUnknown(a)))) {
    const gate = issue.path[0] === 'model' && issue.path[1] === 'gates' ? issue.path.slice(0, 3) : []
    const more = gate.length === 3 ? gateIssues(gates, gate, data, issue) : describe(issue, data)
    for (const one of more) if (!said.some((other) => overlaps(one.path, other.path))) said.push(one)
  }
  for (const one of gates.size === 0 ? [] : otherGates(data))
    if (!said.some(({ path }) => overlaps(one.path, path))) said.push(one)
  return said
}

/** Gates each by itself: a list with a gate of no form is not judged further by its schema. */
function otherGates(data: unknown): Said[] {
  const all = valueAt(data, ['model', 'gates'])
  return (Array.isArray(all) ? all : []).flatMap((gate: unknown, at) => {
    const issues = GivenGates.safeParse([gate]).error?.issues ?? []
    return issues.flatMap((issue) => describe({ ...issue, path: ['model', 'gates', at, ...issue.path.slice(1)] }, data))
  })
}

function overlaps(a: Path, b: Path): boolean {
  const [short, long] = a.length < b.length ? [a, b] : [b, a]
  return short.length > 0 && short.every((key, i) => key === long[i])
}

/** Paths of the keys that misspelled ones are meant to be. */
function meantKeys(issue: Issue): string[] {
  if (issue.code !== 'unrecognized_keys') return []
  const known = knownKeys(issue.path)
  return issue.keys.map((key) => JSON.stringify([...issue.path, nearest(key, known)]))
}

function isUnknown(issue: Issue): boolean {
  return issue.code === 'unrecognized_keys'
}

/** Of a gate the form is judged that its keys name, for a schema of many forms may judge by another. */
function gateIssues(seen: Set<string>, path: Path, data: unknown, issue: Issue): Said[] {
  const value = valueAt(data, path)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return describe(issue, data)
  const key = path.join('.')
  const isTold = seen.has(key)
  seen.add(key)
  const form = formOfGate(Object.keys(value))
  if (form === undefined) {
    const expected = 'a gate: metric with a limit, or one of signature, data, reproducibility, scan, approvals'
    return [{ path, message: `got ${show(value)}, expected ${expected}` }]
  }
  const judged = form.schema.safeParse(value)
  if (judged.success) return describe(issue, data)
  if (isTold) return []
  return judged.error.issues.flatMap((one): Said[] => {
    const inner = { ...one, path: [...path, ...one.path] }
    if (inner.code !== 'unrecognized_keys') return describe(inner, data)
    return inner.keys.map((name) => {
      const goes = `does not go with "${form.key}"; beside it expected: ${form.keys.join(', ')}`
      const known = knownKeys(path).includes(name)
      return { path: [...path, name], message: known ? goes : `unknown key; ${suggestion(name, form.keys)}` }
    })
  })
}

function describe(issue: Issue, data: unknown): Said[] {
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path)
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      message: `unknown key; ${elsewhere(key, issue.path) ?? suggestion(key, known)}`,
    }))
  }
  const alternatives = issue.code === 'invalid_union' && issue.message === 'Invalid input' ? issue.errors : []
  const closest = alternatives.toSorted((a, b) => distance(a) - distance(b))[0]
  if (closest !== undefined && alternatives.some((all) => all.every(({ path }) => path.length > 0)))
    return closest.flatMap((inner) => describe({ ...inner, path: [...issue.path, ...inner.path] }, data))
  if (issue.code === 'invalid_key') {
    const key = String(issue.path.at(-1))
    const [why] = issue.issues
    return [
      {
        path: issue.path,
        message: `the name ${show(key)} is not accepted; expected ${why === undefined ? 'a name' : expected(why)}`,
      },
    ]
  }
  const value = valueAt(data, issue.path)
  const isNumber = typeof value === 'number' && issue.code === 'invalid_type' && issue.expected === 'number'
  const wanted = alternatives.length > 0 ? eitherOf(alternatives) : isNumber ? 'a finite number' : expected(issue)
  return [
    { path: issue.path, message: `${value === undefined ? 'missing;' : `got ${show(value)},`} expected ${wanted}` },
  ]
}

/** What a place may hold that can be one of several kinds. */
function eitherOf(alternatives: readonly (readonly Issue[])[]): string {
  const all = alternatives.flatMap((issues) =>
    issues
      .filter(({ path }) => path.length === 0)
      .slice(0, 1)
      .map(expected),
  )
  return [...new Set(all)].join(' or ')
}

/** How far an alternative of a union is from what was written. */
function distance(issues: readonly Issue[]): number {
  return issues.reduce((sum, issue) => {
    const wrongKind = issue.path.length === 0 && issue.code !== 'unrecognized_keys' ? 100 : 0
    return sum + wrongKind + (issue.code === 'unrecognized_keys' ? issue.keys.length + 1 : 1)
  }, 0)
}

function expected(issue: Issue): string {
  if (issue.code === 'invalid_type') return article(issue.expected)
  if (issue.code === 'invalid_value') {
    const values = issue.values.map((value) => JSON.stringify(value))
    return values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`
  }
  // a text of our own says more than a bound
  if (issue.code === 'too_small' && issue.message.startsWith('Too small'))
    return `${issue.inclusive === false ? 'more than' : 'at least'} ${counted(issue.minimum, issue.origin)}`
  if (issue.code === 'too_big' && issue.message.startsWith('Too big'))
    return `${issue.inclusive === false ? 'less than' : 'at most'} ${counted(issue.maximum, issue.origin)}`
  return issue.message
}

function counted(bound: number | bigint, origin: string): string {
  const [one, more] = origin === 'string' ? ['character', 'characters'] : ['entry', 'entries']
  const isCount = origin === 'string' || origin === 'array'
  return `${String(bound)}${isCount ? ` ${Number(bound) === 1 ? one : more}` : ''}`
}

function article(type: string): string {
  const words: Record<string, string> = {
    record: 'keys with values',
    object: 'keys with values',
    array: 'a list',
    tuple: 'a list',
    string: 'a text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
  }
  return words[type] ?? `a value of type ${type}`
}

function suggestion(key: string, known: readonly string[]): string {
  const close = nearest(key, known)
  const list = known.length === 0 ? 'no key' : known.join(', ')
  return close === undefined ? `expected one of: ${list}` : `did you mean "${close}"? Expected one of: ${list}`
}

/** Where a key stands that is unknown here: at the top of the file, or in one section of it alone. */
function elsewhere(key: string, path: Path): string | undefined {
  const top = knownKeys([])
  if (path.length > 0)
    return top.includes(key) ? `"${key}" stands at the top of the file, beside "${String(path[0])}"` : undefined
  const sections = top.filter((section) => knownKeys([section]).includes(key))
  return sections.length === 1 ? `"${key}" stands in "${String(sections[0])}"` : undefined
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
}

/** The keys that the schema knows at a path. */
function knownKeys(path: Path): string[] {
  let here: Schema[] = [projectJsonSchema()]
  for (const key of path) here = here.flatMap((schema) => flatten(schema)).flatMap((schema) => child(schema, key))
  return [
    ...new Set(here.flatMap((schema) => flatten(schema)).flatMap((schema) => Object.keys(schema.properties ?? {}))),
  ]
}

function flatten(schema: Schema): Schema[] {
  return [schema, ...(schema.anyOf ?? []).flatMap((branch) => flatten(branch))]
}

function child(schema: Schema, key: PropertyKey): Schema[] {
  const named = schema.properties?.[String(key)]
  if (named !== undefined) return [named]
  if (typeof key === 'number' && schema.items !== undefined) return [schema.items]
  return typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : []
}

/** What stands at a path; undefined where nothing does. */
export function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    data,
  )
}

/** What tags of YAML make that nothing of a project file is, by what they are called there. */
const TAGGED: readonly (readonly [made: new (...args: never[]) => unknown, name: string])[] = [
  [Uint8Array, 'bytes (!!binary)'],
  [Set, 'a set (!!set)'],
  [Map, 'an ordered map (!!omap)'],
  [Date, 'a time (!!timestamp)'],
]

function show(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value))
    return Number.isNaN(value) ? '.nan' : value > 0 ? '.inf' : '-.inf'
  const tagged = TAGGED.find(([made]) => value instanceof made)
  if (tagged !== undefined) return tagged[1]
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
}
