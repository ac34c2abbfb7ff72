/** Which rows a later import brings up to date, and to what they belong. */
import type { Row, Tx } from '../../store/db.ts'
import { beat } from '../runs/heartbeat.ts'
import type { Tracking } from '../context/context.ts'
import { inList, sql } from '../../store/sql/sql.ts'
import type { MovedTable, Origin } from '../../store/moved/table.ts'

/** Gives the tables of runs, logged models, traces, evaluation datasets and experiments their origins. */
export function withOrigins(room: Tracking, tables: readonly MovedTable[]): MovedTable[] {
  const origins = trackingOrigins(room)
  return tables.map((table) => {
    const origin = origins[table.name]
    return origin === undefined ? table : { ...table, origin }
  })
}

/** Rows that belong to a thing that a column names. */
export function originOf(kind: string, column: string, more: Partial<Origin> = {}): Origin {
  return { of: (row) => `${kind}/${String(row[column])}`, root: false, ...more }
}

function trackingOrigins(room: Tracking): Readonly<Record<string, Origin>> {
  const run = originOf('runs', 'run_id')
  const model = originOf('logged_models', 'model_id')
  const trace = originOf('traces', 'trace_id')
  const dataset = originOf('evaluation_datasets', 'dataset_id')
  const experiment = originOf('experiments', 'experiment_id')
  return {
    experiments: { ...experiment, root: true, columns: ['name', 'lifecycle_stage', 'last_update_time'] },
    experiment_tags: experiment,
    datasets: experiment,
    runs: {
      ...run,
      root: true,
      columns: ['run_name', 'user_id', 'status', 'start_time', 'end_time', 'lifecycle_stage'],
      before: (t, rows) => wake(room, t, rows),
    },
    run_params: run,
    run_tags: run,
    latest_metrics: run,
    dataset_inputs: run,
    dataset_input_tags: run,
    run_models: run,
    logged_models: { ...model, root: true },
    logged_model_params: model,
    logged_model_tags: model,
    logged_model_metrics: model,
    traces: { ...trace, root: true },
    trace_tags: trace,
    trace_metadata: trace,
    trace_spans: trace,
    trace_assessments: trace,
    evaluation_datasets: { ...dataset, root: true },
    evaluation_dataset_tags: dataset,
    evaluation_records: dataset,
    scorers: experiment,
    scorer_versions: experiment,
    scorer_sampling: experiment,
    artifacts: { of: ownerThing, root: false },
  }
}

/** A run that was taken for lost here meanwhile lives, for it is heard of. */
async function wake(room: Tracking, t: Tx, rows: readonly Row[]): Promise<void> {
  const ids = rows.map((row) => String(row['run_id']))
  const query = sql`SELECT run_id, heartbeat_at, lost_at FROM runs WHERE run_id IN ${inList(ids)}`
  const runs = await t.all<{ run_id: string; heartbeat_at: number; lost_at: number | null }>(query.text, query.params)
  await beat(t, room.clock(), runs)
}

/** Files lie below `<experiment>/<run>`, `<experiment>/models/<model>` or `<experiment>/traces/<trace>`. */
function ownerThing(row: Row): string {
  const parts = String(row['owner']).split('/')
  const kind = { models: 'logged_models', traces: 'traces' }[parts.at(-2) ?? ''] ?? 'runs'
  return `${kind}/${parts.at(-1) ?? ''}`
}
