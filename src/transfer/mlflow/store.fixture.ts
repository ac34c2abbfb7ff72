/** Databases as MLflow's server leaves them, made without MLflow: the tables of its oldest release that is read, and those added since. */
import Sqlite from 'better-sqlite3'
import { existsSync } from 'node:fs'

type Cell = string | number | null

/** Columns by table, as MLflow's the dbmodels of its stores name them. */
const OLD: Readonly<Record<string, string>> = {
  experiments: 'experiment_id INTEGER, name, artifact_location, lifecycle_stage, creation_time, last_update_time',
  experiment_tags: 'experiment_id INTEGER, key, value',
  datasets:
    'dataset_uuid, experiment_id INTEGER, name, digest, dataset_source_type, dataset_source, dataset_schema, dataset_profile',
  runs: 'run_uuid, name, user_id, status, start_time, end_time, deleted_time, lifecycle_stage, artifact_uri, experiment_id INTEGER',
  params: 'run_uuid, key, value',
  tags: 'run_uuid, key, value',
  metrics: 'run_uuid, key, value REAL, timestamp, step, is_nan BOOLEAN',
  latest_metrics: 'run_uuid, key, value REAL, timestamp, step, is_nan BOOLEAN',
  inputs: 'input_uuid, source_type, source_id, destination_type, destination_id',
  input_tags: 'input_uuid, name, value',
  registered_models: 'name, creation_time, last_updated_time, description',
  registered_model_tags: 'name, key, value',
  model_versions:
    'name, version INTEGER, creation_time, last_updated_time, description, user_id, current_stage, source, run_id, run_link',
  model_version_tags: 'name, version INTEGER, key, value',
  registered_model_aliases: 'name, alias, version INTEGER',
}

/** What MLflow 3 has more. */
const NEW: Readonly<Record<string, string>> = {
  inputs: `${OLD['inputs'] ?? ''}, step INTEGER`,
  model_versions: `${OLD['model_versions'] ?? ''}, storage_location`,
  logged_models:
    'model_id, experiment_id INTEGER, name, artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, status INTEGER, lifecycle_stage, model_type, source_run_id, status_message',
  logged_model_params: 'model_id, param_key, param_value',
  logged_model_tags: 'model_id, tag_key, tag_value',
  logged_model_metrics:
    'model_id, metric_name, metric_timestamp_ms, metric_step, metric_value REAL, run_id, dataset_name, dataset_digest',
}

/** Rows by table; what a row leaves out is NULL. */
export type Stored = Readonly<Record<string, readonly Readonly<Record<string, Cell>>[]>>

/** Writes rows into the database at `file`, which is made where it is not there, with the tables of MLflow 3 unless `old`. */
export function storeMlflow(file: string, rows: Stored, { old = false } = {}): void {
  const isNew = !existsSync(file)
  const database = new Sqlite(file)
  database.exec('PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; BEGIN')
  if (isNew)
    for (const [table, columns] of Object.entries(old ? OLD : { ...OLD, ...NEW }))
      database.exec(`CREATE TABLE ${table} (${columns})`)
  for (const [table, some] of Object.entries(rows))
    for (const row of some) {
      const names = Object.keys(row)
      const marks = names.map(() => '?').join(', ')
      database.prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${marks})`).run(...Object.values(row))
    }
  database.exec('COMMIT')
  database.close()
}
