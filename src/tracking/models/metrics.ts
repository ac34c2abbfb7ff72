/** The metrics of logged models: the latest point by run and dataset. */
import type { Principal } from '../../contract/access.ts'
import type { Tx } from '../../store/db.ts'
import { requireLoggedModel } from './logged-models.ts'
import { stored } from '../context/points.ts'
import type { MetricPoint } from '../context/points.ts'

const UPSERT = `INSERT INTO logged_model_metrics
  (model_id, key, run_id, dataset_name, dataset_digest, value, is_nan, timestamp, step) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (model_id, key, run_id, dataset_name, dataset_digest) DO UPDATE SET
  value = excluded.value, is_nan = excluded.is_nan, timestamp = excluded.timestamp, step = excluded.step
  WHERE (excluded.step, excluded.timestamp, excluded.value)
    > (logged_model_metrics.step, logged_model_metrics.timestamp, logged_model_metrics.value)`

/** Attaches points that name a model to it. RESOURCE_DOES_NOT_EXIST for a model that is not there. */
export async function putModelMetrics(
  t: Tx,
  who: Principal,
  runId: string,
  points: readonly MetricPoint[],
): Promise<void> {
  for (const point of points) {
    if (point.model_id === undefined) continue
    await requireLoggedModel(t, who, point.model_id)
    const [value, isNan] = stored(point.value)
    await t.run(UPSERT, [
      point.model_id,
      point.key,
      runId,
      point.dataset_name ?? '',
      point.dataset_digest ?? '',
      value,
      isNan,
      point.timestamp,
      point.step,
    ])
  }
}
