/** `windows.ts` in the SQL of DuckDB: for each request what each window takes of the rows that its moment sees. */
import type { Aggregate } from '../../contract/features/section.ts'
import { quoted } from './statement.ts'
import type { Window } from './windows.ts'

/** A window over a column of the rows; without a column it counts rows. */
export interface ColumnWindow extends Window {
  readonly name: string
  readonly column: string | null
}

export interface WindowStatement {
  /** A table with `row` (unique), `at` (ns) and the keys, named as `asked` says. */
  readonly requests: string
  /** A table with `arrival`, `event`, `created` (ns) and the keys. */
  readonly rows: string
  readonly keys: readonly string[]
  /** The columns of `requests` that hold the keys, in their order. */
  readonly asked: readonly string[]
  readonly windows: readonly ColumnWindow[]
  readonly includeLateData: boolean
}

/**
 * A query of `row` and a column for each window, of the requests that meet any row at all; where it is missing, nothing was there. Time is cut
 * into spans that are as long as the longest window, so that a request meets the rows of two of them and not all rows of its keys.
 */
export function windowStatement({ requests, rows, keys, asked, windows, includeLateData }: WindowStatement): string {
  const starts = new Map(windows.map((window) => [startSql(window), `start${windows.indexOf(window)}`]))
  const least = `least(${[...starts.values()].join(', ')})`
  const span = windows.reduce((most, { over, step }) => (over + step > most ? over + step : most), 1n)
  const same = keys.map((key, i) => `f.${quoted(key)} = r.${quoted(asked[i] ?? key)}`)
  const known = includeLateData ? [] : ['f.created <= r."at"']
  const met = [...same, `f.${SPAN} = r.${SPAN}`, 'f.event <= r."at"', `f.event >= r.least`, ...known].join(' AND ')
  const columns = windows.map(
    (window) => `${aggregateSql(window, starts.get(startSql(window)) ?? '')} AS ${quoted(window.name)}`,
  )
  const edges = [...starts].map(([sql, name]) => `${sql} AS ${name}`)
  return `
SELECT r."row", ${columns.join(', ')}
FROM (
  SELECT *, ${least} AS least, unnest([${spanSql('"at"', span)}, ${spanSql('"at"', span)} - 1]) AS ${SPAN}
  FROM (SELECT *, ${edges.join(', ')} FROM ${requests})
) AS r
JOIN (SELECT *, ${spanSql('event', span)} AS ${SPAN} FROM ${rows}) AS f ON ${met}
GROUP BY r."row"`
}

/** The beginning of a window at `at`, as `windowStart` has it; `%` of SQL has the sign of its left side, as that of TypeScript. */
function startSql({ over, step }: Pick<Window, 'over' | 'step'>): string {
  const end = `("at" - ${over})`
  return `(${end} - ((${end} % ${step} + ${step}) % ${step}))`
}

/** No key is called so. */
const SPAN = quoted('slipway: span')

/** The number of the span in which a time lies; `//` of SQL rounds towards 0. */
function spanSql(time: string, span: bigint): string {
  return `CASE WHEN ${time} % ${span} < 0 THEN ${time} // ${span} - 1 ELSE ${time} // ${span} END`
}

function aggregateSql({ take, column, q }: ColumnWindow, start: string): string {
  const within = `f.event >= r.${start}`
  if (column === null) return `count(*) FILTER (WHERE ${within})`
  const value = `f.${quoted(column)}`
  const there = `FILTER (WHERE ${within} AND ${value} IS NOT NULL)`
  return AGGREGATE_SQL[take](value, there, q)
}

/** Means are sums over counts, so that they are equal to those of tiles to the last digit where sums are. */
const AGGREGATE_SQL: Readonly<Record<Aggregate, (value: string, there: string, q: number) => string>> = {
  count: (value, there) => `count(${value}) ${there}`,
  sum: (value, there) => `sum(CAST(${value} AS DOUBLE)) ${there}`,
  mean: (value, there) => `sum(CAST(${value} AS DOUBLE)) ${there} / count(${value}) ${there}`,
  min: (value, there) => `min(${value}) ${there}`,
  max: (value, there) => `max(${value}) ${there}`,
  last: (value, there) =>
    `struct_extract(max(struct_pack(event := f.event, created := f.created, arrival := f.arrival, v := ${value})) ${there}, 'v')`,
  distinct: (value, there) => `count(DISTINCT ${value}) ${there}`,
  std: (value, there) => {
    const number = `CAST(${value} AS DOUBLE)`
    // DuckDB refuses a spread of infinities; it is no number
    return `CASE WHEN bool_and(isfinite(${number})) ${there} THEN stddev_samp(CASE WHEN isfinite(${number}) THEN ${number} END) ${there} WHEN count(${value}) ${there} > 1 THEN 'NaN'::DOUBLE END`
  },
  quantile: (value, there, q) => `quantile_cont(CAST(${value} AS DOUBLE), ${q}) ${there}`,
}
