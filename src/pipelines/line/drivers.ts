/** The drivers of the server as the contract shows them: how each cluster is, and what starts and runs there. */
import { toTime } from '../../contract/fields.ts'
import type { DriverState } from '../../contract/pipelines/drivers.ts'
import { DRIVERS, type DriverName } from '../../contract/values/drivers.ts'
import type { Reader } from '../../store/db.ts'
import { all, fetchAll, raw, sql } from '../../store/sql/sql.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import type { ClusterState } from '../drivers/driver.ts'

/** What a driver has under way, of the projects that a caller sees. */
interface Load {
  readonly driver: string
  readonly starting: number
  readonly running: number
  readonly since: number | null
  readonly trouble: string | null
}

/** Those that may be used, and those that are used no longer and still have attempts. `project` null = of all. */
export async function viewDrivers(
  { db, driver, places = ['local'] }: Pick<PipelinesDeps, 'db' | 'driver' | 'places'>,
  project: string | null,
): Promise<DriverState[]> {
  const [loads, clusters] = await Promise.all([readLoads(db, project), driver.clusters?.() ?? []])
  const used = (name: DriverName): boolean => places.includes(name) || loads.some((load) => load.driver === name)
  return DRIVERS.filter(used).map((name) => {
    const { starting = 0, running = 0, since = null, trouble = null } = loads.find((one) => one.driver === name) ?? {}
    return {
      name,
      configured: places.includes(name),
      health: healthOf(clusters.find((cluster) => cluster.name === name)),
      starting,
      running,
      starting_since: timeOf(since),
      trouble,
      slow_starts: name === driver.name ? driver.slowStarts() : null,
    }
  })
}

function readLoads(reader: Reader, project: string | null): Promise<Load[]> {
  const holds = all([
    raw("a.state IN ('submitting', 'running')"),
    raw("r.state IN ('waiting', 'preparing', 'running')"),
    ...(project === null ? [] : [sql`r.project = ${project}`]),
  ])
  return fetchAll<Load>(
    reader,
    sql`SELECT a.driver, count(CASE WHEN a.begun_at IS NULL THEN 1 END) AS starting, count(a.begun_at) AS running,
        min(CASE WHEN a.begun_at IS NULL THEN coalesce(a.launched_at, a.queued_at) END) AS since, max(a.trouble) AS trouble
      FROM pipeline_attempts a JOIN pipeline_runs r ON r.id = a.run_id WHERE ${holds}
      GROUP BY a.driver ORDER BY a.driver`,
  )
}

function healthOf(cluster: ClusterState | undefined): DriverState['health'] {
  if (cluster === undefined) return null
  const { ok, detail, version, looked_at, answered_at, failed } = cluster
  return {
    ok,
    detail,
    version,
    looked_at: timeOf(looked_at),
    answered_at: timeOf(answered_at),
    failed: failed === null ? null : { at: toTime(failed.at), detail: failed.detail },
  }
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : toTime(ms)
}
