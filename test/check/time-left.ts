/** The end of a check that has one: when test files no longer begin, and when those that still run are ended. */

/** What runs on after the last file could begin is ended after this long, ms; what is tried again then, after that. */
const FIRST_MS = 180_000
const SECOND_MS = 270_000

/** How long test files may take, in ms. */
export interface TimeLeft {
  /** Whether a file that took `expectedMs` the last time may begin, while what failed, and took `failedMs`, is still to be tried again. */
  mayBegin(expectedMs: number, failedMs: number): boolean
  /** Until what runs is ended; 0 when it is over. */
  leftMs(): number
  /** Resolves when no file may begin. */
  readonly over: Promise<void>
}

/** The time of the first tries, and that of the second ones, which come last. */
export interface CheckTime extends TimeLeft {
  readonly again: TimeLeft
}

/** Files begin until `until`, a time of the clock `now` in ms. */
export function timeLeft(until: number, now: () => number = Date.now): CheckTime {
  const before = (ms: number): number => Math.max(0, until + ms - now())
  // what failed takes its time again: it may use the minutes for second tries, and more only if less begins
  const beyondSpare = (failedMs: number): number => Math.max(0, failedMs - (SECOND_MS - FIRST_MS))
  // by the clock: the end is a time of day
  const over = new Promise<void>((done) => void setTimeout(done, before(0)).unref())
  return {
    mayBegin: (expectedMs, failedMs) =>
      before(0) > beyondSpare(failedMs) && before(FIRST_MS) > expectedMs + beyondSpare(failedMs),
    leftMs: () => before(FIRST_MS),
    over,
    again: { mayBegin: () => before(SECOND_MS) > 0, leftMs: () => before(SECOND_MS), over },
  }
}
