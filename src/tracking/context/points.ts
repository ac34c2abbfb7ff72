/** A metric's point: what it holds, how it is checked, compared, stored and told. */
import { LIMITS, checkKey, checkLength, checkTimestamp, isPlainKey } from '../../mlflow/limits.ts'
import { invalid } from '../../mlflow/wire.ts'

/** One point. `timestamp` in ms since 1970, ≥ 0; `step` may be negative; `value` may be NaN or ±Infinity. */
export interface MetricPoint {
  readonly key: string
  readonly value: number
  readonly timestamp: number
  readonly step: number
  readonly model_id?: string | undefined
  readonly dataset_name?: string | undefined
  readonly dataset_digest?: string | undefined
}

/** A metric as MLflow's clients see it; the value "NaN" is text, for JSON has no number for it. */
export interface WireMetric {
  readonly key: string
  readonly value: number | 'NaN'
  readonly timestamp: number
  readonly step: number
}

/** Checks key and time; `index` is the point's place in a batch. */
export function checkPoint(point: MetricPoint, index?: number): void {
  const { dataset_name, dataset_digest } = point
  if (isPlainKey(point.key) && point.timestamp >= 0 && dataset_name === undefined && dataset_digest === undefined)
    return
  const path = index === undefined ? '' : `metrics[${index}].`
  checkKey(point.key, `${path}name`, 'Metric name')
  checkTimestamp(point, `${path}timestamp`)
  if ((dataset_name === undefined) !== (dataset_digest === undefined)) {
    throw invalid('Both dataset_name and dataset_digest must be provided if one is provided')
  }
  checkLength(dataset_name, `${path}dataset_name`, LIMITS.datasetName)
  checkLength(dataset_digest, `${path}dataset_digest`, LIMITS.datasetDigest)
}

/** How a value is stored: NaN as 0 with a mark, infinities as the greatest double. */
export function stored(value: number): [value: number, isNan: number] {
  if (Number.isNaN(value)) return [0, 1]
  return [Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value)), 0]
}

/** How MLflow's clients are told a stored value. */
export function wireValue(row: { value: number; is_nan: number }): number | 'NaN' {
  return row.is_nan === 1 ? 'NaN' : row.value
}

/** True when `left` is the later point by the latest rule. */
export function isLater(left: MetricPoint, right: MetricPoint): boolean {
  if (left.step !== right.step) return left.step > right.step
  if (left.timestamp !== right.timestamp) return left.timestamp > right.timestamp
  return stored(left.value)[0] > stored(right.value)[0]
}

/** True when `left` is the earlier of two points that are numbers. */
export function isEarlier(left: MetricPoint, right: MetricPoint): boolean {
  if (left.step !== right.step) return left.step < right.step
  if (left.timestamp !== right.timestamp) return left.timestamp < right.timestamp
  return stored(left.value)[0] < stored(right.value)[0]
}
