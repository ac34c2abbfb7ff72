/** From which runs the versions of a model were made, for searches of runs by lineage. */
import type { Reader } from '../../store/db.ts'
import type { VersionRuns } from '../../tracking/context/context.ts'
import { visible } from '../../auth/visibility.ts'
import { fetchAll, raw, sql } from '../../store/sql/sql.ts'

/** Makes the look-up: all versions of a model, one of them, or the one that an alias names; deleted versions count no more. */
export function versionRuns(reader: Reader): VersionRuns {
  return async (who, { model, version, alias }) => {
    const one = version === undefined ? raw('1 = 1') : sql`v.version = ${version}`
    const named =
      alias === undefined
        ? raw('1 = 1')
        : sql`v.version = (SELECT a.version FROM model_aliases a WHERE a.model = v.model AND a.alias = ${alias})`
    const rows = await fetchAll<{ run_id: string }>(
      reader,
      sql`SELECT DISTINCT v.run_id FROM model_versions v JOIN registered_models m ON m.name = v.model
        WHERE v.model = ${model} AND ${one} AND ${named} AND ${visible(who, 'm.project')}
        AND v.run_id IS NOT NULL AND v.deleted_at IS NULL`,
    )
    return rows.map((row) => row.run_id)
  }
}
