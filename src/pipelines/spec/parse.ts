/** Reads slipway.yaml: every fault names its line, its key, what stands there and what was expected. */
import { LineCounter, isMap, isNode, isScalar, parseDocument } from 'yaml'
import type { Document } from 'yaml'
import { problem } from '../../contract/errors.ts'
import type { Path } from './describe.ts'
import type { Project } from './project.ts'
import { salvage } from './salvage.ts'
import { checkMeaning } from './meaning.ts'
import { noteSpelling, settle } from './written.ts'

/** One fault of a project file. `line` counts from 1. */
export interface Fault {
  readonly line: number
  /** Dotted, for example pipeline.steps.train.run. */
  readonly key: string
  readonly message: string
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
    .map(({ line, key, message }) => `${file}:${line}: ${key === '' ? '' : `${key}: `}${message}`)
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

/** Every fault of a project file that can be told without its code. */
export function readProject(text: string): Read {
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
    message: syntaxMessage(error, text),
  }))
  // a key that is there twice leaves a document that can be read on
  if (document.errors.some(({ code }) => code !== 'DUPLICATE_KEY')) return { faults: syntax, left: [] }
  if (!isMap(document.contents)) {
    const message = 'expected keys such as "project:" and "pipeline:" at the top'
    return { faults: [...syntax, { line: 1, key: '', message }], left: [] }
  }
  const value = toPlain(document)
  if ('fault' in value) return { faults: [...syntax, value.fault], left: [] }
  const { project, faults, left } = salvage(value.data)
  // of what is there twice nobody knows which is meant
  const meaning = project === undefined || syntax.length > 0 ? [] : checkMeaning(project, left)
  const told = [...value.faults, ...faults, ...meaning].map(({ path, message }) => ({
    line: at(path),
    key: dotted(path),
    message,
  }))
  const all = [...syntax, ...told].toSorted((a, b) => a.line - b.line)
  return { ...(project !== undefined && { project }), faults: all, left }
}

/** The line of a key for faults that are found later, for example a module that is not in the tree. The text is parsed once, and only if asked. */
export function linesIn(text: string): (path: Path) => number {
  const lines = new LineCounter()
  let document: Document | undefined
  return (path) => lineOf((document ??= parseDocument(text, { lineCounter: lines })), lines, path)
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

function syntaxMessage(
  { code, message, pos }: { readonly code: string; readonly message: string; readonly pos: readonly [number, number] },
  text: string,
): string {
  if (code === 'DUPLICATE_KEY') {
    const key = /^[^\s:,{}]+/.exec(text.slice(pos[0]))?.[0]
    return `${key === undefined ? 'this key' : `"${key.replace(/^["']|["']$/g, '')}"`} is there twice; expected each key once`
  }
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
