/** Smoothing of a noisy curve for the eye. */

/**
 * Exponential moving average with the start's bias taken out (as in Adam, Kingma and Ba 2015). `amount` 0 (none) to below 1.
 * A null stays null and does not move the average.
 */
export function smooth(values: readonly (number | null)[], amount: number): (number | null)[] {
  if (amount <= 0) return [...values]
  let sum = 0
  let weight = 0
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return null
    sum = amount * sum + (1 - amount) * value
    weight = amount * weight + (1 - amount)
    return sum / weight
  })
}
