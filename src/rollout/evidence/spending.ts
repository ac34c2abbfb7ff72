/** How the chance of a false rejection is spent over the tests of a rollout: fixed shares whose sum is the plan's alpha. */
import type { Plan } from '../../contract/rollout/plan.ts'
import { DEFAULTS } from './defaults.ts'

/** Parts of alpha. Failures get most: a caller meets them. A share that a plan does not use is not given to others, so that a slice or a limit added later changes nothing. */
const PARTS = {
  error_rate: 20,
  error_rate_vs_stable: 4,
  error_rate_slices: 1,
  latency: 1,
  quality: 2,
  quality_slices: 2,
  decision_flips: 1,
  breaker: 1,
  metrics: 1,
} as const

const ALL = Object.values(PARTS).reduce((sum, part) => sum + part, 0)

export type Spender = keyof typeof PARTS

/**
 * The chance, over the whole rollout and all its steps, that this test alone rejects a candidate that is not worse. The tests keep
 * their evidence from step to step, so a further step costs nothing. By the union bound all together spend `plan.alpha`, over all
 * the challengers that may be compared at once.
 */
export function alphaOf(plan: Pick<Plan, 'alpha' | 'challengers'>, spender: Spender): number {
  return (plan.alpha * PARTS[spender]) / ALL / (plan.challengers ?? 1)
}

/** The rate of failures that is tolerated, and the chance of a false alarm. */
export interface BreakerRule {
  readonly limit: number
  readonly alpha: number
}

/** The rule of the gateway's breaker: it tolerates what the plan does, and spends its own part of alpha. */
export function breakerOf(plan: Pick<Plan, 'alpha' | 'challengers' | 'gates'>): BreakerRule {
  return { limit: plan.gates.error_rate?.at_most ?? DEFAULTS.error_rate, alpha: alphaOf(plan, 'breaker') }
}
