/** One text for equal values: JSON with sorted keys, for hashes and comparisons. */
import { createHash } from 'node:crypto'
import { Numeral } from '../../contract/values/numerals.ts'

/** JSON with the keys of every object sorted. Throws for NaN and infinities, which JSON cannot say. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item ?? null)).join(',')}]`
  if (value instanceof Numeral) return value.text
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined)
    const sorted = entries.sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${sorted.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${value} has no canonical form`)
  return JSON.stringify(value) ?? 'null'
}

/** `sha256:` and the hash of the canonical text. */
export function hashOf(value: unknown): string {
  return `sha256:${createHash('sha256').update(canonical(value)).digest('hex')}`
}
