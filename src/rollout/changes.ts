/** Changes of a rollout: each is one transaction with the endpoint's variants, done only if the rollout still is where it was judged. */
import { SYSTEM } from '../auth/tokens.ts'
import type { Principal } from '../contract/access.ts'
import type { Plan } from '../contract/rollout.ts'
import { faultPoint } from '../store/fault.ts'
import type { Tx } from '../store/db.ts'
import { evidenceOf } from './room.ts'
import type { RolloutDeps, RolloutRow, RolloutState, Target, Wanted } from './room.ts'
import { breakerOf } from './spending.ts'
import { storeVerdict } from './verdicts.ts'
import type { Judged } from './verdicts.ts'

/** The variants of a step. The candidate goes on scoring in shadow what it does not answer, so that pairs keep coming. */
export function variantsAt(row: RolloutRow, plan: Plan, step: number): Wanted[] {
  const weight = plan.canary[step - 1]
  const variants = stableOnly(row)
  if (weight !== undefined) variants.push({ role: 'canary', version: row.version, weight, breaker: breakerOf(plan) })
  if (plan.shadow.requests > 0) variants.push({ role: 'shadow', version: row.version, weight: 0 })
  return variants
}

/** The endpoint as it was before the rollout. */
export function stableOnly(row: RolloutRow): Wanted[] {
  return row.stable_version === null ? [] : [{ role: 'stable', version: row.stable_version, weight: 0 }]
}

/**
 * Carries a change out if the rollout still is where `row` says (state and step) and its endpoint as it left it, then pushes the
 * routing; false when it is not. Evidence that came since `row` was read is judged in the next round.
 */
export async function change(deps: RolloutDeps, row: RolloutRow, work: (t: Tx) => Promise<void>): Promise<boolean> {
  const done = await deps.db.tx((t) => changeIn(t, deps, row, work))
  if (done) await tell(deps, row.id)
  return done
}

async function changeIn(t: Tx, deps: RolloutDeps, row: RolloutRow, work: (t: Tx) => Promise<void>): Promise<boolean> {
  if (!(await isUnchanged(t, row)) || wasTaken(row, await deps.target(t, row.endpoint))) return false
  await work(t)
  faultPoint('rollout.change')
  return true
}

async function isUnchanged(t: Tx, row: RolloutRow): Promise<boolean> {
  await t.lock(`rollout ${row.endpoint}`)
  const now = await t.get<{ state: string; step: number }>('SELECT state, step FROM rollouts WHERE id = ?', [row.id])
  return now?.state === row.state && now.step === row.step
}

async function tell(deps: RolloutDeps, id: string): Promise<void> {
  faultPoint('rollout.changed')
  await deps.publish()
  deps.changed(id)
}

/** True when the endpoint is not as the rollout left it: deleted, or given other versions by a person. */
function wasTaken(row: RolloutRow, target: Target | undefined): boolean {
  if (target === undefined || target.stable !== row.stable_version) return true
  return row.state !== 'starting' && !target.versions.includes(row.version)
}

/** Ends a rollout whose endpoint was changed by others, and leaves the endpoint as they made it. True when it did. */
export async function abandon(deps: RolloutDeps, row: RolloutRow): Promise<boolean> {
  if (!wasTaken(row, await deps.target(deps.db, row.endpoint))) return false
  const reason = `the versions of endpoint ${row.endpoint} were changed by others`
  const done = await deps.db.tx(async (t) => {
    if (!(await isUnchanged(t, row)) || !wasTaken(row, await deps.target(t, row.endpoint))) return false
    await close(t, deps, row, { state: 'aborted', reason })
    return true
  })
  if (done) deps.changed(row.id)
  return done
}

/** Begins a step. Each has its own longest wait, from its own first observation. */
export async function moveTo(
  t: Tx,
  deps: RolloutDeps,
  row: RolloutRow,
  to: { readonly step: number; readonly plan: Plan; readonly reason: string },
): Promise<void> {
  const fresh = await t.get<RolloutRow>('SELECT * FROM rollouts WHERE id = ?', [row.id])
  const state = stateAt(to.step)
  await t.run(
    'UPDATE rollouts SET state = ?, step = ?, reason = ?, step_from = ?, step_at = ?, first_event = NULL WHERE id = ?',
    [state, to.step, to.reason, JSON.stringify(evidenceOf(fresh ?? row).counts), deps.clock(), row.id],
  )
  await deps.setVariants(t, row.endpoint, variantsAt(row, to.plan, to.step))
  await record(t, deps, row, { state, reason: to.reason, step: to.step })
}

export function stateAt(step: number): 'shadow' | 'canary' {
  return step === 0 ? 'shadow' : 'canary'
}

export interface Ending {
  readonly state: RolloutState
  readonly reason: string
  /** The endpoint's variants from now on; as they are when not given. */
  readonly variants?: readonly Wanted[]
  readonly judged?: Judged
  /** Who decided it; the controller when not given. */
  readonly who?: Principal
}

/** Ends or pauses a rollout; false when it is no longer where `row` says. */
export function end(deps: RolloutDeps, row: RolloutRow, ending: Ending): Promise<boolean> {
  return change(deps, row, (t) => close(t, deps, row, ending))
}

async function close(t: Tx, deps: RolloutDeps, row: RolloutRow, ending: Ending): Promise<void> {
  const { state, reason, judged, variants, who } = ending
  if (judged !== undefined) await storeVerdict(t, deps, row, judged)
  const over = state === 'paused' ? null : deps.clock()
  await t.run('UPDATE rollouts SET state = ?, reason = ?, finished_at = ? WHERE id = ?', [state, reason, over, row.id])
  if (over !== null) await t.run('DELETE FROM rollout_pairs WHERE rollout_id = ?', [row.id])
  if (variants !== undefined) await deps.setVariants(t, row.endpoint, variants)
  await record(t, deps, row, { state, reason, ...(who !== undefined && { who }) })
}

export interface Recorded {
  readonly state: string
  readonly reason: string
  readonly step?: number
  readonly who?: Principal
}

/** The audit row of a change. */
export async function record(
  t: Tx,
  deps: RolloutDeps,
  row: RolloutRow,
  { who = SYSTEM, ...detail }: Recorded,
): Promise<void> {
  await deps.audit.record(t, who, { verb: 'deploy', resource: 'rollouts', id: row.id, detail })
}

/**
 * Promotion: the alias, the variants and the rollout change in one transaction, in which the registry's gates hold. Throws
 * `gate_refused` when they do not; false when the rollout is no longer where `row` says.
 */
export async function promote(
  deps: RolloutDeps,
  row: RolloutRow,
  judged: Judged,
  who: Principal = SYSTEM,
): Promise<boolean> {
  const done = await deps.promote(
    who,
    { model: row.model, version: row.version },
    {
      reason: `rollout ${row.id}: ${judged.reason}`,
      also: (t) =>
        changeIn(t, deps, row, (inner) =>
          close(inner, deps, row, {
            state: 'promoted',
            reason: judged.reason,
            variants: [{ role: 'stable', version: row.version, weight: 0 }],
            judged,
            who,
          }),
        ),
    },
  )
  if (done) await tell(deps, row.id)
  return done
}
