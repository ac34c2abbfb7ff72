/** The users of an A/B by side, each counted when it is met first. */
import type { Tx } from '../../store/db.ts'
import type { Observation } from '../evidence/evidence.ts'
import type { IngestedPrediction } from './ingested.ts'
import { planOf } from '../context/context.ts'
import type { RolloutRow } from '../context/context.ts'
import { sharesOf } from '../evidence/split.ts'
import { armOf } from './values.ts'

/** Keys of one statement. */
const AT_ONCE = 200

/**
 * The users whom an A/B meets for the first time with these rows. A routing key counts once, for its requests depend on each other;
 * without one a call is a user. Who insisted on a version was not divided by the split, and is left out.
 */
export async function unitsOf(t: Tx, rollout: RolloutRow, rows: readonly IngestedPrediction[]): Promise<Observation[]> {
  const { split_epoch: from } = rollout
  if (from === null || sharesOf(planOf(rollout)) === undefined) return []
  const met = rows.filter(
    (row) => row.role !== 'shadow' && row.ep_epoch >= from && row.pin !== true && row.nth !== true,
  )
  const byKey = new Map(met.toReversed().flatMap((row) => (row.key === null ? [] : [[row.key, row] as const])))
  const fresh = [...met.filter((row) => row.key === null), ...(await firstMet(t, rollout.id, byKey))]
  const mine = fresh.filter((row) => armOf(rollout, row) === 1).length
  return fresh.length === 0 ? [] : [['u', mine, fresh.length - mine]]
}

async function firstMet(
  t: Tx,
  rollout: string,
  byKey: ReadonlyMap<string, IngestedPrediction>,
): Promise<IngestedPrediction[]> {
  const keys = [...byKey.keys()]
  const fresh: string[] = []
  for (let i = 0; i < keys.length; i += AT_ONCE) {
    const part = keys.slice(i, i + AT_ONCE)
    const rows = await t.all<{ unit: string }>(
      `INSERT INTO rollout_units (rollout_id, unit) VALUES ${part.map(() => '(?,?)').join(',')} ON CONFLICT DO NOTHING RETURNING unit`,
      part.flatMap((key) => [rollout, key]),
    )
    fresh.push(...rows.map((row) => row.unit))
  }
  return fresh.flatMap((key) => byKey.get(key) ?? [])
}
