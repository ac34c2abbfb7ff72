/** Steps in tracking: each attempt is a run, made and finished on the project's behalf. */
import { SYSTEM } from '../auth/tokens.ts'
import { ifFound } from '../contract/absence/absent.ts'
import type { Principal } from '../contract/access.ts'
import { placeOfUri } from '../tracking/context/paths.ts'
import { putArtifact } from '../tracking/artifacts/artifacts.ts'
import { logBatch } from '../tracking/batches/batch.ts'
import { ensureExperiment } from '../tracking/experiments/experiments.ts'
import { lastSign } from '../tracking/runs/heartbeat.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { createRun, finishRun, requireRun } from '../tracking/runs/runs.ts'
import type { StepTracking } from './context/deps.ts'

/** Largest number of metrics of one write. */
const BATCH = 1000

/** Whether there is such a run outside of the bin. An attempt whose run somebody deleted ends all the same; its step has what came out of it. */
async function isWritable(tracking: Tracking, runId: string): Promise<boolean> {
  const run = await ifFound(requireRun(tracking.db, SYSTEM, runId))
  return run?.lifecycle_stage === 'active'
}

/** The port of pipelines to tracking, carried out by the tracking room. */
export function stepTracking(tracking: Tracking): StepTracking {
  return {
    ensureExperiment: (project, name) => tracking.db.tx((t) => ensureExperiment(t, tracking, project, name)),
    async createRun({ run_id, project, experiment_id, name, tags, files }) {
      const who: Principal = { ...SYSTEM, project }
      const list = Object.entries(tags).map(([key, value]) => ({ key, value }))
      await createRun(tracking, who, { run_id, experiment_id, run_name: name, user_id: 'slipway', tags: list })
      const place = placeOfUri((await requireRun(tracking.db, who, run_id)).artifact_uri)
      // files of an experiment that lie elsewhere are for its clients to write
      if (place === undefined) return
      for (const [path, bytes] of Object.entries(files)) {
        await putArtifact(tracking, who, `${place.owner}/artifacts/${path}`, bytes)
      }
    },
    async logMetrics(runId, metrics, at) {
      if (!(await isWritable(tracking, runId))) return
      const points = Object.entries(metrics).map(([key, value]) => ({ key, value, timestamp: at, step: 0 }))
      for (let i = 0; i < points.length; i += BATCH)
        await logBatch(tracking, SYSTEM, runId, { metrics: points.slice(i, i + BATCH) })
    },
    lastSign: (runId) => lastSign(tracking.db, runId),
    async finishRun(runId, status) {
      if (await isWritable(tracking, runId)) await finishRun(tracking, SYSTEM, runId, status)
    },
  }
}
