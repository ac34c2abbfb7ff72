/** Tests that are valid whenever one looks: e-processes for rates and for differences between canary and stable. */

import { problem } from '../contract/errors.ts'

/**
 * A sequential test. `state` is plain data: kept as JSON and passed to the maker again, the test goes on as if never stopped, and
 * the same observations in the same order give the same bits.
 */
export interface SequentialTest<State, Observation, Found extends Evidence = Evidence> {
  readonly state: State
  update(x: Observation): void
  evidence(): Found
}

/**
 * What a test knows now. `e` is an e-value against "nothing is wrong": under that hypothesis the chance that it ever reaches
 * 1/α is at most α (Ville's inequality), however often one looks.
 */
export interface Evidence {
  /** Observations that count: trials of a rate, compared blocks of a difference. */
  readonly n: number
  /** The observed rate, or the mean difference canary − stable. NaN before the first observation. */
  readonly estimate: number
  readonly e: number
  /** e ≥ 1/alpha: the hypothesis is rejected. Once true for a sequence it may be acted upon for good. */
  readonly rejected: boolean
}

/** State of a test of a rate: trials and events among them. */
export interface RateState {
  n: number
  events: number
  /** The e-value of trials that were told in their order. */
  wealth?: number
}

export interface RateOptions {
  /** The rate that is tolerated, between 0 and 1 (excluded). */
  readonly limit: number
  /** Chance of a false rejection over all time; 0.05 if not given. */
  readonly alpha?: number
}

/** Rates of the mixture: odds of the alternatives, spread evenly in log-odds between the limit and nearly 1. */
const ALTERNATIVES = 24

/**
 * Weights of the mixture: most of it lies about a rate whose odds are four to five times the limit's, the least that hurts and the hardest to
 * see; the rest is even, so that a candidate that always fails is met within a few trials.
 */
const [CENTRE, SPREAD, NEAR] = [1.4, 0.4, 0.8]

/**
 * Tests "the rate of events is at most `limit`", for errors, timeouts, bad schemas, flipped decisions, or answers slower than a threshold
 * fixed beforehand. The e-value is a weighted mixture of likelihood ratios against greater rates; each is an e-process for any rate ≤ limit, even
 * a changing one (Robbins 1970; Ramdas et al. 2023, "Game-theoretic statistics and safe anytime-valid inference"). Where `update` is told of
 * the trials in their order, it bets by what the mixture expects (Waudby-Smith, Ramdas 2024), but never for more than the rejection needs,
 * so that less is lost with each trial that is well; and the evidence stands still once it rejects, so what comes between two looks is not
 * lost. `count` alone suffices where the order is not known.
 */
export function rateTest(
  options: RateOptions,
  state: RateState = { n: 0, events: 0 },
): SequentialTest<RateState, boolean> {
  const { limit } = options
  const alpha = checkAlpha(options.alpha ?? 0.05)
  if (!(limit > 0 && limit < 1))
    throw problem('invalid_field', { field: 'limit', value: limit, expected: 'between 0 and 1' })
  const ratios = alternatives(limit)
  const enough = 1 / alpha
  return {
    state,
    update(event) {
      const before = state.wealth ?? weighed(ratios, state).e
      if (before < enough) {
        // more than this would be won above what is needed
        const rate = Math.min(weighed(ratios, state).rate, (limit * enough) / before)
        const after = before * (event ? rate / limit : (1 - rate) / (1 - limit))
        state.wealth = after > enough * (1 - 1e-12) ? Math.max(after, enough) : after
      }
      count(state, event)
    },
    evidence() {
      const e = state.wealth ?? weighed(ratios, state).e
      return { n: state.n, estimate: state.events / state.n, e, rejected: e >= enough }
    },
  }
}

/** What the mixture has come to, and the rate that it now expects: the mean of its alternatives, each by what it has come to. */
function weighed(ratios: readonly Alternative[], { n, events }: RateState): { e: number; rate: number } {
  const logs = ratios.map(({ hit, miss, weight }) => weight + events * hit + (n - events) * miss)
  const top = Math.max(...logs)
  let [sum, rates] = [0, 0]
  for (const [i, log] of logs.entries()) {
    const share = Math.exp(log - top)
    sum += share
    rates += share * (ratios[i]?.rate ?? 0)
  }
  return { e: Math.min(Number.MAX_VALUE, Math.exp(top + Math.log(sum))), rate: rates / sum }
}

/** Counts one trial of a rate, in any order; what it proves is worked out when a test asks. */
export function count(state: RateState, event: boolean): void {
  state.n += 1
  if (event) state.events += 1
}

/** An alternative of a rate: what a hit and a miss add to the log of its likelihood ratio, and the log of its weight. */
interface Alternative {
  readonly rate: number
  readonly hit: number
  readonly miss: number
  readonly weight: number
}

const known = new Map<number, readonly Alternative[]>()

/** The alternatives to "the rate is at most `limit`" (between 0 and 1); their weights sum to 1. Kept, for a test is read at each look. */
function alternatives(limit: number): readonly Alternative[] {
  const found = known.get(limit) ?? makeAlternatives(limit)
  if (known.size > 100) known.clear()
  known.set(limit, found)
  return found
}

function makeAlternatives(limit: number): Alternative[] {
  const from = Math.log(limit / (1 - limit))
  const width = Math.max(Math.log(0.95 / 0.05) - from, 0.5)
  const steps = Array.from({ length: ALTERNATIVES }, (_, i) => (width * (i + 1)) / ALTERNATIVES)
  const bell = steps.map((step) => Math.exp(-0.5 * ((step - Math.min(CENTRE, width)) / SPREAD) ** 2))
  const all = bell.reduce((sum, one) => sum + one, 0)
  return steps.map((step, i) => {
    const rate = 1 / (1 + Math.exp(-(from + step)))
    return {
      rate,
      hit: Math.log(rate / limit),
      miss: Math.log((1 - rate) / (1 - limit)),
      weight: Math.log((NEAR * (bell[i] ?? 0)) / all + (1 - NEAR) / ALTERNATIVES),
    }
  })
}

/** The sum of exp(x), without overflow until the result overflows; at most Number.MAX_VALUE so that it survives JSON. */
export function sumOfExp(logs: readonly number[]): number {
  const top = Math.max(...logs)
  return Math.min(Number.MAX_VALUE, Math.exp(top + Math.log(logs.reduce((sum, x) => sum + Math.exp(x - top), 0))))
}

function meanOfExp(logs: readonly number[]): number {
  const share = Math.log(logs.length)
  return sumOfExp(logs.map((log) => log - share))
}

/** Throws `invalid_field` for an alpha that is no chance. */
export function checkAlpha(alpha: number): number {
  if (!(alpha > 0 && alpha < 1))
    throw problem('invalid_field', { field: 'alpha', value: alpha, expected: 'between 0 and 1' })
  return alpha
}

/** One observation of a difference: the arm it belongs to and its value, or both values of a pair (same row scored by both). */
export type Difference =
  | { readonly canary: number; readonly stable: number }
  | { readonly canary: number }
  | { readonly stable: number }

export interface DifferenceOptions {
  /** Values lie in [low, high]: 0 … 1 for errors and Brier losses, the default. Values outside are clipped. */
  readonly low?: number
  readonly high?: number
  /** The difference canary − stable that is tolerated, in units of the values; 0.01 if not given. */
  readonly tolerance?: number
  /** The difference that would be harmful, for the claim "not inferior"; the tolerance if not given. */
  readonly margin?: number
  /** Chance of a false rejection over all time; 0.01 (e ≥ 100) if not given. */
  readonly alpha?: number
}

/** State of a test of a difference. `worse` and `better` are log-wealths, one a bet. */
export interface DifferenceState {
  waiting: { canary: { n: number; sum: number }; stable: { n: number; sum: number } }
  blocks: number
  sum: number
  worse: number[]
  better: number[]
  bernstein: BernsteinState
}

/** State of the empirical-Bernstein confidence sequence on values scaled to 0 … 1. */
export interface BernsteinState {
  weights: number
  weighted: number
  variation: number
  sum: number
  squares: number
}

/** What a test of a difference knows; `e` and `rejected` speak of "canary is worse than stable by more than the tolerance". */
export interface DifferenceEvidence extends Evidence {
  /** e-value against "canary is worse by at least the margin"; at 1/alpha the canary is shown to be not inferior. */
  readonly eNotInferior: number
  readonly notInferior: boolean
  /** A confidence sequence of the mean difference: with chance ≥ 1 − alpha it holds the truth at all times at once. */
  readonly interval: readonly [number, number]
}

/** Shares of the greatest safe bet that are tried at once. */
const BETS = [0.01, 0.02, 0.04, 0.08, 0.12, 0.18, 0.25, 0.35, 0.5, 0.7, 0.9]

/**
 * Tests "the mean of canary − stable is at most `tolerance`" by betting against it: the wealth ∏(1 + λ(dᵢ − tolerance)), averaged over fixed bets
 * λ, is an e-process for bounded differences of any distribution (Waudby-Smith, Ramdas 2024, "Estimating means of bounded random variables
 * by betting"). Paired values give one difference each. Unpaired values wait until the other arm has some, and then the means of both
 * are compared: order of arrival alone decides which, so both arms see the same times.
 * For a difference of rates pass 0 and 1.
 */
export function differenceTest(
  options: DifferenceOptions = {},
  state: DifferenceState = freshDifference(),
): SequentialTest<DifferenceState, Difference, DifferenceEvidence> {
  const [low, high] = [options.low ?? 0, options.high ?? 1]
  const alpha = checkAlpha(options.alpha ?? 0.01)
  if (!(high > low)) throw problem('invalid_field', { field: 'high', value: high, expected: `above ${low}` })
  const width = high - low
  const tolerance = checkShare('tolerance', (options.tolerance ?? 0.01) / width)
  const margin = checkShare('margin', (options.margin ?? options.tolerance ?? 0.01) / width)
  const scale = (x: number): number => Math.min(1, Math.max(0, (x - low) / width))
  return {
    state,
    update(x) {
      const d = takeBlock(state, x, scale)
      if (d === undefined) return
      state.blocks += 1
      state.sum += d
      bet(state.worse, d - tolerance, 1 + tolerance)
      bet(state.better, margin - d, 1 - margin)
      observe(state.bernstein, (d + 1) / 2, state.blocks, alpha)
    },
    evidence() {
      const [e, eNotInferior] = [meanOfExp(state.worse), meanOfExp(state.better)]
      const [from, to] = bernsteinInterval(state.bernstein, alpha)
      return {
        n: state.blocks,
        estimate: (state.sum / state.blocks) * width,
        e,
        rejected: e >= 1 / alpha,
        eNotInferior,
        notInferior: eNotInferior >= 1 / alpha,
        interval: [(2 * from - 1) * width, (2 * to - 1) * width],
      }
    },
  }
}

function checkShare(field: string, share: number): number {
  if (!(share >= 0 && share < 1))
    throw problem('invalid_field', { field, value: share, expected: 'at least 0 and below high − low' })
  return share
}

/** State before the first observation. */
export function freshDifference(): DifferenceState {
  return {
    waiting: { canary: { n: 0, sum: 0 }, stable: { n: 0, sum: 0 } },
    blocks: 0,
    sum: 0,
    worse: BETS.map(() => 0),
    better: BETS.map(() => 0),
    bernstein: { weights: 0, weighted: 0, variation: 0, sum: 0, squares: 0 },
  }
}

function takeBlock(state: DifferenceState, x: Difference, scale: (x: number) => number): number | undefined {
  if ('canary' in x && 'stable' in x) return scale(x.canary) - scale(x.stable)
  const { canary, stable } = state.waiting
  const arm = 'canary' in x ? canary : stable
  arm.n += 1
  arm.sum += scale('canary' in x ? x.canary : x.stable)
  if (canary.n === 0 || stable.n === 0) return undefined
  const d = canary.sum / canary.n - stable.sum / stable.n
  canary.n = canary.sum = stable.n = stable.sum = 0
  return d
}

/** Pays each bet: the gain is at least −worst, so a bet below 1/worst never loses all. */
function bet(logs: number[], gain: number, worst: number): void {
  for (const [i, share] of BETS.entries()) logs[i]! += Math.log1p((share / worst) * gain)
}

/** Predictable plug-in empirical Bernstein (Waudby-Smith, Ramdas 2024, theorem 2) for values x in 0 … 1; `t` counts x. */
function observe(s: BernsteinState, x: number, t: number, alpha: number): void {
  const before = t - 1
  const mean = (0.5 + s.sum) / (before + 1)
  const variance = (0.25 + s.squares) / (before + 1)
  const lambda = Math.min(0.5, Math.sqrt((2 * Math.log(2 / alpha)) / (variance * t * Math.log(1 + t))))
  s.weights += lambda
  s.weighted += lambda * x
  s.variation += (x - mean) ** 2 * (-Math.log1p(-lambda) - lambda)
  s.sum += x
  s.squares += (x - (0.5 + s.sum) / (t + 1)) ** 2
}

function bernsteinInterval(s: BernsteinState, alpha: number): [number, number] {
  if (s.weights === 0) return [0, 1]
  const centre = s.weighted / s.weights
  const radius = (Math.log(2 / alpha) + s.variation) / s.weights
  return [Math.max(0, centre - radius), Math.min(1, centre + radius)]
}
