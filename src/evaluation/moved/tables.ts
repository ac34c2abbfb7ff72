/** The tables of evaluation that move between servers. */
import { movedTable, naming, originOf } from '../../store/moved/table.ts'
import type { MovedTable, Scope } from '../../store/moved/table.ts'
import { sql } from '../../store/sql/sql.ts'
import type { Sql } from '../../store/db.ts'
import { wholeExperiments } from '../../tracking/moved/scopes.ts'

/** All of them, those that others refer to first. */
export function evaluationTables(): MovedTable[] {
  const origin = originOf('evaluation_datasets', 'dataset_id')
  const ofScorers = originOf('experiments', 'experiment_id')
  const ofDataset = naming('dataset_id', datasetIds)
  const ofExperiment = naming('experiment_id', wholeExperiments)
  return [
    movedTable(
      'evaluation_datasets',
      'dataset_id | project name digest schema? records:int created_time:int last_update_time:int created_by? last_updated_by?',
      ofDataset,
      { origin: { ...origin, root: true } },
    ),
    movedTable('evaluation_dataset_tags', 'dataset_id key | value', ofDataset, { origin }),
    movedTable('evaluation_dataset_experiments', 'dataset_id experiment_id |', ofDataset),
    movedTable(
      'evaluation_records',
      `dataset_id record_id | input_hash inputs outputs? expectations? tags? source? source_type? source_id? created_time:int
       last_update_time:int created_by? last_updated_by?`,
      ofDataset,
      { origin },
    ),
    movedTable('scorers', 'experiment_id name | scorer_id last_version:int', ofExperiment, { origin: ofScorers }),
    movedTable('scorer_versions', 'experiment_id name version:int | serialized creation_time:int', ofExperiment, {
      origin: ofScorers,
    }),
    movedTable('scorer_sampling', 'experiment_id name | config_id sample_rate:real filter?', ofExperiment, {
      origin: ofScorers,
    }),
  ]
}

function datasetIds(scope: Scope): Sql | undefined {
  if (scope.kind === 'project') return sql`SELECT dataset_id FROM evaluation_datasets WHERE project = ${scope.id}`
  if (scope.kind !== 'experiment') return undefined
  return sql`SELECT dataset_id FROM evaluation_dataset_experiments WHERE experiment_id = ${scope.id}`
}
