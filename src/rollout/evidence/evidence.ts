/** The evidence of a rollout: sequential tests fed by observations in order. Plain data; the same observations give the same bits. */
import type { Plan } from '../../contract/rollout/plan.ts'
import { DEFAULTS } from './defaults.ts'
import { slowThreshold } from '../../stats/latency.ts'
import { countValue } from './metrics.ts'
import type { MetricState } from './metrics.ts'
import { count, differenceTest, freshDifference, rateTest } from '../../stats/sequential.ts'
import type { DifferenceState, RateState, SequentialTest } from '../../stats/sequential.ts'
import { alphaOf } from './spending.ts'
import { record, sketch, sketchFromJson, sketchToJson } from '../../stats/sketch.ts'
import type { SharesState } from '../../stats/shares.ts'
import type { SketchJson } from '../../stats/sketch.ts'
import { freshTwoRates, twoRatesTest } from '../../stats/two-rates.ts'
import type { TwoRatesState } from '../../stats/two-rates.ts'

/**
 * What was seen, as it is kept:
 * `s` an answer of stable (latency, µs); `c` an answer of the candidate to a caller or in shadow (failed 0/1, latency, µs, in shadow 0/1);
 * `e` whether the candidate failed on a row of these slices;
 * `x` callers' requests of one batch: how many were the candidate's, how many of them failed, and the same of stable;
 * `u` users that an A/B met first in one batch: the candidate's, others';
 * `m` a value of a metric (name, of the candidate 0/1, value);
 * `p` one row scored by both (stable's score, candidate's score); `l` such a row with its label (losses of stable and candidate, slices).
 */
export type Observation =
  | readonly ['s', number]
  | readonly ['c', 0 | 1, number, 0 | 1]
  | readonly ['e', 0 | 1, readonly string[]]
  | readonly ['u', number, number]
  | readonly ['x', number, number, number, number]
  | readonly ['p', number, number]
  | readonly ['m', string, 0 | 1, number]
  | readonly ['l', number, number, readonly string[]]

/** How much was seen. */
export interface Counts {
  /** Requests that the candidate was to answer for callers. */
  readonly canary: number
  /** Rows scored by both. */
  readonly pairs: number
  /** Such rows with labels. */
  readonly labelled: number
}

export interface Evidence {
  /** The rules by which it is counted, from the first observation on. */
  rules: number
  counts: { canary: number; pairs: number; labelled: number; failed: number }
  errors: RateState
  /** Failures of callers' requests beside those of stable. */
  versus: TwoRatesState
  /** Latencies of stable, µs, until the threshold is fixed. */
  stable: SketchJson | null
  /** Latency above which an answer counts as slow, µs; fixed once, before anything is counted against it. */
  slow_above: number | null
  slow: RateState
  shift: { n: number; sum: number }
  flips: RateState
  quality: DifferenceState
  /** The same test within each slice `column=value`. */
  slices: Record<string, DifferenceState>
  /** Failures within each slice. */
  slice_errors: Record<string, RateState>
  metrics: Record<string, MetricState>
  /** Users of an A/B by side. */
  units: SharesState
}

/** Answers of stable after which its p99 is taken as known (299 is the least for 95 % confidence). */
const STABLE_ANSWERS = 1000

/** Nothing under this counts as slow, µs: on an idle machine three times a tenth of a millisecond is nothing. */
const SLOW_FLOOR_US = 20_000

/**
 * Number of the rules by which observations are counted, gates judged and steps decided; kept with each verdict. A change by which the same
 * observations come out otherwise gives them the next one.
 */
export const RULES = 5

/** The oldest of them that a verdict is judged by again; of older ones only the results are compared. */
export const OLDEST_RULES = 2

/** The rules by which what was counted by others is judged: the same, or those of now where they are too old. */
export function rulesFor(counted: number | undefined): number {
  return counted !== undefined && counted >= OLDEST_RULES ? counted : RULES
}

export function freshEvidence(): Evidence {
  return {
    rules: RULES,
    counts: { canary: 0, pairs: 0, labelled: 0, failed: 0 },
    errors: { n: 0, events: 0 },
    versus: freshTwoRates(),
    stable: sketchToJson(sketch(0.01, 1, 1e8)),
    slow_above: null,
    slow: { n: 0, events: 0 },
    shift: { n: 0, sum: 0 },
    flips: { n: 0, events: 0 },
    quality: freshDifference(),
    slices: {},
    slice_errors: {},
    metrics: {},
    units: { counts: [0, 0] },
  }
}

/** Takes observations in, in order. Changes `evidence`. */
export function observe(evidence: Evidence, plan: Plan, observations: readonly Observation[]): void {
  const stable = evidence.stable === null ? null : sketchFromJson(evidence.stable)
  for (const one of observations) {
    if (one[0] !== 's') {
      tell(evidence, plan, one)
    } else if (stable !== null && evidence.slow_above === null) {
      record(stable, one[1])
      if (stable.n >= STABLE_ANSWERS) evidence.slow_above = threshold(stable, plan)
    }
  }
  evidence.stable = stable === null || evidence.slow_above !== null ? null : sketchToJson(stable)
}

function tell(evidence: Evidence, plan: Plan, one: Exclude<Observation, readonly ['s', number]>): void {
  switch (one[0]) {
    case 'c':
      return answer(evidence, plan, one)
    case 'e':
      return sliceAnswer(evidence, one)
    case 'p':
      return pair(evidence, plan, one)
    case 'l':
      return label(evidence, plan, one)
    case 'm':
      return countValue(evidence.metrics, plan, { name: one[1], arm: one[2], value: one[3] })
    case 'x':
      return both(evidence, plan, one)
    case 'u':
      evidence.units.counts = [one[1], one[2]].map((n, side) => n + (evidence.units.counts[side] ?? 0))
  }
}

/** Slices that are told apart; the rows of others count in the whole alone. */
const MOST_SLICES = 500

function isRoom(known: Readonly<Record<string, unknown>>, slice: string): boolean {
  return Object.hasOwn(known, slice) || Object.keys(known).length < MOST_SLICES
}

function sliceAnswer(evidence: Evidence, [, failed, slices]: Extract<Observation, readonly ['e', ...unknown[]]>): void {
  const known = evidence.slice_errors
  for (const slice of slices) if (isRoom(known, slice)) count((known[slice] ??= { n: 0, events: 0 }), failed === 1)
}

function label(
  evidence: Evidence,
  plan: Plan,
  [, stable, canary, slices]: Extract<Observation, readonly ['l', ...unknown[]]>,
): void {
  evidence.counts.labelled += 1
  const told = slices.filter((slice) => isRoom(evidence.slices, slice))
  for (const state of [evidence.quality, ...told.map((slice) => (evidence.slices[slice] ??= freshDifference()))]) {
    differenceTest(lossOptions(plan), state).update({ stable, canary })
  }
}

/** How losses are compared: the range that they lie in, and the difference that is tolerated. */
export function lossOptions(plan: Plan): { readonly low: number; readonly high: number; readonly tolerance: number } {
  const [low, high] = plan.gates.quality?.range ?? [0, 1]
  return { low, high, tolerance: plan.gates.quality?.tolerance ?? DEFAULTS.tolerance }
}

/** The loss of a score by the plan's measure: brier and squared are squared errors, zero_one is a wrong decision at 0.5. */
export function lossOf(plan: Plan, score: number, label: number): number {
  if (plan.gates.quality?.loss === 'zero_one') return score >= 0.5 === label >= 0.5 ? 0 : 1
  return (score - label) ** 2
}

function threshold(stable: ReturnType<typeof sketch>, plan: Plan): number {
  const ratio = plan.gates.latency?.p99_ratio_at_most ?? DEFAULTS.p99_ratio
  return Math.max(SLOW_FLOOR_US, ratio * (slowThreshold(stable) ?? 0))
}

/** The test of the plan's limit of failures. */
export function errorTest(plan: Plan, state: RateState): SequentialTest<RateState, boolean> {
  const limit = plan.gates.error_rate?.at_most ?? DEFAULTS.error_rate
  return rateTest({ limit, alpha: alphaOf(plan, 'error_rate') }, state)
}

function answer(
  evidence: Evidence,
  plan: Plan,
  [, failed, us, shadow]: Extract<Observation, readonly ['c', ...unknown[]]>,
): void {
  if (shadow === 0) evidence.counts.canary += 1
  if (failed === 1 && shadow === 0) evidence.counts.failed += 1
  errorTest(plan, evidence.errors).update(failed === 1)
  if (failed === 0 && evidence.slow_above !== null) count(evidence.slow, us > evidence.slow_above)
}

function both(evidence: Evidence, plan: Plan, one: Extract<Observation, readonly ['x', ...unknown[]]>): void {
  const options = versusOptions(plan)
  if (options === undefined) return
  const [, n, failed, others, failedThere] = one
  const batch = { canary: { n, events: failed }, stable: { n: others, events: failedThere } }
  twoRatesTest(options, evidence.versus).update(batch)
}

/** What a plan tolerates beside stable; undefined where it does not ask. */
export function versusOptions(plan: Plan): { readonly ratio: number; readonly above: number } | undefined {
  const wanted = plan.gates.error_rate_vs_stable
  return wanted === undefined || wanted === false ? undefined : { ratio: wanted.ratio_at_most, above: wanted.above }
}

function pair(
  evidence: Evidence,
  plan: Plan,
  [, stable, candidate]: Extract<Observation, readonly ['p', ...unknown[]]>,
): void {
  evidence.counts.pairs += 1
  evidence.shift.n += 1
  evidence.shift.sum += Math.abs(candidate - stable)
  const at = plan.gates.decision_flips?.threshold
  if (at !== undefined) count(evidence.flips, stable >= at !== candidate >= at)
}
