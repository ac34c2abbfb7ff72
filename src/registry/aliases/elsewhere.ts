/** Files that were refused under another name: a verdict is on files and what they were measured by, and a copy is not free of it. */
import { isDeepStrictEqual } from 'node:util'
import type { Reader } from '../../store/db.ts'
import type { GateResult } from '../../contract/registry.ts'
import { metricsOf, requireModel } from '../context/context.ts'
import type { VersionRow } from '../context/context.ts'
import { refusalText } from '../gates/verdicts.ts'

interface RefusedRow {
  readonly model: string
  readonly version: number
  readonly results: string
  readonly inputs: string
  /** Null where the model is deleted. */
  readonly project: string | null
}

/** Newest refusals that are looked at. */
const MOST = 50

/**
 * Why the gates of another model refuse the very files of a version, by their newest verdict on them; null where none does. It counts where
 * they were judged there first, for a model is not held to the gates of those that copy from it, and where the version has no metrics of its own
 * that differ. What waits there, as for an approval, is not refused. Verdicts outlive their model, so its deletion opens nothing. A model of
 * another project is not named.
 */
export async function refusedElsewhere(reader: Reader, row: VersionRow): Promise<string | null> {
  if (row.tree === null) return null
  const rows = await reader.all<RefusedRow>(
    `SELECT d.model, d.version, d.results, d.inputs, m.project FROM verdicts d
     LEFT JOIN registered_models m ON m.name = d.model
     LEFT JOIN model_versions v ON v.model = d.model AND v.version = d.version AND v.tree = d.tree
     WHERE d.tree = ? AND d.model <> ? AND d.passed = 0 AND (v.verdict_id = d.id OR (v.model IS NULL AND NOT EXISTS (
       SELECT 1 FROM verdicts n WHERE n.model = d.model AND n.version = d.version AND n.tree = d.tree AND n.at > d.at)))
     AND EXISTS (SELECT 1 FROM verdicts f WHERE f.model = d.model AND f.version = d.version AND f.tree = d.tree AND f.at <= ?)
     ORDER BY d.at DESC, d.id LIMIT ${MOST}`,
    [row.tree, row.model, row.created_at],
  )
  const found = rows.find((one) => isRefused(one) && isOnTheSame(one, row))
  if (found === undefined) return null
  const { project } = await requireModel(reader, row.model)
  if (found.project !== project) return 'the same files were refused as a version of a model of another project'
  const reasons = refusalText(JSON.parse(found.results) as GateResult[])
  return `the same files were refused as ${found.model}/${found.version} (${reasons})`
}

function isRefused({ results }: RefusedRow): boolean {
  const gates = JSON.parse(results) as GateResult[]
  return gates.some(({ outcome }) => outcome !== 'passed' && outcome !== 'waiting')
}

/** True unless the version was measured by itself: it has metrics, and not those of the verdict. */
function isOnTheSame({ inputs }: RefusedRow, row: VersionRow): boolean {
  const judged = JSON.parse(inputs) as { readonly metrics: unknown; readonly evaluation: string | null }
  const own = metricsOf(row)
  if (Object.keys(own).length === 0 && row.evaluation === null) return true
  return isDeepStrictEqual([own, row.evaluation], [judged.metrics, judged.evaluation])
}
