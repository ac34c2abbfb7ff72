/** The versions that an alias names, one of each model that has it. */
import type { Principal } from '../../contract/access.ts'
import type { Reader } from '../../store/db.ts'

export interface AliasedVersion {
  readonly model: string
  readonly version: string
  /** The pipeline run that made it; null where none did. */
  readonly run: string | null
  /** The grade of its last reproduction; null before the first. */
  readonly grade: string | null
}

/** Of the models that a principal may see, by name, those after one. */
export async function aliasedVersions(
  reader: Reader,
  who: Principal,
  of: { readonly alias: string; readonly after: string; readonly limit: number },
): Promise<AliasedVersion[]> {
  const rows = await reader.all<{
    model: string
    version: number
    pipeline_run_id: string | null
    reproducibility: string | null
  }>(
    `SELECT v.model, v.version, v.pipeline_run_id, v.reproducibility FROM model_aliases a
     JOIN registered_models m ON m.name = a.model
     JOIN model_versions v ON v.model = a.model AND v.version = a.version AND v.deleted_at IS NULL
     WHERE a.alias = ? AND a.model > ? AND (CAST(? AS TEXT) IS NULL OR m.project = ?) ORDER BY a.model LIMIT ?`,
    [of.alias, of.after, who.project, who.project, of.limit],
  )
  return rows.map(({ model, version, pipeline_run_id: run, reproducibility: grade }) => ({
    model,
    version: String(version),
    run,
    grade,
  }))
}
