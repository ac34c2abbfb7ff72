/** Which columns a request brings itself, so that nobody looks them up. */
import type { Rows } from '../../scoring/rows/rows.ts'

/** Those of the names that every row has, in their order; null is a value. */
export function broughtBy(rows: Rows, names: readonly string[]): string[] {
  const cell = rows.cells(names)
  return names.filter((_, j) => {
    for (let i = 0; i < rows.count; i++) if (cell(i, j) === undefined) return false
    return true
  })
}
