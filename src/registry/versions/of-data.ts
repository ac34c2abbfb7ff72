/** Versions that stand on a content: named as their data, or registered by a run that read or made it. */
import type { Reader } from '../../store/db.ts'
import { fetchAll, inList, joined, sql } from '../../store/sql/sql.ts'

export interface VersionOfData {
  readonly model: string
  readonly version: number
  readonly aliases: readonly string[]
}

/** Versions of the project that are not deleted, those with an alias first and then the newest, at most 200. */
export async function versionsOfData(
  reader: Reader,
  project: string,
  digest: string,
  pipelineRuns: readonly string[],
): Promise<VersionOfData[]> {
  const ways = [
    sql`v.data LIKE ${`%"${digest}"%`}`,
    sql`v.holdout = ${digest}`,
    sql`v.evaluation = ${digest}`,
    sql`v.reference = ${digest}`,
    ...(pipelineRuns.length === 0 ? [] : [sql`v.pipeline_run_id IN ${inList(pipelineRuns)}`]),
  ]
  const rows = await fetchAll<{ model: string; version: number }>(
    reader,
    sql`SELECT v.model, v.version FROM model_versions v JOIN registered_models m ON m.name = v.model
     WHERE m.project = ${project} AND v.deleted_at IS NULL AND (${joined(ways, ' OR ')})
     ORDER BY CASE WHEN EXISTS (SELECT 1 FROM model_aliases a WHERE a.model = v.model AND a.version = v.version) THEN 0 ELSE 1 END,
       v.created_at DESC LIMIT 200`,
  )
  const found: VersionOfData[] = []
  for (const { model, version } of rows) {
    const aliases = await reader.all<{ alias: string }>(
      'SELECT alias FROM model_aliases WHERE model = ? AND version = ? ORDER BY alias',
      [model, version],
    )
    found.push({ model, version, aliases: aliases.map(({ alias }) => alias) })
  }
  return found
}
