/** What other rooms ask about runs: tracked runs of attempts, their logs, runs that ended, preparations that failed, the queue of steps. */
import type { Reader } from '../../store/db.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'
import { WAITS_FOR_EQUAL } from '../line/equal.ts'

/** Runs of attempts that have not ended; an attempt has a heartbeat of its own and ends its run. */
export async function watchedRuns(reader: Reader): Promise<ReadonlySet<string>> {
  const rows = await reader.all<{ id: string }>(
    'SELECT tracking_run_id AS id FROM pipeline_attempts WHERE finished_at IS NULL AND tracking_run_id IS NOT NULL',
  )
  return new Set(rows.map((row) => row.id))
}

/** Digest of the log of the attempt that a run belongs to; undefined for a run of no attempt or without a log. */
export async function attemptLog(reader: Reader, runId: string): Promise<string | undefined> {
  const row = await reader.get<{ log_digest: string }>(
    `SELECT log_digest FROM pipeline_attempts WHERE tracking_run_id = ? AND log_digest IS NOT NULL
     ORDER BY queued_at DESC LIMIT 1`,
    [runId],
  )
  return row?.log_digest
}

/** Pipeline runs asked for by one statement at most. */
const CHUNK = 500

/** Tracked runs of all steps of pipeline runs. */
export async function runsBehind(reader: Reader, pipelineRuns: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (let at = 0; at < pipelineRuns.length; at += CHUNK) {
    const rows = await fetchAll<{ id: string }>(
      reader,
      sql`SELECT tracking_run_id AS id FROM pipeline_steps WHERE tracking_run_id IS NOT NULL
        AND run_id IN ${inList(pipelineRuns.slice(at, at + CHUNK))}`,
    )
    found.push(...rows.map((row) => row.id))
  }
  return found
}

/** Runs of a project that ended between two times (ms), with their outcome. */
export function endedRuns(
  reader: Reader,
  asked: { project: string; from: number; to: number },
): Promise<{ id: string; outcome: string | null; at: number }[]> {
  return reader.all(
    'SELECT id, outcome, finished_at AS at FROM pipeline_runs WHERE project = ? AND finished_at BETWEEN ? AND ?',
    [asked.project, asked.from, asked.to],
  )
}

/** How often preparations of a project's runs have thrown, by project; `project` null = all that have any. */
export function preparationFailures(reader: Reader, project: string | null): Promise<{ project: string; n: number }[]> {
  const own = project === null ? '' : 'AND project = ?'
  return reader.all(
    `SELECT project, CAST(sum(preparation_failures) AS BIGINT) AS n FROM pipeline_runs
     WHERE preparation_failures > 0 ${own} GROUP BY project ORDER BY project`,
    project === null ? [] : [project],
  )
}

/** How steps of one project stand in line. */
export interface StepQueue {
  readonly project: string
  /** Ready, and neither in the pause before a retry nor waiting for an equal step: they wait for a place. */
  readonly waiting: number
  readonly running: number
  /** Since when the oldest of those that wait does, ms; null when none waits. */
  readonly since: number | null
}

/** The queue of each project that has runs which have not ended; `project` null = of all. `now` in ms. */
export function stepQueues(reader: Reader, project: string | null, now: number): Promise<StepQueue[]> {
  const due = `s.state = 'ready' AND (s.retry_at IS NULL OR s.retry_at <= ?) AND NOT ${WAITS_FOR_EQUAL}`
  return reader.all<StepQueue>(
    `SELECT r.project, count(CASE WHEN ${due} THEN 1 END) AS waiting,
       count(CASE WHEN s.state = 'running' THEN 1 END) AS running,
       min(CASE WHEN ${due} THEN coalesce(s.retry_at, s.ready_at) END) AS since
     FROM pipeline_runs r LEFT JOIN pipeline_steps s
       ON s.run_id = r.id AND s.fan IS NULL AND s.state IN ('ready', 'running')
     WHERE r.state IN ('waiting', 'preparing', 'running') AND (r.project = ? OR ? = 1)
     GROUP BY r.project ORDER BY r.project`,
    [now, now, project ?? '', project === null ? 1 : 0],
  )
}

/** How many attempts of each project's runs have failed or were lost after a time (ms); `project` null = of all that have any. */
export function failedAttempts(
  reader: Reader,
  project: string | null,
  since: number,
): Promise<{ project: string; n: number }[]> {
  return reader.all(
    `SELECT r.project, count(*) AS n FROM pipeline_attempts a JOIN pipeline_runs r ON r.id = a.run_id
     WHERE a.state IN ('failed', 'lost') AND a.finished_at > ? AND (r.project = ? OR ? = 1)
     GROUP BY r.project ORDER BY r.project`,
    [since, project ?? '', project === null ? 1 : 0],
  )
}
