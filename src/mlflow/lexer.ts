/** Cuts a search filter or an order clause into tokens. */
import { invalid } from './wire.ts'

export interface Token {
  readonly kind: 'identifier' | 'string' | 'number' | 'operator' | '(' | ')' | ',' | '%'
  /** The token as written. */
  readonly text: string
  /** Of a string: without its quotes. */
  readonly value: string
  /** Where it begins: characters before it. */
  readonly at: number
}

/** A dotted name whose parts may be in backticks or double quotes. */
const IDENTIFIER = /(?:[A-Za-z_][\w\-/]*|`[^`]*`)(?:\.(?:[\w\-/]+|`[^`]*`|"[^"]*"))*/y
const STRING = /'(?:[^']|'')*'|"(?:[^"]|"")*"/y
const NUMBER = /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])/y
const OPERATOR = /[=!<>~]+/y
const SPACE = /\s*/y

/** Longest filter that is read, in characters. */
const LONGEST = 20_000

/** The tokens of a text. Throws INVALID_PARAMETER_VALUE at the first character that begins none. */
export function tokens(source: string): Token[] {
  if (source.length > LONGEST) throw invalid(`The filter has ${source.length} characters; at most ${LONGEST} are read.`)
  const found: Token[] = []
  for (let at = skip(source, 0); at < source.length;) {
    const token = tokenAt(source, at)
    if (token === undefined) {
      throw invalid(`Invalid clause(s) in filter string: '${source.slice(at, at + 40)}' (at character ${at + 1})`)
    }
    found.push(token)
    at = skip(source, at + token.text.length)
  }
  return found
}

/** The parts of a dotted name without their quotes: at the first dot, as MLflow splits it. */
export function splitName(text: string): { entity: string | undefined; key: string } {
  const quoted = /^(?:`([^`]*)`|"([^"]*)")$/.exec(text)
  if (quoted) return { entity: undefined, key: quoted[1] ?? quoted[2] ?? '' }
  const dot = /^(?:`([^`]*)`|([^.`]+))\.(.*)$/s.exec(text)
  if (!dot) return { entity: undefined, key: text }
  return { entity: dot[1] ?? dot[2], key: unquote(dot[3] ?? '') }
}

function unquote(text: string): string {
  const quoted = /^(?:`([^`]*)`|"([^"]*)")$/.exec(text)
  return quoted ? (quoted[1] ?? quoted[2] ?? '') : text
}

function skip(source: string, at: number): number {
  SPACE.lastIndex = at
  return at + (SPACE.exec(source)?.[0].length ?? 0)
}

function tokenAt(source: string, at: number): Token | undefined {
  const char = source.charAt(at)
  if (char === '(' || char === ')' || char === ',' || char === '%') return { kind: char, text: char, value: char, at }
  const kinds = [
    ['string', STRING],
    ['number', NUMBER],
    ['identifier', IDENTIFIER],
    ['operator', OPERATOR],
  ] as const
  for (const [kind, pattern] of kinds) {
    pattern.lastIndex = at
    const text = pattern.exec(source)?.[0]
    if (text !== undefined && text !== '') return { kind, text, value: kind === 'string' ? inner(text) : text, at }
  }
  return undefined
}

/** A doubled quote stands for one. */
function inner(text: string): string {
  const quote = text.charAt(0)
  return text.slice(1, -1).replaceAll(quote + quote, quote)
}
