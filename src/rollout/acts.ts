/** What people and monitors do to a rollout: abort, resume, promote. */
import { SYSTEM } from '../auth/tokens.ts'
import type { Principal } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
import { abandon, change, end, promote, record, stableOnly, stateAt, variantsAt } from './changes.ts'
import { planOf, requireRollout } from './room.ts'
import type { RolloutDeps, RolloutRow } from './room.ts'
import { judge, ruled } from './verdicts.ts'

export interface Act {
  readonly action: 'abort' | 'resume' | 'promote'
  readonly reason: string
}

/**
 * A person's act: abort ends it with stable alone, resume goes on after a pause with a fresh breaker, promote skips what is left but
 * not the registry's gates. Throws `conflict` when the rollout is over or not where the act has a meaning, `gate_refused`.
 */
export async function act(deps: RolloutDeps, who: Principal, id: string, wish: Act): Promise<void> {
  const row = await requireRollout(deps.db, id)
  if (row.finished_at !== null) throw problem('conflict', { detail: `rollout ${id} is over: ${row.state}` })
  const reason = `${wish.action} by ${who.name}: ${wish.reason}`
  const done = await ACTS[wish.action](deps, row, { who, reason })
  if (!done) throw problem('conflict', { detail: `rollout ${id} has changed meanwhile` })
}

interface Decree {
  readonly who: Principal
  readonly reason: string
}

const ACTS: Record<Act['action'], (deps: RolloutDeps, row: RolloutRow, decree: Decree) => Promise<boolean>> = {
  abort,
  resume,
  promote: promoteByHand,
}

/** How often an abort looks again because the rollout went on meanwhile. */
const TRIES = 10

async function abort(deps: RolloutDeps, row: RolloutRow, { who, reason }: Decree): Promise<boolean> {
  let now = row
  for (let i = 0; i < TRIES && now.finished_at === null; i++) {
    if (await end(deps, now, { state: 'aborted', reason, variants: stableOnly(now), who })) return true
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
  return change(deps, row, async (t) => {
    const state = stateAt(row.step)
    await t.run(
      'UPDATE rollouts SET state = ?, reason = ?, first_event = NULL, step_at = ?, breaker = NULL WHERE id = ?',
      [state, reason, deps.clock(), row.id],
    )
    // taken out and put in again, a canary has a breaker that has not tripped
    await deps.setVariants(t, row.endpoint, stableOnly(row))
    await deps.setVariants(t, row.endpoint, variantsAt(row, planOf(row), row.step))
    await record(t, deps, row, { state, reason, who })
  })
}

async function promoteByHand(deps: RolloutDeps, row: RolloutRow, { who, reason }: Decree): Promise<boolean> {
  if (row.state === 'starting')
    throw problem('conflict', { detail: `rollout ${row.id} is still preparing version ${row.version}` })
  return promote(deps, row, ruled(row, { decision: 'promote', reason }), who)
}

/** Ends the rollout that is under way on an endpoint, for a reaction of the monitors; false when there is none. */
export async function halt(deps: RolloutDeps, endpoint: string, reason: string): Promise<boolean> {
  const row = await deps.db.get<RolloutRow>('SELECT * FROM rollouts WHERE endpoint = ? AND finished_at IS NULL', [
    endpoint,
  ])
  return row === undefined ? false : abort(deps, row, { who: SYSTEM, reason })
}
