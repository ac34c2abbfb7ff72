/** How points come into their tables: each once, and each metric's last, least, greatest and first number in one row. */
import type { SqlValue, Tx } from '../store/db.ts'
import { isEarlier, isLater, stored } from './points.ts'
import type { MetricPoint } from './points.ts'
import type { RunRow } from './runs.ts'
import { insertMany } from './sql.ts'
import type { Into } from './sql.ts'

/** Checked points of one run. */
export interface RunPoints {
  readonly run: Pick<RunRow, 'run_id' | 'experiment_id'>
  readonly points: readonly MetricPoint[]
}

const POINTS: Into = {
  table: 'metric_points',
  columns: {
    run_id: 'TEXT',
    key: 'TEXT',
    timestamp: 'BIGINT',
    step: 'BIGINT',
    value: 'DOUBLE PRECISION',
    is_nan: 'BIGINT',
  },
}

const LATEST: Into = {
  table: 'latest_metrics',
  columns: {
    run_id: 'TEXT',
    key: 'TEXT',
    experiment_id: 'TEXT',
    value: 'DOUBLE PRECISION',
    is_nan: 'BIGINT',
    timestamp: 'BIGINT',
    step: 'BIGINT',
    min_value: 'DOUBLE PRECISION',
    max_value: 'DOUBLE PRECISION',
    first_value: 'DOUBLE PRECISION',
    first_step: 'BIGINT',
    first_timestamp: 'BIGINT',
  },
}

/** The latest point is the greatest (step, timestamp, value), NaN counting as 0; an equal one does not replace it. */
const LATER =
  '(excluded.step, excluded.timestamp, excluded.value) > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)'
const EARLIER = `(latest_metrics.first_value IS NULL OR (excluded.first_step, excluded.first_timestamp, excluded.first_value)
  < (latest_metrics.first_step, latest_metrics.first_timestamp, latest_metrics.first_value))`
const LESS = '(latest_metrics.min_value IS NULL OR excluded.min_value < latest_metrics.min_value)'
const GREATER = '(latest_metrics.max_value IS NULL OR excluded.max_value > latest_metrics.max_value)'

const MERGE = `ON CONFLICT (run_id, key) DO UPDATE SET
  ${['value', 'is_nan', 'timestamp', 'step'].map((name) => taken(name, LATER)).join(', ')},
  ${taken('min_value', LESS)}, ${taken('max_value', GREATER)},
  ${['first_value', 'first_step', 'first_timestamp'].map((name) => taken(name, EARLIER)).join(', ')}
  WHERE ${[LATER, LESS, GREATER, EARLIER].join(' OR ')}`

function taken(column: string, when: string): string {
  return `${column} = CASE WHEN ${when} THEN excluded.${column} ELSE latest_metrics.${column} END`
}

/** Writes points of some runs, each run once, in the caller's transaction. A point that is there already changes nothing. */
export async function writePoints(t: Tx, runs: readonly RunPoints[]): Promise<void> {
  const points: SqlValue[][] = []
  const latest: SqlValue[][] = []
  for (const { run, points: own } of runs.toSorted(byRun)) {
    const sorted = own.toSorted(byPlace)
    for (const point of sorted) {
      const [value, isNan] = stored(point.value)
      points.push([run.run_id, point.key, point.timestamp, point.step, value, isNan])
    }
    for (const summary of summaries(sorted)) latest.push(rowOf(run, summary))
  }
  await insertMany(t, POINTS, points, 'ON CONFLICT DO NOTHING')
  await insertMany(t, LATEST, latest, MERGE)
}

/** What the points of one key come to. */
interface Summary {
  last: MetricPoint
  first: MetricPoint | undefined
  least: number | undefined
  greatest: number | undefined
}

/** One for each key, in the order of the keys, for a statement may not meet the same row twice. */
function summaries(sorted: readonly MetricPoint[]): Iterable<Summary> {
  const found = new Map<string, Summary>()
  for (const point of sorted) {
    const known = found.get(point.key)
    const value = Number.isNaN(point.value) ? undefined : stored(point.value)[0]
    if (known === undefined) {
      const first = value === undefined ? undefined : point
      found.set(point.key, { last: point, first, least: value, greatest: value })
      continue
    }
    if (isLater(point, known.last)) known.last = point
    if (value === undefined) continue
    if (known.first === undefined || isEarlier(point, known.first)) known.first = point
    if (known.least === undefined || value < known.least) known.least = value
    if (known.greatest === undefined || value > known.greatest) known.greatest = value
  }
  return found.values()
}

function rowOf(run: RunPoints['run'], { last, first, least, greatest }: Summary): SqlValue[] {
  const [value, isNan] = stored(last.value)
  const begin = first === undefined ? [null, null, null] : [stored(first.value)[0], first.step, first.timestamp]
  const end = [value, isNan, last.timestamp, last.step]
  return [run.run_id, last.key, run.experiment_id, ...end, least ?? null, greatest ?? null, ...begin]
}

/** Rows in one order in every transaction, so that two of them cannot wait for each other. */
function byRun(left: RunPoints, right: RunPoints): number {
  return left.run.run_id < right.run.run_id ? -1 : 1
}

function byPlace(left: MetricPoint, right: MetricPoint): number {
  if (left.key !== right.key) return left.key < right.key ? -1 : 1
  return left.timestamp - right.timestamp || left.step - right.step
}
