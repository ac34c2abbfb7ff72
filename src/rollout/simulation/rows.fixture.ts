/** A row of a simulated rollout in which nothing happens. */
import type { SimRow } from './simulate.ts'

/** The same answer of both within 0.3 ms, without a label. */
export function rowOf(more: Partial<SimRow> = {}): SimRow {
  return {
    at: 0,
    stable: 0.4,
    candidate: 0.4,
    failed: false,
    stable_us: 300,
    candidate_us: 300,
    label: null,
    slices: [],
    ...more,
  }
}
