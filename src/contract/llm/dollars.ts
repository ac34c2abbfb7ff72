/** Amounts of money as decimals: read digit by digit, never through arithmetic of doubles. */
import { z } from 'zod'

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d{1,3}))?$/i
/** Digits that every double keeps; a number with more may be another than the one that was written. */
const SURE_DIGITS = 15
/** Places after the point of an amount in dollars: nanodollars. */
const NANO = 9
/** Places of dollars a million tokens: picodollars a token. */
const PICO_MTOK = 6

/** The value of a decimal in units of 10 to the power of −`places`; null where it is no decimal, or no whole number of them. */
export function unitsOf(text: string, places: number): bigint | null {
  const [, sign, whole = '', part = '', power = '0'] = DECIMAL.exec(text) ?? []
  if (sign === undefined) return null
  const digits = BigInt(whole + part)
  const shift = places - part.length + Number(power)
  const units = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift)
  if (shift < 0 && units * 10n ** BigInt(-shift) !== digits) return null
  return sign === '-' ? -units : units
}

/** Units of 10 to the power of −`places` as a decimal without zeros at its end: `decimalText(1_500_000_000, 9)` is `1.5`. */
function decimalText(units: number, places: number): string {
  const digits = String(units).padStart(places + 1, '0')
  const part = digits.slice(-places).replace(/0+$/, '')
  return part === '' ? digits.slice(0, -places) : `${digits.slice(0, -places)}.${part}`
}

/** Nanodollars, ≥ 0 and whole, as dollars. */
export function dollarsText(nano: number): string {
  return decimalText(nano, NANO)
}

/** Picodollars a token, ≥ 0 and whole, as dollars a million tokens. */
export function perMillionText(pico: number): string {
  return decimalText(pico, PICO_MTOK)
}

/** Largest whole number of units that is kept exactly. */
const MOST = BigInt(Number.MAX_SAFE_INTEGER)

function decimalOf(places: number, what: string) {
  const expected = `${what}: a decimal from 0 to ${decimalText(Number.MAX_SAFE_INTEGER, places)} with at most ${places} places after the point`
  return z.union([z.string().max(64, expected), z.number(expected)], expected).transform((given, context) => {
    const fault = (message: string) => {
      context.addIssue({ code: 'custom', message, input: given })
      return z.NEVER
    }
    const text = String(given)
    const significant = text.replace(/e.*$/i, '').replace('.', '').replace(/^0+/, '').length
    if (typeof given === 'number' && significant > SURE_DIGITS)
      return fault(`${expected}; write more than ${SURE_DIGITS} digits as a text`)
    const units = unitsOf(text, places)
    return units === null || units < 0n || units > MOST ? fault(expected) : Number(units)
  })
}

/** Dollars as a text or a number; parsed to nanodollars, whole and ≥ 0. */
export const dollars = decimalOf(NANO, 'dollars')

/** Dollars a million tokens as a text or a number; parsed to picodollars a token, whole and ≥ 0. */
export const perMillion = decimalOf(PICO_MTOK, 'dollars a million tokens')

/** An amount in an answer: a decimal of dollars. */
export const dollarsOut = z.string().describe('dollars, a decimal')
