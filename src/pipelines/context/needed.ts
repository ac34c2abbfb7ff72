/** What pipelines need of the blobs: the code of versions, outputs of steps and of the cache, what sources gave, logs. */
import type { Digest } from '../../store/blobs/blobs.ts'
import type { NeededTree } from '../../store/blobs/reach.ts'
import type { Reader } from '../../store/db.ts'
import { nodeDigests } from '../drivers/remote/rows.ts'

/** Read from the rows, some of it more than once. */
export async function* pipelineDigests(db: Pick<Reader, 'all'>): AsyncGenerator<Digest | NeededTree> {
  for (const row of await db.all<{ tree: Digest }>('SELECT tree FROM pipeline_versions')) yield row
  const outputs = await db.all<{ outputs: string }>(
    'SELECT outputs FROM pipeline_steps UNION ALL SELECT outputs FROM pipeline_cache',
  )
  for (const row of outputs) {
    for (const { digest } of Object.values(JSON.parse(row.outputs) as Record<string, { digest: Digest }>))
      yield { tree: digest }
  }
  // the last content of a source too: a run may take it without reading it again
  const sources = await db.all<{ pinned: string }>(
    `SELECT sources AS pinned FROM pipeline_runs WHERE sources IS NOT NULL UNION ALL SELECT '{"_":' || pinned || '}' FROM pipeline_source_reads`,
  )
  for (const row of sources) {
    for (const { digest } of Object.values(JSON.parse(row.pinned) as Record<string, { digest: Digest }>))
      yield { tree: digest }
  }
  for (const row of await db.all<{ tree: Digest }>('SELECT tree FROM pipeline_checkpoints')) yield row
  const logs = await db.all<{ log_digest: Digest }>(
    'SELECT log_digest FROM pipeline_attempts WHERE log_digest IS NOT NULL',
  )
  for (const { log_digest } of logs) yield log_digest
  yield* nodeDigests(db)
}
