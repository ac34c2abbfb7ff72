/** Metric points and each metric's latest point: the path of `log-metric`, and of batches. */
import type { Principal } from '../contract/access.ts'
import type { SqlValue, Tx } from '../store/db.ts'
import { putModelMetrics } from './model-metrics.ts'
import { checkPoint, isLater, stored } from './points.ts'
import type { MetricPoint } from './points.ts'
import { requireActiveRun } from './runs.ts'
import type { RunRow } from './runs.ts'
import type { Tracking } from './room.ts'
import { insertRows } from './sql.ts'

const POINT = 'INSERT INTO metric_points (run_id, key, timestamp, step, value, is_nan)'
const LATEST = 'INSERT INTO latest_metrics (run_id, key, experiment_id, value, is_nan, timestamp, step)'

/** The latest point is the greatest (step, timestamp, value), NaN counting as 0; an equal one does not replace it. */
const IF_LATER = `ON CONFLICT (run_id, key) DO UPDATE SET
  value = excluded.value, is_nan = excluded.is_nan, timestamp = excluded.timestamp, step = excluded.step
  WHERE (excluded.step, excluded.timestamp, excluded.value) > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)`

const ONE_POINT = `${POINT} VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
const ONE_LATEST = `${LATEST} VALUES (?, ?, ?, ?, ?, ?, ?) ${IF_LATER}`

/** Logs one point. A point that is there already changes nothing. */
export async function logMetric(room: Tracking, who: Principal, runId: string, point: MetricPoint): Promise<void> {
  checkPoint(point, '')
  const [value, isNan] = stored(point.value)
  await room.db.tx(async (t) => {
    const run = await requireActiveRun(t, room, who, runId)
    await t.run(ONE_POINT, [runId, point.key, point.timestamp, point.step, value, isNan])
    await t.run(ONE_LATEST, [runId, point.key, run.experiment_id, value, isNan, point.timestamp, point.step])
    if (point.model_id !== undefined) await putModelMetrics(t, who, runId, [point])
  })
}

/** Writes checked points of one run, in the caller's transaction. */
export async function writePoints(t: Tx, who: Principal, run: RunRow, points: readonly MetricPoint[]): Promise<void> {
  if (points.length === 0) return
  const sorted = points.toSorted(byPlace)
  await insertRows(
    t,
    POINT,
    sorted.map((point) => {
      const [value, isNan] = stored(point.value)
      return [run.run_id, point.key, point.timestamp, point.step, value, isNan]
    }),
    'ON CONFLICT DO NOTHING',
  )
  await insertRows(t, LATEST, latestRows(run, sorted), IF_LATER)
  const ofModels = sorted.filter((point) => point.model_id !== undefined)
  if (ofModels.length > 0) await putModelMetrics(t, who, run.run_id, ofModels)
}

/** One row per key, for a statement may not meet the same row twice. */
function latestRows(run: RunRow, sorted: readonly MetricPoint[]): SqlValue[][] {
  const latest = new Map<string, MetricPoint>()
  for (const point of sorted) {
    const other = latest.get(point.key)
    if (other === undefined || isLater(point, other)) latest.set(point.key, point)
  }
  return [...latest.values()].map((point) => {
    const [value, isNan] = stored(point.value)
    return [run.run_id, point.key, run.experiment_id, value, isNan, point.timestamp, point.step]
  })
}

/** Keys in one order in every transaction, so that two batches cannot wait for each other. */
function byPlace(left: MetricPoint, right: MetricPoint): number {
  if (left.key !== right.key) return left.key < right.key ? -1 : 1
  return left.timestamp - right.timestamp || left.step - right.step
}
