/** MLflow's calls about experiments. */
import type { Principal } from '../../contract/access.ts'
import { searchExperiments, VIEWS } from '../experiments/search.ts'
import type { ExperimentSearch } from '../experiments/search.ts'
import {
  createExperiment,
  deleteExperimentTag,
  getExperiment,
  getExperimentByName,
  renameExperiment,
  setExperimentStage,
  setExperimentTag,
} from '../experiments/experiments.ts'
import type { Experiment } from '../experiments/experiments.ts'
import { searchDatasets } from '../models/inputs.ts'
import { int, list, need, oneOf, text } from '../../mlflow/input.ts'
import type { Tracking } from '../context/context.ts'
import { rpc } from '../../mlflow/rpc.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { done, pageSize, tagFields, tagsOf } from '../../mlflow/fields.ts'

const READ = { verb: 'read', resource: 'runs' } as const
const WRITE = { verb: 'write', resource: 'runs' } as const

/** Clients of old send experiment ids as numbers. */
const id = () => need(text({ number: true }))

export function experimentCalls(room: Tracking): Rpc[] {
  return [...reads(room), ...writes(room)]
}

function reads(room: Tracking): Rpc[] {
  const page = { max_results: int(), page_token: text(), view_type: oneOf(VIEWS) }
  const search = async (
    given: Omit<ExperimentSearch, 'max_results'> & { max_results?: number | undefined },
    who: Principal,
  ) => {
    const max_results = pageSize(given.max_results, 1000)
    const { experiments, ...more } = await searchExperiments(room, who, { ...given, max_results })
    return { experiments: experiments.map(wire), ...more }
  }
  return [
    rpc({
      method: ['POST', 'GET'],
      path: 'experiments/search',
      summary: 'Search experiments',
      access: READ,
      fields: { ...page, filter: text(), order_by: list(need(text())) },
      handle: search,
    }),
    rpc({
      method: 'GET',
      path: 'experiments/list',
      summary: 'List experiments, as clients of MLflow 1 do',
      access: READ,
      fields: page,
      handle: search,
    }),
    rpc({
      method: 'GET',
      path: 'experiments/get',
      summary: 'Get an experiment',
      access: READ,
      fields: { experiment_id: id() },
      handle: async (given, who) => ({ experiment: wire(await getExperiment(room, who, given.experiment_id)) }),
    }),
    rpc({
      method: 'GET',
      path: 'experiments/get-by-name',
      summary: 'Get an experiment by its name',
      access: READ,
      fields: { experiment_name: need(text()) },
      handle: async (given, who) => ({ experiment: wire(await getExperimentByName(room, who, given.experiment_name)) }),
    }),
    rpc({
      method: 'POST',
      path: 'experiments/search-datasets',
      summary: 'Search the datasets that runs of experiments read',
      access: READ,
      fields: { experiment_ids: list(need(text({ number: true }))) },
      handle: async (given, who) => ({ dataset_summaries: await searchDatasets(room, who, given.experiment_ids) }),
    }),
  ]
}

function writes(room: Tracking): Rpc[] {
  return [
    rpc({
      method: 'POST',
      path: 'experiments/create',
      summary: 'Make an experiment',
      access: WRITE,
      fields: { name: need(text()), artifact_location: text(), tags: list(tagFields) },
      handle: async (given, who) => ({
        experiment_id: await createExperiment(room, who, { ...given, tags: tagsOf(given.tags) }),
      }),
    }),
    rpc({
      method: 'POST',
      path: 'experiments/delete',
      summary: 'Delete an experiment with its runs (to the bin)',
      access: WRITE,
      fields: { experiment_id: id() },
      handle: async (given, who) => done(setExperimentStage(room, who, given.experiment_id, 'deleted')),
    }),
    rpc({
      method: 'POST',
      path: 'experiments/restore',
      summary: 'Restore a deleted experiment',
      access: WRITE,
      fields: { experiment_id: id() },
      handle: async (given, who) => done(setExperimentStage(room, who, given.experiment_id, 'active')),
    }),
    rpc({
      method: 'POST',
      path: 'experiments/update',
      summary: 'Rename an experiment',
      access: WRITE,
      fields: { experiment_id: id(), new_name: need(text()) },
      handle: async (given, who) => done(renameExperiment(room, who, given.experiment_id, given.new_name)),
    }),
    rpc({
      method: 'POST',
      path: 'experiments/set-experiment-tag',
      summary: 'Set a tag of an experiment',
      access: WRITE,
      fields: { experiment_id: id(), key: need(text()), value: text() },
      handle: async ({ experiment_id, key, value }, who) =>
        done(setExperimentTag(room, who, experiment_id, { key, value: value ?? '' })),
    }),
    rpc({
      method: 'POST',
      path: 'experiments/delete-experiment-tag',
      summary: 'Remove a tag of an experiment',
      access: WRITE,
      fields: { experiment_id: id(), key: need(text()) },
      handle: async (given, who) => done(deleteExperimentTag(room, who, given.experiment_id, given.key)),
    }),
  ]
}

function wire(experiment: Experiment): object {
  return {
    experiment_id: experiment.experiment_id,
    name: experiment.name,
    artifact_location: experiment.artifact_location,
    lifecycle_stage: experiment.lifecycle_stage,
    creation_time: experiment.creation_time,
    last_update_time: experiment.last_update_time,
    workspace: experiment.project,
    ...(experiment.tags.length > 0 && { tags: experiment.tags }),
  }
}
