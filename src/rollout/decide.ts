/** What to do next: a pure function of the plan, the step, the counts and the gates. Zero measurements are never success. */
import type { GateState, Plan } from '../contract/rollout.ts'
import type { Counts } from './evidence.ts'

export type Decision = 'advance' | 'promote' | 'rollback' | 'pause' | 'wait'

/** All that a decision depends on. */
export interface Situation {
  readonly plan: Plan
  /** 0 = shadow, 1… = canary weights of the plan. */
  readonly step: number
  readonly counts: Counts
  /** Counts when the step began. */
  readonly from: Counts
  readonly gates: readonly GateState[]
  /** What the gateway's breaker said, if it took the candidate to weight 0. */
  readonly breaker: string | null
  /** Event hours since the first observation of the step, or hours by the clock since it began, whichever is more. */
  readonly hours: number
}

export interface Decided {
  readonly decision: Decision
  readonly reason: string
}

export function decide(situation: Situation): Decided {
  const bad = rejection(situation)
  if (bad !== undefined) return { decision: situation.plan.on_failure === 'pause' ? 'pause' : 'rollback', reason: bad }
  const missing = whatIsMissing(situation)
  if (missing !== undefined) {
    return situation.hours > situation.plan.max_wait_hours
      ? { decision: 'pause', reason: `no decision within ${situation.plan.max_wait_hours} hours: ${missing}` }
      : { decision: 'wait', reason: missing }
  }
  const last = situation.step >= situation.plan.canary.length
  return {
    decision: last ? 'promote' : 'advance',
    reason: `${stepName(situation.plan, situation.step)} passed: ${passed(situation.gates)}`,
  }
}

function rejection({ gates, breaker }: Situation): string | undefined {
  if (breaker !== null) return `the gateway's breaker stopped it: ${breaker}`
  // a slice says more than the whole, and the strongest evidence comes first
  const failing = gates.filter((gate) => gate.status === 'failing').toSorted((a, b) => strength(b) - strength(a))
  if (failing.length === 0) return undefined
  return failing
    .slice(0, 3)
    .map((gate) => `gate ${gate.gate} failed: ${gate.reason}`)
    .join('; ')
}

function strength(gate: GateState): number {
  return (gate.slice === null ? 0 : 1e9) + Math.log(Math.max(1, gate.evidence))
}

/** What the step still needs, or undefined when it has everything. */
function whatIsMissing({ plan, step, counts, from, gates }: Situation): string | undefined {
  if (step === 0) {
    const pairs = counts.pairs - from.pairs
    if (pairs < plan.shadow.requests) return `${pairs} of ${plan.shadow.requests} shadow rows`
    if (counts.labelled < plan.shadow.labels) return `${counts.labelled} of ${plan.shadow.labels} labelled shadow rows`
    if (plan.shadow.requests === 0) return undefined
  } else {
    const requests = counts.canary - from.canary
    if (requests < plan.each.min_requests) return `${requests} of ${plan.each.min_requests} canary requests`
  }
  // a gate that needs no measurement (n_min 0) and has none is no success, and holds nothing up
  const waiting = gates.find(
    (gate) => gate.status === 'waiting' && (gate.n < gate.n_min || gate.gate === 'score_shift'),
  )
  return waiting === undefined
    ? undefined
    : `gate ${waiting.gate} has ${waiting.n} of ${waiting.n_min}: ${waiting.reason}`
}

function passed(gates: readonly GateState[]): string {
  return gates
    .filter((gate) => gate.slice === null)
    .map((gate) => `${gate.gate} on ${gate.n}`)
    .join(', ')
}

/** The name of a step: shadow, or canary with its share. */
export function stepName(plan: Plan, step: number): string {
  const weight = plan.canary[step - 1]
  return step === 0 || weight === undefined ? 'shadow' : `canary ${weight / 100} %`
}
