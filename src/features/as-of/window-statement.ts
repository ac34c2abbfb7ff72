/** `windows.ts` in the SQL of DuckDB: for each request what each window takes of the rows that its moment sees. */
import { byRowsSql } from './window-rows.ts'
import { byTilesSql, isMerged } from './window-tiles.ts'
import type { ColumnWindow, WindowSource } from './window-spans.ts'

export interface WindowStatement extends WindowSource {
  readonly windows: readonly ColumnWindow[]
}

/**
 * A query of `row` and a column for each window, of the requests that meet any row at all; where it is missing, nothing was there. What
 * tiles can be merged of is taken of tiles, and all else of rows.
 */
export function windowStatement({ windows, ...of }: WindowStatement): string {
  const merged = [...Map.groupBy(windows.filter(isMerged), ({ step }) => step).values()]
  const others = windows.filter((window) => !isMerged(window))
  const [first, ...more] = [
    ...merged.map((own) => byTilesSql({ ...of, windows: own })),
    ...(others.length > 0 ? [byRowsSql({ ...of, windows: others })] : []),
  ]
  return `SELECT * FROM (${first})${more.map((part) => ` FULL JOIN (${part}) USING ("row")`).join('')}`
}
