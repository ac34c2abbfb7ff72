/** Keys of entities as texts: one text for one entity, whatever way a caller spells it. */
import type { Key } from '../definitions/definitions.ts'

/** A key that is not of the type that its entity declares. */
export class KeyError extends Error {
  readonly key: string
  readonly value: unknown
  readonly expected: string

  constructor(key: string, value: unknown, expected: string) {
    const plain = typeof value === 'bigint' ? digitsOf(value) : value
    super(`"${key}" is ${JSON.stringify(plain) ?? String(plain)}, and ${expected} was expected`)
    this.key = key
    this.value = plain
    this.expected = expected
  }
}

const INT = 'a whole number of 64 bits'

/** As digits, where that is quickly done. */
function digitsOf(value: bigint): string {
  return BigInt.asIntN(256, value) === value ? String(value) : 'a number of more than 256 bits'
}

/**
 * The text of an entity, or null where a part of its key is null and nothing can match. `values` are as JSON gives them: a whole number may
 * be said as a text of digits too, since JSON holds none beyond 2^53; a text is never taken from a number, which has lost its zeros.
 * Throws `KeyError`.
 */
export function entityText(keys: readonly Key[], values: readonly unknown[]): string | null {
  const parts: string[] = []
  for (const [i, { name, type }] of keys.entries()) {
    const value = values[i] ?? null
    if (value === null) return null
    parts.push(type === 'int' ? wholeText(name, value) : JSON.stringify(textOf(name, value)))
  }
  return parts.join(',')
}

function textOf(name: string, value: unknown): string {
  if (typeof value !== 'string') throw new KeyError(name, value, 'a text')
  return value
}

function wholeText(name: string, value: unknown): string {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value === 0 ? 0 : value)
  const whole = typeof value === 'bigint' ? value : bigintIn(value)
  if (whole === undefined || whole < -(2n ** 63n) || whole >= 2n ** 63n) throw new KeyError(name, value, INT)
  return String(whole)
}

/** Of a text of digits without a sign but minus and without leading zeros: any other spelling may be another thing. */
function bigintIn(value: unknown): bigint | undefined {
  return typeof value === 'string' && /^(0|-?[1-9]\d{0,18})$/.test(value) ? BigInt(value) : undefined
}
