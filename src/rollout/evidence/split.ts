/** Whether an A/B splits its users as the plan asks for. Pure, so that a verdict replays. */
import type { GateState } from '../../contract/rollout.ts'
import type { Plan } from '../../contract/rollout/plan.ts'
import { sharesTest } from '../../stats/shares.ts'
import type { SharesState } from '../../stats/shares.ts'

/** A split that is not what it says is no fault of the candidate; but what was compared was not alike. */
export const SPLIT = 'sample_ratio'

/** Chance that a right split is called wrong, over the whole A/B. Not of the plan's alpha: it pauses, and rejects nobody. */
const ALPHA = 0.001

/** Shares of the users that are to meet the candidate and anyone else; undefined where there is no split to check. */
export function sharesOf({ ab }: Plan): readonly [number, number] | undefined {
  if (ab === undefined || ab.share >= 10_000) return undefined
  return [ab.share / 10_000, 1 - ab.share / 10_000]
}

/** The check of the split as it stands; a plan without one has none. */
export function splitGate(units: SharesState, plan: Plan): GateState[] {
  const shares = sharesOf(plan)
  if (shares === undefined) return []
  const found = sharesTest({ shares, alpha: ALPHA }, units).evidence()
  const [mine = 0] = units.counts
  return [
    {
      gate: SPLIT,
      slice: null,
      status: found.rejected ? 'failing' : found.n === 0 ? 'waiting' : 'passing',
      evidence: found.e,
      boundary: 1 / ALPHA,
      n: found.n,
      n_min: 0,
      candidate: found.n === 0 ? null : found.estimate,
      stable: null,
      interval: null,
      reason: `${mine} of ${found.n} users met the candidate; the plan gives it ${Number((shares[0] * 100).toFixed(2))} %`,
    },
  ]
}
