/** MLflow's calls about evaluation datasets. */
import { done, pageSize } from '../../mlflow/fields.ts'
import { int, invalidValue, list, need, text } from '../../mlflow/input.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { callsOf } from '../../mlflow/rpc.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { invalid } from '../../mlflow/wire.ts'
import { deleteRecords, putRecords, readRecords, recordsOf } from './records.ts'
import { searchSets } from './search.ts'
import { createSet, deleteSet, deleteSetTag, experimentsOf, getSet, linkSet, requireSet, setSetTags } from './sets.ts'

const { read, write } = callsOf('runs', '3.0')

/** Largest body with records, bytes. */
const RECORDS_LIMIT = 64 * 1024 * 1024

const id = () => need(text())
const experiments = list(need(text({ number: true })))

export function datasetCalls(room: Tracking): Rpc[] {
  return [...sets(room), ...parts(room), ...records(room)]
}

function sets(room: Tracking): Rpc[] {
  return [
    write.post('datasets/create', 'Make an evaluation dataset', {
      fields: { name: need(text()), experiment_ids: experiments, tags: text() },
      handle: async (given, who) => ({ dataset: await createSet(room, who, { ...given, tags: tagsFrom(given.tags) }) }),
    }),
    read.postOrGet('datasets/search', 'Search evaluation datasets', {
      fields: {
        experiment_ids: experiments,
        filter_string: text(),
        max_results: int(),
        order_by: list(need(text())),
        page_token: text(),
      },
      handle: (given, who) =>
        searchSets(room, who, {
          ...given,
          filter: given.filter_string || undefined,
          max_results: pageSize(given.max_results || undefined, 1000),
        }),
    }),
    read.get('datasets/:dataset_id', 'Get an evaluation dataset', {
      fields: { dataset_id: id() },
      handle: async (given, who) => ({ dataset: await getSet(room, who, given.dataset_id) }),
    }),
    write.delete('datasets/:dataset_id', 'Delete an evaluation dataset with its records', {
      fields: { dataset_id: id() },
      handle: (given, who) => done(deleteSet(room, who, given.dataset_id)),
    }),
  ]
}

function parts(room: Tracking): Rpc[] {
  return [
    write.patch('datasets/:dataset_id/tags', 'Set tags of an evaluation dataset', {
      fields: { dataset_id: id(), tags: need(text()) },
      handle: (given, who) => done(setSetTags(room, who, given.dataset_id, jsonTags(given.tags))),
    }),
    write.delete('datasets/:dataset_id/tags/:key', 'Remove a tag of an evaluation dataset', {
      fields: { dataset_id: id(), key: need(text()) },
      handle: (given, who) => done(deleteSetTag(room, who, given.dataset_id, given.key)),
    }),
    read.get('datasets/:dataset_id/experiment-ids', 'The experiments of an evaluation dataset', {
      fields: { dataset_id: id() },
      handle: async (given, who) => {
        await requireSet(room.db, who, given.dataset_id)
        const experiment_ids = await experimentsOf(room.db, given.dataset_id)
        return experiment_ids.length === 0 ? {} : { experiment_ids }
      },
    }),
    write.post('datasets/:dataset_id/add-experiments', 'Join an evaluation dataset with experiments', {
      fields: { dataset_id: id(), experiment_ids: experiments },
      handle: async (given, who) => ({
        dataset: await linkSet(room, who, given.dataset_id, { add: given.experiment_ids }),
      }),
    }),
    write.post('datasets/:dataset_id/remove-experiments', 'Part an evaluation dataset from experiments', {
      fields: { dataset_id: id(), experiment_ids: experiments },
      handle: async (given, who) => ({
        dataset: await linkSet(room, who, given.dataset_id, { remove: given.experiment_ids }),
      }),
    }),
  ]
}

function records(room: Tracking): Rpc[] {
  return [
    write.post(
      'datasets/:dataset_id/records',
      'Put records into an evaluation dataset; the same inputs again are merged',
      {
        limit: RECORDS_LIMIT,
        fields: { dataset_id: id(), records: need(text()) },
        handle: (given, who) => putRecords(room, who, given.dataset_id, recordsOf(given.records)),
      },
    ),
    read.get('datasets/:dataset_id/records', 'Read records of an evaluation dataset', {
      fields: { dataset_id: id(), max_results: int(), page_token: text() },
      handle: async (given, who) => {
        const page = { max_results: pageSize(given.max_results || undefined, 1000), page_token: given.page_token }
        const { records: found, ...more } = await readRecords(room, who, given.dataset_id, page)
        return { records: JSON.stringify(found), ...more }
      },
    }),
    write.delete('datasets/:dataset_id/records', 'Delete records of an evaluation dataset', {
      fields: { dataset_id: id(), dataset_record_ids: list(need(text())) },
      handle: async (given, who) => ({
        deleted_count: await deleteRecords(room, who, given.dataset_id, given.dataset_record_ids),
      }),
    }),
  ]
}

function tagsFrom(json: string | undefined): Record<string, string> {
  if (json === undefined || json === '') return {}
  const tags = jsonTags(json)
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, value ?? '']))
}

/** Tags travel as the JSON text of an object; values that are no text become one. */
function jsonTags(json: string): Record<string, string | null> {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw invalid(invalidValue('tags', json, 'expected the JSON text of an object'))
  }
  if (value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw invalid(invalidValue('tags', json, 'expected the JSON text of an object'))
  }
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, tagValue(one)]))
}

function tagValue(value: unknown): string | null {
  return value === null || typeof value === 'string' ? value : JSON.stringify(value)
}
