/** How long files and functions are. */
import { parseSync, Visitor } from 'vite'

/** What a list of lengths says: the middle one, the one that a tenth exceeds, and the largest. */
export interface Spread {
  readonly median: number
  readonly p90: number
  readonly max: number
  /** How many there are. */
  readonly count: number
}

/** Median, 90th percentile and maximum by nearest rank; of no lengths each is 0. */
export function spread(lengths: readonly number[]): Spread {
  const sorted = lengths.toSorted((a, b) => a - b)
  const rank = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
  return { median: rank(0.5), p90: rank(0.9), max: rank(1), count: sorted.length }
}

/** A function that has a name and a body: where it stands (path, first line) and its lines, both ends counted. */
export interface NamedFunction {
  readonly name: string
  readonly line: number
  readonly lines: number
}

interface Span {
  readonly start: number
  readonly end: number
}

/**
 * The functions of a TypeScript text: declarations, methods, and functions or arrows that a variable, a property or a
 * field names; a callback without a name belongs to the function around it. Throws for a text that does not parse.
 */
export function functionsOf(file: string, text: string): NamedFunction[] {
  const { program, errors } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`)
  const starts = lineStarts(text)
  const found: NamedFunction[] = []
  const add = (name: Span, span: Span): void => {
    const line = lineAt(starts, span.start)
    found.push({ name: text.slice(name.start, name.end), line, lines: lineAt(starts, span.end) - line + 1 })
  }
  const named = (name: Span, value: Span & { type: string; body?: unknown }, whole: Span): void => {
    const isFunction = value.type === 'FunctionExpression' || value.type === 'ArrowFunctionExpression'
    if (isFunction && value.body !== null) add(name, whole)
  }
  new Visitor({
    FunctionDeclaration: (node) => {
      if (node.id !== null && node.body !== null) add(node.id, node)
    },
    VariableDeclarator: (node) => {
      if (node.init !== null) named(node.id, node.init, node)
    },
    Property: (node) => named(node.key, node.value, node),
    MethodDefinition: (node) => named(node.key, node.value, node),
    PropertyDefinition: (node) => {
      if (node.value !== null) named(node.key, node.value, node)
    },
  }).visit(program)
  return found
}

function lineStarts(text: string): number[] {
  return [0, ...[...text.matchAll(/\n/g)].map((match) => match.index + 1)]
}

/** Line of an offset, from 1. */
function lineAt(starts: readonly number[], offset: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return low + 1
}
