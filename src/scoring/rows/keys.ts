/** Rows as texts, for those who remember rows. */
import { toJson } from './json.ts'
import type { Value } from './rows.ts'

/**
 * A text that two rows share only where no model can tell them apart. JSON by itself is none: it writes infinite numbers as null, which
 * is a missing value, -0 as 0, and all kinds of missing texts alike.
 */
export function rowKey(row: readonly Value[]): string {
  return toJson(row.some(isLost) ? row.map(asWritten) : row)
}

function isLost(value: Value): boolean {
  return value === undefined || (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
}

/** In a list, which no value of a row is. */
function asWritten(value: Value): Value | [string] {
  return isLost(value) ? [Object.is(value, -0) ? '-0' : String(value)] : value
}
