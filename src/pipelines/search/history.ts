/** The history of a metric as a search reads it: what the tracking room has of it, one point a step. */
import { SYSTEM } from '../../auth/tokens.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { metricHistory } from '../../tracking/metrics/history.ts'
import type { SearchDeps } from './deps.ts'

/** Most points of a curve that are read; a longer one is read in its first ones. */
const MOST = 20_000

/** Of several values of a step the one that was logged last counts. */
export function metricHistories(tracking: Tracking): SearchDeps['history'] {
  return async (run_id, key) => {
    const { metrics } = await metricHistory(tracking, SYSTEM, { run_id, key, max_results: MOST })
    const byStep = new Map(metrics.slice(0, metrics.length).map(({ step, value }) => [step, Number(value)]))
    return [...byStep].map(([step, value]) => ({ step, value })).toSorted((a, b) => a.step - b.step)
  }
}
