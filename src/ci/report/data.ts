/** What differs between the data of two versions of a model, as a report tells it. */
import type { DataChange } from '../../contract/changes/report.ts'
import type { DataDiff } from '../../contract/data/sets.ts'

/** Port of the room of data: undefined where one of the two trees cannot be compared. */
export interface TreeDiffs {
  between(before: string, after: string): Promise<DataDiff | undefined>
}

type Difference = Omit<DataChange, 'name' | 'against'>

const NOTHING = { rows: null, added: [], removed: [], retyped: [], drift: [] }

/** Two trees by their digests. Equal digests are equal tables, and nothing is read. */
export async function compareData(diffs: TreeDiffs, before: string, after: string): Promise<Difference> {
  if (before === after) return { same: true, compared: true, ...NOTHING }
  const diff = await diffs.between(before, after)
  if (diff === undefined) return { same: false, compared: false, ...NOTHING }
  const { rows, columns, drift } = diff
  return {
    same: false,
    compared: true,
    rows,
    added: columns.added.map(({ name }) => name),
    removed: columns.removed.map(({ name }) => name),
    retyped: columns.retyped.map(({ name, ...types }) => ({ column: name, ...types })),
    drift: drift.map(({ column, psi, missing_before, missing_after }) => ({
      column,
      psi,
      nulls_before: missing_before,
      nulls_after: missing_after,
    })),
  }
}
