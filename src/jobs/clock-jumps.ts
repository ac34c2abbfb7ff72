/** Tells when the wall clock was set: it moved against the monotonic clock. */

/** A difference smaller than this, ms, is not a jump. */
const LEAST_MS = 1000

export interface WatchedClock {
  /**
   * By how much the wall clock jumped since the last call, ms: 0 when it did not, positive forward (a suspended machine
   * too), negative backward.
   */
  jumped(): number
  /** Wall time without the jumps that `jumped` has not returned yet, ms since 1970. */
  now(): number
}

/** Watches the wall clock `now` (ms since 1970); `steady` is a monotonic clock, ms. */
export function watchClock(now: () => number, steady: () => number = () => performance.now()): WatchedClock {
  let offset = now() - steady()
  return {
    jumped() {
      const moved = now() - steady() - offset
      offset += moved
      return Math.abs(moved) < LEAST_MS ? 0 : moved
    },
    now: () => steady() + offset,
  }
}
