/** Reads whole runs, many at once: info, latest metrics, params, tags, inputs and outputs in MLflow's shape. */
import type { WireMetric } from '../context/points.ts'
import type { Principal } from '../../contract/access.ts'
import type { Tag } from '../context/pairs.ts'
import type { Param } from '../context/pairs.ts'
import { readInputs } from '../models/inputs.ts'
import type { DatasetInput, ModelInput, ModelOutput } from '../models/inputs.ts'
import { wireValue } from '../context/points.ts'
import { requireRun } from '../runs/runs.ts'
import type { RunRow } from '../runs/runs.ts'
import type { Tracking } from '../context/context.ts'
import { inList, lookUp, searchAll, sql } from '../../store/sql/sql.ts'
import type { Sql } from '../../store/db.ts'

export interface WireRun {
  readonly info: Record<string, string | number>
  readonly data: { readonly metrics: WireMetric[]; readonly params: Param[]; readonly tags: Tag[] }
  readonly inputs: { readonly dataset_inputs?: DatasetInput[]; readonly model_inputs?: ModelInput[] }
  readonly outputs?: { readonly model_outputs: ModelOutput[] }
}

/** The run with everything that was logged. RESOURCE_DOES_NOT_EXIST. */
export async function getRun(room: Tracking, who: Principal, runId: string): Promise<WireRun> {
  const [run] = await readRuns(room, [await requireRun(room.db, who, runId)])
  return run as WireRun
}

/** MLflow's RunInfo of a row. */
export function runInfo(row: RunRow): Record<string, string | number> {
  return {
    run_id: row.run_id,
    run_uuid: row.run_id,
    run_name: row.run_name,
    experiment_id: row.experiment_id,
    user_id: row.user_id,
    status: row.status,
    start_time: row.start_time,
    ...(row.end_time !== null && { end_time: row.end_time }),
    artifact_uri: row.artifact_uri,
    lifecycle_stage: row.lifecycle_stage,
  }
}

/** Runs asked for by one statement. */
const CHUNK = 512

/** Of so many runs what was logged is looked up at once where that is little. */
const FEW = 128

/** Fills rows with what was logged, in the same order; one statement per table and 512 runs. */
export async function readRuns(room: Tracking, rows: readonly RunRow[]): Promise<WireRun[]> {
  const runs: WireRun[] = []
  for (let at = 0; at < rows.length; at += CHUNK) runs.push(...(await readChunk(room, rows.slice(at, at + CHUNK))))
  return runs
}

type OfRun<T> = T & { readonly run_id: string }

async function readChunk(room: Tracking, rows: readonly RunRow[]): Promise<WireRun[]> {
  const ids = inList(rows.map((row) => row.run_id))
  const { db } = room
  const all = <T>(query: Sql): Promise<T[]> => (rows.length <= FEW ? lookUp<T>(db, query) : searchAll<T>(db, query))
  const read = async <T>(query: Sql) => Map.groupBy(await all<OfRun<T>>(query), (row) => row.run_id)
  const [metrics, params, tags, inputs] = await Promise.all([
    read<Omit<WireMetric, 'value'> & { value: number; is_nan: number }>(
      sql`SELECT run_id, key, value, is_nan, timestamp, step FROM latest_metrics WHERE run_id IN ${ids} ORDER BY run_id, key`,
    ),
    read<Param>(sql`SELECT run_id, key, value FROM run_params WHERE run_id IN ${ids} ORDER BY run_id, key`),
    read<Tag>(sql`SELECT run_id, key, value FROM run_tags WHERE run_id IN ${ids} ORDER BY run_id, key`),
    readInputs(ids, all),
  ])
  return rows.map((row) => {
    const own = inputs.get(row.run_id)
    return {
      info: runInfo(row),
      data: {
        metrics: (metrics.get(row.run_id) ?? []).map((m) => ({
          key: m.key,
          value: wireValue(m),
          timestamp: m.timestamp,
          step: m.step,
        })),
        params: (params.get(row.run_id) ?? []).map(({ key, value }) => ({ key, value })),
        tags: (tags.get(row.run_id) ?? []).map(({ key, value }) => ({ key, value })),
      },
      inputs: {
        ...(own !== undefined && own.datasets.length > 0 && { dataset_inputs: own.datasets }),
        ...(own !== undefined && own.inputs.length > 0 && { model_inputs: own.inputs }),
      },
      ...(own !== undefined && own.outputs.length > 0 && { outputs: { model_outputs: own.outputs } }),
    }
  })
}
