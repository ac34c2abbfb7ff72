/** Empties the tracking room, for other projects' test suites (only mounted when SLIPWAY_TEST_HOOKS is 1). */
import type { Db } from '../store/db.ts'
import { deleteRows, insertRow } from '../store/sql/rows.ts'
import { POSTGRES_ONLY } from './retention/bin.ts'
import type { SuitePlace, Tracking } from './context/context.ts'
import { locationOf } from './context/suite-place.ts'

/** Every table of the room that a suite's store is emptied of. */
const TABLES = [
  'experiments',
  'experiment_tags',
  'runs',
  'run_params',
  'run_tags',
  'metric_points',
  'latest_metrics',
  'datasets',
  'dataset_inputs',
  'dataset_input_tags',
  'run_models',
  'logged_models',
  'logged_model_params',
  'logged_model_tags',
  'logged_model_metrics',
  'saved_searches',
  'artifacts',
  'artifact_uploads',
  'artifact_upload_parts',
  'artifact_links',
  'workspaces',
  'run_losses',
  'batch_keys',
  'retention_rules',
] as const

/** Those of one kind of database. */
export function tablesOf(kind: Db['kind']): readonly string[] {
  return kind === 'postgres' ? [...TABLES, ...POSTGRES_ONLY] : TABLES
}

/** Deletes every row of the room and makes the default experiment again, its artifacts where a suite wants them. */
export async function resetTracking(room: Tracking, place?: SuitePlace): Promise<void> {
  if (room.suite !== undefined) room.suite.place = place
  await room.db.tx(async (t) => {
    for (const table of tablesOf(t.kind)) await deleteRows(t, table)
    const now = room.clock()
    await insertRow(t, 'experiments', {
      experiment_id: '0',
      seq: 0,
      project: 'default',
      name: 'Default',
      artifact_location: locationOf(room, '0', undefined),
      lifecycle_stage: 'active',
      creation_time: now,
      last_update_time: now,
    })
  })
}
