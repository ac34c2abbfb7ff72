/** What people and monitors do to a rollout: abort, resume, promote. */
import { SYSTEM } from '../../auth/tokens.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { abandon, change, end, forward, promote, record, settle, stateAt } from './changes.ts'
import { rivalsOf } from './challengers.ts'
import type { Approval } from '../gates/decide.ts'
import { frozen } from './freeze.ts'
import { planOf, requireRollout } from '../context/context.ts'
import type { RolloutDeps, RolloutRow } from '../context/context.ts'
import { judge, ruled } from './verdicts.ts'

export interface Act {
  readonly action: 'abort' | 'resume' | 'promote' | 'approve'
  readonly reason: string
  /** Goes forward although the endpoint is frozen; audited. */
  readonly override_freeze?: boolean | undefined
}

/**
 * A person's act: abort ends it with stable alone, resume goes on after a pause with a fresh breaker, approve lets a step begin that waits
 * for it, promote skips what is left but not the registry's gates. Throws `conflict` when the rollout is over, not where the act has a
 * meaning, or frozen; `forbidden` for an approval by too low a role; `gate_refused`.
 */
export async function act(deps: RolloutDeps, who: Principal, id: string, wish: Act): Promise<void> {
  const row = await requireRollout(deps.db, id)
  if (row.finished_at !== null) throw problem('conflict', { detail: `rollout ${id} is over: ${row.state}` })
  if (row.state === 'watching')
    throw problem('conflict', { detail: `rollout ${id} is promoted and watched; roll the endpoint back instead` })
  const overrides = wish.action === 'abort' ? null : await overridden(deps, row, wish)
  const reason = `${wish.action} by ${who.name}: ${wish.reason}${overrides === null ? '' : ` (overrides: ${overrides})`}`
  const done = await ACTS[wish.action](deps, row, { who, reason })
  if (!done) throw problem('conflict', { detail: `rollout ${id} has changed meanwhile` })
}

/** What an act sets itself over; null where nothing is frozen. An approval is no step forward by itself. */
async function overridden(deps: RolloutDeps, row: RolloutRow, wish: Act): Promise<string | null> {
  const why = wish.action === 'approve' ? null : await frozen(deps.db, row, deps.clock())
  if (why === null || wish.override_freeze === true) return why
  throw problem('conflict', { detail: `${row.endpoint} is ${why}; wait, or set override_freeze` })
}

interface Decree {
  readonly who: Principal
  readonly reason: string
}

const ACTS: Record<Act['action'], (deps: RolloutDeps, row: RolloutRow, decree: Decree) => Promise<boolean>> = {
  abort,
  resume,
  promote: promoteByHand,
  approve,
}

/** How often an abort looks again because the rollout went on meanwhile. */
const TRIES = 10

async function abort(deps: RolloutDeps, row: RolloutRow, { who, reason }: Decree): Promise<boolean> {
  let now = row
  for (let i = 0; i < TRIES && now.finished_at === null; i++) {
    if (await end(deps, now, { state: 'aborted', reason, leaves: 'out', who })) return true
    if (await abandon(deps, now)) return true
    now = await requireRollout(deps.db, row.id)
  }
  return false
}

async function resume(deps: RolloutDeps, row: RolloutRow, { who, reason }: Decree): Promise<boolean> {
  if (row.state !== 'paused') throw problem('conflict', { detail: `rollout ${row.id} is not paused` })
  const rejected = judge({ ...row, breaker: null, first_event: null })
  if (rejected.decision === 'pause' || rejected.decision === 'rollback')
    throw problem('conflict', { detail: `${rejected.reason}; promote it or abort it` })
  const state = stateAt(row.step)
  return forward(deps, row, { who, as: state }, async (t) => {
    await t.run(
      'UPDATE rollouts SET state = ?, reason = ?, first_event = NULL, step_at = ?, breaker = NULL WHERE id = ?',
      [state, reason, deps.clock(), row.id],
    )
    // taken out and put in again, a canary has a breaker that has not tripped
    await settle(t, deps, row, { to: 'out', reason, who })
    await settle(t, deps, row, { to: { step: row.step, plan: planOf(row) }, reason, who })
    await record(t, deps, row, { state, reason, who })
  })
}

const RANK = { maintainer: 1, admin: 2 } as const

/** Agrees to the step that waits for it. The controller takes the step, on the evidence that there is then. */
async function approve(deps: RolloutDeps, row: RolloutRow, { who, reason }: Decree): Promise<boolean> {
  const { awaits, ...judged } = judge(row, { rivals: await rivalsOf(deps.db, row) })
  if (awaits === undefined || row.state === 'paused')
    throw problem('conflict', { detail: `rollout ${row.id} waits for no approval: ${judged.reason}` })
  const rank = who.role === 'maintainer' || who.role === 'admin' ? RANK[who.role] : 0
  if (rank < RANK[awaits.role]) throw problem('forbidden', { role: who.role, verb: 'approve', resource: 'rollouts' })
  const given: Approval = { before: awaits.before, by: who.name, at: deps.clock(), reason }
  return change(deps, row, async (t) => {
    const now = await t.get<{ approvals: string }>('SELECT approvals FROM rollouts WHERE id = ?', [row.id])
    const all = [...(JSON.parse(now?.approvals ?? '[]') as Approval[]), given]
    await t.run('UPDATE rollouts SET approvals = ? WHERE id = ?', [JSON.stringify(all), row.id])
    await record(t, deps, row, { state: row.state, reason, who })
  })
}

async function promoteByHand(deps: RolloutDeps, row: RolloutRow, { who, reason }: Decree): Promise<boolean> {
  if (row.state === 'starting')
    throw problem('conflict', { detail: `rollout ${row.id} is still preparing version ${row.version}` })
  return promote(deps, row, ruled(row, { decision: 'promote', reason }), who)
}

/** Ends the rollout that is under way on an endpoint, for a reaction of the monitors; false when there is none. */
export async function halt(deps: RolloutDeps, endpoint: string, reason: string): Promise<boolean> {
  const rows = await deps.db.all<RolloutRow>(
    "SELECT * FROM rollouts WHERE endpoint = ? AND finished_at IS NULL AND state <> 'watching' ORDER BY id",
    [endpoint],
  )
  let ended = false
  for (const row of rows) ended = (await abort(deps, row, { who: SYSTEM, reason })) || ended
  return ended
}
