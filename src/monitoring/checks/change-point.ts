/** Since when, and up to when, the hours of an incident differ: each hour alone against the same hour of past days. */
import type { Finding } from '../../stats/calibrate.ts'
import { MATCHED_DAYS, matchedWindows, windowOf } from '../../stats/history.ts'
import type { History } from '../../stats/history.ts'
import { deviation, distance } from '../../stats/moments.ts'
import { rows } from '../../stats/profile.ts'
import { categorical, numeric } from '../../stats/profile-view.ts'
import type { Profile } from '../../stats/profile.ts'
import type { NumericView } from '../../stats/profile-view.ts'

/** Hours looked back from the first alert at least; of longer windows, their length and half of it. */
const LOOK_BACK = 24
/** Rows below which an hour alone says nothing. */
const MIN_ROWS = 5
/** Deviations from which an hour differs. */
const FAR = 3

/**
 * First hour of the change that led to findings at `hour` in a window of `length` hours: the run of differing hours that reaches up to
 * it. In longer windows, where rows are few, six parts of the window stand for the hours.
 */
export function changeBegan(history: History, hour: number, findings: readonly Finding[], length = 6): number {
  const size = partOf(length)
  const back = Math.max(LOOK_BACK, 1.5 * length)
  let began = hour
  let quiet = 0
  for (let h = hour; h > hour - back && quiet < 2; h -= size) {
    const differs = hourDiffers(history, h, findings, length)
    if (differs === undefined) continue
    if (differs) [began, quiet] = [h - size + 1, 0]
    else quiet += 1
  }
  return began
}

/** Hours that are looked at as one. */
function partOf(length: number): number {
  return Math.max(1, Math.floor(length / 6))
}

/**
 * Whether the rows of one hour, or of as many as count as one in a window of `length`, differ in a feature of the findings; undefined
 * when they are too few or have no past.
 */
export function hourDiffers(
  history: History,
  hour: number,
  findings: readonly Finding[],
  length = 6,
): boolean | undefined {
  const size = partOf(length)
  const now = size === 1 ? history.hours.get(hour) : windowOf(history, hour, size)
  if (now === undefined || rows(now) < MIN_ROWS) return undefined
  const past = matchedWindows(history, hour, size, { days: MATCHED_DAYS, minRows: MIN_ROWS })
  if (past.length < 5) return undefined
  return findings.some(({ feature, measure }) => {
    const i = history.spec.features.findIndex((one) => one.name === feature)
    const spec = history.spec.features[i]
    if (spec === undefined) return false
    if (measure === 'nulls' || measure === 'null_fall') return nullsDiffer(now, past, i)
    return spec.kind === 'numeric' ? numberDiffers({ now, past, i, scale: spec.scale }) : categoryDiffers(now, past, i)
  })
}

function nullsDiffer(now: Profile, past: readonly Profile[], i: number): boolean {
  const share = (profile: Profile): number => {
    const { n, nulls } = profile.spec.features[i]?.kind === 'numeric' ? numeric(profile, i) : categorical(profile, i)
    return nulls / Math.max(1, n + nulls)
  }
  return distance(share(now), deviation(past.map(share)), 0.05) > FAR
}

interface Numbers {
  readonly now: Profile
  readonly past: readonly Profile[]
  readonly i: number
  readonly scale: number
}

/** Share of values that the reference does not have. */
function strange(one: NumericView): number {
  return (one.unfamiliar + one.counts[0]! + one.counts.at(-1)!) / one.n
}

function numberDiffers({ now, past, i, scale }: Numbers): boolean {
  const view = numeric(now, i)
  if (view.n < MIN_ROWS) return false
  const before = past.map((one) => numeric(one, i)).filter((one) => one.n >= MIN_ROWS)
  if (before.length < 5) return false
  if (strange(view) > 0.5 + deviation(before.map(strange)).mean) return true
  return distance(view.meanOfAll, deviation(before.map((one) => one.meanOfAll)), 0.05 * scale) > FAR
}

function categoryDiffers(now: Profile, past: readonly Profile[], i: number): boolean {
  const other = (profile: Profile): number => {
    const view = categorical(profile, i)
    return view.counts.at(-1)! / Math.max(1, view.n)
  }
  if (other(now) > 0.05 + deviation(past.map(other)).mean) return true
  const view = categorical(now, i)
  const sums = new Float64Array(view.counts.length)
  for (const one of past) categorical(one, i).counts.forEach((count, k) => (sums[k]! += count))
  const all = sums.reduce((sum, count) => sum + count, 0)
  const gap = view.counts.reduce((sum, count, k) => sum + Math.abs(count / view.n - sums[k]! / all), 0) / 2
  return gap > 0.4
}
