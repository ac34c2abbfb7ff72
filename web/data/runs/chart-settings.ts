/** How curves are drawn, as the address of a page keeps it. */
import type { Steps } from './queries.ts'
import type { ChartSearch } from '../address.ts'

/** What the x axis of a curve counts. */
export type Axis = 'step' | 'time'

export interface ChartSettings {
  /** 0..0.95 */
  readonly smooth: number
  readonly log: boolean
  readonly axis: Axis
  /** Part of the steps that a metric's chart shows, by metric; absent = all. */
  readonly zoom: Readonly<Record<string, Steps>>
}

/** `FROM~TO~METRIC` */
const ZOOM = /^(-?\d+(?:\.\d+)?)~(-?\d+(?:\.\d+)?)~(.+)$/s

export function settingsOf({ smooth = 0, log = false, axis, zoom = [] }: ChartSearch): ChartSettings {
  const parts = zoom.flatMap((one): [string, Steps][] => {
    const match = ZOOM.exec(one)
    return match === null ? [] : [[match[3] ?? '', { from: Number(match[1]), to: Number(match[2]) }]]
  })
  return { smooth, log, axis: axis ?? 'step', zoom: Object.fromEntries(parts) }
}

/** What differs from a plain chart. */
export function searchOfSettings({ smooth, log, axis, zoom }: ChartSettings): ChartSearch {
  const parts = Object.entries(zoom).map(([metric, { from, to }]) => `${Math.floor(from)}~${Math.ceil(to)}~${metric}`)
  return {
    ...(smooth > 0 && { smooth }),
    ...(log && { log }),
    ...(axis === 'time' && { axis }),
    ...(parts.length > 0 && { zoom: parts }),
  }
}
