/** Statistics of the values of a view, over the live newest rows of its entities; they cost one more look at those rows. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { FeatureStatistics } from '../../contract/features/statistics.ts'
import { quoted } from '../as-of/statement.ts'
import type { Feature, View } from '../definitions/definitions.ts'
import { values } from './origin.ts'

/** As they are kept: times are ns since 1970, as texts. */
export interface MadeStatistics {
  readonly live: number
  readonly expired: number
  readonly features: readonly FeatureStatistics[]
}

/** More different texts than these are not counted one by one. */
const MOST_TEXTS = 100_000
const MOST_FREQUENT = 5
const LONGEST = 60
/** Beyond it squares leave the floats, and DuckDB refuses to add them up. */
const LARGEST = '1e150'
/** A column of a name that no feature has. */
const LIVE = quoted('is live')

export interface NewestRows {
  readonly view: View
  /** A table of all rows, and one with the `arrival` of the newest of each entity. */
  readonly rows: string
  readonly newest: string
  /** The moment, ns. */
  readonly until: bigint
}

export async function statisticsOf(
  duck: DuckDBConnection,
  { view, rows, newest, until }: NewestRows,
): Promise<MadeStatistics> {
  const isLive = view.ttl_ms === null ? 'TRUE' : `event >= ${until - BigInt(view.ttl_ms) * 1_000_000n}`
  const found = `SELECT * FROM ${rows} AS s SEMI JOIN ${newest} AS n ON s.arrival = n.arrival`
  const columns = view.features.map(({ name, type }, i) => `${AGGREGATES[type](quoted(name))} AS f${i}`)
  const asked = view.features.flatMap(({ type }, i) => PARTS[type].map((part) => `CAST(f${i}.${part} AS VARCHAR)`))
  const [cells = []] = await values(
    duck,
    `SELECT ${['live', 'total', ...asked].join(', ')} FROM (SELECT ${[`count(*) FILTER (WHERE ${LIVE}) AS live`, 'count(*) AS total', ...columns].join(', ')} FROM (SELECT *, ${isLive} AS ${LIVE} FROM (${found})))`,
  )
  const [live, total, ...rest] = cells
  const made = { live: Number(live), expired: Number(total) - Number(live) }
  const features: FeatureStatistics[] = []
  let next = 0
  for (const feature of view.features) {
    const parts = PARTS[feature.type]
    const own = new Map(parts.map((part, i) => [part, rest[next + i] ?? null] as const))
    next += parts.length
    const one = told(feature, made.live, own)
    const isCounted = feature.type === 'text' && one.distinct <= MOST_TEXTS
    const frequent = isCounted ? await frequentOf(duck, `SELECT * FROM (${found}) WHERE ${isLive}`, feature) : null
    features.push({ ...one, frequent })
  }
  return { ...made, features }
}

/** Each type with the parts that its aggregate packs, in one struct. */
const QUARTILES = ['quartiles[1]', 'quartiles[2]', 'quartiles[3]']
const COMMON = ['there', 'different']
const NUMBERS = [...COMMON, 'finite', 'least', 'most', 'mean', 'std', ...QUARTILES]
const PARTS: Readonly<Record<Feature['type'], readonly string[]>> = {
  int: NUMBERS,
  float: NUMBERS,
  bool: [...COMMON, 'true_rows'],
  text: COMMON,
  time: [...COMMON, 'least', 'most'],
}

const common = (column: string): string =>
  `there := count(${column}) FILTER (WHERE ${LIVE}), different := approx_count_distinct(${column}) FILTER (WHERE ${LIVE})`

const AGGREGATES: Readonly<Record<Feature['type'], (column: string) => string>> = {
  int: numbersSql,
  float: numbersSql,
  bool: (column) => `struct_pack(${common(column)}, true_rows := count(*) FILTER (WHERE ${LIVE} AND ${column}))`,
  text: (column) => `struct_pack(${common(column)})`,
  time: (column) =>
    `struct_pack(${common(column)}, least := min(${column}) FILTER (WHERE ${LIVE}), most := max(${column}) FILTER (WHERE ${LIVE}))`,
}

function numbersSql(column: string): string {
  const number = `CAST(${column} AS DOUBLE)`
  const there = `FILTER (WHERE ${LIVE} AND isfinite(${number}))`
  const small = `FILTER (WHERE ${LIVE} AND abs(${number}) < ${LARGEST})`
  const sound = (sql: string): string => `CASE WHEN max(abs(${number})) ${there} < ${LARGEST} THEN ${sql} ${small} END`
  return `struct_pack(${[
    common(column),
    `finite := count(${column}) ${there}`,
    `least := min(${number}) ${there}`,
    `most := max(${number}) ${there}`,
    `mean := ${sound(`avg(${number})`)}`,
    `std := ${sound(`stddev_samp(${number})`)}`,
    `quartiles := approx_quantile(${number}, [0.25, 0.5, 0.75]) ${there}`,
  ].join(', ')})`
}

type Cells = ReadonlyMap<string, bigint | number | string | null>

function told({ name, type }: Feature, live: number, cells: Cells): Omit<FeatureStatistics, 'frequent'> {
  const number = (part: string): number | null => {
    const cell = cells.get(part) ?? null
    return cell === null ? null : Number(cell)
  }
  const there = number('there') ?? 0
  const isNumber = type === 'int' || type === 'float'
  const finite = isNumber ? (number('finite') ?? 0) : 0
  const time = (part: string): string | null => (type === 'time' ? ((cells.get(part) ?? null) as string | null) : null)
  return {
    name,
    type,
    nulls: live - there,
    // an estimate may be more than there are
    distinct: Math.min(there, number('different') ?? 0),
    numbers:
      finite === 0
        ? null
        : {
            min: number('least') ?? 0,
            max: number('most') ?? 0,
            mean: number('mean'),
            std: number('std'),
            quartiles: QUARTILES.map((part) => number(part) ?? 0),
          },
    not_finite: isNumber ? there - finite : 0,
    true_share: type === 'bool' && there > 0 ? (number('true_rows') ?? 0) / there : null,
    first: time('least'),
    last: time('most'),
  }
}

async function frequentOf(
  duck: DuckDBConnection,
  live: string,
  { name }: Feature,
): Promise<FeatureStatistics['frequent']> {
  const column = quoted(name)
  const rows = await values(
    duck,
    `SELECT left(v, ${LONGEST}), CAST(length(v) > ${LONGEST} AS INTEGER), n FROM (SELECT ${column} AS v, count(*) AS n FROM (${live}) WHERE ${column} IS NOT NULL GROUP BY v ORDER BY n DESC, v LIMIT ${MOST_FREQUENT})`,
  )
  return rows.map(([value, isCut, count]) => ({ value: String(value), is_cut: isCut === 1, rows: Number(count) }))
}
