/** Fewer points of a curve that still show its extremes. */

export interface CurvePoint {
  readonly step: number
  readonly timestamp: number
  readonly value: number
  readonly is_nan: number
}

/**
 * At most `most` (≥ 4) points, in the given order. The curve is cut into buckets of equal count; each keeps its first, least,
 * greatest and last point, so that a spike is never lost. Of points that are NaN a bucket keeps what falls on these places.
 */
export function downsample<T extends CurvePoint>(points: readonly T[], most: number): T[] {
  if (points.length <= most) return [...points]
  const buckets = Math.max(1, Math.floor(most / 4))
  const size = points.length / buckets
  return Array.from({ length: buckets }, (_, index) =>
    corners(points, Math.floor(index * size), Math.floor((index + 1) * size)),
  ).flat()
}

function corners<T extends CurvePoint>(points: readonly T[], from: number, to: number): T[] {
  let least = from
  let greatest = from
  for (let at = from; at < to; at++) {
    const value = numberAt(points, at)
    if (Number.isNaN(value)) continue
    if (!(value >= numberAt(points, least))) least = at
    if (!(value <= numberAt(points, greatest))) greatest = at
  }
  const kept = [...new Set([from, least, greatest, to - 1])].sort((left, right) => left - right)
  return kept.flatMap((at) => points[at] ?? [])
}

function numberAt(points: readonly CurvePoint[], at: number): number {
  const point = points[at]
  return point === undefined || point.is_nan === 1 ? Number.NaN : point.value
}
