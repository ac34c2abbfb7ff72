/**
 * Windows that are merged from tiles, in the SQL of DuckDB. A window begins with a tile, so that all of it but the tile in which its moment
 * lies is whole tiles: each of them is computed once, and not by every request that looks back on it. Rows that became known after they
 * happened are in no tile, for a moment between the two sees the one without the other; each request looks at them one by one.
 */
import type { Aggregate } from '../../contract/features/section.ts'
import { quoted } from './statement.ts'
import {
  longest,
  sameKeys,
  SPAN,
  spansSql,
  spanSql,
  startedSql,
  tileSql,
  type ColumnWindow,
  type WindowSource,
} from './window-spans.ts'

/** Aggregates whose tiles are more than a number or two. */
export type Unmerged = 'distinct' | 'std' | 'quantile'
type Merged = Exclude<Aggregate, Unmerged>

export type MergedWindow = ColumnWindow & { readonly take: Merged }

export function isMerged(window: ColumnWindow): window is MergedWindow {
  return Object.hasOwn(MERGED, window.take)
}

/** The tile, and the span of it, of a row or a tile. */
const TILE = quoted('slipway: tile')

/** A query of `row` and a column for each window; all of them have one step. */
export function byTilesSql({
  requests,
  rows,
  keys,
  asked,
  windows,
  includeLateData,
}: WindowSource & { readonly windows: readonly MergedWindow[] }): string {
  const step = windows[0]?.step ?? 1n
  const span = longest(windows)
  const names = keys.map(quoted)
  const isOnTime = includeLateData ? 'TRUE' : 'created <= event'
  const tiled = `SELECT *, ${tileSql('event', step)} AS ${TILE} FROM ${rows}`
  const pieces = windows.flatMap((_, i) => [`n${i}`, `v${i}`]).join(', ')
  const same = sameKeys(keys, asked)
  const tiles = `
    SELECT *, ${spanSql(TILE, span)} AS ${SPAN} FROM (
      SELECT ${[...names, TILE, ...windows.map(tileColumns)].join(', ')}
      FROM (${tiled}) AS f WHERE ${isOnTime} GROUP BY ${[...names, TILE].join(', ')})`
  const singles = `SELECT *, ${windows.map(rowColumns).join(', ')} FROM (${tiled}) AS f`
  const asking = startedSql(requests, windows)
  const spanned = `SELECT *, ${spansSql('"at"', span)} FROM (${asking})`
  const starts = windows.map((_, i) => `r.start${i}`).join(', ')
  const meet = (r: string, f: string, on: readonly string[]): string =>
    `SELECT r."row", ${starts}, f.${TILE} AS tile, ${pieces} FROM (${r}) AS r JOIN (${f}) AS f ON ${[...same, ...on].join(' AND ')}`
  const current = tileSql('r."at"', step)
  const met = [
    meet(spanned, tiles, [`f.${SPAN} = r.${SPAN}`, `f.${TILE} >= r.least`, `f.${TILE} < ${current}`]),
    meet(asking, `${singles} WHERE ${isOnTime}`, [`f.${TILE} = ${current}`, 'f.event <= r."at"']),
  ]
  if (!includeLateData) {
    const late = `SELECT *, ${spanSql(TILE, span)} AS ${SPAN} FROM (${singles} WHERE created > event)`
    met.push(meet(spanned, late, [`f.${SPAN} = r.${SPAN}`, `f.${TILE} >= r.least`, 'f.created <= r."at"']))
  }
  const columns = windows.map((window, i) => {
    const there = `FILTER (WHERE tile >= start${i})`
    return `${MERGED[window.take].merged(`sum(n${i}) ${there}`, (take) => `${take}(v${i}) ${there}`)} AS ${quoted(window.name)}`
  })
  return `SELECT "row", ${columns.join(', ')} FROM (${met.join(' UNION ALL ')}) GROUP BY "row"`
}

/** How many values a tile has and what is known of them, as `n0`, `v0`, `n1` … */
function tileColumns({ take, column }: MergedWindow, i: number): string {
  const value = column === null ? '1' : `f.${quoted(column)}`
  return `count(${value}) AS n${i}, ${MERGED[take].tile(value)} AS v${i}`
}

/** The same of one row. */
function rowColumns({ take, column }: MergedWindow, i: number): string {
  const value = column === null ? '1' : `f.${quoted(column)}`
  return `CASE WHEN ${value} IS NULL THEN 0 ELSE 1 END::BIGINT AS n${i}, ${MERGED[take].row(value)} AS v${i}`
}

interface Pieces {
  /** What is known of a value. */
  readonly row: (value: string) => string
  /** What is known of the values of a tile. */
  readonly tile: (value: string) => string
  /** The window, of how many values there are and of what is known of all. */
  readonly merged: (count: string, all: (take: 'sum' | 'min' | 'max') => string) => string
}

const double = (value: string): string => `CAST(${value} AS DOUBLE)`
const stamped = (value: string): string =>
  `struct_pack(event := f.event, created := f.created, arrival := f.arrival, v := ${value})`

/** Means are sums over counts, so that they are equal to those of the online store to the last digit where sums are. */
const MERGED: Readonly<Record<Merged, Pieces>> = {
  count: { row: () => 'NULL', tile: () => 'NULL', merged: (count) => `CAST(${count} AS BIGINT)` },
  sum: { row: double, tile: (value) => `sum(${double(value)})`, merged: (_, all) => all('sum') },
  mean: { row: double, tile: (value) => `sum(${double(value)})`, merged: (count, all) => `${all('sum')} / ${count}` },
  min: { row: (value) => value, tile: (value) => `min(${value})`, merged: (_, all) => all('min') },
  max: { row: (value) => value, tile: (value) => `max(${value})`, merged: (_, all) => all('max') },
  last: {
    row: (value) => `CASE WHEN ${value} IS NOT NULL THEN ${stamped(value)} END`,
    tile: (value) => `max(${stamped(value)}) FILTER (WHERE ${value} IS NOT NULL)`,
    merged: (_, all) => `struct_extract(${all('max')}, 'v')`,
  },
}
