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

/** Past values with which a distance counts as it is; fewer make it less sure. */
const ENOUGH = 28

/**
 * `distance`, corrected for a spread that is known from few values: the distance that is as unlikely when 28 values are known, by
 * Student's t of a prediction. Seven quiet days do not prove that the eighth must be quiet. Uses the normal equivalent of t by Wallace
 * (1959), (8ν+1)/(8ν+3)·√(ν·ln(1+t²/ν)), and its inverse.
 */
export function surprise(x: number, usual: Moments, floor: number): number {
  const gap = distance(x, usual, floor)
  if (usual.n >= ENOUGH || usual.n < 2 || !(usual.sd > floor)) return gap
  const t = gap * Math.sqrt((1 + 1 / ENOUGH) / (1 + 1 / usual.n))
  return tOf(normalOf(t, usual.n - 1), ENOUGH - 1)
}

function normalOf(t: number, dof: number): number {
  return ((8 * dof + 1) / (8 * dof + 3)) * Math.sqrt(dof * Math.log1p((t * t) / dof))
}

function tOf(z: number, dof: number): number {
  return Math.sqrt(dof * Math.expm1((z * (8 * dof + 3)) ** 2 / (8 * dof + 1) ** 2 / dof))
}
