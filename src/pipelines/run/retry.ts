/** When a failed attempt is tried again: a budget for each cause, and growing pauses. */
import type { Failure } from '../../contract/pipelines.ts'
import type { AttemptRow } from '../context/rows.ts'
import type { StepSpec } from '../spec/spec.ts'

/** Repeats by cause where the project file says nothing: our own faults are ours to repeat, the user's are not. */
export const BUDGETS: Readonly<Record<Failure, number>> = {
  user: 0,
  environment: 0,
  out_of_memory: 0,
  timeout: 0,
  infrastructure: 5,
  preempted: 5,
  // to wait again is to wait longer, which is what the limit is for
  no_place: 0,
}

const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 300_000

/**
 * Ms to wait before the next attempt; undefined when the budget of this cause is spent. `failed` are all failed attempts of
 * the step, this one included. The first loss is repeated at once. `random` in [0, 1) spreads the rest over half to whole.
 */
export function nextPause(
  cause: Failure,
  failed: readonly AttemptRow[],
  own: Partial<Record<Failure, number | undefined>>,
  random: number,
): number | undefined {
  const count = failed.filter((attempt) => attempt.failure?.class === cause).length
  const budget = own[cause] ?? BUDGETS[cause]
  if (count === 1 && budget >= 1 && failed.at(-1)?.state === 'lost') return 0
  return pauseAfter(count, budget, random)
}

/** Ms to wait after so many failures of one cause; undefined when they are more than `budget` allows to repeat. */
export function pauseAfter(count: number, budget: number, random: number): number | undefined {
  if (count > budget) return undefined
  const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (count - 1))
  return pause * (0.5 + random / 2)
}

/** True when a pause is over, or reaches further than any pause does: then the clock was set back. Times in ms. */
export function isDue(retryAt: number | null, now: number): boolean {
  return retryAt === null || retryAt <= now || retryAt > now + LONGEST_PAUSE_MS
}

/** Losses after which a step that may run on machines that can be taken away gets one that stays. */
const SPOT_LOSSES = 3

/** Whether the next attempt may run on a machine that can be taken away. `earlier` are those before. */
export function mayBeSpot({ spot }: Pick<StepSpec, 'spot'>, earlier: readonly AttemptRow[]): boolean {
  if (spot === undefined) return false
  const lost = earlier.filter((attempt) => attempt.spot === 1 && isTaken(attempt)).length
  return lost < (spot.losses ?? SPOT_LOSSES)
}

/** An attempt whose machine was taken away, or that vanished. */
function isTaken({ state, failure }: AttemptRow): boolean {
  return state === 'lost' || failure?.class === 'preempted'
}
