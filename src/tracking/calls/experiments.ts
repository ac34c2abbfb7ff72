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
import { callsOf } from '../../mlflow/rpc.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { done, pageSize, tagFields, tagsOf } from '../../mlflow/fields.ts'

const { read, write } = callsOf('runs')

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
    read.postOrGet('experiments/search', 'Search experiments', {
      fields: { ...page, filter: text(), order_by: list(need(text())) },
      handle: search,
    }),
    read.get('experiments/list', 'List experiments, as clients of MLflow 1 do', {
      fields: page,
      handle: search,
    }),
    read.get('experiments/get', 'Get an experiment', {
      fields: { experiment_id: id() },
      handle: async (given, who) => ({ experiment: wire(await getExperiment(room, who, given.experiment_id)) }),
    }),
    read.get('experiments/get-by-name', 'Get an experiment by its name', {
      fields: { experiment_name: need(text()) },
      handle: async (given, who) => ({ experiment: wire(await getExperimentByName(room, who, given.experiment_name)) }),
    }),
    read.post('experiments/search-datasets', 'Search the datasets that runs of experiments read', {
      fields: { experiment_ids: list(need(text({ number: true }))) },
      handle: async (given, who) => ({ dataset_summaries: await searchDatasets(room, who, given.experiment_ids) }),
    }),
  ]
}

function writes(room: Tracking): Rpc[] {
  return [
    write.post('experiments/create', 'Make an experiment', {
      fields: { name: need(text()), artifact_location: text(), tags: list(tagFields) },
      handle: async (given, who) => ({
        experiment_id: await createExperiment(room, who, { ...given, tags: tagsOf(given.tags) }),
      }),
    }),
    write.post('experiments/delete', 'Delete an experiment with its runs (to the bin)', {
      fields: { experiment_id: id() },
      handle: async (given, who) => done(setExperimentStage(room, who, given.experiment_id, 'deleted')),
    }),
    write.post('experiments/restore', 'Restore a deleted experiment', {
      fields: { experiment_id: id() },
      handle: async (given, who) => done(setExperimentStage(room, who, given.experiment_id, 'active')),
    }),
    write.post('experiments/update', 'Rename an experiment', {
      fields: { experiment_id: id(), new_name: need(text()) },
      handle: async (given, who) => done(renameExperiment(room, who, given.experiment_id, given.new_name)),
    }),
    write.post('experiments/set-experiment-tag', 'Set a tag of an experiment', {
      fields: { experiment_id: id(), key: need(text()), value: text() },
      handle: async ({ experiment_id, key, value }, who) =>
        done(setExperimentTag(room, who, experiment_id, { key, value: value ?? '' })),
    }),
    write.post('experiments/delete-experiment-tag', 'Remove a tag of an experiment', {
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
