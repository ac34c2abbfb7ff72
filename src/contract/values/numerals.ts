/** Numbers that a double of JavaScript would change on their way: whole numbers beyond 2^53 keep their digits, and 1.0 stays a float. */
import { numbers, parseExact } from './exact.ts'
import type { ExactNumbers } from './exact.ts'

/** JSON's grammar of a number. */
const NUMBER = /^-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

/** A number as Python reads it from JSON: an `int` of any length, or a `float` that is whole. All others are plain numbers. */
export class Numeral {
  readonly kind: 'int' | 'float'
  /** The one way in which it is written. */
  readonly text: string

  constructor(kind: Numeral['kind'], text: string) {
    this.kind = kind
    this.text = text
  }

  /** So that `JSON.stringify` writes the digits; a number where the platform cannot. */
  toJSON(): unknown {
    const { rawJSON } = JSON as unknown as { rawJSON?: (text: string) => unknown }
    return rawJSON === undefined ? Number(this.text) : rawJSON(this.text)
  }

  toString(): string {
    return this.text
  }
}

/** A number that no float holds. */
export class NumberTooLarge extends Error {}

/**
 * What a number in JSON means to Python. Throws `NumberTooLarge` for a float beyond 1.8e308, which would be infinite.
 */
export function readNumeral(source: string): number | Numeral {
  const match = NUMBER.exec(source)
  if (match === null) throw new Error(`not a number of JSON: ${source}`)
  const value = Number(source)
  if (match[1] === undefined && match[2] === undefined) {
    if (Number.isSafeInteger(value)) return value === 0 ? 0 : value
    return new Numeral('int', source)
  }
  if (!Number.isFinite(value)) throw new NumberTooLarge(`${source} is beyond the largest float, 1.8e308`)
  return floatOf(value)
}

/** A float of Python; one that is whole is no plain number, which JSON would write like an int. */
export function floatOf(value: number): number | Numeral {
  if (!Number.isInteger(value)) return value
  const text = Object.is(value, -0) ? '-0' : JSON.stringify(value)
  return /^-?\d+$/.test(text) ? new Numeral('float', `${text}.0`) : value
}

/** Minus zero, whole numbers of 16 digits and more, and numbers with a point or an exponent: a double may be something else to Python. */
export const NUMERALS: ExactNumbers = {
  pattern: numbers('-0|-?[1-9]\\d{15,}|-?(?:0|[1-9]\\d*)(?:\\.\\d+(?:[eE][+-]?\\d+)?|[eE][+-]?\\d+)'),
  read: readNumeral,
}

/** Parses JSON with every number as Python would read it. Throws `SyntaxError` and `NumberTooLarge`. */
export function parseNumerals(text: string): unknown {
  return parseExact(text, NUMERALS)
}
