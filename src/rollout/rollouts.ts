/** Rollouts as one thing: hooks for what is ingested, the loop of the controller, and what routes and monitors ask. */
import type { Leases } from '../jobs/leases.ts'
import type { Tx } from '../store/db.ts'
import { monitorSlices } from './ports.ts'
import { halt } from './controller/acts.ts'
import { rolloutHooks } from './observations/hooks.ts'
import type { RolloutHooks } from './observations/hooks.ts'
import { rolloutLoop } from './controller/loop.ts'
import type { RolloutLoop } from './controller/loop.ts'
import type { RolloutDeps } from './context/context.ts'

export interface Rollouts {
  readonly deps: RolloutDeps
  readonly hooks: RolloutHooks
  readonly loop: RolloutLoop
  wake(): void
  /** Slices that an endpoint's monitor names. */
  slicesOf(endpoint: string): Promise<readonly string[]>
  /** Ends the rollout under way on an endpoint; false when there is none. */
  halt(endpoint: string, reason: string): Promise<boolean>
}

/** Makes them; nothing is judged before the loop starts. */
export function openRollouts(deps: RolloutDeps, leases: Leases): Rollouts {
  const loop = rolloutLoop(deps, leases)
  return {
    deps,
    hooks: waking(rolloutHooks(deps), () => loop.wake()),
    loop,
    wake: () => loop.wake(),
    slicesOf: (endpoint) => monitorSlices(deps.db, endpoint),
    halt: (endpoint, reason) => halt(deps, endpoint, reason),
  }
}

/** The same hooks, after whose commit the controller looks at what came. */
function waking(hooks: RolloutHooks, wake: () => void): RolloutHooks {
  const after =
    <R>(hook: (t: Tx, rows: readonly R[]) => Promise<void>) =>
    async (t: Tx, rows: readonly R[]): Promise<void> => {
      await hook(t, rows)
      t.afterCommit(wake)
    }
  return {
    onPredictions: after((t, rows) => hooks.onPredictions(t, rows)),
    onShadows: after((t, rows) => hooks.onShadows(t, rows)),
    onBreakers: after((t, rows) => hooks.onBreakers(t, rows)),
    onLabels: after((t, rows) => hooks.onLabels(t, rows)),
  }
}
