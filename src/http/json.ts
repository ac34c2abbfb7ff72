/** Reads JSON bodies strictly: bytes that are not UTF-8, text that is not Unicode, deep nesting and repeated keys are refused by name. */
import { isUtf8 } from 'node:buffer'
import { problem } from '../contract/errors.ts'
import type { Problem } from '../contract/errors.ts'

/** Deepest nesting of lists and objects. A function that walks a value may recurse once a level. */
export const DEEPEST = 100

export interface JsonOptions {
  /** Refuse an object with a repeated key: parsers differ about which of its values counts. */
  readonly uniqueKeys: boolean
}

/**
 * The value of a body. Throws `malformed_body` for bytes that are not UTF-8, bad syntax, nesting beyond `DEEPEST`, half of a
 * surrogate pair (no database and no other program could keep it) and, where it is asked for, a key that stands twice.
 */
export function readJson(bytes: Buffer, options: JsonOptions): unknown {
  if (!isUtf8(bytes)) throw malformed('it has bytes that are not UTF-8')
  const text = bytes.toString('utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw malformed((error as Error).message)
  }
  // a body this short cannot nest too deeply; most are
  if (text.length > 2 * DEEPEST || options.uniqueKeys) checkShape(text, options.uniqueKeys)
  if (/\\u[dD][89a-fA-F]/.test(text)) checkUnicode(value)
  return value
}

/** Walks text that has already been parsed, so only strings, brackets and commas matter. */
function checkShape(text: string, uniqueKeys: boolean): void {
  /** Keys of each open object; undefined for a list. */
  const open: (Set<string> | undefined)[] = []
  let expectsKey = false
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) {
      const end = closingQuote(text, at)
      if (expectsKey && uniqueKeys) noteKey(open.at(-1), text.slice(at, end + 1))
      expectsKey = false
      at = end
    } else if (char === OBJECT || char === LIST) {
      if (open.push(char === OBJECT ? new Set() : undefined) > DEEPEST)
        throw malformed(`it nests deeper than ${DEEPEST}`)
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
  if (keys?.has(key) === true)
    throw malformed(`the key ${JSON.stringify(key.slice(0, 100))} stands twice in one object`)
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

function malformed(detail: string): Problem {
  return problem('malformed_body', { expected: 'JSON', detail })
}
