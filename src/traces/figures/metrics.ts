/** Figures over many traces, spans or assessments: counts, sums, means and percentiles by dimension and time. */
import type { Principal } from '../../contract/access.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { all, joined, raw, searchAll, sql } from '../../store/sql/sql.ts'
import type { Sql } from '../../store/db.ts'
import { invalid } from '../../mlflow/wire.ts'
import { aggregate } from './aggregate.ts'
import type { Aggregation, Weighted } from './aggregate.ts'
import { metricFilter } from './filter.ts'
import { columnOf } from '../search/conditions.ts'
import { traceScope } from '../search/search.ts'
import { fromJsonText, mapOf } from '../spans/values.ts'

export type MetricView = 'TRACES' | 'SPANS' | 'ASSESSMENTS'

export interface MetricQuery {
  readonly experiment_ids: readonly string[]
  readonly view_type: MetricView
  readonly metric_name: string
  readonly aggregations: readonly Aggregation[]
  readonly dimensions: readonly string[]
  readonly filters: readonly string[]
  readonly time_interval_seconds?: number | undefined
  /** Ms since 1970, both included. */
  readonly start_time_ms?: number | undefined
  readonly end_time_ms?: number | undefined
  readonly max_results: number
}

export interface DataPoint {
  readonly metric_name: string
  readonly dimensions: Record<string, string>
  readonly values: Record<string, number>
}

type Kind = Aggregation['aggregation_type']

interface Metric {
  readonly kinds: readonly Kind[]
  readonly dimensions: readonly string[]
  /** What is counted or summed; JSON where `inside` is given. */
  readonly value: string
  /** The name of the number inside a JSON value. */
  readonly inside?: string
  /** Equal values count once. */
  readonly distinct?: boolean
}

const COUNTS: readonly Kind[] = ['COUNT']
const SPREAD: readonly Kind[] = ['AVG', 'MIN', 'MAX', 'PERCENTILE']
const SUMS: readonly Kind[] = ['SUM', ...SPREAD]
const MODEL = ['span_model_name', 'span_model_provider']

const METADATA = 'SELECT m.value FROM trace_metadata m WHERE m.trace_id = r.trace_id AND m.key ='
const tokens = (inside: string): Metric => ({
  kinds: SUMS,
  dimensions: ['trace_name'],
  value: `(${METADATA} 'mlflow.trace.tokenUsage')`,
  inside,
})
const cost = (column: string): Metric => ({ kinds: SUMS, dimensions: MODEL, value: `x.${column}` })

const METRICS: Readonly<Record<MetricView, Readonly<Record<string, Metric>>>> = {
  TRACES: {
    trace_count: { kinds: COUNTS, dimensions: ['trace_name', 'trace_status'], value: '1' },
    session_count: { kinds: COUNTS, dimensions: [], value: `(${METADATA} 'mlflow.trace.session')`, distinct: true },
    latency: { kinds: SPREAD, dimensions: ['trace_name'], value: 'r.duration_ms' },
    input_tokens: tokens('input_tokens'),
    output_tokens: tokens('output_tokens'),
    total_tokens: tokens('total_tokens'),
    cache_read_input_tokens: tokens('cache_read_input_tokens'),
    cache_creation_input_tokens: tokens('cache_creation_input_tokens'),
  },
  SPANS: {
    span_count: { kinds: COUNTS, dimensions: ['span_name', 'span_type', 'span_status', ...MODEL], value: '1' },
    latency: { kinds: SPREAD, dimensions: ['span_name', 'span_status'], value: '(x.end_us - x.start_us)' },
    input_cost: cost('input_cost'),
    output_cost: cost('output_cost'),
    total_cost: cost('total_cost'),
  },
  ASSESSMENTS: {
    assessment_count: { kinds: COUNTS, dimensions: ['assessment_name', 'assessment_value'], value: '1' },
    assessment_value: { kinds: SPREAD, dimensions: ['assessment_name'], value: 'x.number' },
  },
}

const DIMENSIONS: Readonly<Record<string, string>> = {
  trace_name: 'r.name',
  trace_status: 'r.state',
  span_name: 'x.name',
  span_type: 'x.type',
  span_status: 'x.status',
  span_model_name: 'x.model',
  span_model_provider: 'x.provider',
  assessment_name: 'x.name',
  assessment_value: 'x.value',
}

const FROM: Readonly<Record<MetricView, string>> = {
  TRACES: 'traces r',
  SPANS: 'trace_spans x JOIN traces r ON r.trace_id = x.trace_id',
  ASSESSMENTS: 'trace_assessments x JOIN traces r ON r.trace_id = x.trace_id',
}

/** Groups of equal dimensions and value that are read at most; beyond that the question is to be narrowed. */
const MOST_GROUPS = 200_000

/** The figures, by time and dimensions. INVALID_PARAMETER_VALUE for what cannot be asked. */
export async function traceMetrics(room: Tracking, who: Principal, asked: MetricQuery): Promise<DataPoint[]> {
  const metric = checked(asked)
  const bucketed = asked.time_interval_seconds !== undefined
  const names = [...(bucketed ? ['time_bucket'] : []), ...asked.dimensions]
  const columns = names.map((name) => (name === 'time_bucket' ? bucket(asked) : raw(DIMENSIONS[name] ?? '')))
  const where = [
    await traceScope(room, who, asked.experiment_ids),
    ...asked.filters.map((one) => metricFilter(room.db.kind, one)),
    ...range(asked),
  ]
  const selected = [...columns.map((column, at) => sql`${column} AS ${raw(`d${at}`)}`), raw(`${metric.value} AS v`)]
  const positions = raw(selected.map((_, at) => String(at + 1)).join(', '))
  const statement = sql`SELECT ${joined(selected, ', ')}, COUNT(*) AS n FROM ${raw(FROM[asked.view_type])}
    WHERE ${all(where)} GROUP BY ${positions} LIMIT ${MOST_GROUPS + 1}`
  const rows = await searchAll<Row>(room.db, statement)
  if (rows.length > MOST_GROUPS) throw invalid('Too many different values: ask for a shorter time or fewer dimensions.')
  return points(rows, names, metric, asked).slice(0, asked.max_results)
}

type Row = Readonly<Record<string, string | number | null>> & { readonly n: number }

function checked(asked: MetricQuery): Metric {
  const metrics = METRICS[asked.view_type]
  const metric = Object.hasOwn(metrics, asked.metric_name) ? metrics[asked.metric_name] : undefined
  if (metric === undefined) {
    throw invalid(`metric_name must be one of ${quoted(Object.keys(metrics))}, got '${asked.metric_name}'`)
  }
  const kinds = asked.aggregations.map((one) => one.aggregation_type).filter((kind) => !metric.kinds.includes(kind))
  if (kinds.length > 0) {
    const supported = quoted([...metric.kinds].sort())
    throw invalid(`Found invalid aggregation_type(s): ${quoted(kinds)}. Supported aggregation types: ${supported}`)
  }
  const others = asked.dimensions.filter((name) => !metric.dimensions.includes(name))
  if (others.length > 0) {
    throw invalid(`Found invalid dimension(s): ${quoted(others)}. Supported dimensions: ${quoted(metric.dimensions)}`)
  }
  const timed = asked.start_time_ms !== undefined && asked.end_time_ms !== undefined
  if (asked.time_interval_seconds !== undefined && (!timed || asked.time_interval_seconds < 1)) {
    throw invalid('start_time_ms and end_time_ms are required if time_interval_seconds is set, which is at least 1')
  }
  return metric
}

function quoted(names: readonly string[]): string {
  return `[${names.map((name) => `'${name}'`).join(', ')}]`
}

/** The time of a row in ms; an assessment has that of its trace. */
function timeOf(view: MetricView): Sql {
  return view === 'SPANS' ? raw('(x.start_us / 1000)') : columnOf('start_ms')
}

/** Both engines divide whole numbers to whole numbers. */
function bucket(asked: MetricQuery): Sql {
  const size = raw(String((asked.time_interval_seconds ?? 1) * 1000))
  return sql`((${timeOf(asked.view_type)} / ${size}) * ${size})`
}

function range(asked: MetricQuery): Sql[] {
  const time = timeOf(asked.view_type)
  return [
    ...(asked.start_time_ms === undefined ? [] : [sql`${time} >= ${asked.start_time_ms}`]),
    ...(asked.end_time_ms === undefined ? [] : [sql`${time} <= ${asked.end_time_ms}`]),
  ]
}

// oxlint-disable-next-line max-params -- a private helper
function points(rows: readonly Row[], names: readonly string[], metric: Metric, asked: MetricQuery): DataPoint[] {
  const complete = rows.filter((row) => names.every((_, at) => row[`d${at}`] !== null))
  const key = (row: Row): string => JSON.stringify(names.map((_, at) => row[`d${at}`] ?? null))
  const groups = [...Map.groupBy(complete, key).values()].sort((left, right) => inOrder(left, right, names.length))
  return groups.flatMap((group) => {
    const weighted = group.flatMap((row) => weigh(row, metric, asked.view_type))
    const values = aggregate(weighted, asked.aggregations)
    if (Object.keys(values).length === 0) return []
    const dimensions = names.map((name, at) => [name, dimension(name, group[0]?.[`d${at}`])])
    return [
      { metric_name: asked.metric_name, dimensions: Object.fromEntries(dimensions) as Record<string, string>, values },
    ]
  })
}

function inOrder(left: readonly Row[], right: readonly Row[], width: number): number {
  for (let at = 0; at < width; at++) {
    const one = left[0]?.[`d${at}`] ?? ''
    const other = right[0]?.[`d${at}`] ?? ''
    if (one !== other) return one < other ? -1 : 1
  }
  return 0
}

function dimension(name: string, value: string | number | null | undefined): string {
  if (name === 'time_bucket') return new Date(Number(value)).toISOString().replace('.000Z', '+00:00')
  return String(value)
}

function weigh(row: Row, metric: Metric, view: MetricView): Weighted[] {
  const value = row['v']
  if (value === null || value === undefined) return []
  const weight = metric.distinct === true ? 1 : row.n
  if (metric.kinds === COUNTS) return [{ value: 1, weight }]
  if (metric.inside === undefined) {
    // spans are kept in microseconds and told in ms
    const number = view === 'SPANS' && metric.value.includes('end_us') ? Number(value) / 1000 : Number(value)
    return [{ value: number, weight }]
  }
  const inside = mapOf(fromJsonText(String(value)))?.get(metric.inside)
  return typeof inside === 'bigint' || typeof inside === 'number' ? [{ value: Number(inside), weight }] : []
}
