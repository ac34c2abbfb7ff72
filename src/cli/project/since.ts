/** What commands say of a project whose report of a proof is no longer of it. */
import { agrees, inWords, isWhole } from '../../contract/packages/proof.ts'
import { sinceReport, type Since } from '../../notebook/output/since.ts'

/** Lines on what of a project is no longer what a proof is of; none where all is. */
export function sinceLines(since: Since, proof = 'the proof in report.json'): string[] {
  if (since.state === 'absent') return []
  if (since.state === 'broken') return [`The report of the proof cannot be read: ${since.why}`]
  return since.changes.map((one) => `Changed since ${proof}: ${inWords(one)}`)
}

/** What whoever trains a package has to know of its proof: none where it is whole and of this project. */
export async function proofNotes(folder: string): Promise<string[]> {
  const since = await sinceReport(folder)
  if (since.state !== 'found' || isWhole(since.verdict)) return sinceLines(since)
  const said = agrees(since.verdict) ? since.verdict : `${since.verdict}: ${since.why}`
  return [`The proof of this package says: ${said}`, ...sinceLines(since)]
}
