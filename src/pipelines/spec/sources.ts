/** Where the code of versions and runs came from, as the command line's git said. */
import type { CodeSource } from '../../contract/values/code-source.ts'
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

/** Whether the folder was as the commit has it. */
export function isClean(source: CodeSource): boolean {
  return source.patch_digest === undefined && source.untracked.length === 0
}
