/** Moments in nanoseconds since 1970, and their texts. */

const TEXT = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?)?$/i

const SECOND = 1_000_000_000n
/** 64 bits hold the nanoseconds between them. */
const [FIRST, LAST] = [-(2n ** 63n), 2n ** 63n - 1n]

/** What a text of RFC 3339 says, to the nanosecond; without a zone it is in UTC, and a day alone is its beginning. Undefined for other texts. */
export function momentOf(text: string): bigint | undefined {
  const [, day, clock = '00:00:00', fraction = '', zone = 'Z'] = TEXT.exec(text) ?? []
  if (day === undefined) return undefined
  const full = clock.length === 5 ? `${clock}:00` : clock
  const colon = zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase()
  const ms = Date.parse(`${day}T${full}${colon}`)
  // a day that no month has becomes one of the next month
  if (Number.isNaN(ms) || !new Date(Date.parse(`${day}T00:00:00Z`)).toISOString().startsWith(day)) return undefined
  const moment = (BigInt(ms) / 1000n) * SECOND + BigInt(fraction.padEnd(9, '0'))
  return moment < FIRST || moment > LAST ? undefined : moment
}

/** A moment as RFC 3339 in UTC with as many digits of a second as it needs: 0, 3, 6 or 9. */
export function momentText(moment: bigint): string {
  const rest = ((moment % SECOND) + SECOND) % SECOND
  const whole = new Date(Number((moment - rest) / 1_000_000n)).toISOString().slice(0, 19)
  const digits = String(rest).padStart(9, '0')
  if (rest === 0n) return `${whole}Z`
  const kept = digits.endsWith('000000') ? 3 : digits.endsWith('000') ? 6 : 9
  return `${whole}.${digits.slice(0, kept)}Z`
}
