/** Smoothing of a noisy curve for the eye. */
import type { Value } from './values.ts'

/**
 * Exponential moving average with the start's bias taken out (as in Adam, Kingma and Ba 2015). `amount` 0 (none) to below 1.
 * What is no number stays as it is and does not move the average.
 */
export function smooth(values: readonly Value[], amount: number): Value[] {
  if (amount <= 0) return [...values]
  let sum = 0
  let weight = 0
  return values.map((value) => {
    if (value === undefined) return undefined
    if (value === null || !Number.isFinite(value)) return null
    sum = amount * sum + (1 - amount) * value
    weight = amount * weight + (1 - amount)
    return sum / weight
  })
}
