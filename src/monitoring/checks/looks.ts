/** What the looks at attributions and at quality found: the state of an endpoint keeps the newest of each. */
import type { AttributionCheck, MonitorSettings } from '../../contract/monitoring.ts'

/** What a look at the attributions of a day found. */
export interface AttributionLook {
  readonly version: string
  readonly hour: number
  /** End of the baseline, an hour. Once the check alerted it grows no more, or it would take in what was told. */
  readonly until: number
  readonly closed: boolean
  readonly state: 'ok' | 'alert' | 'not_enough_data'
  readonly distance: number | null
  readonly limit: number | null
  readonly rows: number
  readonly baseline_rows: number
  readonly ndcg: number | null
  readonly inputs: AttributionCheck['inputs']
}

/** What a look at labelled predictions found. `below`: even the upper end of the interval is more than the margin under the hold-out's area. */
export interface QualityLook {
  readonly hour: number
  readonly area: number
  readonly low: number
  readonly high: number
  readonly reference: number
  readonly labelled: number
  readonly below: boolean
}

/** What a look at attributions is about, and what the one before found. */
export interface Looked {
  readonly endpoint: string
  readonly version: string
  readonly hour: number
  readonly settings: MonitorSettings
  readonly before: AttributionLook | null
}
