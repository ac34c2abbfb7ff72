/** Reads slipway.yaml: every fault names its line, its key, what stands there and what was expected. */
import { LineCounter, isMap, isNode, isScalar, parseDocument } from 'yaml'
import type { Document } from 'yaml'
import type { z } from 'zod'
import { problem } from '../../contract/errors.ts'
import { nearest } from './nearest.ts'
import { Project, projectJsonSchema } from './project.ts'
import { checkMeaning } from './meaning.ts'
import { noteSpelling, settle } from './written.ts'

/** Where in the project file, as keys and indexes. */
export type Path = readonly PropertyKey[]

/** One fault of a project file. `line` counts from 1. */
export interface Fault {
  readonly line: number
  /** Dotted, for example pipeline.steps.train.run. */
  readonly key: string
  readonly message: string
}

/** Longest value that a message repeats. */
const SHOWN = 80

/** Parses and checks a project file. Throws `unprocessable` with every fault in `faults`; `file` is its name in messages. */
export function parseProject(text: string, file = 'slipway.yaml'): Project {
  const { project, faults } = readProject(text)
  if (project === undefined || faults.length > 0) throw faulty(file, faults)
  return project
}

/** The error of a project file with faults: the first in the message, all in `faults`. */
export function faulty(file: string, faults: readonly Fault[]): Error {
  const [first] = faults
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''
  const where = first === undefined || first.key === '' ? '' : `${first.key}: `
  return problem('unprocessable', {
    detail: `${file}:${first?.line ?? 1}: ${where}${first?.message ?? ''}${more}`,
    faults,
  })
}

/** What is wrong with a project; it is there too where its form is right, so that more can be checked. */
export function readProject(text: string): { readonly project?: Project; readonly faults: readonly Fault[] } {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    maxAliasCount: 100,
  } as never)
  const at = (path: Path): number => lineOf(document, lines, path)
  const syntax = document.errors.map((error) => ({
    line: lines.linePos(error.pos[0]).line,
    key: '',
    message: syntaxMessage(error.code, error.message),
  }))
  if (syntax.length > 0) return { faults: syntax }
  if (!isMap(document.contents)) {
    return { faults: [{ line: 1, key: '', message: 'expected keys such as "project:" and "pipeline:" at the top' }] }
  }
  const value = toPlain(document)
  if ('fault' in value) return { faults: [value.fault] }
  if (value.faults.length > 0) {
    return { faults: value.faults.map(({ path, message }) => ({ line: at(path), key: dotted(path), message })) }
  }
  const parsed = Project.safeParse(value.data)
  if (!parsed.success) {
    const issues = parsed.error.issues.toSorted((a, b) => Number(isUnknown(b)) - Number(isUnknown(a)))
    return { faults: issues.flatMap((issue) => describe(issue, value.data, at)) }
  }
  const faults = checkMeaning(parsed.data).map(({ path, message }) => ({ line: at(path), key: dotted(path), message }))
  return { project: parsed.data, faults: faults.toSorted((a, b) => a.line - b.line) }
}

/** A misspelled key is told before the key that is missing because of it. */
function isUnknown(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'unrecognized_keys'
}

/** The line of a key for faults that are found later, for example a module that is not in the tree. */
export function lineIn(text: string, path: Path): number {
  const lines = new LineCounter()
  return lineOf(parseDocument(text, { lineCounter: lines }), lines, path)
}

export function dotted(path: Path): string {
  return path.map(String).join('.')
}

function toPlain(document: Document): { data: unknown; faults: { path: Path; message: string }[] } | { fault: Fault } {
  const faults: { path: Path; message: string }[] = []
  noteSpelling(document)
  try {
    const data = document.toJS({ maxAliasCount: 100 }) as unknown
    return { data: settle(data, (path, message) => faults.push({ path, message })), faults }
  } catch (error) {
    return { fault: { line: 1, key: '', message: `aliases are not accepted here: ${(error as Error).message}` } }
  }
}

function syntaxMessage(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'this key is there twice; expected each key once'
  if (code === 'TAB_AS_INDENT') return 'a tab indents this line; expected spaces'
  return `not valid YAML: ${message.split('\n')[0] ?? message}`
}

/** The line of the deepest part of a path that exists. A missing key is told at the map that should have it. */
function lineOf(document: Document, lines: LineCounter, path: Path): number {
  let offset = 0
  let node: unknown = document.contents
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key))
      if (pair === undefined) break
      if (isNode(pair.key) && pair.key.range) offset = pair.key.range[0]
      node = pair.value
    } else {
      const child: unknown = isNode(node) && 'items' in node ? (node.items as unknown[])[Number(key)] : undefined
      if (!isNode(child)) break
      node = child
      if (child.range) offset = child.range[0]
    }
  }
  return lines.linePos(offset).line
}

function describe(issue: z.core.$ZodIssue, data: unknown, at: (path: Path) => number): Fault[] {
  const fault = (path: Path, message: string): Fault => ({ line: at(path), key: dotted(path), message })
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path)
    return issue.keys.map((key) => fault([...issue.path, key], `unknown key; ${suggestion(key, known)}`))
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0 && issue.message === 'Invalid input') {
    const closest = issue.errors.toSorted((a, b) => distance(a) - distance(b))[0] ?? []
    return closest.flatMap((inner) => describe({ ...inner, path: [...issue.path, ...inner.path] }, data, at))
  }
  if (issue.code === 'invalid_key') {
    const key = String(issue.path.at(-1))
    return [
      fault(issue.path, `the name ${show(key)} is not accepted; expected ${issue.issues[0]?.message ?? 'a name'}`),
    ]
  }
  const value = valueAt(data, issue.path)
  if (value === undefined) return [fault(issue.path, `missing; expected ${expected(issue)}`)]
  return [fault(issue.path, `got ${show(value)}, expected ${expected(issue)}`)]
}

/** How far an alternative of a union is from what was written. */
function distance(issues: readonly z.core.$ZodIssue[]): number {
  return issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length + 1 : 1), 0)
}

function expected(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return article(issue.expected)
  if (issue.code === 'invalid_value') return `one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`
  if (issue.code === 'too_small') return `at least ${String(issue.minimum)}${unit(issue.origin)}`
  if (issue.code === 'too_big') return `at most ${String(issue.maximum)}${unit(issue.origin)}`
  return issue.message
}

function unit(origin: string): string {
  if (origin === 'string') return ' characters'
  return origin === 'array' ? ' entries' : ''
}

function article(type: string): string {
  const words: Record<string, string> = {
    record: 'keys with values',
    object: 'keys with values',
    array: 'a list',
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

function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    data,
  )
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
}
