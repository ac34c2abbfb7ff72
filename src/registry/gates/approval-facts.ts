/** What a gate needs of a version's approvals: one for each name, for a person may hold several tokens. */
import type { Reader } from '../../store/db.ts'
import type { ApprovalFact } from './inputs.ts'
import type { VersionRow } from '../context/context.ts'

/** Who approves a version now, by name. */
export async function approvalFacts(
  reader: Reader,
  of: Pick<VersionRow, 'model' | 'version'>,
): Promise<ApprovalFact[]> {
  const rows = await reader.all<{ name: string; role: string }>(
    'SELECT name, role FROM model_approvals WHERE model = ? AND version = ? ORDER BY name, role',
    [of.model, of.version],
  )
  return [...new Map(rows.map((row) => [row.name, { by: row.name, role: row.role }])).values()]
}
