/** The tables of the tracking room that move between servers. */
import { problem } from '../../contract/errors.ts'
import type { Row, Tx } from '../../store/db.ts'
import { safePath } from '../context/paths.ts'
import type { Tracking } from '../context/context.ts'
import { inList, raw, sql } from '../../store/sql/sql.ts'
import type { Sql } from '../../store/sql/sql.ts'
import { withOrigins } from './origins.ts'
import { columnsOf } from '../../store/moved/table.ts'
import type { MovedTable, Scope } from '../../store/moved/table.ts'

/** All of them, those that others refer to first. */
export function trackingTables(room: Tracking): MovedTable[] {
  return withOrigins(room, [
    ...experimentTables(),
    ...runTables(),
    ...modelTables(),
    ...traceTables(),
    ...datasetTables(),
    artifacts(room),
  ])
}

function table(name: string, words: string, within: MovedTable['within'], more: Partial<MovedTable> = {}): MovedTable {
  return { name, ...columnsOf(words), within, ...more }
}

/** Rows whose `column` names one of the ids that `of` selects. */
function naming(column: string, of: (scope: Scope) => Sql | undefined): MovedTable['within'] {
  return (scope) => {
    if (scope.kind === 'all') return raw('1 = 1')
    const ids = of(scope)
    return ids === undefined ? undefined : sql`${raw(column)} IN (${ids})`
  }
}

function runIds(scope: Scope): Sql {
  if (scope.kind === 'all') return raw('SELECT run_id FROM runs')
  if (scope.kind === 'model') return sql`SELECT run_id FROM runs WHERE run_id IN ${inList(scope.runs)}`
  const column = { project: 'project', experiment: 'experiment_id', run: 'run_id' }[scope.kind]
  return sql`SELECT run_id FROM runs WHERE ${raw(column)} = ${scope.id}`
}

function modelIds(scope: Scope): Sql {
  if (scope.kind === 'all') return raw('SELECT model_id FROM logged_models')
  if (scope.kind === 'model') return sql`SELECT model_id FROM logged_models WHERE model_id IN ${inList(scope.models)}`
  const column = { project: 'project', experiment: 'experiment_id', run: 'source_run_id' }[scope.kind]
  return sql`SELECT model_id FROM logged_models WHERE ${raw(column)} = ${scope.id}`
}

function experimentIds(scope: Scope): Sql {
  if (scope.kind === 'all') return raw('SELECT experiment_id FROM experiments')
  if (scope.kind === 'project') return sql`SELECT experiment_id FROM experiments WHERE project = ${scope.id}`
  if (scope.kind === 'experiment') return sql`SELECT experiment_id FROM experiments WHERE experiment_id = ${scope.id}`
  return sql`SELECT experiment_id FROM runs WHERE run_id IN (${runIds(scope)})
    UNION SELECT experiment_id FROM logged_models WHERE model_id IN (${modelIds(scope)})`
}

function traceIds(scope: Scope): Sql | undefined {
  if (scope.kind === 'all') return raw('SELECT trace_id FROM traces')
  if (scope.kind === 'project') return sql`SELECT trace_id FROM traces WHERE project = ${scope.id}`
  if (scope.kind === 'experiment') return sql`SELECT trace_id FROM traces WHERE experiment_id = ${scope.id}`
  if (scope.kind === 'run') {
    return sql`SELECT trace_id FROM trace_metadata WHERE key = 'mlflow.sourceRun' AND value = ${scope.id}
      UNION SELECT trace_id FROM trace_links WHERE kind = 'run' AND target = ${scope.id}`
  }
  return undefined
}

function datasetIds(scope: Scope): Sql | undefined {
  if (scope.kind === 'project') return sql`SELECT dataset_id FROM evaluation_datasets WHERE project = ${scope.id}`
  if (scope.kind !== 'experiment') return undefined
  return sql`SELECT dataset_id FROM evaluation_dataset_experiments WHERE experiment_id = ${scope.id}`
}

/** Whole experiments alone have what belongs to none of their runs. */
function wholeExperiments(scope: Scope): Sql | undefined {
  return scope.kind === 'project' || scope.kind === 'experiment' ? experimentIds(scope) : undefined
}

function experimentTables(): MovedTable[] {
  return [
    table(
      'experiments',
      'experiment_id | project name artifact_location lifecycle_stage creation_time:int last_update_time:int',
      naming('experiment_id', experimentIds),
      { given: sequence, replaceable: isUnused },
    ),
    table('experiment_tags', 'experiment_id key | value', naming('experiment_id', experimentIds)),
    table(
      'datasets',
      'experiment_id name digest | source_type source schema? profile?',
      naming('experiment_id', experimentIds),
    ),
  ]
}

/** The number by which experiments are ordered: that of the id where it is free. */
async function sequence(t: Tx, row: Row): Promise<Row> {
  const known = await t.get<{ seq: number }>('SELECT seq FROM experiments WHERE experiment_id = ?', [
    row['experiment_id'] ?? '',
  ])
  if (known !== undefined) return { seq: known.seq }
  const own = Number(row['experiment_id'])
  const free = Number.isSafeInteger(own) && own > 0 && own < 1_000_000_000
  if (free && (await t.get('SELECT seq FROM experiments WHERE seq = ?', [own])) === undefined) return { seq: own }
  const top = await t.get<{ top: number | null }>('SELECT MAX(seq) AS top FROM experiments')
  return { seq: (top?.top ?? 0) + 1 }
}

/** The experiment that every server begins with, while nothing is in it. */
async function isUnused(t: Tx, row: Row): Promise<boolean> {
  if (row['experiment_id'] !== '0') return false
  const used = await t.get(
    `SELECT run_id AS id FROM runs WHERE experiment_id = '0' UNION ALL SELECT model_id FROM logged_models WHERE experiment_id = '0'
     UNION ALL SELECT trace_id FROM traces WHERE experiment_id = '0' LIMIT 1`,
  )
  return used === undefined
}

function runTables(): MovedTable[] {
  const ofRun = naming('run_id', runIds)
  return [
    table(
      'runs',
      `run_id | experiment_id project run_name user_id status start_time:int end_time:int? artifact_uri lifecycle_stage
       deleted_time:int? heartbeat_at:int`,
      ofRun,
    ),
    table('run_params', 'run_id key | value', ofRun),
    table('run_tags', 'run_id key | value', ofRun),
    table('metric_points', 'run_id key timestamp:int step:int value:real is_nan:int |', ofRun, {
      seen: { view: 'metric_history', by: 'latest_metrics', places: ['run_id', 'key'] },
    }),
    table(
      'latest_metrics',
      `run_id key | experiment_id value:real is_nan:int timestamp:int step:int min_value:real? max_value:real?
       first_value:real? first_step:int? first_timestamp:int?`,
      ofRun,
    ),
    table('dataset_inputs', 'run_id name digest | position:int experiment_id', ofRun),
    table('dataset_input_tags', 'run_id name digest key | value', ofRun),
    table('run_models', 'run_id role model_id | step:int position:int', ofRun),
  ]
}

function modelTables(): MovedTable[] {
  const ofModel = naming('model_id', modelIds)
  return [
    table(
      'logged_models',
      `model_id | experiment_id project name model_type? source_run_id? artifact_uri status status_message?
       creation_timestamp:int last_updated_timestamp:int lifecycle_stage`,
      ofModel,
    ),
    table('logged_model_params', 'model_id key | value', ofModel),
    table('logged_model_tags', 'model_id key | value', ofModel),
    table(
      'logged_model_metrics',
      'model_id key run_id dataset_name dataset_digest | value:real is_nan:int timestamp:int step:int',
      ofModel,
    ),
  ]
}

function traceTables(): MovedTable[] {
  const ofTrace = naming('trace_id', traceIds)
  return [
    table(
      'traces',
      `trace_id | experiment_id project name? state client_request_id? request_preview? response_preview? start_ms:int
       duration_ms:int? artifact_uri spans_stored:int finalized:int`,
      ofTrace,
    ),
    table('trace_tags', 'trace_id key | value', ofTrace),
    table('trace_metadata', 'trace_id key | value', ofTrace),
    table('trace_links', 'trace_id kind target |', ofTrace),
    table(
      'trace_spans',
      `trace_id span_id | parent_id? name type status start_us:int end_us:int? model? provider? usage? input_cost:real?
       output_cost:real? total_cost:real? content`,
      ofTrace,
    ),
    table(
      'trace_assessments',
      `assessment_id | trace_id position:int kind name source_type source_id span_id? value number:real? error? rationale?
       metadata? overrides? valid:int created_ms:int updated_ms:int`,
      ofTrace,
    ),
  ]
}

function datasetTables(): MovedTable[] {
  const ofDataset = naming('dataset_id', datasetIds)
  const ofExperiment = naming('experiment_id', wholeExperiments)
  return [
    table(
      'evaluation_datasets',
      'dataset_id | project name digest schema? records:int created_time:int last_update_time:int created_by? last_updated_by?',
      ofDataset,
    ),
    table('evaluation_dataset_tags', 'dataset_id key | value', ofDataset),
    table('evaluation_dataset_experiments', 'dataset_id experiment_id |', ofDataset),
    table(
      'evaluation_records',
      `dataset_id record_id | input_hash inputs outputs? expectations? tags? source? source_type? source_id? created_time:int
       last_update_time:int created_by? last_updated_by?`,
      ofDataset,
    ),
    table('scorers', 'experiment_id name | scorer_id last_version:int', ofExperiment),
    table('scorer_versions', 'experiment_id name version:int | serialized creation_time:int', ofExperiment),
    table('scorer_sampling', 'experiment_id name | config_id sample_rate:real filter?', ofExperiment),
  ]
}

/** Files of runs, logged models and traces; each names a blob that must be here before its row. */
function artifacts(room: Tracking): MovedTable {
  return table('artifacts', 'owner path | digest size:int updated_at:int', ofOwner, {
    blobs: (row) => [{ digest: String(row['digest']), size: Number(row['size']) }],
    arriving: async (_who, rows) => {
      for (const row of rows) {
        safePath(`${String(row['owner'])}/artifacts/${String(row['path'])}`)
        if (!(await room.blobs.has(String(row['digest'])))) {
          throw problem('unprocessable', {
            detail: `the bytes of ${String(row['path'])} are not here: ${String(row['digest'])}`,
          })
        }
      }
      return [...rows]
    },
  })
}

function ofOwner(scope: Scope): Sql {
  if (scope.kind === 'all') return raw('1 = 1')
  const traces = traceIds(scope)
  const uris = sql`SELECT artifact_uri FROM runs WHERE run_id IN (${runIds(scope)})
    UNION ALL SELECT artifact_uri FROM logged_models WHERE model_id IN (${modelIds(scope)})
    ${traces === undefined ? raw('') : sql`UNION ALL SELECT artifact_uri FROM traces WHERE trace_id IN (${traces})`}`
  return sql`'mlflow-artifacts:/' || owner || '/artifacts' IN (${uris})`
}
