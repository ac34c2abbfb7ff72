/** How the items of a step stand, counted from their rows by an index. */
import type { StepState } from '../../contract/pipelines.ts'
import type { Reader } from '../../store/db.ts'

/** Items by state; states without any are absent. */
export type Counts = Readonly<Partial<Record<StepState, number>>>

/** Of all items of a step. With `only`, of these states alone, which costs as much as there are of them. */
export async function countItems(
  reader: Reader,
  { run_id, name }: { readonly run_id: string; readonly name: string },
  only?: readonly StepState[],
): Promise<Counts> {
  const some = only === undefined ? '' : `AND state IN (${only.map((state) => `'${state}'`).join(', ')})`
  const rows = await reader.all<{ state: StepState; n: number }>(
    `SELECT state, count(*) AS n FROM pipeline_steps WHERE run_id = ? AND item_of = ? ${some} GROUP BY state ORDER BY state`,
    [run_id, name],
  )
  return Object.fromEntries(rows.map(({ state, n }) => [state, n]))
}

/** The sum of some states. */
export function sumOf(counts: Counts, states: readonly StepState[]): number {
  return states.reduce((sum, state) => sum + (counts[state] ?? 0), 0)
}
