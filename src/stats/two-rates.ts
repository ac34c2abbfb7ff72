/** Is one version's rate of events greater than another's? Valid whenever one looks, and whatever moves both rates at once. */
import { problem } from '../contract/errors.ts'
import { checkAlpha, rateTest, sumOfExp } from './sequential.ts'
import type { Evidence, RateState, SequentialTest } from './sequential.ts'

/** Trials and events of both versions in the same stretch of time. */
export interface Arms {
  readonly canary: RateState
  readonly stable: RateState
}

/** State of the test. `open` is the block under way, `closed` all before it; `logs` the log-likelihood ratio of each alternative. */
export interface TwoRatesState {
  open: Arms
  closed: Arms
  logs: number[]
}

export interface TwoRatesOptions {
  /** How many times the odds of stable are tolerated; at least 1. */
  readonly ratio: number
  /** A rate that is tolerated whatever stable does, 0 … 1 (excluded). */
  readonly above: number
  /** Chance of a false rejection over all time; 0.01 if not given. */
  readonly alpha?: number
}

export interface TwoRatesEvidence extends Evidence {
  /** The rate of stable in the same blocks; NaN before the first. */
  readonly stable: number
}

/** Trials of each version that a block needs. Counted without regard to their outcomes, as the test needs it. */
const BLOCK = 10

/** Odds ratios of the alternatives: even in logarithms from the tolerated one to so many times it, most weight about 3.3 times. */
const [ALTERNATIVES, GREATEST, CENTRE, SPREAD, NEAR] = [16, 100, 1.2, 0.5, 0.7]

const STEPS = Array.from({ length: ALTERNATIVES }, (_, i) => (Math.log(GREATEST) * (i + 1)) / ALTERNATIVES)

const WEIGHTS = weights()

function weights(): number[] {
  const bell = STEPS.map((step) => Math.exp(-0.5 * ((step - CENTRE) / SPREAD) ** 2))
  const all = bell.reduce((sum, one) => sum + one, 0)
  return bell.map((one) => Math.log((NEAR * one) / all + (1 - NEAR) / ALTERNATIVES))
}

/**
 * Tests "the canary's rate is at most `above`, or its odds are at most `ratio` times those of stable". Trials are gathered into blocks
 * (Turner, Ly, Grünwald 2024, "Generic e-variables for exact sequential k-sample tests"); of each block it counts how many of its events
 * are the canary's, given how many there are: Fisher's noncentral hypergeometric likelihood, in which the rates themselves cancel out, so a
 * fault of something that both versions depend on says nothing. Its ratio against a greater odds ratio is at most 1 on average for
 * every odds ratio that is tolerated, so the product over the blocks, mixed over the alternatives, is an e-process. The e-value is the lesser of
 * this one and of the test of the canary's rate against `above`: either hypothesis alone keeps it small.
 * One update is a batch whose end does not depend on its outcomes.
 */
export function twoRatesTest(
  options: TwoRatesOptions,
  state: TwoRatesState = freshTwoRates(),
): SequentialTest<TwoRatesState, Arms, TwoRatesEvidence> {
  const alpha = checkAlpha(options.alpha ?? 0.01)
  const { ratio, above } = options
  if (!(ratio >= 1)) throw problem('invalid_field', { field: 'ratio', value: ratio, expected: 'at least 1' })
  return {
    state,
    update(batch) {
      add(state.open, batch)
      if (state.open.canary.n < BLOCK || state.open.stable.n < BLOCK) return
      const ratios = likelihoodRatios(state.open, ratio)
      state.logs = state.logs.map((log, i) => log + (ratios[i] ?? 0))
      add(state.closed, state.open)
      state.open = freshArms()
    },
    evidence() {
      const { canary, stable } = state.closed
      const greater = sumOfExp(state.logs.map((log, i) => log + (WEIGHTS[i] ?? 0)))
      const e = Math.min(greater, rateTest({ limit: above, alpha }, canary).evidence().e)
      return {
        n: canary.n,
        estimate: canary.events / canary.n,
        stable: stable.events / stable.n,
        e,
        rejected: e >= 1 / alpha,
      }
    },
  }
}

function freshArms(): Arms {
  return { canary: { n: 0, events: 0 }, stable: { n: 0, events: 0 } }
}

/** State before the first trial. */
export function freshTwoRates(): TwoRatesState {
  return { open: freshArms(), closed: freshArms(), logs: STEPS.map(() => 0) }
}

function add(to: Arms, from: Arms): void {
  for (const arm of ['canary', 'stable'] as const) {
    to[arm].n += from[arm].n
    to[arm].events += from[arm].events
  }
}

/** Of each alternative the log of its likelihood over that of `ratio`, for how many of a block's events are the canary's. */
function likelihoodRatios({ canary, stable }: Arms, ratio: number): number[] {
  const events = canary.events + stable.events
  if (events === 0) return STEPS.map(() => 0)
  const ways = waysOf(canary.n, stable.n, events)
  const none = Math.max(0, events - stable.n)
  const total = (odds: number): number => logSum(ways.map((log, i) => log + (none + i) * odds))
  const from = Math.log(ratio)
  const base = total(from)
  return STEPS.map((step) => canary.events * step - total(from + step) + base)
}

/** log C(a, j) C(b, events − j), up to a constant, for each j that is possible. */
function waysOf(a: number, b: number, events: number): number[] {
  const ways = [0]
  for (let j = Math.max(0, events - b); j < Math.min(a, events); j++)
    ways.push((ways.at(-1) ?? 0) + Math.log(((a - j) * (events - j)) / ((j + 1) * (b - events + j + 1))))
  return ways
}

function logSum(logs: readonly number[]): number {
  const top = logs.reduce((a, b) => Math.max(a, b), -Infinity)
  return top + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - top), 0))
}
