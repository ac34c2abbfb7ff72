/** How points come into their tables: each once, and each metric's last, least, greatest and first number in one row. */
import type { SqlValue, Tx } from '../../store/db.ts'
import { placeOf, writeChunks } from './chunks.ts'
import type { Series } from './chunks.ts'
import { isEarlier, isLater, stored } from '../context/points.ts'
import type { MetricPoint } from '../context/points.ts'
import type { RunRow } from '../runs/runs.ts'
import { insertMany, unnested } from '../../store/sql/sql.ts'
import type { Into } from '../../store/sql/sql.ts'

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

/** On PostgreSQL the row also tells whether all that was written came after what was there. */
const APPENDED: Into = { table: LATEST.table, columns: { ...LATEST.columns, appended: 'BIGINT' } }
const MERGE_APPENDED = MERGE.replace(
  'DO UPDATE SET',
  `DO UPDATE SET appended = CASE WHEN (excluded.first_step, excluded.first_timestamp, excluded.first_value)
    > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value) THEN 1 ELSE 0 END,`,
)

/** Writes points of some runs, each run once, in the caller's transaction. A point that is there already changes nothing. */
export async function writePoints(t: Tx, runs: readonly RunPoints[]): Promise<void> {
  const series = runs.toSorted(byRun).flatMap(seriesOf)
  if (series.length === 0) return
  const latest = series.map(latestRow)
  if (t.kind === 'sqlite') {
    await insertMany(t, POINTS, series.flatMap(pointRows), 'ON CONFLICT DO NOTHING')
    await insertMany(t, LATEST, latest, MERGE)
    return
  }
  const rest = await writeChunks(t, series, await mergeLatest(t, latest))
  await insertMany(t, POINTS, rest.flatMap(pointRows), 'ON CONFLICT DO NOTHING')
}

/**
 * The rows are locked from here on, and another transaction that changed one meanwhile makes this one start again: so what is told
 * of a metric stays true until the commit.
 */
async function mergeLatest(t: Tx, latest: readonly SqlValue[][]): Promise<Set<string>> {
  const { text, params } = unnested(
    APPENDED,
    latest.map((row) => [...row, 1]),
    `${MERGE_APPENDED} RETURNING run_id, key, appended`,
  )
  const rows = await t.all<{ run_id: string; key: string; appended: number }>(text, params)
  return new Set(rows.filter((row) => row.appended === 1).map((row) => placeOf(row.run_id, row.key)))
}

/** The points of one metric of one run, in the order of their table. */
function seriesOf({ run, points }: RunPoints): Series[] {
  const found = Map.groupBy(points, (point) => point.key)
  const keys = [...found.keys()].sort()
  return keys.map((key) => ({ run, key, points: (found.get(key) ?? []).sort(byTime) }))
}

function pointRows({ run, key, points }: Series): SqlValue[][] {
  return points.map(({ timestamp, step, value: given }) => {
    const [value, isNan] = stored(given)
    return [run.run_id, key, timestamp, step, value, isNan]
  })
}

/** What a metric's points come to: its row among the latest ones. */
function latestRow({ run, key, points }: Series): SqlValue[] {
  const [some] = points
  if (some === undefined) throw new Error(`${key} has no points`)
  let last = some
  let first: MetricPoint | undefined
  let [least, greatest]: [number | null, number | null] = [null, null]
  for (const point of points) {
    if (isLater(point, last)) last = point
    if (Number.isNaN(point.value)) continue
    const [number] = stored(point.value)
    if (first === undefined || isEarlier(point, first)) first = point
    if (least === null || number < least) least = number
    if (greatest === null || number > greatest) greatest = number
  }
  const [value, isNan] = stored(last.value)
  const begin = first === undefined ? [null, null, null] : [stored(first.value)[0], first.step, first.timestamp]
  return [run.run_id, key, run.experiment_id, value, isNan, last.timestamp, last.step, least, greatest, ...begin]
}

/** Rows in one order in every transaction, so that two of them cannot wait for each other. */
function byRun(left: RunPoints, right: RunPoints): number {
  return left.run.run_id < right.run.run_id ? -1 : 1
}

function byTime(left: MetricPoint, right: MetricPoint): number {
  return left.timestamp - right.timestamp || left.step - right.step
}
