/** Mean and spread of a few numbers, and distances measured in them. */

/** Number of values, mean and sample standard deviation (n − 1). NaN where there are too few. */
export interface Moments {
  readonly n: number
  readonly mean: number
  readonly sd: number
}

/** The moments of values. */
export function deviation(values: readonly number[]): Moments {
  const n = values.length
  let sum = 0
  for (const x of values) sum += x
  const mean = sum / n
  let squares = 0
  for (const x of values) squares += (x - mean) ** 2
  return { n, mean, sd: n > 1 ? Math.sqrt(squares / (n - 1)) : Number.NaN }
}

/** |x − mean| in standard deviations, of which none counts as less than `floor`; 0 if x is the mean and there is no spread at all. */
export function distance(x: number, usual: Moments, floor: number): number {
  const spread = Math.max(usual.sd, floor)
  const gap = Math.abs(x - usual.mean)
  return gap === 0 ? 0 : gap / Math.max(spread, Number.MIN_VALUE)
}
