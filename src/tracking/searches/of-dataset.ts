/** Runs that logged a data set of a digest as their input. */
import type { Reader } from '../../store/db.ts'

/** MLflow's client keeps digests of at most so many characters. */
const LONGEST = 36

/** Ids of active runs of the project. A client names a digest whole, by its hex digits, or by as many of these as it keeps. */
export async function runsWithDataset(
  reader: Reader,
  project: string,
  digest: string,
  limit: number,
): Promise<string[]> {
  const hex = digest.replace(/^sha256:/, '')
  const rows = await reader.all<{ run_id: string }>(
    `SELECT DISTINCT x.run_id FROM dataset_inputs x JOIN runs r ON r.run_id = x.run_id
     WHERE r.project = ? AND r.lifecycle_stage = 'active' AND x.digest IN (?, ?, ?) ORDER BY x.run_id LIMIT ?`,
    [project, digest, hex, hex.slice(0, LONGEST), limit],
  )
  return rows.map(({ run_id }) => run_id)
}
