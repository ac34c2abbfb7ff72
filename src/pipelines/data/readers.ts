/** Runs that read a content as a source, or made it. */
import type { Reader } from '../../store/db.ts'

export interface RunOfTree {
  readonly id: string
  /** As a declared source; else it is an output of one of its steps. */
  readonly read: boolean
}

/** Newest first, at most 500 of each kind. */
export async function runsOfTree(reader: Reader, project: string, digest: string): Promise<RunOfTree[]> {
  const within = `%"${digest}"%`
  const readers = await reader.all<{ id: string }>(
    `SELECT id FROM pipeline_runs WHERE project = ? AND sources LIKE ? ORDER BY created_at DESC LIMIT 500`,
    [project, within],
  )
  const makers = await reader.all<{ id: string }>(
    `SELECT DISTINCT run_id AS id FROM pipeline_steps WHERE project = ? AND outputs LIKE ? ORDER BY run_id DESC LIMIT 500`,
    [project, within],
  )
  return [...readers.map(({ id }) => ({ id, read: true })), ...makers.map(({ id }) => ({ id, read: false }))]
}
