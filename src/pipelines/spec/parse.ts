/** Reads slipway.yaml: every fault names its line, its key, what stands there and what was expected. */
import { LineCounter, isMap, isNode, isScalar } from 'yaml'
import type { Document } from 'yaml'
import { problem } from '../../contract/errors.ts'
import { composeYaml } from '../../contract/values/yaml.ts'
import type { Path, Said } from './describe.ts'
import { FeaturesFile, Project } from './project.ts'
import { salvage } from './salvage.ts'
import { checkMeaning } from './meaning.ts'
import { noteSpelling, settle } from './written.ts'

/** One fault of a project file. `line` counts from 1. */
export interface Fault {
  readonly line: number
  /** Dotted, for example pipeline.steps.train.run. */
  readonly key: string
  readonly message: string
  /** The file of that line, where it is another than the project file. */
  readonly file?: string
}

/** Parses and checks a project file. Throws `unprocessable` with every fault in `faults`; `file` is its name in messages. */
export function parseProject(text: string, file = 'slipway.yaml'): Project {
  const { project, faults } = readProject(text)
  if (project === undefined || faults.length > 0) throw faulty(file, faults)
  return project
}

/** Faults that the message of an error tells. */
const TOLD = 3

/** The error of a project file with faults: the first of them in the message, all in `faults`. */
export function faulty(file: string, faults: readonly Fault[]): Error {
  const told = faults
    .slice(0, TOLD)
    .map(({ line, key, message, file: own = file }) => `${own}:${line}: ${key === '' ? '' : `${key}: `}${message}`)
  const more = faults.length > TOLD ? ` (and ${faults.length - TOLD} more)` : ''
  return problem('unprocessable', { detail: `${told.join('; ')}${more}`, faults })
}

/** A project file as far as it can be read. */
export interface Read {
  /** Without what is wrong with it; absent where too little is left. */
  readonly project?: Project
  /** Every fault of the file itself, by line. */
  readonly faults: readonly Fault[]
  /** Where something was left out, so that nothing is said of what hangs on it. */
  readonly left: readonly Path[]
}

/** Longest project file, characters: a thousand steps of ten lines each. */
const LARGEST = 512 * 1024

/** Most steps of a pipeline: each of its rounds looks at all of them. */
const MOST_STEPS = 1000

/** Every fault of a project file that can be told without its code. */
export function readProject(text: string): Read {
  const opened = open(text)
  return 'faults' in opened ? { faults: opened.faults, left: [] } : readOpened(opened)
}

function readOpened(opened: Opened): Read {
  const { project, faults, left } = salvage(opened.data, Project)
  // of what is there twice nobody knows which is meant
  const isTwice = opened.syntax.some(({ code }) => code === 'DUPLICATE_KEY')
  const meaning = project === undefined || isTwice ? [] : checkMeaning(project, left, opened.data)
  return { ...(project !== undefined && { project }), faults: allFaults(opened, [...faults, ...meaning]), left }
}

/** A project file of which the features are asked. */
export interface FeaturesRead extends Omit<Read, 'project'> {
  /** Without what is wrong with it; absent where too little is left. */
  readonly project?: FeaturesFile
  /** The same with its pipeline; absent where it has none, and then it can be applied and not run. */
  readonly whole?: Read
}

/** As `readProject`, of a file that may have features and no pipeline. What needs a pipeline is a fault of such a file. */
export function readFeatures(text: string): FeaturesRead {
  const opened = open(text)
  if ('faults' in opened) return { faults: opened.faults, left: [] }
  const { data } = opened
  if (typeof data !== 'object' || data === null || 'pipeline' in data || !('features' in data)) {
    const whole = readOpened(opened)
    return { ...whole, whole }
  }
  const { project, faults, left } = salvage(data, FeaturesFile)
  const lost = PIPELINES.filter((key) => key in data)
  const meaning = lost.map((key) => ({ path: [key], message: 'it needs a pipeline; expected the key "pipeline" too' }))
  return { ...(project !== undefined && { project }), faults: allFaults(opened, [...faults, ...meaning]), left }
}

/** Sections of what a pipeline makes. */
const PIPELINES = ['model', 'data_sets', 'endpoint', 'monitor', 'search'] as const

/** A file that is YAML with keys at its top. */
interface Opened {
  readonly data: unknown
  readonly syntax: readonly (Fault & { readonly code: string })[]
  readonly values: readonly Said[]
  readonly at: (path: Path) => number
}

function open(text: string): Opened | { readonly faults: readonly Fault[] } {
  if (text.length > LARGEST) {
    const message = `the file has ${text.length} characters, expected at most ${LARGEST}`
    return { faults: [{ line: 1, key: '', message }] }
  }
  const lines = new LineCounter()
  const { document, faults: found } = composeYaml(text, lines)
  const syntax = found.map(({ at, code, message }) => ({
    line: lines.linePos(at).line,
    key: '',
    message: syntaxMessage(code, message),
    code,
  }))
  const told = syntax.map(plain)
  if (document === undefined || found.some(({ code }) => !READ_ON.has(code))) return { faults: told }
  const at = (path: Path): number => lineOf(document, lines, path)
  if (!isMap(document.contents)) {
    const message = 'expected keys such as "project:" and "pipeline:" at the top'
    return { faults: [...told, { line: 1, key: '', message }] }
  }
  const steps = document.getIn(['pipeline', 'steps'])
  if (isMap(steps) && steps.items.length > MOST_STEPS) {
    const message = `got ${steps.items.length} steps, expected at most ${MOST_STEPS}`
    return { faults: [...told, { line: at(['pipeline', 'steps']), key: 'pipeline.steps', message }] }
  }
  const value = toPlain(document)
  if ('fault' in value) return { faults: [...told, value.fault] }
  return { data: value.data, syntax, values: value.faults, at }
}

function plain({ line, key, message }: Fault): Fault {
  return { line, key, message }
}

/** What is wrong with the file as YAML and with its values, and what was found besides, by line. */
function allFaults({ syntax, values, at }: Opened, found: readonly Said[]): Fault[] {
  const unread = new Set(values.map(({ path }) => dotted(path)))
  const others = found.filter(({ path }) => !unread.has(dotted(path)))
  const told = [...values, ...others].map(({ path, message }) => ({ line: at(path), key: dotted(path), message }))
  // a name that is refused as unknown is not told twice
  const isTold = ({ line }: Fault): boolean => told.some((one) => one.line === line && one.key.endsWith('__proto__'))
  const all = [...syntax.filter((fault) => fault.code !== 'NAME' || !isTold(fault)).map(plain), ...told]
  return all.toSorted((a, b) => a.line - b.line)
}

/** The line of a key for faults that are found later, for example a module that is not in the tree. The text is parsed once, and only if asked. */
export function linesIn(text: string): (path: Path) => number {
  const lines = new LineCounter()
  let document: Document | undefined
  return (path) => {
    document ??= composeYaml(text, lines).document
    return document === undefined ? 1 : lineOf(document, lines, path)
  }
}

/** Longest key that a message repeats, characters. */
const SHOWN = 80

export function dotted(path: Path): string {
  return path.map((key) => (String(key).length > SHOWN ? `${String(key).slice(0, SHOWN)}…` : String(key))).join('.')
}

function toPlain(document: Document): { data: unknown; faults: { path: Path; message: string }[] } | { fault: Fault } {
  const faults: { path: Path; message: string }[] = []
  noteSpelling(document)
  try {
    const data = document.toJS({ maxAliasCount: 100 }) as unknown
    return { data: settle(data, (path, message) => faults.push({ path, message })), faults }
  } catch (error) {
    const why = error instanceof RangeError ? 'one stands inside of what it names' : (error as Error).message
    return { fault: { line: 1, key: '', message: `aliases are not accepted here: ${why}` } }
  }
}

/** What leaves a document that can be read on. */
const READ_ON: ReadonlySet<string> = new Set(['DUPLICATE_KEY', 'NAME', 'TAG'])

function syntaxMessage(code: string, message: string): string {
  if (code === 'TAB') return 'a tab indents this line; expected spaces'
  return code === 'SYNTAX' ? `not valid YAML: ${message}` : message
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
