/** Latency of an endpoint's variants over time, from the prediction log. */
import type { z } from 'zod'
import type { Latency } from '../../contract/endpoint-view.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { Db } from '../../store/db.ts'
import { requireEndpoint } from '../context/rows.ts'
import type { VariantRole } from '../../gateway/table/table.ts'

export interface LatencyAsked {
  readonly endpoint: string
  /** Arrival, ms since 1970: `from` included, `until` not. */
  readonly from?: number
  readonly until?: number
  /** How long before `until` it begins where `from` is absent, seconds. */
  readonly span_s: number
  /** Windows, at most. */
  readonly windows: number
}

export type LatencyView = z.output<typeof Latency>

/** Steps of the logarithm of a latency: a bucket is 4 % wide, so that its middle is at most 2 % from what fell into it. */
const PER_E = 25
/** Round lengths of a window, seconds. */
const LENGTHS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200]
const DAY_S = 86_400

interface Cell {
  readonly place: number
  readonly role: VariantRole
  readonly version: string
  readonly bucket: number
  readonly n: number
  readonly errors: number
}

/** Reads an index alone. Throws `not_found`, and `invalid_field` for an empty range. */
export async function latencyOf(db: Db, now: number, asked: LatencyAsked): Promise<LatencyView> {
  await requireEndpoint(db, asked.endpoint)
  const until = asked.until ?? (await newest(db, asked.endpoint)) ?? now
  const from = asked.from ?? until - asked.span_s * 1000
  if (from >= until) {
    throw problem('invalid_field', { field: 'query.from', value: toTime(from), expected: `before ${toTime(until)}` })
  }
  const length = windowLength((until - from) / 1000 / asked.windows)
  const start = Math.floor(from / (length * 1000)) * length * 1000
  const count = Math.max(1, Math.ceil((until - start) / (length * 1000)))
  const cells = await db.search<Cell>({
    text: `SELECT CAST(FLOOR((at - ${start}) / ${length * 1000}.0) AS INTEGER) AS place, role, version,
        CAST(FLOOR(LN(CAST(latency_us + 1 AS DOUBLE PRECISION)) * ${PER_E}) AS INTEGER) AS bucket, COUNT(*) AS n,
        SUM(CASE WHEN status >= 500 THEN 1 ELSE 0 END) AS errors
      FROM predictions WHERE endpoint = ? AND at >= ? AND at < ? GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
    params: [asked.endpoint, from, until],
  })
  return {
    from: toTime(from),
    until: toTime(until),
    window_s: length,
    windows: Array.from({ length: count }, (_, i) => toTime(start + i * length * 1000)),
    series: [...Map.groupBy(cells, (cell) => `${cell.role} ${cell.version}`).values()].map((own) => series(own, count)),
  }
}

/** The least round length, in seconds, of which no more windows than asked are needed. */
function windowLength(seconds: number): number {
  return LENGTHS.find((length) => length >= seconds) ?? Math.ceil(seconds / DAY_S) * DAY_S
}

async function newest(db: Db, endpoint: string): Promise<number | undefined> {
  const row = await db.get<{ at: number | null }>('SELECT MAX(at) AS at FROM predictions WHERE endpoint = ?', [
    endpoint,
  ])
  return row?.at === null || row === undefined ? undefined : row.at + 1
}

function series(cells: readonly Cell[], count: number): LatencyView['series'][number] {
  const windows = Map.groupBy(cells, (cell) => cell.place)
  const each = <T>(pick: (own: readonly Cell[]) => T): T[] =>
    Array.from({ length: count }, (_, place) => pick(windows.get(place) ?? []))
  return {
    role: cells[0]?.role ?? 'stable',
    version: cells[0]?.version ?? '',
    requests: each((own) => own.reduce((sum, cell) => sum + cell.n, 0)),
    errors: each((own) => own.reduce((sum, cell) => sum + cell.errors, 0)),
    p50_ms: each((own) => quantile(own, 0.5)),
    p95_ms: each((own) => quantile(own, 0.95)),
    p99_ms: each((own) => quantile(own, 0.99)),
  }
}

/** The middle of the bucket in which the nearest rank falls, ms; null without requests. Buckets rise. */
function quantile(cells: readonly Cell[], q: number): number | null {
  const total = cells.reduce((sum, cell) => sum + cell.n, 0)
  let rank = Math.max(1, Math.ceil(q * total))
  for (const { bucket, n } of cells) {
    rank -= n
    if (rank <= 0) return (Math.exp((bucket + 0.5) / PER_E) - 1) / 1000
  }
  return null
}
