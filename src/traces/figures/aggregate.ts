/** Sums, means and percentiles of values that occur several times each. */
import { pythonFloat } from '../spans/values.ts'

export interface Aggregation {
  readonly aggregation_type: 'COUNT' | 'SUM' | 'AVG' | 'PERCENTILE' | 'MIN' | 'MAX'
  /** 0 to 100, for PERCENTILE alone. */
  readonly percentile_value?: number | undefined
}

/** A value and how often it occurs. */
export interface Weighted {
  readonly value: number
  readonly weight: number
}

/** The asked figures by name (`AVG`, `P95.0`); none where there are no values. */
export function aggregate(values: readonly Weighted[], asked: readonly Aggregation[]): Record<string, number> {
  if (values.length === 0) return {}
  const sorted = [...values].sort((left, right) => left.value - right.value)
  const count = values.reduce((sum, one) => sum + one.weight, 0)
  const total = values.reduce((sum, one) => sum + one.value * one.weight, 0)
  const figures = {
    COUNT: () => count,
    SUM: () => total,
    AVG: () => total / count,
    MIN: () => sorted[0]?.value ?? 0,
    MAX: () => sorted.at(-1)?.value ?? 0,
  }
  const named = asked.map(({ aggregation_type: type, percentile_value: at = 50 }) =>
    type === 'PERCENTILE' ? [`P${pythonFloat(at)}`, percentile(sorted, count, at / 100)] : [type, figures[type]()],
  )
  return Object.fromEntries(named) as Record<string, number>
}

/** Linear between the two nearest values (Hyndman and Fan's 7th definition). */
function percentile(sorted: readonly Weighted[], count: number, share: number): number {
  const place = share * (count - 1)
  const low = valueAt(sorted, Math.floor(place))
  const high = valueAt(sorted, Math.ceil(place))
  return low + (high - low) * (place - Math.floor(place))
}

function valueAt(sorted: readonly Weighted[], place: number): number {
  let seen = 0
  for (const { value, weight } of sorted) {
    seen += weight
    if (place < seen) return value
  }
  return sorted.at(-1)?.value ?? 0
}
