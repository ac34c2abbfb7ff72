/** How often the attempts of a project are interrupted, as its own history tells. */
import { DAY_MS } from '../../contract/ids.ts'
import type { Clock } from '../../contract/ids.ts'
import type { Reader } from '../../store/db.ts'

/** History that counts, ms. */
const HISTORY_MS = 30 * DAY_MS
/** As long as nothing is known one interruption in so much work is expected, ms; what is measured outweighs it with time. */
const EXPECTED_MS = DAY_MS / 2
/** Bounds of the answer, ms. */
const [LEAST_MS, MOST_MS] = [60_000, 30 * DAY_MS]
/** How long an answer is good, ms: a fan-out asks for each of its items. */
const FRESH_MS = 60_000

interface History {
  readonly wall: number
  readonly count: number
}

/** Work from interruption to interruption of the attempts of a project with one driver. */
export class Interruptions {
  readonly #known = new Map<string, { readonly at: number; readonly between: number }>()

  async between(reader: Reader, clock: Clock, project: string, driver: string): Promise<number> {
    const [name, now] = [`${driver} ${project}`, clock()]
    const known = this.#known.get(name)
    if (known !== undefined && Math.abs(now - known.at) < FRESH_MS) return known.between
    const found = await reader.get<History>(
      `SELECT CAST(coalesce(sum(a.wall_ms), 0) AS BIGINT) AS wall,
         count(CASE WHEN a.state = 'lost' OR a.failure LIKE '{"class":"preempted"%' THEN 1 END) AS count
       FROM pipeline_attempts a JOIN pipeline_runs r ON r.id = a.run_id
       WHERE a.finished_at > ? AND a.driver = ? AND r.project = ?`,
      [now - HISTORY_MS, driver, project],
    )
    const between = meanBetween(found?.wall ?? 0, found?.count ?? 0)
    if (this.#known.size > 1000) this.#known.clear()
    this.#known.set(name, { at: now, between })
    return between
  }
}

/** The mean, with one interruption in the work that is expected without any history. Ms. */
export function meanBetween(wall: number, count: number): number {
  return Math.min(MOST_MS, Math.max(LEAST_MS, (wall + EXPECTED_MS) / (count + 1)))
}
