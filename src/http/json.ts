/** Reads JSON bodies strictly: bytes that are not UTF-8, text that is not Unicode, deep nesting and repeated keys are refused by name. */
import { isUtf8 } from 'node:buffer'
import { parseExact } from '../contract/values/exact.ts'
import type { ExactNumbers } from '../contract/values/exact.ts'
import { malformed } from './json-shape.ts'
import type { Shape } from './json-shape.ts'
import { parseBody, twice, untold, UNTOLD } from './json-slices.ts'

export interface JsonOptions {
  /** Refuse an object with a repeated key: parsers differ about which of its values counts. */
  readonly uniqueKeys: boolean
  /** Numbers that mean more than a double. */
  readonly exact?: ExactNumbers | undefined
  /** Most values of the body, where fewer are taken than `MOST_VALUES`. */
  readonly mostValues?: number
  /** The shape of the body, where it was walked to its end while it came; `mostValues` is not looked at then. */
  readonly shape?: Shape | undefined
}

/**
 * The value of a body; a promise of it where it holds many values, so that other callers are answered in between. Throws
 * `malformed_body` for bytes that are not UTF-8, bad syntax, nesting beyond `DEEPEST`, half of a surrogate pair (no database and
 * no other program could keep it) and, where it is asked for, a key that stands twice; `too_many_values` beyond what `shapeOf` takes.
 */
export function readJson(bytes: Buffer, { uniqueKeys, exact, mostValues, shape }: JsonOptions): unknown {
  if (!isUtf8(bytes)) throw malformed('it has bytes that are not UTF-8')
  const parse = (part: Buffer): unknown => parseStrictly(part, { uniqueKeys, exact })
  return parseBody(bytes, { uniqueKeys, mostValues, shape, parse })
}

type Strictly = Pick<JsonOptions, 'uniqueKeys' | 'exact'>

function parseStrictly(bytes: Buffer, { uniqueKeys, exact }: Strictly): unknown {
  const text = bytes.toString('utf8')
  let value: unknown
  try {
    value = exact === undefined ? JSON.parse(text) : parseExact(text, exact)
  } catch (error) {
    throw malformed((error as Error).message)
  }
  if (uniqueKeys) checkKeys(text)
  if (text.includes('\\u') && /\\u[dD][89a-fA-F]/.test(text)) checkUnicode(value)
  return value
}

/** Walks text that has already been parsed, so only strings, brackets and commas matter. */
function checkKeys(text: string): void {
  /** Keys of each open object; undefined for a list. */
  const open: (Set<string> | undefined)[] = []
  let expectsKey = false
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) {
      const end = closingQuote(text, at)
      if (expectsKey) noteKey(open.at(-1), text.slice(at, end + 1))
      expectsKey = false
      at = end
    } else if (char === OBJECT || char === LIST) {
      open.push(char === OBJECT ? new Set() : undefined)
      expectsKey = char === OBJECT
    } else if (char === OBJECT_END || char === LIST_END) {
      open.pop()
      expectsKey = false
    } else if (char === COMMA) expectsKey = open.at(-1) !== undefined
  }
}

const [QUOTE, BACKSLASH, COMMA, OBJECT, OBJECT_END, LIST, LIST_END] = [34, 92, 44, 123, 125, 91, 93]

function closingQuote(text: string, from: number): number {
  let at = from + 1
  while (text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1
  return at
}

function noteKey(keys: Set<string> | undefined, quoted: string): void {
  const key = quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1)
  if (keys?.has(key) === true) throw twice(key)
  if (keys !== undefined && key === UNTOLD) throw untold()
  keys?.add(key)
}

function checkUnicode(value: unknown): void {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw malformed('a string has half of a surrogate pair')
  } else if (Array.isArray(value)) value.forEach(checkUnicode)
  else if (typeof value === 'object' && value !== null) {
    for (const [key, one] of Object.entries(value)) {
      checkUnicode(key)
      checkUnicode(one)
    }
  }
}
