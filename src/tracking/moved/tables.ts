/** The tables of the tracking room that move between servers. */
import { problem } from '../../contract/errors.ts'
import type { Row, Sql, Tx } from '../../store/db.ts'
import { movedTable, naming, originOf } from '../../store/moved/table.ts'
import type { MovedTable, Origin, Scope } from '../../store/moved/table.ts'
import { fetchAll, inList, raw, sql } from '../../store/sql/sql.ts'
import type { Tracking } from '../context/context.ts'
import { safePath } from '../context/paths.ts'
import { beat } from '../runs/heartbeat.ts'
import { experimentIds, modelIds, runIds } from './scopes.ts'

/** Ports to the room of traces, whose files lie among the artifacts. */
export interface MovedPorts {
  /** A query of the `artifact_uri` of the traces of a scope; undefined = it has none. */
  readonly traceUris: (scope: Scope) => Sql | undefined
  /** True when an experiment has a trace. */
  readonly holdsTraces: (t: Tx, experiment: string) => Promise<boolean>
}

/** Those of experiments, runs and logged models: what others refer to comes first. */
export function trackingTables(room: Tracking, { holdsTraces }: Pick<MovedPorts, 'holdsTraces'>): MovedTable[] {
  return [...experimentTables(holdsTraces), ...runTables(room), ...modelTables()]
}

function experimentTables(holdsTraces: MovedPorts['holdsTraces']): MovedTable[] {
  const origin = originOf('experiments', 'experiment_id')
  const root = { ...origin, root: true, columns: ['name', 'lifecycle_stage', 'last_update_time'] }
  return [
    movedTable(
      'experiments',
      'experiment_id | project name artifact_location lifecycle_stage creation_time:int last_update_time:int',
      naming('experiment_id', experimentIds),
      { given: sequence, replaceable: (t, row) => isUnused(t, row, holdsTraces), origin: root },
    ),
    movedTable('experiment_tags', 'experiment_id key | value', naming('experiment_id', experimentIds), { origin }),
    movedTable(
      'datasets',
      'experiment_id name digest | source_type source schema? profile?',
      naming('experiment_id', experimentIds),
      { origin },
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
async function isUnused(t: Tx, row: Row, holdsTraces: MovedPorts['holdsTraces']): Promise<boolean> {
  if (row['experiment_id'] !== '0') return false
  const used = await t.get(
    `SELECT run_id AS id FROM runs WHERE experiment_id = '0' UNION ALL SELECT model_id FROM logged_models WHERE experiment_id = '0' LIMIT 1`,
  )
  return used === undefined && !(await holdsTraces(t, '0'))
}

function runTables(room: Tracking): MovedTable[] {
  const origin = originOf('runs', 'run_id')
  const columns = ['run_name', 'user_id', 'status', 'start_time', 'end_time', 'lifecycle_stage']
  const root: Origin = { ...origin, root: true, columns, before: (t, rows) => wake(room, t, rows) }
  const ofRun = naming('run_id', runIds)
  return [
    movedTable(
      'runs',
      `run_id | experiment_id project run_name user_id status start_time:int end_time:int? artifact_uri lifecycle_stage
       deleted_time:int? heartbeat_at:int`,
      ofRun,
      { origin: root },
    ),
    movedTable('run_params', 'run_id key | value', ofRun, { origin }),
    movedTable('run_tags', 'run_id key | value', ofRun, { origin }),
    movedTable('metric_points', 'run_id key timestamp:int step:int value:real is_nan:int |', ofRun, {
      seen: { view: 'metric_history', by: 'latest_metrics', places: ['run_id', 'key'] },
    }),
    movedTable(
      'latest_metrics',
      `run_id key | experiment_id value:real is_nan:int timestamp:int step:int min_value:real? max_value:real?
       first_value:real? first_step:int? first_timestamp:int?`,
      ofRun,
      { origin },
    ),
    movedTable('dataset_inputs', 'run_id name digest | position:int experiment_id', ofRun, { origin }),
    movedTable('dataset_input_tags', 'run_id name digest key | value', ofRun, { origin }),
    movedTable('run_models', 'run_id role model_id | step:int position:int', ofRun, { origin }),
  ]
}

/** A run that was taken for lost here meanwhile lives, for it is heard of. */
async function wake(room: Tracking, t: Tx, rows: readonly Row[]): Promise<void> {
  const ids = rows.map((row) => String(row['run_id']))
  const runs = await fetchAll<{ run_id: string; heartbeat_at: number; lost_at: number | null }>(
    t,
    sql`SELECT run_id, heartbeat_at, lost_at FROM runs WHERE run_id IN ${inList(ids)}`,
  )
  await beat(t, room.clock(), runs)
}

function modelTables(): MovedTable[] {
  const origin = originOf('logged_models', 'model_id')
  const ofModel = naming('model_id', modelIds)
  return [
    movedTable(
      'logged_models',
      `model_id | experiment_id project name model_type? source_run_id? artifact_uri status status_message?
       creation_timestamp:int last_updated_timestamp:int lifecycle_stage`,
      ofModel,
      { origin: { ...origin, root: true } },
    ),
    movedTable('logged_model_params', 'model_id key | value', ofModel, { origin }),
    movedTable('logged_model_tags', 'model_id key | value', ofModel, { origin }),
    movedTable(
      'logged_model_metrics',
      'model_id key run_id dataset_name dataset_digest | value:real is_nan:int timestamp:int step:int',
      ofModel,
      { origin },
    ),
  ]
}

/** Files of runs, logged models and traces; each names a blob that must be here before its row. */
export function artifactTable(room: Tracking, { traceUris }: Pick<MovedPorts, 'traceUris'>): MovedTable {
  return movedTable(
    'artifacts',
    'owner path | digest size:int updated_at:int',
    (scope) => ofOwner(scope, traceUris(scope)),
    {
      origin: { of: treeOwner, root: false },
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
    },
  )
}

function ofOwner(scope: Scope, traces: Sql | undefined): Sql {
  if (scope.kind === 'all') return raw('1 = 1')
  const uris = sql`SELECT artifact_uri FROM runs WHERE run_id IN (${runIds(scope)})
    UNION ALL SELECT artifact_uri FROM logged_models WHERE model_id IN (${modelIds(scope)})
    ${traces === undefined ? raw('') : sql`UNION ALL ${traces}`}`
  return sql`'mlflow-artifacts:/' || owner || '/artifacts' IN (${uris})`
}

/** Files lie below `<experiment>/<run>`, `<experiment>/models/<model>` or `<experiment>/traces/<trace>`. */
function treeOwner(row: Row): string {
  const parts = String(row['owner']).split('/')
  const kind = { models: 'logged_models', traces: 'traces' }[parts.at(-2) ?? ''] ?? 'runs'
  return `${kind}/${parts.at(-1) ?? ''}`
}
