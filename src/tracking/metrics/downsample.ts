/** Fewer points of a curve that still show its extremes. */

/** The values of a curve's points, and for each 1 where it is NaN. */
export interface CurveValues {
  readonly values: Float64Array
  readonly nan: Float64Array
}

/**
 * The places of at most `most` (≥ 4) points, rising. The curve is cut into buckets of equal count; each keeps its first, least,
 * greatest and last point, so that a spike is never lost. Of points that are NaN a bucket keeps what falls on these places.
 */
export function downsample(curve: CurveValues, most: number): number[] {
  const { length } = curve.values
  if (length <= most) return Array.from({ length }, (_, at) => at)
  const buckets = Math.max(1, Math.floor(most / 4))
  const size = length / buckets
  return Array.from({ length: buckets }, (_, index) =>
    corners(curve, Math.floor(index * size), Math.floor((index + 1) * size)),
  ).flat()
}

function corners({ values, nan }: CurveValues, from: number, to: number): number[] {
  // a number is neither more nor less than these
  let [least, greatest] = [from, from]
  let [low, high] = [Number.NaN, Number.NaN]
  for (let at = from; at < to; at++) {
    const value = values[at] as number
    if (nan[at] === 1) continue
    if (!(value >= low)) [least, low] = [at, value]
    if (!(value <= high)) [greatest, high] = [at, value]
  }
  return [...new Set([from, least, greatest, to - 1])].sort((left, right) => left - right)
}
