/** Sums and percentiles over groups of calls. */
import type { LlmFigures } from '../../contract/llm-calls.ts'
import type { Column, Columns } from '../../store/reads/columns.ts'
import { numbersOf } from '../../store/reads/columns.ts'

/** Sums over the calls of one group that ended in one way. */
export interface SumRow {
  readonly key: string | number | null
  readonly outcome: LlmFigures['outcomes'] extends Partial<Record<infer O, number>> ? O : never
  readonly requests: number
  readonly input_tokens: number
  readonly output_tokens: number
  readonly cache_read_tokens: number
  readonly cost: number
  readonly unpriced: number
}

/** SQL of the sums, to be grouped by `key` and `outcome`. */
export const SUMS = `COUNT(*) AS requests, ${['input_tokens', 'output_tokens', 'cache_read_tokens', 'cost']
  .map((column) => `CAST(COALESCE(SUM(${column}), 0) AS BIGINT) AS ${column}`)
  .join(', ')}, CAST(SUM(CASE WHEN cost IS NULL AND cost_status <> 'none' THEN 1 ELSE 0 END) AS BIGINT) AS unpriced`

/** SQL of what is measured of a call, µs: -1 where it does not count. */
export const MEASURES = `CASE WHEN outcome = 'refused' THEN -1 ELSE COALESCE(first_us, -1) END AS first_us,
  CASE WHEN outcome = 'ok' THEN us ELSE -1 END AS total_us`

/** Times of a group of calls, µs, in no order. */
interface Times {
  readonly first: number[]
  readonly total: number[]
}

/** Times by the value of a column. */
export type TimesBy = ReadonlyMap<unknown, Times>

/** Gathers times by the values of a column; without one all are under undefined. */
export function timesBy(measured: Columns, column?: string): TimesBy {
  const first = numbersOf(measured, 'first_us')
  const total = numbersOf(measured, 'total_us')
  const keys: Column | undefined = column === undefined ? undefined : measured.values[column]
  const found = new Map<unknown, Times>()
  for (let at = 0; at < measured.count; at++) {
    const key: unknown = keys?.[at]
    let times = found.get(key)
    if (times === undefined) found.set(key, (times = { first: [], total: [] }))
    const [one, all] = [first[at] ?? -1, total[at] ?? -1]
    if (one >= 0) times.first.push(one)
    if (all >= 0) times.total.push(all)
  }
  return found
}

/** What some rows of sums and times come to. */
export function figuresOf(rows: readonly SumRow[], times: Times | undefined): LlmFigures {
  const sum = (of: (row: SumRow) => number): number => rows.reduce((total, row) => total + of(row), 0)
  const outcomes: LlmFigures['outcomes'] = { ok: 0, refused: 0, failed: 0, aborted: 0, cut: 0, lost: 0 }
  for (const row of rows) outcomes[row.outcome] += row.requests
  return {
    requests: sum((row) => row.requests),
    outcomes,
    input_tokens: sum((row) => row.input_tokens),
    output_tokens: sum((row) => row.output_tokens),
    cache_read_tokens: sum((row) => row.cache_read_tokens),
    cost_nanodollars: sum((row) => row.cost),
    unpriced: sum((row) => row.unpriced),
    first_us: quantiles(times?.first ?? []),
    total_us: quantiles(times?.total ?? []),
  }
}

/** Exact, by nearest rank: the least value that so many in a hundred do not exceed. */
export function quantiles(values: readonly number[]): LlmFigures['first_us'] {
  const sorted = Float64Array.from(values).sort()
  const at = (percent: number): number | null => sorted[Math.ceil((percent * sorted.length) / 100) - 1] ?? null
  return { p50: at(50), p95: at(95), p99: at(99) }
}
