/** Where the code of versions and runs came from, as the command line's git said. */
import type { CodeSource } from '../../contract/pipelines.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { hashOf } from './canonical.ts'

/** Keeps what git said; the same once. Returns its id, null for nothing. */
export async function keepSource(t: Tx, source: CodeSource | undefined): Promise<string | null> {
  if (source === undefined) return null
  const id = hashOf(source)
  await t.run('INSERT INTO pipeline_sources (id, source) VALUES (?, ?) ON CONFLICT (id) DO NOTHING', [
    id,
    JSON.stringify(source),
  ])
  return id
}

/** What git said of the folder that a run's code came from. */
export async function sourceOf(reader: Reader, runId: string): Promise<CodeSource | undefined> {
  const row = await reader.get<{ source: string }>(
    'SELECT s.source FROM pipeline_sources s JOIN pipeline_runs r ON r.source_id = s.id WHERE r.id = ?',
    [runId],
  )
  return row === undefined ? undefined : (JSON.parse(row.source) as CodeSource)
}

/** The ended runs of a project that were made of a commit, newest first, clean ones before those whose folder differed from it. */
export async function runsOfCommit(
  reader: Reader,
  project: string,
  commit: string,
): Promise<{ id: string; created_at: number; outcome: string }[]> {
  const rows = await reader.all<{ id: string; created_at: number; outcome: string; source: string }>(
    `SELECT r.id, r.created_at, r.outcome, s.source FROM pipeline_runs r JOIN pipeline_sources s ON s.id = r.source_id
     WHERE r.project = ? AND r.outcome IS NOT NULL AND r.trigger_kind <> 'reproduce' AND s.source LIKE ?
     ORDER BY r.created_at DESC, r.id DESC LIMIT 100`,
    [project, `%"commit":"${commit}"%`],
  )
  const made = rows.map((row) => ({ ...row, source: JSON.parse(row.source) as CodeSource }))
  return made
    .filter(({ source }) => source.commit === commit)
    .toSorted((a, b) => Number(isClean(b.source)) - Number(isClean(a.source)))
    .map(({ id, created_at, outcome }) => ({ id, created_at, outcome }))
}

/** Whether the folder was as the commit has it. */
export function isClean(source: CodeSource): boolean {
  return source.patch_digest === undefined && source.untracked.length === 0
}
