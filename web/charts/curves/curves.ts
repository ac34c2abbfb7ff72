/** Joins the curves of a metric from several runs on one axis: steps, or time since each run began. */
import type { Axis } from '../../data/runs/chart-settings.ts'
import { smooth } from './smoothing.ts'
import type { Value } from './values.ts'

export interface Curve {
  readonly steps: readonly number[]
  /** ms since 1970. */
  readonly times: readonly number[]
  readonly values: readonly (number | 'NaN')[]
}

/** `raw` and `smoothed` have one list a curve, aligned with `x`. */
export interface Joined {
  readonly x: readonly number[]
  readonly raw: readonly (readonly Value[])[]
  readonly smoothed: readonly (readonly Value[])[]
}

/** All places that any curve has, rising; of points at the same place the last counts; NaN breaks a line. Time is in seconds. */
export function joinCurves(curves: readonly Curve[], amount: number, axis: Axis = 'step'): Joined {
  const maps = curves.map(
    (curve) => new Map(curve.values.map((value, i) => [placeOf(curve, i, axis), value === 'NaN' ? null : value])),
  )
  const x = [...new Set(maps.flatMap((map) => [...map.keys()]))].sort((a, b) => a - b)
  const raw = maps.map((map) => x.map((place) => map.get(place)))
  return { x, raw, smoothed: raw.map((values) => smooth(values, amount)) }
}

/** The curve at every place between its first and its last point, along straight lines; undefined outside and at NaN. */
export function interpolated(x: readonly number[], values: readonly Value[]): Value[] {
  const out = [...values]
  let before: number | undefined
  for (const [i, value] of values.entries()) {
    if (value === undefined) continue
    if (before !== undefined && value !== null) bridge(out, x, before, i)
    before = value === null ? undefined : i
  }
  return out.map((value) => value ?? undefined)
}

function bridge(out: Value[], x: readonly number[], from: number, to: number): void {
  const [x1, x2, y1, y2] = [x[from] ?? 0, x[to] ?? 0, out[from] ?? 0, out[to] ?? 0] as const
  for (let i = from + 1; i < to; i += 1) out[i] = y1 + (((x[i] ?? 0) - x1) / (x2 - x1)) * (y2 - y1)
}

function placeOf(curve: Curve, i: number, axis: Axis): number {
  if (axis === 'step') return curve.steps[i] ?? 0
  return ((curve.times[i] ?? 0) - (curve.times[0] ?? 0)) / 1000
}
