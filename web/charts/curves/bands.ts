/** Repetitions of the same run (other seeds) as one line: mean and interval of the mean. */
import type { Value } from './values.ts'

/** Student's t for a two-sided 95 % interval, by degrees of freedom from 1. */
const T95 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
] as const

/** One value a place of the axis; null where no curve has one. `low` and `high` are null where fewer than two have. */
export interface Band {
  readonly mean: (number | null)[]
  readonly low: (number | null)[]
  readonly high: (number | null)[]
}

/** Student's t of a two-sided 95 % interval; beyond 30 degrees of freedom by Peizer and Pratt's normal expansion. */
export function student95(freedom: number): number {
  if (freedom < 1) return Number.NaN
  const z = 1.959964
  return T95[freedom - 1] ?? z + (z ** 3 + z) / (4 * freedom)
}

/** Mean of the curves at each place with its 95 % interval (Student's t). Every curve has one entry a place. */
export function meanBand(curves: readonly (readonly Value[])[]): Band {
  const places = curves[0]?.length ?? 0
  const band: Band = { mean: [], low: [], high: [] }
  for (let i = 0; i < places; i += 1) {
    const values = curves.flatMap((curve) => {
      const value = curve[i]
      return value === null || value === undefined ? [] : [value]
    })
    const mean = values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
    const half = mean === null || values.length < 2 ? null : halfWidth(values, mean)
    band.mean.push(mean)
    band.low.push(mean === null || half === null ? null : mean - half)
    band.high.push(mean === null || half === null ? null : mean + half)
  }
  return band
}

/** Half of the interval of the mean of at least two values. */
export function halfWidth(values: readonly number[], mean: number): number {
  const n = values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1)
  return student95(n - 1) * Math.sqrt(variance / n)
}
