/** Times finer than a millisecond, which a Date cannot hold: a batch hands them on as they were. */

/** Units of 10⁻⁶ or 10⁻⁹ seconds since 1970. */
export interface Instant {
  readonly unit: 'MICROS' | 'NANOS'
  readonly since1970: bigint
}

export function isInstant(value: unknown): value is Instant {
  return typeof value === 'object' && value !== null && 'since1970' in value
}

const PER_MS = { MICROS: 1000n, NANOS: 1_000_000n } as const

/** As ISO 8601 in UTC; digits beyond the milliseconds only where they are not all 0. */
export function instantText({ unit, since1970 }: Instant): string {
  const per = PER_MS[unit]
  const rest = ((since1970 % per) + per) % per
  const text = new Date(Number((since1970 - rest) / per)).toISOString()
  const digits = String(rest).padStart(String(per).length - 1, '0')
  return rest === 0n ? text : text.replace('Z', `${digits}Z`)
}
