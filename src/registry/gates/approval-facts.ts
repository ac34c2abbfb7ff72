/** What a gate needs of a version's approvals: one for each name, for a person may hold several tokens. */
import type { Reader } from '../../store/db.ts'
import type { ApprovalFact } from './inputs.ts'
import type { VersionRow } from '../context/context.ts'

/** Roles that a gate may ask for, the stronger later; any other is weaker than these. */
const STRENGTH = ['maintainer', 'admin']

/** Who approves a version now, by name, each with the strongest role of their approvals. */
export async function approvalFacts(
  reader: Reader,
  of: Pick<VersionRow, 'model' | 'version'>,
): Promise<ApprovalFact[]> {
  const rows = await reader.all<{ name: string; role: string }>(
    'SELECT name, role FROM model_approvals WHERE model = ? AND version = ? ORDER BY name, role',
    [of.model, of.version],
  )
  const facts = new Map<string, ApprovalFact>()
  for (const { name, role } of rows) {
    const known = facts.get(name)
    if (known === undefined || STRENGTH.indexOf(role) > STRENGTH.indexOf(known.role))
      facts.set(name, { by: name, role })
  }
  return [...facts.values()]
}
