/** Functions of 32-bit floats as the C library rounds them, for models that compute in float32. */

/** Parts of a power of two that are looked up. */
const PARTS = 32
const PARTS_PER_UNIT = Math.LOG2E * PARTS
const CUBIC = 0.05550361559341535 / PARTS ** 3
const SQUARE = 0.2402284522445722 / PARTS ** 2
const LINE = 0.6931471806916203 / PARTS
/** Adding and taking away this rounds to a whole number, ties to even. */
const ROUND = 1.5 * 2 ** 52
const POWERS = Float64Array.from({ length: PARTS }, (_, i) => 2 ** (i / PARTS))
/** Where the result leaves the range of float32. */
const LARGEST = 88.72283172607422
const SMALLEST = -103.972076416015625

const { fround } = Math

/**
 * expf: the exponential of a float32, rounded as glibc 2.28 and newer round it (at most 0.502 units in the last place off, so not always
 * to the nearest).
 *
 * Source: the algorithm of expf in ARM's optimized routines (W. Dijkstra, S. Nagy), which glibc and musl use.
 */
export function exp32(x: number): number {
  if (x !== x) return x
  if (x > LARGEST) return Infinity
  if (x < SMALLEST) return 0
  const z = PARTS_PER_UNIT * x
  const k = z + ROUND - ROUND
  const r = z - k
  const part = ((k % PARTS) + PARTS) % PARTS
  const scale = POWERS[part]! * 2 ** ((k - part) / PARTS)
  return fround(((CUBIC * r + SQUARE) * (r * r) + (LINE * r + 1)) * scale)
}

/** The logistic function with every step rounded to float32, as XGBoost computes it. */
export function sigmoid32(x: number): number {
  return fround(1 / fround(exp32(Math.min(-x, fround(88.7))) + 1))
}
