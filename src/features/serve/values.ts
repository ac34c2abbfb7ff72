/** Values as JSON brings them and takes them. */
import { problem, type Problem } from '../../contract/errors.ts'
import type { ValueType } from '../../contract/features/section.ts'
import { floatOf, Numeral } from '../../contract/values/numerals.ts'
import { smallest, type Value } from '../as-of/windows.ts'
import { momentOf, momentText } from '../../contract/text/moments.ts'

const EXPECTED: Readonly<Record<ValueType, string>> = {
  int: 'a whole number of 64 bits, or a text of its digits',
  float: 'a number, or "NaN", "Infinity" or "-Infinity"',
  bool: 'true or false',
  text: 'a text',
  time: 'a time as RFC 3339, for example 2026-05-03T10:00:00Z',
}

/** A value of a declared type; null stays null. Throws `invalid_field` with `field`. */
export function readValue(type: ValueType, given: unknown, field: string): Value {
  const value = withoutNumeral(given)
  if (value === null || value === undefined) return null
  const read = READERS[type](value)
  if (read === undefined) throw notA(type, given, field)
  return read
}

const READERS: Readonly<Record<ValueType, (value: unknown) => Value | undefined>> = {
  int: wholeOf,
  float: (value) => {
    if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
    if (typeof value === 'bigint') return Number(value)
    return value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? Number(value) : undefined
  },
  bool: (value) => (typeof value === 'boolean' ? value : undefined),
  text: (value) => (typeof value === 'string' ? value : undefined),
  time: (value) => (typeof value === 'string' ? momentOf(value) : undefined),
}

function wholeOf(value: unknown): Value | undefined {
  const isDigits = typeof value === 'string' && /^-?\d{1,19}$/.test(value)
  const isWhole = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))
  if (!isDigits && !isWhole) return undefined
  const whole = BigInt(value)
  return whole < -(2n ** 63n) || whole >= 2n ** 63n ? undefined : smallest(whole)
}

/** Of a whole number of 64 bits, with its sign. */
const MOST_DIGITS = 20

/** A number of JSON as one of ours. */
export function withoutNumeral(value: unknown): unknown {
  if (!(value instanceof Numeral)) return value
  // what no 64 bits hold is not read digit by digit: that takes a time that grows with their square
  return value.kind === 'int' && value.text.length <= MOST_DIGITS ? BigInt(value.text) : Number(value.text)
}

/** What a refusal says that it got. */
export function toldValue(given: unknown): unknown {
  const value = withoutNumeral(given)
  return typeof value === 'bigint' ? String(value) : value
}

export function notA(type: ValueType, given: unknown, field: string): Problem {
  return problem('invalid_field', { field, value: toldValue(given), expected: EXPECTED[type] })
}

/** A value as JSON says it: whole numbers keep all digits, a time is a text of RFC 3339, and what JSON has no number for is its name. */
export function writeValue(type: ValueType, value: Value): unknown {
  if (typeof value === 'bigint') return type === 'time' ? momentText(value) : new Numeral('int', String(value))
  if (type === 'time' && typeof value === 'number') return momentText(BigInt(value))
  if (typeof value !== 'number') return value
  // JSON of JavaScript writes minus zero as 0
  if (Object.is(value, -0)) return floatOf(value)
  return Number.isFinite(value) ? value : String(value)
}
