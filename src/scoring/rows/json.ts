/** JSON as callers send it and get it: bare NaN is understood, whole numbers beyond 2^53 keep every digit. */
import { isUtf8 } from 'node:buffer'
import { problem } from '../../contract/errors.ts'
import { endOfText, numbers, parseExact } from '../../contract/values/exact.ts'
import type { ExactNumbers } from '../../contract/values/exact.ts'

/** Whole numbers of 16 digits and more, which a double may not hold. */
const LONG: ExactNumbers = {
  pattern: numbers('-?[1-9]\\d{15,}'),
  hint: /(?:^|[^.\d])\d{16}/,
  read: readWhole,
}

/** A long whole number; one beyond every double is infinite, for to read a million digits takes a third of a second. */
export function readWhole(source: string): number | bigint {
  const value = Number(source)
  return Number.isFinite(value) && !Number.isSafeInteger(value) ? BigInt(source) : value
}

/**
 * The body as JSON. A whole number beyond ±2^53 becomes a bigint, one beyond every double an infinite number; bare NaN and Infinity become the texts "NaN" and "Infinity", where at most
 * `words` texts and such words stand in it. Throws `malformed_body`.
 */
export function parseJson(body: Buffer, words = Infinity): unknown {
  if (body.length === 0) throw problem('malformed_body', { expected: 'JSON', detail: 'it is empty' })
  if (!isUtf8(body)) throw problem('malformed_body', { expected: 'JSON', detail: 'it is not UTF-8' })
  const text = body.toString('utf8')
  try {
    return parseExact(text, LONG)
  } catch (error) {
    return parseLoose(text, error as Error, words)
  }
}

/** Python clients write NaN and Infinity as bare words. */
function parseLoose(text: string, error: Error, words: number): unknown {
  if (error instanceof RangeError) throw tooDeep(error)
  if (/NaN|Infinity/.test(text)) {
    try {
      const quoted = quoteWords(text, words)
      return parseExact(quoted, LONG)
    } catch {
      // the first error names the place in the caller's own text
    }
  }
  throw problem('malformed_body', { expected: 'JSON', detail: error.message })
}

/** Bare words for numbers as texts. What stands within texts is left alone; these may be long, so no pattern walks through them. */
function quoteWords(text: string, words: number): string {
  const parts: string[] = []
  let at = 0
  // one by one: `replace` would find all of them before the first is counted
  for (const { 0: word, index } of text.matchAll(WORD_OR_QUOTE)) {
    if (index < at) continue
    if (parts.length > 2 * words) throw new Error('more words than are looked at')
    const end = word === '"' ? endOfText(text, index) : index + word.length
    parts.push(text.slice(at, index), word === '"' ? text.slice(index, end) : `"${word}"`)
    at = end
  }
  return parts.join('') + text.slice(at)
}

const WORD_OR_QUOTE = /"|-?Infinity|NaN/g

function tooDeep(error: RangeError): Error {
  return problem('malformed_body', { expected: 'JSON', detail: 'it is nested too deeply' }, error)
}

/** The value of a body, which must be an object. Throws `malformed_body`. */
export function requireObject(value: unknown): Record<string, unknown> {
  if (!isRecord(value)) throw problem('malformed_body', { expected: 'JSON object', detail: `it is ${describe(value)}` })
  return value
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  return value === null ? 'null' : `a ${typeof value}`
}

/** True for an object that is no list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

type RawJson = (text: string) => object
const rawJson = (JSON as unknown as { rawJSON: RawJson }).rawJSON

/**
 * A value as JSON text; a bigint is written with all its digits. Throws `malformed_body` for a caller's value that is nested too deeply,
 * and what JSON.stringify throws for cycles.
 */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep(error)
    if (!(error instanceof TypeError) || !error.message.includes('BigInt')) throw error
    return JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? rawJson(String(item)) : item))
  }
}
