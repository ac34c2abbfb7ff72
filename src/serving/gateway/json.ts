/** JSON as callers send it and get it: bare NaN is understood, whole numbers beyond 2^53 keep every digit. */
import { problem } from '../../contract/errors.ts'

/** Digits of a whole number that a double may not hold: 16 or more, not behind a point. */
const LONG_NUMBER = /[^.\d]\d{16}/

/**
 * The body as JSON. A whole number beyond ±2^53 becomes a bigint; bare NaN and Infinity become the texts "NaN" and "Infinity".
 * Throws `malformed_body`.
 */
export function parseJson(body: Buffer): unknown {
  if (body.length === 0) throw problem('malformed_body', { expected: 'JSON', detail: 'it is empty' })
  const text = body.toString('utf8')
  try {
    return LONG_NUMBER.test(text) ? parseExactly(text) : JSON.parse(text)
  } catch (error) {
    return parseLoose(text, error as Error)
  }
}

function parseExactly(text: string): unknown {
  return JSON.parse(text, exactly)
}

function exactly(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source
  const lossy = typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined
  return lossy && /^-?\d{16,}$/.test(source) ? BigInt(source) : value
}

/** Python clients write NaN and Infinity as bare words. */
function parseLoose(text: string, error: Error): unknown {
  if (/NaN|Infinity/.test(text)) {
    const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (found) =>
      found.startsWith('"') ? found : `"${found}"`,
    )
    try {
      return LONG_NUMBER.test(quoted) ? parseExactly(quoted) : JSON.parse(quoted)
    } catch {
      // the first error names the place in the caller's own text
    }
  }
  throw problem('malformed_body', { expected: 'JSON', detail: error.message })
}

/** The body as a JSON object. Throws `malformed_body`. */
export function parseObject(body: Buffer): Record<string, unknown> {
  const value = parseJson(body)
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

/** A value as JSON text; a bigint is written with all its digits. Throws what JSON.stringify throws for cycles. */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (!(error instanceof TypeError) || !error.message.includes('BigInt')) throw error
    return JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? rawJson(String(item)) : item))
  }
}
