/** Tells when the wall clock was set: it moved against the clock of the processor, which only goes forward. */

/** A step of the wall clock smaller than this, between two questions, is no jump, ms. */
const LEAST_MS = 1000

export interface WatchedClock {
  /**
   * By how much the wall clock jumped since this was asked last, ms: 0 when it did not, positive forward (a suspended machine
   * too), negative backward.
   */
  jumped(): number
  /** Wall time without the jumps that `jumped` has not told yet, ms since 1970. */
  now(): number
}

/** Watches the wall clock `now` (ms since 1970); `steady` is ms of a clock that nobody sets. */
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
