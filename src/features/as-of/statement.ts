/** `as-of.ts` in the SQL of DuckDB: for each request the row that its moment sees, or why it sees none. */
import type { AsOfRules } from './as-of.ts'

/** `hash`: each request meets all rows of its keys; `sorted`: both sides are sorted once. Both give the same. */
export type AsOfPlan = 'hash' | 'sorted'

export interface AsOfStatement {
  /** A table with `row` (unique) and `at` (ns, BIGINT). */
  readonly requests: string
  /** A table with `arrival` (unique), `event` and `created` (ns, BIGINT, never null) and the join keys. */
  readonly rows: string
  /** Of `rows`; none: all rows belong to all requests. */
  readonly keys: readonly string[]
  /** The columns of `requests` that hold the keys, in their order. */
  readonly asked: readonly string[]
  readonly rules: AsOfRules
  readonly plan: AsOfPlan
}

/**
 * A query of one row for each request: `row`, `status` (`live`, `expired`, `not_found`, `future_only` or `late_suppressed`), and of
 * the row that is seen `arrival` and `event`, else null. Keys that are null match nothing, as in every join of SQL.
 */
export function asOfStatement(statement: AsOfStatement): string {
  const { requests, rows, keys, asked, rules, plan } = statement
  const found = plan === 'hash' ? byHash(statement) : bySorting(statement)
  const names = list(keys)
  return `
WITH found AS (${found}),
first AS (SELECT ${comma(names)}min(event) AS earliest FROM ${rows} ${keys.length > 0 ? `GROUP BY ${names}` : ''})
SELECT r."row",
  CASE
    WHEN found.arrival IS NOT NULL THEN ${rules.ttl === null ? `'live'` : `CASE WHEN found.event >= r."at" - ${rules.ttl} THEN 'live' ELSE 'expired' END`}
    WHEN first.earliest IS NULL THEN 'not_found'
    WHEN first.earliest > r."at" THEN 'future_only'
    ELSE 'late_suppressed'
  END AS status,
  found.arrival, found.event
FROM ${requests} AS r
LEFT JOIN found ON found."row" = r."row"
LEFT JOIN first ON ${equal('first', keys, asked)}`
}

function byHash({ requests, rows, keys, asked, rules }: AsOfStatement): string {
  const known = rules.includeLateData ? '' : `AND f.created <= r."at"`
  return `
  SELECT "row", latest.arrival AS arrival, latest.event AS event FROM (
    SELECT r."row", max(struct_pack(event := f.event, created := f.created, arrival := f.arrival)) AS latest
    FROM ${requests} AS r JOIN ${rows} AS f ON ${equal('f', keys, asked)} AND f.event <= r."at" ${known}
    GROUP BY r."row"
  )`
}

/**
 * At the moment from which a row is seen, the last of all that are seen by then; between two such moments nothing changes, so the
 * nearest one before a request is what it sees. Rows of one moment are peers of the window, and one of them is kept. Rows with a null
 * key are left out by hand: the ASOF join of DuckDB 1.5 lets two nulls meet where there are several keys.
 */
function bySorting({ requests, rows, keys, asked, rules }: AsOfStatement): string {
  const seen = rules.includeLateData ? 'event' : 'greatest(event, created)'
  const names = list(keys)
  return `
  SELECT r."row", s.latest.arrival AS arrival, s.latest.event AS event
  FROM ${requests} AS r ASOF JOIN (
    SELECT DISTINCT ON (${comma(names)}seen) ${comma(names)}seen,
      max(struct_pack(event := event, created := created, arrival := arrival))
        OVER (PARTITION BY ${names || '0'} ORDER BY seen RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS latest
    FROM (SELECT ${comma(names)}event, created, arrival, ${seen} AS seen FROM ${rows}${someNull(keys)})
  ) AS s ON ${equal('s', keys, asked)} AND r."at" >= s.seen`
}

/** A name as SQL takes it, whatever is in it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function someNull(keys: readonly string[]): string {
  return keys.length === 0 ? '' : ` WHERE ${keys.map((key) => `${quoted(key)} IS NOT NULL`).join(' AND ')}`
}

function list(keys: readonly string[]): string {
  return keys.map(quoted).join(', ')
}

function comma(names: string): string {
  return names === '' ? '' : `${names}, `
}

function equal(left: string, keys: readonly string[], asked: readonly string[]): string {
  if (keys.length === 0) return 'TRUE'
  return keys.map((key, i) => `${left}.${quoted(key)} = r.${quoted(asked[i] ?? key)}`).join(' AND ')
}
