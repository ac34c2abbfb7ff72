/**
 * What is counted of steps and attempts, for monitors of others: how attempts ended, what they waited, limits that were hit, who is in line
 * where. It stands in the rows, written by the statement that ends an attempt, and not in the memory of a process: of several servers on one
 * database any may be asked, and what one was killed over another ends.
 */
import type { Db } from '../../store/db.ts'
import { fetchAll, raw, searchAll, sql } from '../../store/sql/sql.ts'
import { WAITS_FOR_EQUAL } from './equal.ts'

/** Upper bounds of the waits that are told apart, ms; longer ones have none. */
export const WAIT_BOUNDS = [1000, 10_000, 60_000, 300_000, 1_800_000, 7_200_000, 43_200_000] as const

/** Attempts of a project on a driver that ended alike; null = that go on. */
export interface CountedAttempts {
  readonly project: string
  readonly driver: string
  /** A class of failure, succeeded or cancelled. */
  readonly ended_as: string | null
  readonly n: number
  /** Those whose wait for a place is known, and how long they waited together, ms. */
  readonly waits: number
  readonly waited_ms: number
  /** Those that waited at most so long, by the bounds above. */
  readonly within: readonly number[]
  readonly checkpoints: number
}

/** All attempts, ever; `project` null = of all. An index holds everything that is read. */
export async function countedAttempts(db: Db, project: string | null): Promise<CountedAttempts[]> {
  const bounds = WAIT_BOUNDS.map((ms, i) => `count(CASE WHEN waited_ms <= ${ms} THEN 1 END) AS within${i}`)
  const rows = await searchAll<Record<string, number> & Pick<CountedAttempts, 'project' | 'driver' | 'ended_as'>>(
    db,
    sql`SELECT project, driver, ended_as, count(*) AS n, count(waited_ms) AS waits,
        CAST(coalesce(sum(waited_ms), 0) AS BIGINT) AS waited_ms,
        CAST(coalesce(sum(checkpoints_made), 0) AS BIGINT) AS checkpoints, ${raw(bounds.join(', '))}
      FROM pipeline_attempts WHERE ${project === null ? raw('project IS NOT NULL') : sql`project = ${project}`}
      GROUP BY project, driver, ended_as ORDER BY project, driver, ended_as`,
  )
  return rows.map(({ n = 0, waits = 0, waited_ms = 0, checkpoints = 0, ...row }) => ({
    project: row.project,
    driver: row.driver,
    ended_as: row.ended_as,
    n,
    waits,
    waited_ms,
    within: WAIT_BOUNDS.map((_, i) => row[`within${i}`] ?? 0),
    checkpoints,
  }))
}

interface CountedLimits {
  readonly project: string
  /** `queued`, `starting`, `running` or `silent` of a step, `run` of a whole run. */
  readonly limit: string
  readonly n: number
}

/** How often each limit of time has ended something, ever. */
export async function countedLimits(db: Db, project: string | null): Promise<CountedLimits[]> {
  const own = project === null ? raw('1 = 1') : sql`project = ${project}`
  return fetchAll<CountedLimits>(
    db,
    sql`SELECT project, limit_hit AS "limit", count(*) AS n FROM pipeline_attempts WHERE limit_hit IS NOT NULL AND ${own}
        GROUP BY project, limit_hit
      UNION ALL SELECT project, 'queued', count(*) FROM pipeline_steps WHERE unplaced_at IS NOT NULL AND ${own} GROUP BY project
      UNION ALL SELECT project, 'run', count(*) FROM pipeline_runs WHERE overdue IS NOT NULL AND ${own} GROUP BY project
      ORDER BY 1, 2`,
  )
}

/** Steps of a project that wait for a place, or run, by where and in which pool. */
interface PlacedSteps {
  readonly project: string
  readonly driver: string
  /** Empty where they name none. */
  readonly pool: string
  readonly waiting: number
  readonly running: number
}

/** Of runs that have not ended; a step with items is told by its items. `now` in ms. */
export function placedSteps(db: Db, project: string | null, now: number): Promise<PlacedSteps[]> {
  return fetchAll<PlacedSteps>(
    db,
    sql`SELECT r.project, coalesce(s.driver, 'local') AS driver, coalesce(s.pool, '') AS pool,
        count(CASE WHEN s.state = 'ready' AND (s.retry_at IS NULL OR s.retry_at <= ${now})
          AND NOT ${raw(WAITS_FOR_EQUAL)} THEN 1 END) AS waiting,
        count(CASE WHEN s.state = 'running' THEN 1 END) AS running
      FROM pipeline_runs r JOIN pipeline_steps s ON s.run_id = r.id AND s.fan IS NULL AND s.state IN ('ready', 'running')
      WHERE r.state IN ('waiting', 'preparing', 'running') AND ${project === null ? raw('1 = 1') : sql`r.project = ${project}`}
      GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
  )
}
