/** What pipelines know of tracked runs: those of attempts under way, the logs of attempts, and the runs behind versions. */
import type { Reader } from '../../store/db.ts'

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

/** Tracked runs of all steps of pipeline runs from which versions were made. */
export async function runsBehindVersions(reader: Reader): Promise<string[]> {
  const rows = await reader.all<{ id: string }>(
    `SELECT tracking_run_id AS id FROM pipeline_steps WHERE tracking_run_id IS NOT NULL
     AND run_id IN (SELECT pipeline_run_id FROM model_versions WHERE pipeline_run_id IS NOT NULL)`,
  )
  return rows.map((row) => row.id)
}
