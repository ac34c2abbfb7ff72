/** Decimals of parquet files as they were written: as a number each of them would be another one, or two would be one. */

/** A decimal of more digits than a number tells apart. */
export interface Decimal {
  readonly decimal: string
}

export function isDecimal(value: unknown): value is Decimal {
  return typeof value === 'object' && value !== null && 'decimal' in value
}

/** Up to here whole numbers, and their quotients by exact powers of ten, are told apart by their 15 digits. */
const SURE = 1e15
const EXACT_POWER = 22

/** The decimal `unscaled · 10^−scale`: the nearest number where that says all of it. Bytes are two's complement, the greatest first. */
export function decimalOf(unscaled: number | bigint | Uint8Array, scale: number): number | Decimal {
  const whole = unscaled instanceof Uint8Array ? signed(unscaled) : unscaled
  const number = Number(whole)
  // a quotient of two exact numbers is the number nearest to it; a product with 0.01 is not
  if (Math.abs(number) < SURE && scale >= 0 && scale <= EXACT_POWER) return number / 10 ** scale
  return { decimal: written(BigInt(whole), scale) }
}

function signed(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`))
}

/** Without zeros that say nothing, as a number is written. */
function written(whole: bigint, scale: number): string {
  if (scale <= 0) return String(whole * 10n ** BigInt(-scale))
  const digits = String(whole < 0n ? -whole : whole).padStart(scale + 1, '0')
  const fraction = digits.slice(-scale).replace(/0+$/, '')
  return `${whole < 0n ? '-' : ''}${digits.slice(0, -scale)}${fraction === '' ? '' : `.${fraction}`}`
}
