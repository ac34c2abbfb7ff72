/** What holds places now, of this machine and elsewhere, as the contract shows it. */
import type { z } from 'zod'
import { toTime } from '../../contract/fields.ts'
import type { lineApi, RunningStep } from '../../contract/pipelines/line.ts'
import type { Reader } from '../../store/db.ts'
import { all, fetchAll, raw, sql } from '../../store/sql/sql.ts'

interface Row extends Omit<RunningStep, 'since' | 'state'> {
  readonly queued_at: number
  readonly begun_at: number | null
}

/** The attempts that have not ended, of one project or with null of all, those that have their places longest first. */
export async function viewRunning(
  reader: Reader,
  project: string | null,
  limit: number,
): Promise<z.output<typeof lineApi.runningSteps.reply>> {
  const holds = all([
    raw("a.state IN ('submitting', 'running')"),
    raw("r.state IN ('waiting', 'preparing', 'running')"),
    ...(project === null ? [] : [sql`r.project = ${project}`]),
  ])
  const rows = await fetchAll<Row>(
    reader,
    sql`SELECT r.project, a.run_id AS run, a.step, a.number AS attempt, a.driver, a.pool, r.priority, a.cpus, a.memory_bytes,
        a.queued_at, a.begun_at
      FROM pipeline_attempts a JOIN pipeline_runs r ON r.id = a.run_id WHERE ${holds}
      ORDER BY a.queued_at, a.id LIMIT ${limit}`,
  )
  const [count] = await fetchAll<{ n: number }>(
    reader,
    sql`SELECT count(*) AS n FROM pipeline_attempts a JOIN pipeline_runs r ON r.id = a.run_id WHERE ${holds}`,
  )
  const items = rows.map(({ queued_at, begun_at, ...row }): RunningStep => ({
    ...row,
    state: begun_at === null ? 'starting' : 'running',
    since: toTime(queued_at),
  }))
  return { items, left_out: Math.max(0, (count?.n ?? 0) - items.length) }
}
