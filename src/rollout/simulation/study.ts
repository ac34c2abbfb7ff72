/** Many simulated rollouts of one plan, and what they tell of it: how often it stops what is equal, how soon it stops what is not. */
import type { Plan } from '../../contract/rollout/plan.ts'
import { prng } from '../../stats/prng.ts'
import type { Prng } from '../../stats/prng.ts'
import { simulate } from './simulate.ts'
import type { SimResult, SimRow } from './simulate.ts'

export interface Study {
  readonly runs: number
  readonly seed: number
  /** Rows between two looks. */
  readonly every: number
  readonly labelDelay: number
  /** The rows of one run. */
  readonly rows: (random: Prng) => Iterable<SimRow>
}

export interface StudyResult {
  readonly runs: number
  readonly promoted: number
  /** Rolled back, or paused where the plan pauses on failure. */
  readonly stopped: number
  readonly undecided: number
  /** Canary requests and rows at which runs were stopped, rising; what was not stopped is not in them. */
  readonly canary: readonly number[]
  readonly rows: readonly number[]
  /** By which gates, how often. */
  readonly by: Readonly<Record<string, number>>
}

/** Plays `runs` rollouts, each with its own seed: the same study gives the same result. */
export function study(plan: Plan, { runs, seed, every, labelDelay, rows }: Study): StudyResult {
  const results = Array.from({ length: runs }, (_, i) => {
    const random = prng(seed * 1_000_003 + i)
    return simulate(plan, rows(random), { random, every, labelDelay })
  })
  const stopped = results.filter(isStopped)
  const by: Record<string, number> = {}
  for (const name of stopped.flatMap((one) => one.failed)) by[name] = (by[name] ?? 0) + 1
  return {
    runs,
    promoted: results.filter((one) => one.outcome === 'promoted').length,
    stopped: stopped.length,
    undecided: runs - stopped.length - results.filter((one) => one.outcome === 'promoted').length,
    canary: stopped.map((one) => one.canary).toSorted((a, b) => a - b),
    rows: stopped.map((one) => one.rows).toSorted((a, b) => a - b),
    by,
  }
}

/** Stopped by a gate or the breaker; a pause for want of evidence is no judgement. */
function isStopped({ outcome, failed }: SimResult): boolean {
  return outcome === 'rolled_back' || (outcome === 'paused' && failed.length > 0)
}

/** The share of all runs that was stopped within so many canary requests. */
export function stoppedWithin({ runs, canary }: StudyResult, requests: number): number {
  return canary.filter((one) => one <= requests).length / runs
}

/** The canary requests, or rows, by which a share of all runs was stopped; null when fewer ever were. */
export function quantileOf(sorted: readonly number[], share: number, runs: number): number | null {
  return sorted[Math.ceil(share * runs) - 1] ?? null
}
