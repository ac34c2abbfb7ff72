/** Makes rollouts: for a person, and for versions that ask for an endpoint. The row alone; the controller prepares and begins. */
import { isDeepStrictEqual } from 'node:util'
import { SYSTEM } from '../../auth/tokens.ts'
import { allows } from '../../contract/access.ts'
import type { Access, Principal } from '../../contract/access.ts'
import { problem, Problem } from '../../contract/errors.ts'
import { Plan } from '../../contract/rollout/plan.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { assertCron } from '../../jobs/cron.ts'
import { placeFor } from './challengers.ts'
import { close } from './changes.ts'
import { freshEvidence } from '../evidence/evidence.ts'
import { slicesIn } from '../context/context.ts'
import type { Asked, RolloutDeps, RolloutRow, Settled, Target } from '../context/context.ts'

export interface Start {
  readonly endpoint: string
  readonly version: string
  /** Without one, the plan of the endpoint's newest rollout. */
  readonly plan?: Plan | undefined
  /** Columns by whose values the candidate is judged, where the plan names none. */
  readonly slices: readonly string[]
}

/**
 * Makes a rollout. Throws `not_found`, `conflict` while another is under way or when the version is stable already, and `gate_refused`
 * when the registry does not let the version in.
 */
export async function startRollout(deps: RolloutDeps, who: Principal, wish: Start): Promise<string> {
  const id = deps.ids('rol')
  const { endpoint, version } = wish
  const { model } = await freeTarget(deps.db, deps, wish)
  await deps.enter(who, { endpoint, model, version, as: 'a candidate' }, async (t) => {
    await t.lock(`rollout ${endpoint}`)
    const target = await freeTarget(t, deps, wish)
    const plan = wish.plan ?? (await usualPlan(t, target))
    for (const { cron, timezone } of plan.freeze ?? []) assertCron(cron, timezone)
    const place = await placeFor(t, { ...wish, id, challengers: plan.challengers ?? 1 })
    if ('busy' in place)
      throw problem('conflict', {
        detail: `rollout ${place.busy} is under way on ${wish.endpoint}; abort it or wait for its end`,
      })
    await insert(t, deps, who, { id, target, version: wish.version, plan, slices: wish.slices, group: place.group })
  })
  deps.changed(id)
  return id
}

/** The endpoint, which does not answer with the version yet. */
async function freeTarget(reader: Reader, deps: RolloutDeps, { endpoint, version }: Start): Promise<Target> {
  const target = await deps.target(reader, endpoint)
  if (target === undefined) throw problem('not_found', { what: 'endpoint', id: endpoint })
  if (target.stable === version)
    throw problem('conflict', { detail: `version ${version} is stable on ${endpoint} already` })
  return target
}

/** Takes a version that asks for an endpoint up, once: with a rollout, or with one that says why it cannot be. It waits while another is under way. */
export async function takeUp(deps: RolloutDeps, asked: Asked): Promise<void> {
  const id = deps.ids('rol')
  const { plan, kept: plans } = await grantedPlan(deps.db, asked)
  const wish = { ...asked, id, challengers: plan.challengers ?? 1 }
  if ('busy' in (await placeFor(deps.db, wish))) return
  const { refused, monitor, kept: monitors } = await ensured(deps, asked)
  const kept = [...(monitors ? ['monitor settings'] : []), ...(plans ? ['rollout plan'] : [])]
  const done = await deps.db.tx(async (t) => {
    await t.lock(`rollout ${asked.endpoint}`)
    const place = await placeFor(t, wish)
    const target = await deps.target(t, asked.endpoint)
    if (!(await deps.isAsked(t, asked)) || 'busy' in place) return false
    if (refused === undefined && target === undefined) return false
    await insert(t, deps, SYSTEM, {
      id,
      target: { name: asked.endpoint, model: asked.model, stable: target?.stable ?? null },
      version: asked.version,
      plan,
      group: place.group,
      slices: slicesIn(monitor),
      refused,
      kept: kept.map((what) => `${what} of ${asked.by ?? 'its author'}, as ${asked.role}`),
    })
    await deps.mark(t, asked, { rollout: id, kept })
    return true
  })
  if (done) deps.changed(id)
}

/** Makes the endpoint, and gives the settings of its monitor; `refused` is why it cannot be. */
async function ensured(deps: RolloutDeps, asked: Asked): Promise<Settled & { readonly refused?: string }> {
  try {
    return await deps.ensureEndpoint(asked, mayChange(asked, { verb: 'write', resource: 'monitors' }))
  } catch (error) {
    // what the database or the disk refuses for a moment is tried again
    if (error instanceof Problem && error.status < 500)
      return { refused: error.message, monitor: asked.monitor, kept: false }
    throw error
  }
}

/** Whether the one who asks may change what is decided for an endpoint. Of wishes of before nobody knows whose they were. */
function mayChange({ role }: Asked, access: Access): boolean {
  return role == null || allows(role, access)
}

/** The plan that is asked for, or where that role may not decide it, the one by which the endpoint's versions come. */
async function grantedPlan(reader: Reader, asked: Asked): Promise<{ readonly plan: Plan; readonly kept: boolean }> {
  const plan = asked.plan ?? Plan.parse({})
  if (mayChange(asked, { verb: 'deploy', resource: 'rollouts' })) return { plan, kept: false }
  const usual = await newestPlan(reader, { name: asked.endpoint, model: asked.model })
  return usual === undefined ? { plan, kept: false } : { plan: usual, kept: !isDeepStrictEqual(usual, plan) }
}

/** So that a rollout started by hand goes the way that the project file set. */
async function usualPlan(reader: Reader, target: Target): Promise<Plan> {
  return (await newestPlan(reader, target)) ?? Plan.parse({})
}

async function newestPlan(reader: Reader, { name, model }: Pick<Target, 'name' | 'model'>): Promise<Plan | undefined> {
  const row = await reader.get<{ plan: string }>(
    'SELECT plan FROM rollouts WHERE endpoint = ? AND model = ? ORDER BY created_at DESC, id DESC LIMIT 1',
    [name, model],
  )
  return row === undefined ? undefined : Plan.parse(JSON.parse(row.plan))
}

interface NewRollout {
  readonly id: string
  readonly target: Pick<Target, 'name' | 'model' | 'stable'>
  readonly version: string
  readonly plan: Plan
  readonly slices: readonly string[]
  /** Of the challengers that it is compared with. */
  readonly group: string | null
  /** Why it cannot be: it is over at once. */
  readonly refused?: string | undefined
  /** What of the wish was not granted, in words. */
  readonly kept?: readonly string[]
}

/** A version that comes ends the watch over the one before: that one is what it is compared with. */
async function endWatch(t: Tx, deps: RolloutDeps, endpoint: string): Promise<void> {
  const rows = await t.all<RolloutRow>("SELECT * FROM rollouts WHERE endpoint = ? AND state = 'watching'", [endpoint])
  for (const row of rows)
    await close(t, deps, row, {
      state: 'promoted',
      reason: 'the watch ended: another version came',
      // where a person has changed the endpoint meanwhile, it stays as it was made
      ...((await deps.target(t, endpoint))?.stable === row.version && { leaves: 'in' as const }),
    })
}

async function insert(t: Tx, deps: RolloutDeps, who: Principal, wish: NewRollout): Promise<void> {
  const { id, target, version, plan, refused, group, kept = [] } = wish
  await endWatch(t, deps, target.name)
  const now = deps.clock()
  const state = refused === undefined ? 'starting' : 'aborted'
  await t.run(
    `INSERT INTO rollouts (id, endpoint, model, version, stable_version, state, step, plan, slices, reason, created_at, created_by,
       finished_at, seq, evidence, curve, step_from, group_id) VALUES (?,?,?,?,?,?,0,?,?,?,?,?,?,0,?,'[]',?,?)`,
    [
      id,
      target.name,
      target.model,
      version,
      target.stable,
      state,
      JSON.stringify(plan),
      JSON.stringify(plan.slices.length > 0 ? plan.slices : wish.slices),
      refused ?? ['the version is being prepared', ...kept.map((one) => `not taken over: ${one}`)].join('; '),
      now,
      who.name,
      refused === undefined ? null : now,
      JSON.stringify(freshEvidence()),
      JSON.stringify(freshEvidence().counts),
      group,
    ],
  )
  await deps.audit.record(t, who, {
    verb: 'deploy',
    resource: 'rollouts',
    id,
    detail: {
      state,
      endpoint: target.name,
      version,
      ...(refused !== undefined && { reason: refused }),
      ...(kept.length > 0 && { not_taken_over: kept }),
    },
  })
}
