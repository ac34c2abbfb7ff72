/** Changes of a rollout: each is one transaction with the endpoint's variants, done only if the rollout still is where it was judged. */
import { SYSTEM } from '../../auth/tokens.ts'
import type { Principal } from '../../contract/access.ts'
import { stepsOf } from '../../contract/rollout/steps.ts'
import type { Plan } from '../../contract/rollout/plan.ts'
import { faultPoint } from '../../store/fault.ts'
import type { Tx } from '../../store/db.ts'
import { evidenceOf, planOf } from '../context/context.ts'
import type { RolloutDeps, RolloutRow, RolloutState, Target, Wanted } from '../context/context.ts'
import { lockModel } from '../../registry/context/context.ts'
import { breakerOf } from '../evidence/spending.ts'
import { notJudged } from '../gates/gates.ts'
import { storeVerdict } from './verdicts.ts'
import type { Judged } from './verdicts.ts'

/** How an endpoint stands after a change. */
export type Standing =
  /** The candidate has this step of the plan. */
  | { readonly step: number; readonly plan: Plan }
  /** `out`: the candidate is gone; `in`: it is stable; `watched`: it is stable and the former version its shadow. */
  | 'out'
  | 'in'
  | 'watched'

/** How an endpoint is to stand and why: who decided it, in which words, and on which gates. */
export interface Settled {
  readonly to: Standing
  readonly reason: string
  readonly who?: Principal | undefined
  readonly judged?: Judged | undefined
}

/** Brings the endpoint there, in the caller's transaction. Other challengers keep what they have. */
export async function settle(
  t: Tx,
  deps: RolloutDeps,
  row: RolloutRow,
  { to, reason, who = SYSTEM, judged }: Settled,
): Promise<void> {
  const now = (await deps.target(t, row.endpoint))?.variants ?? []
  const own = [row.version, row.stable_version]
  const others = now.filter((one) => one.role !== 'stable' && !own.includes(one.version))
  await deps.setVariants(t, row.endpoint, [...ownVariants(row, to), ...others], {
    by: who.name,
    // stable changes by a promotion, and by the end of the watch over one
    way: to === 'in' || to === 'watched' ? 'promoted' : 'demoted',
    reason,
    rollout: row.id,
    // the first version of an endpoint has none to be compared with
    not_judged: row.stable_version === null ? [] : notJudged(judged?.gates ?? []),
  })
}

function ownVariants(row: RolloutRow, standing: Standing): Wanted[] {
  const stays = standing === 'in' || standing === 'watched' ? row.version : row.stable_version
  const stable = stays === null ? [] : [{ role: 'stable', version: stays, weight: 0 } as const]
  if (standing === 'watched' && row.stable_version !== null)
    return [...stable, { role: 'shadow', version: row.stable_version, weight: 0 }]
  return typeof standing === 'string' ? stable : [...stable, ...candidateAt(row, standing)]
}

/** The candidate goes on scoring in shadow what it does not answer, so that pairs keep coming. */
function candidateAt({ version }: RolloutRow, { step, plan }: { step: number; plan: Plan }): Wanted[] {
  const weight = stepsOf(plan)[step - 1]
  const canary: Wanted[] = weight === undefined ? [] : [{ role: 'canary', version, weight, breaker: breakerOf(plan) }]
  return plan.shadow.requests > 0 ? [...canary, { role: 'shadow', version, weight: 0 }] : canary
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

/** The same for a change that moves the alias too: the model is locked first, as by all who come by the registry's door. */
export async function changeModel(
  deps: RolloutDeps,
  row: RolloutRow,
  work: (t: Tx) => Promise<void>,
): Promise<boolean> {
  const done = await deps.db.tx(async (t) => {
    await lockModel(t, row.model)
    return changeIn(t, deps, row, work)
  })
  if (done) await tell(deps, row.id)
  return done
}

/** The same for a change by which the candidate goes forward: the registry has to let it in. Throws `gate_refused`. */
export async function forward(
  deps: RolloutDeps,
  row: RolloutRow,
  { who = SYSTEM, as }: { readonly who?: Principal; readonly as: string },
  work: (t: Tx) => Promise<void>,
): Promise<boolean> {
  const { endpoint, model, version } = row
  const done = await deps.enter(who, { endpoint, model, version, as }, (t) => changeIn(t, deps, row, work))
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
  const stable = row.state === 'watching' ? row.version : row.stable_version
  if (target === undefined || target.stable !== stable) return true
  return row.state !== 'starting' && !target.variants.some((one) => one.version === row.version)
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
  const now = deps.clock()
  await t.run(
    `UPDATE rollouts SET state = ?, step = ?, reason = ?, step_from = ?, step_at = ?, first_event = NULL,
       canary_at = COALESCE(canary_at, ?) WHERE id = ?`,
    [state, to.step, to.reason, JSON.stringify(evidenceOf(fresh ?? row).counts), now, to.step > 0 ? now : null, row.id],
  )
  await settle(t, deps, row, { to, reason: to.reason })
  if (to.step > 0)
    await t.run('UPDATE rollouts SET split_epoch = COALESCE(split_epoch, ?) WHERE id = ?', [
      await deps.epoch(t),
      row.id,
    ])
  await record(t, deps, row, { state, reason: to.reason, step: to.step })
}

export function stateAt(step: number): 'shadow' | 'canary' {
  return step === 0 ? 'shadow' : 'canary'
}

export interface Ending {
  readonly state: RolloutState
  readonly reason: string
  /** How the endpoint stands from now on; as it is when not given. */
  readonly leaves?: Standing
  readonly judged?: Judged
  /** Who decided it; the controller when not given. */
  readonly who?: Principal
}

/** Ends or pauses a rollout; false when it is no longer where `row` says. */
export function end(deps: RolloutDeps, row: RolloutRow, ending: Ending): Promise<boolean> {
  return change(deps, row, (t) => close(t, deps, row, ending))
}

/** The same in the caller's transaction. */
export async function close(t: Tx, deps: RolloutDeps, row: RolloutRow, ending: Ending): Promise<void> {
  const { state, reason, judged, leaves, who } = ending
  if (judged !== undefined) await storeVerdict(t, deps, row, judged)
  const over = state === 'paused' || state === 'watching' ? null : deps.clock()
  await t.run('UPDATE rollouts SET state = ?, reason = ?, finished_at = ? WHERE id = ?', [state, reason, over, row.id])
  for (const table of over === null ? [] : ['rollout_pairs', 'rollout_units'])
    await t.run(`DELETE FROM ${table} WHERE rollout_id = ?`, [row.id])
  if (leaves !== undefined) await settle(t, deps, row, { to: leaves, reason, who, judged })
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

function isWatched(row: RolloutRow): boolean {
  return planOf(row).watch !== undefined && row.stable_version !== null && row.stable_version !== row.version
}

/** The watch has its own labels and its own hours. */
async function beginWatch(t: Tx, deps: RolloutDeps, row: RolloutRow): Promise<void> {
  const fresh = await t.get<RolloutRow>('SELECT * FROM rollouts WHERE id = ?', [row.id])
  const counts = JSON.stringify(evidenceOf(fresh ?? row).counts)
  await t.run('UPDATE rollouts SET step_from = ?, step_at = ?, first_event = NULL WHERE id = ?', [
    counts,
    deps.clock(),
    row.id,
  ])
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
  const done = await deps.promote(who, row, {
    reason: `rollout ${row.id}: ${judged.reason}`,
    also: (t) =>
      changeIn(t, deps, row, async (inner) => {
        const watched = isWatched(row)
        const state = watched ? 'watching' : 'promoted'
        await close(inner, deps, row, {
          state,
          reason: judged.reason,
          leaves: watched ? 'watched' : 'in',
          judged,
          who,
        })
        if (watched) await beginWatch(inner, deps, row)
      }),
  })
  if (done) await tell(deps, row.id)
  return done
}
