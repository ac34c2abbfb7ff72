/**
 * How requests and rows meet in time, in the SQL of DuckDB. Time is cut into spans that are as long as the longest window, so that a request
 * meets the rows of two of them and not all rows of its keys.
 */
import { quoted } from './statement.ts'
import type { Window } from './windows.ts'

/** A window over a column of the rows; without a column it counts rows. */
export interface ColumnWindow extends Window {
  readonly name: string
  readonly column: string | null
}

/** Of which requests and rows windows are taken. */
export interface WindowSource {
  /** A table with `row` (unique), `at` (ns) and the keys, named as `asked` says. */
  readonly requests: string
  /** A table with `arrival`, `event`, `created` (ns) and the keys. */
  readonly rows: string
  readonly keys: readonly string[]
  /** The columns of `requests` that hold the keys, in their order. */
  readonly asked: readonly string[]
  readonly includeLateData: boolean
}

/** No key is called so. */
export const SPAN = quoted('slipway: span')

/** The number of the span in which a time lies; `//` of SQL rounds towards 0. */
export function spanSql(time: string, span: bigint): string {
  return `CASE WHEN ${time} % ${span} < 0 THEN ${time} // ${span} - 1 ELSE ${time} // ${span} END`
}

/** A row for each span that a window which ends at `time` touches. */
export function spansSql(time: string, span: bigint): string {
  return `unnest([${spanSql(time, span)}, ${spanSql(time, span)} - 1]) AS ${SPAN}`
}

/** No window reaches farther back, ns. */
export function longest(windows: readonly Window[]): bigint {
  return windows.reduce((most, { over, step }) => (over + step > most ? over + step : most), 1n)
}

/** The beginning of the tile of a time, as `tileOf` has it; `%` of SQL has the sign of its left side, as that of TypeScript. */
export function tileSql(time: string, step: bigint): string {
  return `(${time} - ((${time} % ${step} + ${step}) % ${step}))`
}

/** Requests with the beginning of each window as `start0`, `start1` … and the first of them as `least`. */
export function startedSql(requests: string, windows: readonly Window[]): string {
  const starts = windows.map(({ over, step }, i) => `${tileSql(`("at" - ${over})`, step)} AS start${i}`)
  const least = `least(${windows.map((_, i) => `start${i}`).join(', ')})`
  return `SELECT *, ${least} AS least FROM (SELECT *, ${starts.join(', ')} FROM ${requests})`
}

/** That the keys of `f` are those that `r` asks for. */
export function sameKeys(keys: readonly string[], asked: readonly string[]): string[] {
  return keys.map((key, i) => `f.${quoted(key)} = r.${quoted(asked[i] ?? key)}`)
}
