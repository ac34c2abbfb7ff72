/** Adds observations to a rollout in the caller's transaction: to its list, to its evidence, to its curve. */
import type { Tx } from '../../store/db.ts'
import { growCurve } from '../evidence/curve.ts'
import { observe } from '../evidence/evidence.ts'
import type { Observation } from '../evidence/evidence.ts'
import { gateStates } from '../gates/gates.ts'
import { evidenceOf, planOf } from '../context/context.ts'
import type { RolloutRow } from '../context/context.ts'

interface Taken {
  readonly observations: readonly Observation[]
  /** Event times of the rows, ms. */
  readonly events: readonly number[]
}

/** Each observation is counted once, in the order in which it is taken. */
export async function take(t: Tx, seen: RolloutRow, taken: Taken): Promise<void> {
  if (taken.observations.length === 0) return
  // read again: another hook of the same transaction may have added to it
  const row = await t.get<RolloutRow>('SELECT * FROM rollouts WHERE id = ?', [seen.id])
  if (row === undefined) return
  const evidence = evidenceOf(row)
  const plan = planOf(row)
  observe(evidence, plan, taken.observations)
  const seq = row.seq + 1
  await t.run('INSERT INTO rollout_observations (rollout_id, seq, observations) VALUES (?,?,?)', [
    row.id,
    seq,
    JSON.stringify(taken.observations),
  ])
  const curve = growCurve(row.curve, gateStates(evidence, plan))
  const first = Math.min(row.first_event ?? Infinity, ...taken.events)
  const last = Math.max(row.last_event ?? 0, ...taken.events)
  await t.run('UPDATE rollouts SET seq = ?, evidence = ?, curve = ?, first_event = ?, last_event = ? WHERE id = ?', [
    seq,
    JSON.stringify(evidence),
    curve,
    Number.isFinite(first) ? first : row.first_event,
    last === 0 ? row.last_event : last,
    row.id,
  ])
}
