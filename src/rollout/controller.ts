/** The controller: starts rollouts that are asked for, judges the active ones, carries decisions out. Safe to run twice and to be killed anywhere. */
import { SYSTEM } from '../auth/tokens.ts'
import type { Principal } from '../contract/access.ts'
import { problem, Problem } from '../contract/errors.ts'
import { Plan } from '../contract/rollout.ts'
import { faultPoint } from '../store/fault.ts'
import type { Tx } from '../store/db.ts'
import { freshEvidence } from './evidence.ts'
import type { Counts } from './evidence.ts'
import { active, evidenceOf, planOf, requireRollout } from './room.ts'
import type { Asked, RolloutDeps, RolloutRow, RolloutState, Target, Wanted } from './room.ts'
import { judge, storeVerdict } from './verdicts.ts'
import type { Judged } from './verdicts.ts'

const NOTHING: Counts = { canary: 0, pairs: 0, labelled: 0 }

export interface Start {
  readonly endpoint: string
  readonly version: string
  readonly plan?: Plan | undefined
  /** Columns by whose values the candidate is judged too; the plan's own come first. */
  readonly slices?: readonly string[]
}

/** Makes a rollout: the row alone; the loop prepares the version and begins. Throws `conflict` while another is under way. */
export async function startRollout(deps: RolloutDeps, who: Principal, wish: Start, asked?: Asked): Promise<string> {
  const target = await deps.target(wish.endpoint)
  if (target === undefined) throw problem('not_found', { what: 'endpoint', id: wish.endpoint })
  if (target.stable === wish.version)
    throw problem('conflict', { detail: `version ${wish.version} is stable on ${wish.endpoint} already` })
  const plan = wish.plan ?? (await usualPlan(deps, wish.endpoint))
  const id = deps.ids('rol')
  await deps.db.tx(async (t) => {
    await t.lock(`rollout ${wish.endpoint}`)
    const busy = await t.get<{ id: string }>(
      "SELECT id FROM rollouts WHERE endpoint = ? AND state IN ('starting', 'shadow', 'canary', 'paused')",
      [wish.endpoint],
    )
    if (busy !== undefined)
      throw problem('conflict', {
        detail: `rollout ${busy.id} is under way on ${wish.endpoint}; abort it or wait for its end`,
      })
    await insert(t, deps, who, { id, target, version: wish.version, plan, slices: wish.slices ?? plan.slices })
    if (asked !== undefined) await deps.mark(t, asked, id)
    await deps.audit.record(t, who, {
      verb: 'deploy',
      resource: 'rollouts',
      id,
      detail: { action: 'start', endpoint: wish.endpoint, version: wish.version },
    })
  })
  return id
}

/** The plan of the endpoint's newest rollout, so that a rollout started by hand goes the way that the project file set. */
async function usualPlan(deps: RolloutDeps, endpoint: string): Promise<Plan> {
  const row = await deps.db.get<{ plan: string }>(
    'SELECT plan FROM rollouts WHERE endpoint = ? ORDER BY id DESC LIMIT 1',
    [endpoint],
  )
  return Plan.parse(row === undefined ? {} : JSON.parse(row.plan))
}

interface NewRollout {
  readonly id: string
  readonly target: Target
  readonly version: string
  readonly plan: Plan
  readonly slices: readonly string[]
}

async function insert(t: Tx, deps: RolloutDeps, who: Principal, wish: NewRollout): Promise<void> {
  await t.run(
    `INSERT INTO rollouts (id, endpoint, model, version, stable_version, state, step, plan, slices, reason, created_at, created_by,
       seq, evidence, curve, step_from) VALUES (?,?,?,?,?,'starting',0,?,?,'the version is being prepared',?,?,0,?,'[]',?)`,
    [
      wish.id,
      wish.target.name,
      wish.target.model,
      wish.version,
      wish.target.stable,
      JSON.stringify(wish.plan),
      JSON.stringify(wish.slices),
      deps.clock(),
      who.name,
      JSON.stringify(freshEvidence()),
      JSON.stringify(NOTHING),
    ],
  )
}

/** One round of the loop. */
export async function reconcile(deps: RolloutDeps): Promise<void> {
  for (const asked of await deps.asked()) await takeUp(deps, asked)
  for (const row of await deps.db.all<RolloutRow>(
    "SELECT * FROM rollouts WHERE state = 'starting' ORDER BY created_at",
  ))
    await begin(deps, row)
  for (const row of await active(deps.db)) await step(deps, row)
}

/** A version that asks for an endpoint gets a rollout, unless one is under way there: then it waits. */
async function takeUp(deps: RolloutDeps, asked: Asked): Promise<void> {
  await deps.ensureEndpoint(asked)
  const slices = asked.monitor['slices']
  try {
    await startRollout(
      deps,
      SYSTEM,
      {
        endpoint: asked.endpoint,
        version: asked.version,
        plan: asked.plan ?? undefined,
        slices:
          (asked.plan?.slices.length ?? 0) > 0
            ? (asked.plan?.slices ?? [])
            : Array.isArray(slices)
              ? (slices as string[])
              : [],
      },
      asked,
    )
  } catch (error) {
    if (!(error instanceof Problem && error.code === 'conflict')) throw error
  }
}

/** Prepares the version, then begins with the shadow; without a stable version it is promoted at once. */
async function begin(deps: RolloutDeps, row: RolloutRow): Promise<void> {
  try {
    await deps.prepare(row.endpoint, row.version)
  } catch (error) {
    await end(deps, row, {
      state: 'aborted',
      reason: `the version cannot be served: ${message(error)}`,
      variants: undefined,
    })
    return
  }
  if (row.stable_version === null) {
    await promote(deps, row, { ...judge(row), decision: 'promote', reason: 'the endpoint has no version yet' })
    return
  }
  const plan = planOf(row)
  const first = plan.shadow.requests === 0 ? 1 : 0
  await change(deps, row, async (t) => {
    await moveTo(t, deps, row, { step: first, reason: 'it began' })
    await deps.setVariants(t, row.endpoint, variantsAt(row, plan, first))
  })
}

/** The variants of a step. The candidate goes on scoring in shadow what it does not answer, so that pairs keep coming. */
function variantsAt(row: RolloutRow, plan: Plan, step: number): Wanted[] {
  const weight = plan.canary[step - 1]
  const variants: Wanted[] = [{ role: 'stable', version: row.stable_version ?? row.version, weight: 0 }]
  if (weight !== undefined) variants.push({ role: 'canary', version: row.version, weight })
  if (plan.shadow.requests > 0) variants.push({ role: 'shadow', version: row.version, weight: 0 })
  return variants
}

async function moveTo(t: Tx, deps: RolloutDeps, row: RolloutRow, to: { step: number; reason: string }): Promise<void> {
  const fresh = await t.get<RolloutRow>('SELECT * FROM rollouts WHERE id = ?', [row.id])
  const counts = fresh === undefined ? NOTHING : evidenceOf(fresh).counts
  // each step has its own longest wait, from its own first observation
  await t.run('UPDATE rollouts SET state = ?, step = ?, reason = ?, step_from = ?, first_event = NULL WHERE id = ?', [
    to.step === 0 ? 'shadow' : 'canary',
    to.step,
    to.reason,
    JSON.stringify(counts),
    row.id,
  ])
}

async function step(deps: RolloutDeps, row: RolloutRow): Promise<void> {
  const judged = judge(row)
  switch (judged.decision) {
    case 'wait':
      if (judged.reason !== row.reason)
        await deps.db.tx((t) => t.run('UPDATE rollouts SET reason = ? WHERE id = ?', [judged.reason, row.id]))
      return
    case 'advance':
      await change(deps, row, async (t) => {
        await storeVerdict(t, deps, row, judged)
        await moveTo(t, deps, row, { step: row.step + 1, reason: judged.reason })
        await deps.setVariants(t, row.endpoint, variantsAt(row, planOf(row), row.step + 1))
      })
      return
    case 'promote':
      await promote(deps, row, judged)
      return
    case 'rollback':
      await end(deps, row, { state: 'rolled_back', reason: judged.reason, variants: stableOnly(row), judged })
      return
    case 'pause':
      await end(deps, row, { state: 'paused', reason: judged.reason, variants: undefined, judged })
  }
}

/** Promotion: the registry's gates first, then the pointer and the row in one transaction. A kill between them is made good by the next round. */
async function promote(deps: RolloutDeps, row: RolloutRow, judged: Judged, who: Principal = SYSTEM): Promise<void> {
  try {
    await deps.promote(who, { model: row.model, version: row.version }, `rollout ${row.id}: ${judged.reason}`)
  } catch (error) {
    if (!(error instanceof Problem && error.code === 'gate_refused')) throw error
    await end(deps, row, {
      state: 'rolled_back',
      reason: error.message,
      variants: stableOnly(row),
      judged: { ...judged, decision: 'rollback', reason: error.message },
    })
    return
  }
  faultPoint('rollout.promoted')
  await end(deps, row, {
    state: 'promoted',
    reason: judged.reason,
    variants: [{ role: 'stable', version: row.version, weight: 0 }],
    judged,
  })
}

function stableOnly(row: RolloutRow): Wanted[] {
  return row.stable_version === null ? [] : [{ role: 'stable', version: row.stable_version, weight: 0 }]
}

interface Ending {
  readonly state: RolloutState
  readonly reason: string
  readonly variants: readonly Wanted[] | undefined
  readonly judged?: Judged
}

async function end(deps: RolloutDeps, row: RolloutRow, ending: Ending): Promise<void> {
  await change(deps, row, async (t) => {
    if (ending.judged !== undefined) await storeVerdict(t, deps, row, ending.judged)
    const over = ending.state === 'paused' ? null : deps.clock()
    await t.run('UPDATE rollouts SET state = ?, reason = ?, finished_at = ? WHERE id = ?', [
      ending.state,
      ending.reason,
      over,
      row.id,
    ])
    if (over !== null) await t.run('DELETE FROM rollout_pairs WHERE rollout_id = ?', [row.id])
    if (ending.variants !== undefined) await deps.setVariants(t, row.endpoint, ending.variants)
    await deps.audit.record(t, SYSTEM, {
      verb: 'deploy',
      resource: 'rollouts',
      id: row.id,
      detail: { state: ending.state, reason: ending.reason },
    })
  })
}

/**
 * Carries a change out if the rollout still is where it was judged (state and step), then pushes the routing. The verdict names the
 * evidence that it rests on; what came since is judged in the next round.
 */
async function change(deps: RolloutDeps, row: RolloutRow, work: (t: Tx) => Promise<void>): Promise<void> {
  const done = await deps.db.tx(async (t) => {
    await t.lock(`rollout ${row.endpoint}`)
    const now = await t.get<{ state: string; step: number }>('SELECT state, step FROM rollouts WHERE id = ?', [row.id])
    if (now === undefined || now.state !== row.state || now.step !== row.step) return false
    await work(t)
    faultPoint('rollout.change')
    return true
  })
  if (!done) return
  await deps.publish()
  deps.changed(row.id)
}

/** A person's act: abort ends it with stable alone, resume goes on after a pause, promote skips what is left but not the registry's gates. */
export async function act(
  deps: RolloutDeps,
  who: Principal,
  id: string,
  wish: { action: 'abort' | 'resume' | 'promote'; reason: string },
): Promise<void> {
  const row = await requireRollout(deps.db, id)
  if (row.finished_at !== null) throw problem('conflict', { detail: `rollout ${id} is over: ${row.state}` })
  await deps.db.tx((t) => deps.audit.record(t, who, { verb: 'deploy', resource: 'rollouts', id, detail: wish }))
  const reason = `${wish.action} by ${who.name}: ${wish.reason}`
  if (wish.action === 'abort') await end(deps, row, { state: 'aborted', reason, variants: stableOnly(row) })
  else if (wish.action === 'promote') await promote(deps, row, { ...judge(row), decision: 'promote', reason }, who)
  else {
    if (row.state !== 'paused') throw problem('conflict', { detail: `rollout ${id} is not paused` })
    await change(deps, row, async (t) => {
      await moveTo(t, deps, row, { step: row.step, reason })
    })
  }
}

/** Ends the rollout that is under way on an endpoint, for a reaction of the monitors; nothing happens without one. */
export async function halt(deps: RolloutDeps, endpoint: string, reason: string): Promise<boolean> {
  const row = await deps.db.get<RolloutRow>(
    "SELECT * FROM rollouts WHERE endpoint = ? AND state IN ('starting', 'shadow', 'canary', 'paused')",
    [endpoint],
  )
  if (row === undefined) return false
  await end(deps, row, { state: 'aborted', reason, variants: stableOnly(row) })
  return true
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
