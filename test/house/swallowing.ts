/** Where a program takes whatever error comes and does not look at it: `catch` blocks and rejection handlers. */
import { parseSync, Visitor } from 'vite'

/** One place: its line, from 1, and the text of its first line. */
export interface Swallowing {
  readonly line: number
  readonly text: string
}

/**
 * What reads a value that is at hand and fails in one way only: the value is no such text. A `try` that calls nothing else, and functions
 * and methods of values that do not fail, need not look at its error.
 */
const READERS = new Set(
  [
    'JSON.parse decodeURIComponent createPublicKey inflateRawSync Intl.DateTimeFormat',
    // of our own: each reads the text, or the bytes, that it is given
    'asObject csvColumns fromText makeSpec mapOf modelYaml objectOf parse parseCsv parseExact predictionsIn quoteWords',
    'readSignature readValue reader.bool reader.string textOf tokens',
  ].flatMap((names) => names.split(' ')),
)
for (const name of ['URL', 'RegExp', 'Intl.DateTimeFormat', 'TextDecoder', 'Cron', 'CallError'])
  READERS.add(`new ${name}`)
const HARMLESS = new Set(
  [
    'isArray isSafeInteger from stringify Number String Map every find map flat max min nextRun',
    'toString toLowerCase split slice trim includes replace replaceAll test decode format',
  ].flatMap((names) => names.split(' ')),
)

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
}

interface Calling extends Node {
  readonly callee: Node
  readonly arguments: readonly Node[]
}

/** The places of a TypeScript text whose errors nobody looks at. Throws for a text that does not parse. */
export function swallowingsOf(file: string, text: string): Swallowing[] {
  const { program, errors } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`)
  const found: Node[] = []
  new Visitor({
    TryStatement: ({ block, handler }) => {
      if (handler === null) return
      const looks = handler.param !== null && looksAt(text, handler.param, handler.body)
      if (!looks && !readsOnly(text, block)) found.push(handler)
    },
    CallExpression: (node) => {
      const handler = rejectionHandler(text, node)
      if (handler !== undefined && takesAll(text, handler)) found.push(handler)
    },
  }).visit(program)
  return found
    .sort((a, b) => a.start - b.start)
    .map(({ start, end }) => ({
      line: text.slice(0, start).split('\n').length,
      text: text.slice(start, end).split('\n')[0] ?? '',
    }))
}

/** True when a block names what the clause caught. */
function looksAt(text: string, param: Node, body: Node): boolean {
  const names = text.slice(param.start, param.end).match(/[\w$]+/g) ?? []
  const inside = text.slice(body.start, body.end)
  return names.some((name) => new RegExp(`(?<![\\w$.])${name.replaceAll('$', '\\$')}(?![\\w$])`).test(inside))
}

/** True when a block awaits nothing and calls only what reads a text. */
function readsOnly(text: string, block: Node): boolean {
  const inside = text.slice(block.start, block.end)
  if (/\bawait\b/.test(inside)) return false
  const calls = [...inside.matchAll(/((?:new )?[\w$.]+)\s*\(/g)].map(([, name]) => name ?? '')
  return calls
    .filter((name) => !/^(?:if|for|while|switch|return|function)$/.test(name))
    .every((name) => READERS.has(name) || /^[A-Z_]+\.has$/.test(name) || HARMLESS.has(/[\w$]+$/.exec(name)?.[0] ?? ''))
}

/** The function that a promise's rejection goes to: of `.catch(f)` and `.then(g, f)`. */
function rejectionHandler(text: string, { callee, arguments: given }: Calling): Node | undefined {
  const called = text.slice(callee.start, callee.end)
  // a timer fails only when its signal ends it
  if (/^(?:delay|sleep)\(/.test(called)) return undefined
  const name = /\.(catch|then)$/.exec(called)?.[1]
  return name === 'catch' ? given[0] : name === 'then' ? given[1] : undefined
}

/** True for a function written in place that takes no parameter, or does not name it. */
function takesAll(text: string, handler: Node): boolean {
  if (handler.type !== 'ArrowFunctionExpression' && handler.type !== 'FunctionExpression') return false
  const { params, body } = handler as Node & { params: readonly Node[]; body: Node }
  const [param] = params
  return param === undefined || !looksAt(text, param, body)
}
