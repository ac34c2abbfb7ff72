/** Challengers: several versions in shadow at once, each judged for itself; which of them goes on is decided by their losses. */
import type { Reader } from '../../store/db.ts'
import type { Rival } from '../gates/decide.ts'
import type { RolloutRow, RolloutState } from '../context/context.ts'
import { planOf } from '../context/context.ts'
import { standing } from './verdicts.ts'

const AHEAD: readonly RolloutState[] = ['canary', 'promoted', 'watching']

/** The other challengers of a rollout that still count: not those that were stopped, ended or paused. */
export async function rivalsOf(reader: Reader, row: RolloutRow): Promise<Rival[]> {
  if (row.group_id === null || row.step > 0) return []
  const rows = await reader.all<RolloutRow>(
    `SELECT * FROM rollouts WHERE group_id = ? AND id <> ? AND state IN ('starting', 'shadow', 'canary', 'promoted', 'watching')
      ORDER BY created_at, id`,
    [row.group_id, row.id],
  )
  return rows.map((other) => rival(other, row))
}

function rival(other: RolloutRow, row: RolloutRow): Rival {
  const { ready, loss } = standing(other)
  const stands = AHEAD.includes(other.state) ? 'ahead' : ready && other.state === 'shadow' ? 'ready' : 'comparing'
  const earlier = other.created_at < row.created_at || (other.created_at === row.created_at && other.id < row.id)
  return { version: other.version, stands, loss, earlier }
}

/** A rollout that is under way on an endpoint. */
type Busy = Pick<RolloutRow, 'id' | 'version' | 'state' | 'group_id' | 'plan'>

/** Whether a version may begin now: beside nobody, or beside challengers; or which rollout it must wait for. */
export type Place = { readonly group: string | null } | { readonly busy: string }

/** The place of a new rollout. `id` names a group that it would be the first of. */
export async function placeFor(
  reader: Reader,
  wish: { readonly endpoint: string; readonly version: string; readonly id: string; readonly challengers: number },
): Promise<Place> {
  const rows = await reader.all<Busy>(
    `SELECT id, version, state, group_id, plan FROM rollouts
      WHERE endpoint = ? AND finished_at IS NULL AND state <> 'watching' ORDER BY created_at, id`,
    [wish.endpoint],
  )
  const [first] = rows
  if (first === undefined) return { group: wish.challengers > 1 ? wish.id : null }
  const joins = rows.every((one) => isOpen(one) && one.version !== wish.version)
  if (first.group_id === null || !joins) return { busy: first.id }
  const all = await reader.get<{ n: number }>('SELECT COUNT(*) AS n FROM rollouts WHERE group_id = ?', [first.group_id])
  const room = Math.min(wish.challengers, ...rows.map((one) => planOf(one).challengers ?? 1))
  return (all?.n ?? 0) < room ? { group: first.group_id } : { busy: first.id }
}

function isOpen({ state, group_id }: Busy): boolean {
  return group_id !== null && (state === 'starting' || state === 'shadow')
}
