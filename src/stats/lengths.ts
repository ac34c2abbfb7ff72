/** Which length of window an hour is judged by: six hours where they have enough rows, else a day, else a week. */
import { windowOf } from './history.ts'
import type { History, Hour } from './history.ts'
import { rows } from './profile.ts'
import { measure } from './window.ts'
import type { WindowPlan, WindowStatistics } from './window.ts'

/** Lengths of windows, hours, shortest first. */
export const LENGTHS = [6, 24, 168] as const
export type Length = (typeof LENGTHS)[number]
/** The longest of them. */
export const LONGEST: Length = 168

/** Rows below which a window is not judged. */
export const MIN_ROWS = 100

/**
 * Hours for which a longer window stays away after a shorter one was judged: traffic that rests at night, or over a weekend, is watched
 * by day. The choice looks at counts of rows and never at values.
 */
const REST: Readonly<Record<Length, number>> = { 6: 0, 24: 24, 168: 48 }

/**
 * How a window of a length is compared. Windows of a week are compared with those that end 9 to 30 days before: none of their rows is in
 * the window itself, nor of the two days before it.
 */
export function planOf(length: Length): WindowPlan {
  return length === 168 ? { length, minRows: MIN_ROWS, days: { from: 9, to: 30 } } : { length, minRows: MIN_ROWS }
}

/** Hours of the past that a window of a length is compared with, its own included. */
export function reachOf(length: Length): number {
  return 24 * (planOf(length).days?.to ?? 29) + length
}

/** Lengths of windows that an endpoint's own hours fill: the first night of a new one is no whole day. Six hours are judged as ever. */
export function filledBy(hours: number, lengths: readonly Length[]): Length[] {
  return lengths.filter((length) => length === 6 || length <= hours)
}

/** The newest hour that was judged by each length. */
export type LastJudged = Readonly<Partial<Record<Length, Hour>>>

/** What an hour lacks to be judged: rows in the longest window, or earlier days to compare with. */
export type Lack = 'rows' | 'days'

/** What became of an hour: a window to judge, or why there is none; neither while a longer window rests. */
export interface Look {
  readonly window?: WindowStatistics & { readonly length: Length }
  readonly lacks?: Lack
}

/** The shortest window of `lengths` (ascending) that ends with an hour and can be judged. */
export function lookAt(
  history: History,
  hour: Hour,
  last: LastJudged = {},
  lengths: readonly Length[] = LENGTHS,
): Look {
  let lacks: Lack = 'rows'
  for (const length of lengths) {
    if (rests(length, hour, last)) return {}
    const window = measure(history, hour, planOf(length))
    if (window !== undefined) return { window: { ...window, length } }
    if (rows(windowOf(history, hour, length)) >= MIN_ROWS) lacks = 'days'
  }
  return { lacks }
}

function rests(length: Length, hour: Hour, last: LastJudged): boolean {
  return LENGTHS.some((shorter) => {
    const judged = shorter < length ? last[shorter] : undefined
    return judged !== undefined && hour > judged && hour - judged < REST[length]
  })
}
