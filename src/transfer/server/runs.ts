/** Experiments, runs and logged models as an MLflow server says them, as rows of Slipway's tables. */
import type { Row } from '../../store/db.ts'
import { movedLocation, movedUri } from '../mlflow/places.ts'
import type { Rows } from '../mlflow/runs.ts'
import { addPoint, latestRows } from '../summary.ts'
import type { Point, Summaries } from '../summary.ts'
import { listOf, objectOf, pagesOf, textOf, wholeOf } from './calls.ts'
import type { Json, MlflowServer } from './calls.ts'
import type { ServerExperiment, ServerRun } from './listed.ts'

/** Points asked for at once, and histories asked for side by side. */
const POINTS = 25_000
const BESIDE = 8

/** Experiments with their tags. */
export async function* experimentRows(experiments: readonly ServerExperiment[]): AsyncGenerator<Rows> {
  yield [
    'experiments',
    experiments.map(({ id, project, wire }) => ({
      experiment_id: id,
      project,
      name: textOf(wire['name']) ?? '',
      artifact_location: movedLocation(textOf(wire['artifact_location']) ?? null, id),
      lifecycle_stage: textOf(wire['lifecycle_stage']) ?? 'active',
      creation_time: wholeOf(wire['creation_time'], 0),
      last_update_time: wholeOf(wire['last_update_time'], wholeOf(wire['creation_time'], 0)),
    })),
  ]
  yield ['experiment_tags', experiments.flatMap(({ id, wire }) => pairs(wire['tags'], { experiment_id: id }))]
}

/** Where runs are read from, and who is told when a history is not what its run says. */
export interface RunReading {
  readonly server: MlflowServer
  readonly noted: (what: string) => void
}

/** Runs of one experiment with all that hangs on them. */
export async function* runRows(
  { server, noted }: RunReading,
  experiment: ServerExperiment,
  runs: readonly ServerRun[],
): AsyncGenerator<Rows> {
  yield ['runs', runs.map((run) => runRow(run, experiment))]
  const data = runs.map(({ id, wire }) => ({ id, data: objectOf(wire['data']) }))
  yield ['run_params', data.flatMap(({ id, data: { params } }) => pairs(params, { run_id: id }))]
  yield ['run_tags', data.flatMap(({ id, data: { tags } }) => pairs(tags, { run_id: id }))]
  for (const run of runs) yield* metricRows({ server, noted }, experiment.id, run)
  yield* inputRows(experiment.id, runs)
}

function runRow({ id, uri, wire }: ServerRun, { id: experiment_id, project }: ServerExperiment): Row {
  const info = objectOf(wire['info'])
  const start_time = wholeOf(info['start_time'], 0)
  const end_time = wholeOf(info['end_time'], null)
  return {
    run_id: id,
    experiment_id,
    project,
    run_name: textOf(info['run_name']) ?? '',
    user_id: textOf(info['user_id']) ?? '',
    status: textOf(info['status']) ?? 'FINISHED',
    start_time,
    end_time,
    artifact_uri: movedUri(uri),
    lifecycle_stage: textOf(info['lifecycle_stage']) ?? 'active',
    // the protocol does not say when a run was deleted
    deleted_time: null,
    heartbeat_at: end_time ?? start_time,
  }
}

async function* metricRows({ server, noted }: RunReading, experiment: string, run: ServerRun): AsyncGenerator<Rows> {
  const latest = listOf(objectOf(run.wire['data'])['metrics'])
  const summaries: Summaries = new Map()
  for (let at = 0; at < latest.length; at += BESIDE) {
    const histories = latest
      .slice(at, at + BESIDE)
      .map((metric) => historyOf(server, run.id, textOf(metric['key']) ?? ''))
    // the first pages come side by side, further ones in turn
    const firsts = histories.map((history) => history.next())
    for (const [index, history] of histories.entries()) {
      for (let page = await firsts[index]; page?.done === false; page = await history.next()) {
        for (const point of page.value) addPoint(summaries, point)
        if (page.value.length > 0) yield ['metric_points', page.value.map((point) => ({ run_id: run.id, ...point }))]
      }
    }
  }
  yield ['latest_metrics', latestRows(summaries, run.id, experiment)]
  if (objectOf(run.wire['info'])['status'] === 'RUNNING') return
  for (const metric of latest) {
    const told = pointOf(metric)
    const last = summaries.get(told.key)?.last
    if (last?.value === told.value && last.step === told.step) continue
    const ends = last === undefined ? 'is empty' : `ends with ${last.value} at step ${last.step}`
    noted(`run ${run.id}: the history of "${told.key}" ${ends}, the run says ${told.value} at step ${told.step}`)
  }
}

async function* historyOf(server: MlflowServer, run: string, key: string): AsyncGenerator<Point[]> {
  const query = { run_id: run, metric_key: key, max_results: String(POINTS) }
  for await (const page of pagesOf(server, '/api/2.0/mlflow/metrics/get-history', 'metrics', { query })) {
    yield page.map(pointOf)
  }
}

/** A point; a field that is absent is protobuf's 0. */
function pointOf(wire: Json): Point {
  const value = Number(wire['value'] ?? 0)
  const isNaN = Number.isNaN(value)
  return {
    key: textOf(wire['key']) ?? '',
    timestamp: wholeOf(wire['timestamp'], 0),
    step: wholeOf(wire['step'], 0),
    value: isNaN ? 0 : Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value)),
    is_nan: isNaN ? 1 : 0,
  }
}

async function* inputRows(experiment_id: string, runs: readonly ServerRun[]): AsyncGenerator<Rows> {
  const inputs = runs.flatMap(({ id, wire }) =>
    listOf(objectOf(wire['inputs'])['dataset_inputs']).map((one) => ({ id, one, set: objectOf(one['dataset']) })),
  )
  const datasets = new Map<string, Row>()
  for (const { set } of inputs) {
    const [name, digest] = [textOf(set['name']) ?? '', textOf(set['digest']) ?? '']
    datasets.set(JSON.stringify([name, digest]), {
      experiment_id,
      name,
      digest,
      source_type: textOf(set['source_type']) ?? '',
      source: textOf(set['source']) ?? '',
      schema: textOf(set['schema']) ?? null,
      profile: textOf(set['profile']) ?? null,
    })
  }
  yield ['datasets', [...datasets.values()]]
  const named = inputs.map(({ id, one, set }) => ({
    of: { run_id: id, name: textOf(set['name']) ?? '', digest: textOf(set['digest']) ?? '' },
    tags: one['tags'],
  }))
  yield ['dataset_inputs', named.map(({ of }, position) => ({ ...of, position, experiment_id }))]
  yield ['dataset_input_tags', named.flatMap(({ of, tags }) => pairs(tags, of))]
  const models = runs.flatMap(({ id, wire }) =>
    (['input', 'output'] as const).flatMap((role) =>
      listOf(objectOf(wire[`${role}s`])[`model_${role}s`]).map((one) => ({
        run_id: id,
        role,
        model_id: textOf(one['model_id']) ?? '',
        step: wholeOf(one['step'], 0),
      })),
    ),
  )
  yield ['run_models', models.map((row, position) => ({ ...row, position }))]
}

/** Logged models of one experiment with all that hangs on them. */
export async function* loggedModelRows(
  { id: experiment_id, project }: ServerExperiment,
  models: readonly Json[],
): AsyncGenerator<Rows> {
  const given = models.map((one) => ({ info: objectOf(one['info']), data: objectOf(one['data']) }))
  yield [
    'logged_models',
    given.map(({ info }) => ({
      model_id: idOf(info),
      experiment_id,
      project,
      name: textOf(info['name']) ?? '',
      model_type: textOf(info['model_type']) ?? null,
      source_run_id: textOf(info['source_run_id']) ?? null,
      artifact_uri: movedUri(textOf(info['artifact_uri']) ?? ''),
      status: (textOf(info['status']) ?? 'STATUS_UNSPECIFIED').replace(/^LOGGED_MODEL_/, ''),
      status_message: textOf(info['status_message']) ?? null,
      creation_timestamp: wholeOf(info['creation_timestamp_ms'], 0),
      last_updated_timestamp: wholeOf(info['last_updated_timestamp_ms'], 0),
      lifecycle_stage: 'active',
    })),
  ]
  yield ['logged_model_params', given.flatMap(({ info, data }) => pairs(data['params'], { model_id: idOf(info) }))]
  yield ['logged_model_tags', given.flatMap(({ info }) => pairs(info['tags'], { model_id: idOf(info) }))]
  const metrics = given.flatMap(({ info, data }) =>
    listOf(data['metrics']).map((metric) => ({
      model_id: idOf(info),
      run_id: textOf(metric['run_id']) ?? '',
      dataset_name: textOf(metric['dataset_name']) ?? '',
      dataset_digest: textOf(metric['dataset_digest']) ?? '',
      ...pointOf(metric),
    })),
  )
  // Slipway keeps each metric's last value of a model; its history is the run's
  const last = new Map<string, Row>()
  for (const row of metrics.sort((left, right) => left.step - right.step || left.timestamp - right.timestamp)) {
    last.set(JSON.stringify([row.model_id, row.key, row.run_id, row.dataset_name, row.dataset_digest]), row)
  }
  yield ['logged_model_metrics', [...last.values()]]
}

function idOf(info: Json): string {
  return textOf(info['model_id']) ?? ''
}

/** Rows of a list of keys and values. */
export function pairs(given: unknown, of: Row): Row[] {
  return listOf(given).map(({ key, value }) => ({ ...of, key: textOf(key) ?? '', value: textOf(value) ?? '' }))
}
