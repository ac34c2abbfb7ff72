/** Metrics of the business: values of both versions, compared as they come, each metric a gate. */
import type { GateState } from '../../contract/rollout.ts'
import type { Plan, PlanMetric } from '../../contract/rollout/plan.ts'
import { differenceTest, freshDifference } from '../../stats/sequential.ts'
import type { DifferenceEvidence, DifferenceState } from '../../stats/sequential.ts'
import { alphaOf } from './spending.ts'

interface Side {
  n: number
  sum: number
}

/** Values of a metric so far. The test is of losses: a metric that is better when higher is turned round. */
export interface MetricState {
  test: DifferenceState
  stable: Side
  canary: Side
}

function freshMetric(): MetricState {
  return { test: freshDifference(), stable: { n: 0, sum: 0 }, canary: { n: 0, sum: 0 } }
}

type Known = Readonly<Record<string, MetricState>>

/** What is known of a metric. Its name may be that of something which every object has, such as `constructor`. */
function stateOf(known: Known, name: string): MetricState {
  return (Object.hasOwn(known, name) ? known[name] : undefined) ?? freshMetric()
}

/** Counts a value; `arm` 1 = the candidate's. A metric that the plan does not name is left alone. */
export function countValue(
  known: Record<string, MetricState>,
  plan: Plan,
  { name, arm, value }: { readonly name: string; readonly arm: 0 | 1; readonly value: number },
): void {
  const metric = plan.metrics?.find((one) => one.name === name)
  if (metric === undefined) return
  const state = (known[name] = stateOf(known, name))
  const [low, high] = metric.range
  const kept = Math.min(high, Math.max(low, value))
  const side = arm === 1 ? state.canary : state.stable
  side.n += 1
  side.sum += kept
  const loss = metric.better === 'higher' ? low + high - kept : kept
  differenceTest(options(plan, metric), state.test).update(arm === 1 ? { canary: loss } : { stable: loss })
}

function isDeciding(plan: Plan, metric: PlanMetric): boolean {
  return plan.ab?.metric === metric.name
}

/** The metric that decides an A/B is tested for any difference, at its own level; the others as gates that share a part of alpha. */
function options(plan: Plan, metric: PlanMetric) {
  const [low, high] = metric.range
  if (plan.ab !== undefined && isDeciding(plan, metric))
    // two questions, better and worse, share the level
    return { low, high, tolerance: 0, margin: 0, alpha: plan.ab.alpha / 2 }
  return { low, high, tolerance: metric.tolerance, alpha: alphaOf(plan, 'metrics') / (plan.metrics?.length ?? 1) }
}

/** The name of the gate of a metric. */
export function metricGateName(metric: string): string {
  return `metric ${metric}`
}

/** The gates as they are told: those of the plan's metrics name theirs. What is kept of a verdict stays as it was judged. */
export function tellMetrics(gates: readonly GateState[], { metrics = [] }: Plan): GateState[] {
  const names = new Map(metrics.map(({ name }) => [metricGateName(name), name]))
  return gates.map((gate) => {
    const metric = names.get(gate.gate)
    return metric === undefined ? gate : { ...gate, metric }
  })
}

/** The gates of a plan's metrics. The one that decides an A/B never fails: what it finds is a decision and no fault. */
export function metricGates(known: Known, plan: Plan): GateState[] {
  return (plan.metrics ?? []).map((metric) => metricGate(stateOf(known, metric.name), plan, metric))
}

function metricGate(state: MetricState, plan: Plan, metric: PlanMetric): GateState {
  const wanted = options(plan, metric)
  const found = differenceTest(wanted, state.test).evidence()
  const least = Math.min(state.stable.n, state.canary.n)
  const failing = found.rejected && !isDeciding(plan, metric)
  return {
    gate: metricGateName(metric.name),
    slice: null,
    status: failing ? 'failing' : least >= metric.min_values ? 'passing' : 'waiting',
    evidence: found.e,
    boundary: 1 / wanted.alpha,
    n: least,
    n_min: metric.min_values,
    candidate: mean(state.canary),
    stable: mean(state.stable),
    interval: found.n === 0 ? null : upright(found.interval, metric),
    reason: reasonOf(state, metric),
  }
}

/** The interval of candidate − stable in the metric's own sign. */
function upright([from, to]: readonly [number, number], metric: PlanMetric): [number, number] {
  return metric.better === 'higher' ? [-to, -from] : [from, to]
}

function reasonOf({ stable, canary }: MetricState, metric: PlanMetric): string {
  if (stable.n === 0 || canary.n === 0)
    return `${canary.n} values of the candidate and ${stable.n} of stable: nothing to compare`
  const values = `${shown(mean(canary))} in ${canary.n} values of the candidate, ${shown(mean(stable))} in ${stable.n} of stable`
  return `${metric.name} ${values}; ${metric.better} is better, worse by ${metric.tolerance} is allowed`
}

function mean({ n, sum }: Side): number | null {
  return n === 0 ? null : sum / n
}

function shown(value: number | null): string {
  return value === null ? '–' : String(Number(value.toPrecision(4)))
}

/** What the deciding metric of an A/B says. */
export interface Outcome {
  readonly says: 'better' | 'worse' | 'no difference' | 'undecided'
  readonly reason: string
}

/** The outcome of an A/B as it stands; undefined for other plans. Valid whenever one looks. */
export function outcomeOf(known: Known, plan: Plan): Outcome | undefined {
  const metric = plan.metrics?.find((one) => isDeciding(plan, one))
  if (plan.ab === undefined || metric === undefined) return undefined
  const state = stateOf(known, metric.name)
  const found = differenceTest(options(plan, metric), state.test).evidence()
  return { says: saysOf(found, plan.ab.max_values), reason: reasonOf(state, metric) }
}

function saysOf(found: DifferenceEvidence, most: number): Outcome['says'] {
  if (found.notInferior) return 'better'
  if (found.rejected) return 'worse'
  return found.n >= most ? 'no difference' : 'undecided'
}
