/** A test that something which was well has gone bad at a time nobody knows, valid at every observation. */
import { alternatives, checkAlpha } from './sequential.ts'
import type { RateOptions } from './sequential.ts'

/** Takes events one by one. Its memory does not grow. */
export interface ChangeTest {
  /** e-value against "the rate of events never was above the limit". */
  readonly e: number
  /** Counts one observation; true from the one on at which e reaches 1/alpha. */
  record(event: boolean): boolean
}

/** Half of the weight says that it was bad from the first; the other half begins at every later time, half of that within so many observations. */
const LATER = 100

/**
 * Tests "the rate of events is at most `limit` at all times" against a rise at any time: a mixture, over the time of the rise and the
 * rate after it, of likelihood ratios that begin then. Weights of all times sum to 1, so by Ville's inequality the chance that it ever
 * rejects while nothing is wrong is at most alpha, over all time. (The Shiryaev–Roberts recursion with spent weights; see Shin, Ramdas,
 * Rinaldo 2023, "E-detectors".) A plain e-process needs as long to turn as it went well before; this needs a time that grows with its logarithm.
 */
export function changeTest({ limit, alpha: wanted = 0.05 }: RateOptions): ChangeTest {
  const bar = 1 / checkAlpha(wanted)
  const rates = alternatives(limit)
  const ratios = rates.map(({ hit, miss }) => ({ hit: Math.exp(hit), miss: Math.exp(miss) }))
  const weights = rates.map(({ weight }) => Math.exp(weight))
  const sums = new Float64Array(rates.length)
  let [n, rest, e, over] = [0, 1, 1, false]
  return {
    get e() {
      return e
    },
    record(event) {
      if (over) return true
      n += 1
      const left = (0.5 * LATER) / (n + LATER)
      const fresh = rest - left
      rest = left
      e = rest
      for (const [i, ratio] of ratios.entries()) {
        sums[i] = ((sums[i] ?? 0) + fresh) * (event ? ratio.hit : ratio.miss)
        e += (weights[i] ?? 0) * (sums[i] ?? 0)
      }
      over = e >= bar
      return over
    },
  }
}
