/** Windows that are taken of the rows themselves, in the SQL of DuckDB. */
import { quoted } from './statement.ts'
import {
  longest,
  sameKeys,
  SPAN,
  spansSql,
  spanSql,
  startedSql,
  type ColumnWindow,
  type WindowSource,
} from './window-spans.ts'
import type { Unmerged } from './window-tiles.ts'

/** A query of `row` and a column for each window. */
export function byRowsSql({
  requests,
  rows,
  keys,
  asked,
  windows,
  includeLateData,
}: WindowSource & { readonly windows: readonly ColumnWindow[] }): string {
  const span = longest(windows)
  const known = includeLateData ? [] : ['f.created <= r."at"']
  const met = [...sameKeys(keys, asked), `f.${SPAN} = r.${SPAN}`, 'f.event <= r."at"', 'f.event >= r.least', ...known]
  const columns = windows.map((window, i) => `${aggregateSql(window, `r.start${i}`)} AS ${quoted(window.name)}`)
  return `
SELECT r."row", ${columns.join(', ')}
FROM (SELECT *, ${spansSql('"at"', span)} FROM (${startedSql(requests, windows)})) AS r
JOIN (SELECT *, ${spanSql('event', span)} AS ${SPAN} FROM ${rows}) AS f ON ${met.join(' AND ')}
GROUP BY r."row"`
}

function aggregateSql({ take, column, q }: ColumnWindow, start: string): string {
  const value = `f.${quoted(column ?? '')}`
  return AGGREGATE_SQL[take as Unmerged](value, `FILTER (WHERE f.event >= ${start} AND ${value} IS NOT NULL)`, q)
}

const AGGREGATE_SQL: Readonly<Record<Unmerged, (value: string, there: string, q: number) => string>> = {
  distinct: (value, there) => `count(DISTINCT ${value}) ${there}`,
  std: (value, there) => {
    const number = `CAST(${value} AS DOUBLE)`
    // DuckDB refuses a spread of infinities; it is no number
    return `CASE WHEN bool_and(isfinite(${number})) ${there} THEN stddev_samp(CASE WHEN isfinite(${number}) THEN ${number} END) ${there} WHEN count(${value}) ${there} > 1 THEN 'NaN'::DOUBLE END`
  },
  quantile: (value, there, q) => `quantile_cont(CAST(${value} AS DOUBLE), ${q}) ${there}`,
}
