/** Joins the histories of a metric from several runs on one axis of steps. */
import { smooth } from './smoothing.ts'

export interface History {
  readonly points: readonly { readonly step: number; readonly value: number | 'NaN' }[]
}

/** `raw` and `smoothed` have one list a history, aligned with `steps`; null where a history has no point. */
export interface Joined {
  readonly steps: readonly number[]
  readonly raw: readonly (readonly (number | null)[])[]
  readonly smoothed: readonly (readonly (number | null)[])[]
}

/** All steps that any history has, rising; of points with the same step the last counts; NaN breaks a line. */
export function joinHistories(histories: readonly History[], amount: number): Joined {
  const byStep = histories.map(
    ({ points }) => new Map(points.map(({ step, value }) => [step, value === 'NaN' ? null : value])),
  )
  const steps = [...new Set(byStep.flatMap((map) => [...map.keys()]))].sort((a, b) => a - b)
  const raw = byStep.map((map) => steps.map((step) => map.get(step) ?? null))
  return { steps, raw, smoothed: raw.map((values) => smooth(values, amount)) }
}
