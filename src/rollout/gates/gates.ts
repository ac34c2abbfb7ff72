/** Reads the evidence: the state of each gate against its boundary. Pure, so that a verdict replays. */
import { isDeepStrictEqual } from 'node:util'
import type { GateState } from '../../contract/rollout.ts'
import { stepsOf } from '../../contract/rollout/steps.ts'
import type { NotJudged } from '../../contract/serving.ts'
import { VERSUS_STABLE } from '../../contract/rollout/plan.ts'
import type { Plan } from '../../contract/rollout/plan.ts'
import { eBenjaminiHochberg } from '../../stats/false-discovery.ts'
import { differenceTest, rateTest } from '../../stats/sequential.ts'
import type { DifferenceState, Evidence as RateEvidence } from '../../stats/sequential.ts'
import { twoRatesTest } from '../../stats/two-rates.ts'
import { DEFAULTS } from '../evidence/defaults.ts'
import { errorTest, lossOptions, rulesFor, versusOptions } from '../evidence/evidence.ts'
import type { Evidence } from '../evidence/evidence.ts'
import { metricGates } from '../evidence/metrics.ts'
import { alphaOf } from '../evidence/spending.ts'
import { SPLIT, splitGate } from '../evidence/split.ts'

/** A slice is judged from this many labelled rows on. */
export const SLICE_ROWS = 10

/** Evidence from which a slice is named as what the whole was rejected for. */
const NAMED = 20

const BLANK = { slice: null, candidate: null, stable: null, interval: null }

/**
 * The gates of a plan as they stand. The chance of a false rejection over the whole rollout is `plan.alpha`, spent as `alphaOf` says;
 * the slices of one gate share theirs by e-Benjamini–Hochberg.
 */
export function gateStates(evidence: Evidence, plan: Plan, rules: number = rulesFor(evidence.rules)): GateState[] {
  const gates = allGates(evidence, plan, rules)
  if (rules < 4) return gates
  return gates.map((gate) => (isIdle(gate) && !isNamed(gate, plan) ? { ...gate, status: 'not_judged' } : gate))
}

/** The gates that have not judged, with why, as the endpoint tells of them; a person may promote past one that waits. */
export function notJudged(gates: readonly GateState[]): NotJudged[] {
  return gates
    .filter(({ status, slice }) => status === 'not_judged' || (slice === null && status === 'waiting'))
    .map(({ gate, slice, reason }) => ({ gate: slice === null ? gate : `${gate} by ${slice}`, reason }))
}

/** True for one that waits for more than it has, or has nothing at all. */
function isIdle({ status, n, n_min }: GateState): boolean {
  return status === 'waiting' && (n === 0 || n < n_min)
}

/**
 * Whether the plan names the gate, so that it has to be judged before the rollout goes forward. Beside a stable version that answers nobody
 * there is nothing to compare with, whatever the plan says.
 */
function isNamed({ gate }: GateState, plan: Plan): boolean {
  switch (gate) {
    case 'latency':
      return plan.gates.latency !== undefined
    case 'quality':
      return plan.gates.quality !== undefined || plan.shadow.labels > 0
    case 'error_rate_vs_stable':
      return hasOwnVersus(plan) && hasStable(plan)
    default:
      return gate !== SPLIT
  }
}

/** True where a plan has limits of its own for the comparison with stable; a plan that says nothing has the usual ones. */
function hasOwnVersus({ gates }: Plan): boolean {
  return !isDeepStrictEqual(gates.error_rate_vs_stable, VERSUS_STABLE)
}

/** True where stable answers some callers beside the candidate in a step of the plan. */
function hasStable(plan: Plan): boolean {
  return plan.mode !== 'blue_green' && stepsOf(plan).some((weight) => weight < 10_000)
}

function allGates(evidence: Evidence, plan: Plan, rules: number): GateState[] {
  const errors = errorGate(evidence, plan, rules)
  return [
    errors,
    ...versusGate(evidence, plan, rules),
    ...errorSlices(evidence, plan, errors),
    latencyGate(evidence, plan, rules),
    ...qualityGates(evidence, plan),
    ...(rules < 5 ? [] : unjudgedColumns(evidence, plan)),
    ...shiftGate(evidence, plan),
    ...flipGate(evidence, plan, alphaOf(plan, 'decision_flips')),
    ...metricGates(evidence.metrics, plan),
    ...splitGate(evidence.units, plan),
  ]
}

function status(rejected: boolean, enough: boolean): GateState['status'] {
  if (rejected) return 'failing'
  return enough ? 'passing' : 'waiting'
}

/** How a gate of a sequential test stands that passes from its first `n_min` observations on, one at least. */
function standing(gate: string, found: RateEvidence, n_min: number, alpha: number): Omit<GateState, 'reason'> {
  return {
    ...BLANK,
    gate,
    status: status(found.rejected, found.n > 0 && found.n >= n_min),
    evidence: found.e,
    boundary: 1 / alpha,
    n: found.n,
    n_min,
    candidate: number(found.estimate),
  }
}

function errorGate(evidence: Evidence, plan: Plan, rules: number): GateState {
  const limit = plan.gates.error_rate?.at_most ?? DEFAULTS.error_rate
  const found = errorTest(plan, evidence.errors).evidence()
  const n_min = leastRequests(plan, rules)
  return {
    ...BLANK,
    gate: 'error_rate',
    status: status(found.rejected, found.n >= n_min),
    evidence: found.e,
    boundary: 1 / alphaOf(plan, 'error_rate'),
    n: found.n,
    n_min,
    candidate: number(found.estimate),
    reason: `${evidence.errors.events} of ${found.n} failed; at most ${percent(limit)} is allowed`,
  }
}

/** Requests that a gate of all requests needs; by the present rules one at least, for none is no success. */
function leastRequests(plan: Plan, rules: number): number {
  return Math.max(rules < 4 ? 0 : 1, Math.min(plan.each.min_requests, 100))
}

/** Failures beside those of stable in the same minutes. Where stable answers too little to compare with, it waits if the plan names it. */
function versusGate(evidence: Evidence, plan: Plan, rules: number): GateState[] {
  const options = versusOptions(plan)
  if (options === undefined) return []
  const alpha = alphaOf(plan, 'error_rate_vs_stable')
  const n_min = rules >= 4 && hasOwnVersus(plan) && hasStable(plan) ? 1 : 0
  const { closed } = evidence.versus
  const found = twoRatesTest({ ...options, alpha }, evidence.versus).evidence()
  return [
    {
      ...standing('error_rate_vs_stable', found, n_min, alpha),
      stable: number(found.stable),
      reason:
        found.n === 0
          ? 'no minutes yet in which both answered enough callers'
          : `${closed.canary.events} of ${found.n} failed, ${closed.stable.events} of ${closed.stable.n} of stable; ${options.ratio} times as often is allowed, or ${percent(options.above)}`,
    },
  ]
}

/**
 * Failures within each slice, against the limit of the whole. Only slices that fail are told: the others say nothing that the whole does
 * not. When the whole is rejected before any slice is by itself, the one that most of the failures are in is named.
 */
function errorSlices(evidence: Evidence, plan: Plan, whole: GateState): GateState[] {
  const alpha = alphaOf(plan, 'error_rate_slices')
  const limit = plan.gates.error_rate?.at_most ?? DEFAULTS.error_rate
  const found = known(evidence.slice_errors).map(([slice, state]) => ({
    slice,
    events: state.events,
    one: rateTest({ limit, alpha }, state).evidence(),
  }))
  const rejected = eBenjaminiHochberg(
    found.map(({ one }) => one.e),
    alpha,
  )
  const here = found.filter(
    ({ events, one }) => one.e >= NAMED && events > evidence.errors.events / 2 && one.n < evidence.errors.n / 2,
  )
  const isNamed = whole.status === 'failing' && !rejected.includes(true)
  return found.flatMap((one, i): GateState[] => {
    if (rejected[i] === true) return [errorSlice(one, limit, { boundary: found.length / alpha, says: '' })]
    if (!isNamed || one !== here[0]) return []
    return [errorSlice(one, limit, { boundary: NAMED, says: '; most of the failures are here' })]
  })
}

function errorSlice(
  { slice, events, one }: { readonly slice: string; readonly events: number; readonly one: RateEvidence },
  limit: number,
  { boundary, says }: { readonly boundary: number; readonly says: string },
): GateState {
  return {
    ...BLANK,
    gate: 'error_rate',
    slice,
    status: 'failing',
    evidence: one.e,
    boundary,
    n: one.n,
    n_min: 0,
    candidate: number(one.estimate),
    reason: `${slice}: ${events} of ${one.n} failed; at most ${percent(limit)} is allowed${says}`,
  }
}

/** The slices in an order that does not depend on how the evidence was kept. */
function known<State>(slices: Readonly<Record<string, State>>): [string, State][] {
  return Object.entries(slices).toSorted(([a], [b]) => (a < b ? -1 : 1))
}

function latencyGate(evidence: Evidence, plan: Plan, rules: number): GateState {
  const alpha = alphaOf(plan, 'latency')
  const found = rateTest({ limit: DEFAULTS.slow_share, alpha }, evidence.slow).evidence()
  const above = evidence.slow_above
  // a gate that the plan does not name may reject, and does not hold the rollout up when stable is too quiet to compare with
  const n_min = plan.gates.latency === undefined ? 0 : leastRequests(plan, rules)
  return {
    ...standing('latency', found, n_min, alpha),
    reason:
      above === null
        ? 'stable has not answered often enough to know its p99'
        : `${evidence.slow.events} of ${found.n} slower than ${(above / 1000).toFixed(2)} ms; at most ${percent(DEFAULTS.slow_share)} is allowed`,
  }
}

/**
 * The whole and its slices. When the whole is rejected before any slice is by itself, the slice with the strongest evidence is named:
 * the decision rests on the whole, the name tells where to look.
 */
function qualityGates(evidence: Evidence, plan: Plan): GateState[] {
  const whole = qualityGate(evidence, plan, alphaOf(plan, 'quality'))
  const slices = sliceGates(evidence, plan, alphaOf(plan, 'quality_slices'))
  if (whole.status !== 'failing' || slices.some((gate) => gate.status === 'failing')) return [whole, ...slices]
  const worst = slices.reduce<GateState | undefined>(
    (a, b) => (a === undefined || b.evidence > a.evidence ? b : a),
    undefined,
  )
  if (worst === undefined || worst.evidence < NAMED) return [whole, ...slices]
  const named: GateState = {
    ...worst,
    status: 'failing',
    boundary: NAMED,
    reason: `${worst.reason}; the fall of the whole shows most here`,
  }
  return [whole, ...slices.map((gate) => (gate === worst ? named : gate))]
}

function qualityGate(evidence: Evidence, plan: Plan, alpha: number): GateState {
  const found = differenceTest({ ...lossOptions(plan), alpha }, evidence.quality).evidence()
  const n_min = plan.gates.quality === undefined ? plan.shadow.labels : Math.max(plan.shadow.labels, 200)
  return {
    ...standing('quality', found, n_min, alpha),
    interval: found.n === 0 ? null : [found.interval[0], found.interval[1]],
    reason: found.n === 0 ? 'no labels yet' : differenceText(found.estimate, found.n, lossOptions(plan).tolerance),
  }
}

function differenceText(estimate: number, n: number, allowed: number): string {
  return `mean loss differs from stable by ${estimate >= 0 ? '+' : ''}${estimate.toFixed(4)} on ${n} labelled rows; at most +${allowed} is allowed`
}

function sliceGates(evidence: Evidence, plan: Plan, alpha: number): GateState[] {
  const judged = known(evidence.slices).filter(([, state]) => state.blocks >= SLICE_ROWS)
  const found = judged.map(([slice, state]) => ({ slice, evidence: sliceEvidence(state, plan, alpha) }))
  const rejected = eBenjaminiHochberg(
    found.map((one) => one.evidence.e),
    alpha,
  )
  return found.map(({ slice, evidence: one }, i) => ({
    ...BLANK,
    gate: 'quality',
    slice,
    status: rejected[i] === true ? 'failing' : 'passing',
    evidence: one.e,
    // the boundary of the strongest slice; weaker ones that fail beside it have lower ones
    boundary: found.length / alpha,
    n: one.n,
    n_min: SLICE_ROWS,
    candidate: number(one.estimate),
    interval: [one.interval[0], one.interval[1]],
    reason: `${slice}: ${differenceText(one.estimate, one.n, lossOptions(plan).tolerance)}`,
  }))
}

/**
 * Columns that the plan names and of which no value has rows enough: where the whole is judged and they are not, silence would read as a
 * pass.
 */
function unjudgedColumns(evidence: Evidence, plan: Plan): GateState[] {
  if (evidence.quality.blocks === 0) return []
  return plan.slices.flatMap((column): GateState[] => {
    const values = known(evidence.slices).filter(([slice]) => slice.startsWith(`${column}=`))
    const n = values.reduce((most, [, { blocks }]) => Math.max(most, blocks), 0)
    if (n >= SLICE_ROWS) return []
    const reason = `no value of ${column} has ${SLICE_ROWS} labelled rows yet; the most that one has is ${n}`
    const alpha = alphaOf(plan, 'quality_slices')
    return [
      {
        ...BLANK,
        gate: 'quality',
        slice: column,
        status: 'not_judged',
        evidence: 1,
        boundary: 1 / alpha,
        n,
        n_min: SLICE_ROWS,
        reason,
      },
    ]
  })
}

function sliceEvidence(state: DifferenceState, plan: Plan, alpha: number) {
  return differenceTest({ ...lossOptions(plan), alpha }, state).evidence()
}

/** A shift tells that the models differ, not which is worse: it holds the rollout, it never rejects. */
function shiftGate(evidence: Evidence, plan: Plan): GateState[] {
  const limit = plan.gates.score_shift?.mean_abs_at_most
  if (limit === undefined) return []
  const { n, sum } = evidence.shift
  const mean = n === 0 ? 0 : sum / n
  const n_min = 100
  return [
    {
      ...BLANK,
      gate: 'score_shift',
      status: n >= n_min && mean <= limit ? 'passing' : 'waiting',
      evidence: mean,
      boundary: limit,
      n,
      n_min,
      candidate: mean,
      reason: `scores differ by ${mean.toFixed(4)} on average over ${n} pairs; at most ${limit} lets the rollout go on`,
    },
  ]
}

function flipGate(evidence: Evidence, plan: Plan, alpha: number): GateState[] {
  const wanted = plan.gates.decision_flips
  if (wanted === undefined) return []
  const found = rateTest({ limit: wanted.at_most, alpha }, evidence.flips).evidence()
  return [
    {
      ...BLANK,
      gate: 'decision_flips',
      status: status(found.rejected, found.n >= 100),
      evidence: found.e,
      boundary: 1 / alpha,
      n: found.n,
      n_min: 100,
      candidate: number(found.estimate),
      reason: `${evidence.flips.events} of ${found.n} decisions at ${wanted.threshold} differ; at most ${percent(wanted.at_most)} is allowed`,
    },
  ]
}

function number(value: number): number | null {
  return Number.isNaN(value) ? null : value
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`
}
