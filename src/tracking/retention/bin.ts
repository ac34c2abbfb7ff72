/** The bin: runs go there, come back, and are purged with all that was logged to them. */
import type { Principal } from '../../contract/access.ts'
import type { Db, Tx } from '../../store/db.ts'
import { ownersOf } from './plan.ts'
import type { RemovalPlan, RetentionDeps } from './plan.ts'
import { planRemoval } from './plan.ts'
import type { RetentionRule } from './retention.ts'
import type { Tracking } from '../context/context.ts'
import { setRunStage } from '../runs/runs.ts'
import type { RunRow } from '../runs/runs.ts'

const OF_RUN = [
  'run_params',
  'run_tags',
  'metric_points',
  'latest_metrics',
  'dataset_inputs',
  'dataset_input_tags',
  'run_models',
  'run_losses',
  'batch_keys',
] as const

/** Tables that only PostgreSQL has. */
export const POSTGRES_ONLY = ['metric_chunks'] as const

/** Tables with rows of a run. */
export function tablesOfRun(kind: Db['kind']): readonly string[] {
  return kind === 'postgres' ? [...OF_RUN, ...POSTGRES_ONLY] : OF_RUN
}

/** Tables with rows of a logged model. */
export const OF_MODEL = ['logged_model_params', 'logged_model_tags', 'logged_model_metrics', 'run_models'] as const

/**
 * Does what the rule says: active runs go to the bin, deleted ones are purged; one transaction and one audit row a run. What
 * other rooms hold on to is asked again here. A run that was restored meanwhile stays.
 */
export async function applyRule(
  room: Tracking,
  who: Principal,
  deps: RetentionDeps,
  rule: RetentionRule,
): Promise<RemovalPlan> {
  const plan = await planRemoval(room, deps, rule)
  for (const run of plan.runs) {
    if (rule.stage === 'active') await setRunStage(room, who, run.run_id, 'deleted')
    else await purgeRun(room, who, run, rule)
  }
  return plan
}

async function purgeRun(room: Tracking, who: Principal, run: RunRow, rule: RetentionRule): Promise<void> {
  const owners = await ownersOf(room, [run])
  await room.db.tx(async (t) => {
    const gone = await t.run("DELETE FROM runs WHERE run_id = ? AND lifecycle_stage = 'deleted' AND deleted_time = ?", [
      run.run_id,
      run.deleted_time,
    ])
    if (gone === 0) return
    for (const table of tablesOfRun(t.kind)) await t.run(`DELETE FROM ${table} WHERE run_id = ?`, [run.run_id])
    await purgeModels(t, run.run_id)
    for (const owner of owners) await t.run('DELETE FROM artifacts WHERE owner = ?', [owner])
    const detail = { run: run.run_name, purged: true, retention: rule.name, deleted_at: run.deleted_time }
    await room.record(t, who, { verb: 'manage', resource: 'runs', id: run.run_id, detail })
  })
}

async function purgeModels(t: Tx, runId: string): Promise<void> {
  const models = await t.all<{ model_id: string }>('SELECT model_id FROM logged_models WHERE source_run_id = ?', [
    runId,
  ])
  for (const { model_id } of models) {
    for (const table of OF_MODEL) await t.run(`DELETE FROM ${table} WHERE model_id = ?`, [model_id])
    await t.run('DELETE FROM logged_models WHERE model_id = ?', [model_id])
  }
}
