/** Money and tokens of language models as people read them; a missing one is an en dash, never 0. */
import { count, duration, NONE } from '../../../src/contract/text/format.ts'

const NANO = 1e9
const CENTS = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
/** Sums below ten cents keep two significant digits, down to a nanodollar. */
const FINE = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 2 })
/** Below it sums are fine. */
const FINE_BELOW = 0.1

/** Nanodollars as dollars: `$1,204.50`, `$0.0042`. */
export function nanoMoney(nano: number | null | undefined): string {
  return nano === null || nano === undefined ? NONE : dollarMoney(nano / NANO)
}

/** Dollars, as a number or as the decimal that the API gives. */
export function dollarMoney(dollars: number | string | null | undefined): string {
  if (dollars === null || dollars === undefined) return NONE
  const value = Number(dollars)
  // judged as it is written, so that 9.999 cents are $0.10 and not $0.1
  const isFine = value !== 0 && Number(Math.abs(value).toPrecision(2)) < FINE_BELOW
  return `$${isFine ? FINE.format(value) : CENTS.format(value)}`
}

const THOUSAND = 1e3
const PLAIN_BELOW = 100_000
const UNITS: readonly (readonly [from: number, word: string])[] = [
  [1e9, 'G'],
  [1e6, 'M'],
  [THOUSAND, 'k'],
]

/** Tokens or calls, cut to three digits from a hundred thousand on: `84,210`, `318 M`. */
export function shortCount(n: number | null | undefined): string {
  if (n === null || n === undefined) return NONE
  if (n < PLAIN_BELOW) return count(n)
  // a unit is chosen by the rounded value, so that 999,900 are 1 M and not 1000 k
  const rounded = Number(n.toPrecision(3))
  const [from, word] = UNITS.find(([least]) => rounded >= least) ?? [THOUSAND, 'k']
  return `${Number((rounded / from).toPrecision(3))} ${word}`
}

/** A part of a whole, 0..1; null where the whole is 0. */
export function shareOf(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole
}

/** Microseconds in words: `412 ms`. */
export function microDuration(us: number | null): string {
  return duration(us === null ? null : us / 1000)
}
