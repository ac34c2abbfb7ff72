/** What versions hold on to: the runs that made them, their models and their data; retention never removes these. */
import type { Reader } from '../../store/db.ts'
import type { Cited } from '../../tracking/retention/plan.ts'

/** Pipeline runs that made versions. */
export async function pipelineRunsOfVersions(reader: Reader): Promise<string[]> {
  const rows = await reader.all<{ id: string }>(
    'SELECT DISTINCT pipeline_run_id AS id FROM model_versions WHERE pipeline_run_id IS NOT NULL',
  )
  return rows.map((row) => row.id)
}

/** Makes the look-up. A deleted version counts too: its lineage must go on being true. */
export function citedByVersions(reader: Reader): () => Promise<Cited> {
  return async () => {
    const rows = await reader.all<{ run_id: string | null; model_id: string | null; data: string }>(
      'SELECT run_id, model_id, data FROM model_versions',
    )
    return {
      runs: new Set(rows.flatMap((row) => row.run_id ?? [])),
      models: new Set(rows.flatMap((row) => row.model_id ?? [])),
      digests: new Set(rows.flatMap((row) => JSON.parse(row.data) as string[])),
    }
  }
}
