/** The rule of the line: who of those that wait for a place begins now, and why each of the others waits. No database and no clock. */
import type { Resources } from '../context/deps.ts'
import { whyFull, type PoolRoom } from '../pools/pools.ts'

/** How much waiting a point of priority is worth, ms. */
export const POINT_MS = 600_000

/** A step that waits for a place. */
export interface InLine {
  readonly run_id: string
  readonly name: string
  readonly project: string
  readonly pool: string | null
  readonly demand: Resources
  /** It has waited so long that it holds back those behind it where it does not fit. */
  readonly isPatient: boolean
}

/** What is free. */
export interface Room {
  readonly free: Resources
  readonly pools: ReadonlyMap<string, PoolRoom>
}

/**
 * `gone`: its pool is not there; `full`: its pool has no place; `quota`: its project has as many places of the pool as it may; `places`:
 * the machine has no room; `turn`: there would be room, which those before it take or wait for.
 */
export type Wait = 'gone' | 'full' | 'quota' | 'places' | 'turn'

/**
 * Goes through the line in its order: each begins where it fits beside those that began before it. The first that does not fit and has
 * waited too long keeps its room free. What asks nothing of the machine, as a step elsewhere, waits for its pool alone. Undefined = begins.
 */
export function judgeLine(line: readonly InLine[], room: Room): (Wait | undefined)[] {
  const pools = new Map(room.pools)
  let { free } = room
  let isHeld = false
  return line.map((one) => {
    const pool = one.pool === null ? undefined : whyFull(pools.get(one.pool), one.project)
    if (one.pool !== null && pool !== undefined)
      return pool === 'gone' || whyFull(room.pools.get(one.pool), one.project) === pool ? pool : 'turn'
    if (fits(one.demand, free)) {
      free = less(free, one.demand)
      if (one.pool !== null) pools.set(one.pool, taken(pools.get(one.pool), one.project))
      return undefined
    }
    if (one.isPatient && !isHeld) {
      isHeld = true
      free = less(free, one.demand)
    }
    return fits(one.demand, room.free) ? 'turn' : 'places'
  })
}

/** True of what asks nothing, whatever is free. */
export function fits(demand: Resources, free: Resources): boolean {
  if (demand.cpus + demand.memory_bytes === 0) return true
  return demand.cpus <= free.cpus && demand.memory_bytes <= free.memory_bytes
}

export function less(free: Resources, demand: Resources): Resources {
  return { cpus: free.cpus - demand.cpus, memory_bytes: free.memory_bytes - demand.memory_bytes }
}

/** A pool with one place fewer. */
export function taken(pool: PoolRoom | undefined, project: string): PoolRoom {
  if (pool === undefined) throw new Error('a place of a pool that is not there')
  return { ...pool, held: pool.held + 1, by: new Map([...pool.by, [project, (pool.by.get(project) ?? 0) + 1]]) }
}
