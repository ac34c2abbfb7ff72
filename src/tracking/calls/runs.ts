/** MLflow's calls about runs: life cycle, logging, search, artifacts. */
import { folderOf } from '../artifacts/artifacts.ts'
import { safePath } from '../context/paths.ts'
import { batchKey } from '../batches/batch-keys.ts'
import { logBatch, logParam } from '../batches/batch.ts'
import { done, pageSize, tagFields, tagsOf } from '../../mlflow/fields.ts'
import { VIEWS } from '../experiments/search.ts'
import { parseFilter } from '../../mlflow/filter.ts'
import { double, int, list, need, object, oneOf, text } from '../../mlflow/input.ts'
import { logInputs, logOutputs } from '../models/inputs.ts'
import { logMetric } from '../metrics/metrics.ts'
import { recordModel } from '../models/old-models.ts'
import type { MetricPoint } from '../context/points.ts'
import { getRun, readRuns, runInfo } from '../searches/read.ts'
import { RUN_SCHEMA } from '../searches/conditions.ts'
import { searchRuns } from '../searches/search.ts'
import { createRun, deleteTag, requireRun, setRunStage, setTag, STATUSES, updateRun } from '../runs/runs.ts'
import type { Tracking } from '../context/context.ts'
import { callsOf } from '../../mlflow/rpc.ts'
import type { Rpc } from '../../mlflow/rpc.ts'

const { read, write } = callsOf('runs')

/** Dataset profiles may have 16 MB. */
const INPUTS_LIMIT = 64 * 1024 * 1024

/** A batch of 1000 entries with long values is larger than the usual limit. */
const BATCH_LIMIT = 4 * 1024 * 1024

const metricFields = {
  key: need(text()),
  value: need(double()),
  timestamp: need(int()),
  step: int(),
  model_id: text(),
  dataset_name: text(),
  dataset_digest: text(),
}

export function runCalls(room: Tracking): Rpc[] {
  return [...life(room), ...logging(room), ...links(room), ...reads(room)]
}

function life(room: Tracking): Rpc[] {
  return [
    write.post('runs/create', 'Make a run', {
      fields: {
        experiment_id: text({ number: true }),
        user_id: text(),
        run_name: text(),
        start_time: int(),
        tags: list(tagFields),
      },
      handle: async (given, who) => {
        const experiment_id = given.experiment_id || '0'
        const row = await createRun(room, who, { ...given, experiment_id, tags: tagsOf(given.tags) })
        return { run: await getRun(room, who, row.run_id) }
      },
    }),
    write.post('runs/update', 'Change status, end or name of a run', {
      fields: { run_id: need(text()), status: oneOf(STATUSES), end_time: int(), run_name: text() },
      handle: async (given, who) => ({ run_info: runInfo(await updateRun(room, who, given)) }),
    }),
    write.post('runs/delete', 'Delete a run (to the bin)', {
      fields: { run_id: need(text()) },
      handle: (given, who) => done(setRunStage(room, who, given.run_id, 'deleted')),
    }),
    write.post('runs/restore', 'Restore a deleted run', {
      fields: { run_id: need(text()) },
      handle: (given, who) => done(setRunStage(room, who, given.run_id, 'active')),
    }),
  ]
}

function logging(room: Tracking): Rpc[] {
  return [
    write.post('runs/log-metric', 'Log one point of a metric', {
      fields: { run_id: need(text()), ...metricFields },
      handle: (given, who) => done(logMetric(room, who, given.run_id, pointOf(given))),
    }),
    write.post('runs/log-parameter', 'Log a param', {
      fields: { run_id: need(text()), key: need(text()), value: text() },
      handle: ({ run_id, key, value }, who) => done(logParam(room, who, run_id, { key, value: value ?? '' })),
    }),
    write.post('runs/set-tag', 'Set a tag of a run', {
      fields: { run_id: need(text()), key: need(text()), value: text() },
      handle: ({ run_id, key, value }, who) => done(setTag(room, who, run_id, { key, value: value ?? '' })),
    }),
    write.post('runs/delete-tag', 'Remove a tag of a run', {
      fields: { run_id: need(text()), key: need(text()) },
      handle: (given, who) => done(deleteTag(room, who, given.run_id, given.key)),
    }),
    write.post('runs/log-batch', 'Log metrics, params and tags at once, all or nothing', {
      limit: BATCH_LIMIT,
      fields: {
        run_id: need(text()),
        metrics: list(need(object(metricFields))),
        params: list(tagFields),
        tags: list(tagFields),
      },
      handle: (given, who, headers) =>
        done(
          logBatch(room, who, given.run_id, {
            key: batchKey(headers['idempotency-key']),
            metrics: given.metrics.map(pointOf),
            params: tagsOf(given.params),
            tags: tagsOf(given.tags),
          }),
        ),
    }),
  ]
}

function links(room: Tracking): Rpc[] {
  return [
    write.post('runs/log-inputs', 'Note the datasets and models that a run read', {
      limit: INPUTS_LIMIT,
      fields: {
        run_id: need(text()),
        datasets: list(
          need(
            object({
              tags: list(tagFields),
              dataset: need(
                object({
                  name: need(text()),
                  digest: need(text()),
                  source_type: need(text()),
                  source: need(text()),
                  schema: text(),
                  profile: text(),
                }),
              ),
            }),
          ),
        ),
        models: list(need(object({ model_id: need(text()) }))),
      },
      handle: (given, who) => {
        const datasets = given.datasets.map((input) => ({ dataset: input.dataset, tags: tagsOf(input.tags) }))
        return done(logInputs(room, who, given.run_id, { datasets, models: given.models }))
      },
    }),
    write.post('runs/outputs', 'Note the models that a run made', {
      fields: { run_id: need(text()), models: need(list(need(object({ model_id: need(text()), step: int() })))) },
      handle: (given, who) => {
        const models = given.models.map(({ model_id, step }) => ({ model_id, step: step ?? 0 }))
        return done(logOutputs(room, who, given.run_id, models))
      },
    }),
    write.post('runs/log-model', "Add a model to the run's history of models (old clients)", {
      fields: { run_id: need(text()), model_json: need(text()) },
      handle: (given, who) => done(recordModel(room, who, given.run_id, given.model_json)),
    }),
  ]
}

function reads(room: Tracking): Rpc[] {
  return [
    read.get('runs/get', 'Get a run', {
      fields: { run_id: need(text()) },
      handle: async (given, who) => ({ run: await getRun(room, who, given.run_id) }),
    }),
    read.post('runs/search', 'Search runs', {
      fields: {
        experiment_ids: list(need(text({ number: true }))),
        filter: text(),
        run_view_type: oneOf(VIEWS),
        max_results: int(),
        order_by: list(need(text())),
        page_token: text(),
      },
      handle: async (given, who) => {
        // on this wire MLflow's grammar and no more: its clients rely on the refusal of the rest
        parseFilter(given.filter, RUN_SCHEMA)
        const max_results = pageSize(given.max_results, 1000)
        const { rows, ...more } = await searchRuns(room, who, { ...given, view: given.run_view_type, max_results })
        return { runs: await readRuns(room, rows), ...more }
      },
    }),
    callsOf('artifacts').read.get('artifacts/list', 'List the artifacts of a run', {
      fields: { run_id: need(text()), path: text(), page_token: text() },
      handle: async (given, who) => {
        const run = await requireRun(room.db, who, given.run_id)
        const files = await folderOf(room, run.artifact_uri, safePath(given.path ?? ''))
        return { root_uri: run.artifact_uri, ...(files.length > 0 && { files }) }
      },
    }),
  ]
}

function pointOf(point: Omit<MetricPoint, 'step'> & { step: number | undefined }): MetricPoint {
  return {
    key: point.key,
    value: point.value,
    timestamp: point.timestamp,
    step: point.step ?? 0,
    model_id: point.model_id || undefined,
    dataset_name: point.dataset_name || undefined,
    dataset_digest: point.dataset_digest || undefined,
  }
}
