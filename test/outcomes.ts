/** A digest of what rules make of fixed inputs, by which a test tells that the rules changed. */
import { createHash } from 'node:crypto'

/** Of figures in nine digits: the last bits may differ between processors. */
export function digestOf(outcomes: unknown): string {
  const text = JSON.stringify(outcomes, (_, value: unknown) =>
    typeof value === 'number' ? Number(value.toPrecision(9)) : value,
  )
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
