/** Figures of one window from its rows: metrics with intervals, by slice where they are divided. */
import type { z } from 'zod'
import { DAY_MS } from '../../contract/ids.ts'
import { toTime } from '../../contract/fields.ts'
import type { Performance } from '../../contract/monitoring.ts'
import { accuracy, aucInterval, brier, logLoss, wilson } from '../../stats/metrics.ts'
import { normalQuantile } from '../../stats/distributions.ts'
import type { ScoredRow } from '../labels/scored.ts'

export type PerformanceItem = z.output<typeof Performance>

/** What of a query decides the figures of a window. Times are ms, event time. */
export interface WindowQuery {
  readonly from?: number
  readonly to?: number
  readonly bucket: 'day' | 'week' | 'month' | 'all'
  /** An input whose values divide the rows. */
  readonly slice?: string
  readonly version?: string
  /** Event time up to which labels are due, ms; all are if absent. */
  readonly due?: number
}

/** What of a row decides the figures. */
type Row = Omit<ScoredRow, 'version'>

/** Share of the due rows that must have labels. A window that is not due is provisional: labels that come early are not like the others. */
const COVERED = 0.95
/** Values of a slice that are told; those with most rows. */
const VALUES = 50

/** The figures of the window that begins at `start`, ms; none without rows. */
export function windowFigures(start: number, rows: readonly Row[], query: WindowQuery): PerformanceItem[] {
  if (rows.length === 0) return []
  const { slice } = query
  const where = { ...rangeOf(start, rows, query), version: query.version ?? null, due: query.due ?? Infinity }
  if (slice === undefined) return figures(rows, { ...where, slice: null, value: null })
  return bySlice(rows).flatMap(([value, part]) => figures(part, { ...where, slice, value }))
}

type Named = readonly [name: string, rows: readonly Row[]]

/** Groups by name, of which there are no two alike. */
function byName([a]: Named, [b]: Named): number {
  return a < b ? -1 : 1
}

function bySlice(rows: readonly Row[]): [string, Row[]][] {
  const groups = Map.groupBy(rows, (row) => row.value)
  groups.delete('')
  return [...groups].sort((a, b) => b[1].length - a[1].length || byName(a, b)).slice(0, VALUES)
}

function rangeOf(start: number, rows: readonly Row[], query: WindowQuery): { from: string; to: string } {
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
function figures(rows: readonly Row[], { due, ...where }: Where): PerformanceItem[] {
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
function isProvisional(rows: readonly Row[], due: number): boolean {
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
