/** Quality of labelled predictions by window, version and slice, with intervals and how many labels are there. */
import type { z } from 'zod'
import { DAY_MS } from '../../contract/ids.ts'
import { toTime } from '../../contract/fields.ts'
import type { Performance } from '../../contract/monitoring.ts'
import { accuracy, aucInterval, brier, logLoss, wilson } from '../../stats/metrics.ts'
import { normalQuantile } from '../../stats/distributions.ts'
import type { Db } from '../../store/db.ts'
import { scoredDays } from '../labels/scored.ts'
import type { ScoredDay, ScoredRow } from '../labels/scored.ts'

export type PerformanceItem = z.output<typeof Performance>

/** Times are ms, event time; `from` inclusive, `to` exclusive. */
export interface PerformanceQuery {
  readonly endpoint: string
  readonly from?: number
  readonly to?: number
  readonly bucket: 'day' | 'week' | 'month' | 'all'
  /** An input whose values divide the rows. */
  readonly slice?: string
  readonly version?: string
  /** Event time up to which labels are due, ms; all are if absent. */
  readonly due?: number
}

/** Share of the due rows that must have labels. A window that is not due is provisional: labels that come early are not like the others. */
const COVERED = 0.95
/** Values of a slice that are told; those with most rows. */
const VALUES = 50

interface Kept {
  /** Tells whether rows or labels of the window changed. */
  readonly state: string
  readonly items: PerformanceItem[]
}

/** Figures of windows that did not change since: closed windows are asked for again and again. */
const kept = new WeakMap<Db, Map<string, Kept>>()
const MOST_KEPT = 2000

/** The figures, bucket by bucket, in order of time. `names` gives the inputs of a version, for slices. */
export async function performance(
  db: Db,
  query: PerformanceQuery,
  names: (version: string) => Promise<readonly string[]>,
): Promise<PerformanceItem[]> {
  const { slice, due = Infinity } = query
  const days = await scoredDays(db, { ...query, slice: slice === undefined ? undefined : { name: slice, names } })
  const buckets = Map.groupBy(days, ({ day }) => bucketOf(day * DAY_MS, query.bucket))
  const cache = kept.get(db) ?? new Map<string, Kept>()
  kept.set(db, cache)
  const items: PerformanceItem[] = []
  for (const [start, mine] of buckets) {
    const key = JSON.stringify([start, { ...query, due: 0 }])
    const state = JSON.stringify([
      mine.map(({ day, seq }) => [day, seq]),
      Math.min(due, (mine.at(-1)!.day + 1) * DAY_MS),
    ])
    const before = cache.get(key)
    const known = before?.state === state ? before : { state, items: windowFigures(start, mine, query) }
    if (!cache.has(key) && cache.size >= MOST_KEPT) cache.clear()
    cache.set(key, known)
    items.push(...known.items)
  }
  return items
}

function windowFigures(start: number, days: readonly ScoredDay[], query: PerformanceQuery): PerformanceItem[] {
  const rows = days.flatMap((day) => day.rows)
  if (rows.length === 0) return []
  const { slice } = query
  const where = { ...rangeOf(start, rows, query), version: query.version ?? null, due: query.due ?? Infinity }
  if (slice === undefined) return figures(rows, { ...where, slice: null, value: null })
  return bySlice(rows).flatMap(([value, part]) => figures(part, { ...where, slice, value }))
}

type Named = readonly [name: string, rows: readonly ScoredRow[]]

/** Groups by name, of which there are no two alike. */
function byName([a]: Named, [b]: Named): number {
  return a < b ? -1 : 1
}

function bySlice(rows: readonly ScoredRow[]): [string, ScoredRow[]][] {
  const groups = Map.groupBy(rows, (row) => row.value)
  groups.delete('')
  return [...groups].sort((a, b) => b[1].length - a[1].length || byName(a, b)).slice(0, VALUES)
}

/** Monday, 5 January 1970. */
const FIRST_MONDAY = 4 * DAY_MS

/** Start of the bucket, ms: days, weeks (from Monday) and months in UTC. */
function bucketOf(time: number, bucket: PerformanceQuery['bucket']): number {
  if (bucket === 'all') return 0
  if (bucket === 'day') return Math.floor(time / DAY_MS) * DAY_MS
  if (bucket === 'week') return Math.floor((time - FIRST_MONDAY) / (7 * DAY_MS)) * 7 * DAY_MS + FIRST_MONDAY
  const date = new Date(time)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
}

function rangeOf(start: number, rows: readonly ScoredRow[], query: PerformanceQuery): { from: string; to: string } {
  if (query.bucket === 'day') return { from: toTime(start), to: toTime(start + DAY_MS) }
  if (query.bucket === 'week') return { from: toTime(start), to: toTime(start + 7 * DAY_MS) }
  if (query.bucket === 'month') {
    const date = new Date(start)
    return { from: toTime(start), to: toTime(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)) }
  }
  let [first, last] = [Infinity, -Infinity]
  for (const { event_time } of rows) {
    first = Math.min(first, event_time)
    last = Math.max(last, event_time)
  }
  return { from: toTime(query.from ?? first), to: toTime(query.to ?? last + 1) }
}

type Where = Pick<PerformanceItem, 'from' | 'to' | 'version' | 'slice' | 'value'> & { readonly due: number }

/** Metrics of one window and slice. */
function figures(rows: readonly ScoredRow[], { due, ...where }: Where): PerformanceItem[] {
  const labelled = rows.filter((row) => row.label !== null)
  const scores = Float64Array.from(labelled, (row) => row.score)
  const labels = Float64Array.from(labelled, (row) => row.label as number)
  const data = { scores, labels }
  const common = {
    ...where,
    n: rows.length,
    labelled: labelled.length,
    coverage: labelled.length / rows.length,
    provisional: isProvisional(rows, due),
  }
  const make = (metric: PerformanceItem['metric'], estimate: number, interval: Pair): PerformanceItem => ({
    ...common,
    metric,
    estimate: Number.isFinite(estimate) ? estimate : null,
    interval: interval.every(Number.isFinite) ? [...interval] : null,
  })
  const mean = meanInterval(Float64Array.from(rows, (row) => row.score))
  const told = [make('mean_score', mean.estimate, mean.interval)]
  if (labels.some((label) => label !== 0 && label !== 1)) return told
  const area = aucInterval(data)
  const base = wilson(
    labels.reduce((sum, label) => sum + label, 0),
    labels.length,
  )
  return [
    make('roc_auc', area.estimate, [area.low, area.high]),
    ...(scores.every((score) => score >= 0 && score <= 1) ? losses(data, make) : []),
    make('base_rate', base.estimate, [base.low, base.high]),
    ...told,
  ]
}

/** Rows that are due without enough labels, or rows that are not due. */
function isProvisional(rows: readonly ScoredRow[], due: number): boolean {
  const ready = rows.filter((row) => row.event_time <= due)
  const labelled = ready.filter((row) => row.label !== null).length
  return ready.length < rows.length || labelled < COVERED * ready.length
}

interface Labelled {
  readonly scores: Float64Array
  readonly labels: Float64Array
}

type Make = (metric: PerformanceItem['metric'], estimate: number, interval: Pair) => PerformanceItem

/** What has a meaning for probabilities only: a score beyond 0 … 1 is none. */
function losses(data: Labelled, make: Make): PerformanceItem[] {
  const { scores, labels } = data
  const logs = meanInterval(scores.map((score, i) => lossOf(score, labels[i] as number)))
  const squares = meanInterval(scores.map((score, i) => (score - (labels[i] as number)) ** 2))
  const right = wilson(labels.length === 0 ? 0 : Math.round(accuracy(data) * labels.length), labels.length)
  return [
    make('log_loss', logLoss(data), logs.interval),
    make('brier', brier(data), squares.interval),
    make('accuracy', right.estimate, [right.low, right.high]),
  ]
}

type Pair = readonly [number, number]

function lossOf(score: number, label: number): number {
  const p = Math.min(1 - 1e-15, Math.max(1e-15, score))
  return -Math.log(label === 1 ? p : 1 - p)
}

/** The mean with its 95 % interval from the normal approximation. */
function meanInterval(values: Float64Array): { estimate: number; interval: Pair } {
  const n = values.length
  const estimate = values.reduce((sum, x) => sum + x, 0) / n
  const variance = values.reduce((sum, x) => sum + (x - estimate) ** 2, 0) / (n - 1)
  const reach = normalQuantile(0.975) * Math.sqrt(variance / n)
  return { estimate, interval: [estimate - reach, estimate + reach] }
}
