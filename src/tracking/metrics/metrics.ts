/** Logs single points: the path of `log-metric`. */
import type { Principal } from '../../contract/access.ts'
import { queuePoints } from './queue.ts'
import { writePoints } from './rows.ts'
import { putModelMetrics } from '../models/metrics.ts'
import { checkPoint } from '../context/points.ts'
import type { MetricPoint } from '../context/points.ts'
import { requireActiveRun } from '../runs/runs.ts'
import type { Tracking } from '../context/context.ts'

/** Logs one point; resolves when it is durable. A point that is there already changes nothing. */
export async function logMetric(room: Tracking, who: Principal, runId: string, point: MetricPoint): Promise<void> {
  checkPoint(point)
  if (point.model_id === undefined) return queuePoints(room, { who, run_id: runId, points: [point] })
  await room.db.tx(async (t) => {
    const run = await requireActiveRun(t, room, who, runId)
    await writePoints(t, [{ run, points: [point] }])
    await putModelMetrics(t, who, runId, [point])
  })
}
