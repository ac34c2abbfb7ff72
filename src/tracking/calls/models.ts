/** MLflow's calls about logged models. */
import { folderOf } from '../artifacts/artifacts.ts'
import { safePath } from '../context/paths.ts'
import { done, pageSize, tagFields, tagsOf } from '../../mlflow/fields.ts'
import { bool, int, list, need, object, oneOf, text } from '../../mlflow/input.ts'
import {
  createLoggedModel,
  deleteLoggedModel,
  deleteModelTag,
  finalizeLoggedModel,
  getLoggedModel,
  logModelParams,
  MODEL_STATES,
  requireLoggedModel,
  setModelTags,
} from '../models/logged-models.ts'
import { searchLoggedModels } from '../models/search.ts'
import type { Tracking } from '../context/context.ts'
import { callsOf } from '../../mlflow/rpc.ts'
import type { Rpc } from '../../mlflow/rpc.ts'

const { read, write } = callsOf('runs')

export function modelCalls(room: Tracking): Rpc[] {
  return [...reads(room), ...writes(room)]
}

function reads(room: Tracking): Rpc[] {
  return [
    read.post('logged-models/search', 'Search logged models', {
      fields: {
        experiment_ids: need(list(need(text({ number: true })))),
        filter: text(),
        datasets: list(need(object({ dataset_name: need(text()), dataset_digest: text() }))),
        max_results: int(),
        order_by: list(
          need(object({ field_name: need(text()), ascending: bool(), dataset_name: text(), dataset_digest: text() })),
        ),
        page_token: text(),
      },
      handle: (given, who) =>
        searchLoggedModels(room, who, { ...given, max_results: pageSize(given.max_results, 100) }),
    }),
    read.get('logged-models/:model_id', 'Get a logged model', {
      fields: { model_id: need(text()), allow_deleted: bool() },
      handle: async (given, who) => ({
        model: await getLoggedModel(room, who, given.model_id, given.allow_deleted ?? false),
      }),
    }),
    callsOf('artifacts').read.get(
      'logged-models/:model_id/artifacts/directories',
      'List the artifacts of a logged model',
      {
        fields: { model_id: need(text()), artifact_directory_path: text() },
        handle: async (given, who) => {
          const { artifact_uri } = await requireLoggedModel(room.db, who, given.model_id)
          const files = await folderOf(room, artifact_uri, safePath(given.artifact_directory_path ?? ''))
          return { root_uri: artifact_uri, ...(files.length > 0 && { files }) }
        },
      },
    ),
  ]
}

function writes(room: Tracking): Rpc[] {
  return [
    write.post('logged-models', 'Make a logged model', {
      fields: {
        experiment_id: need(text({ number: true })),
        name: text(),
        model_type: text(),
        source_run_id: text(),
        params: list(tagFields),
        tags: list(tagFields),
      },
      handle: async (given, who) => {
        const made = { ...given, params: tagsOf(given.params), tags: tagsOf(given.tags) }
        return { model: await createLoggedModel(room, who, { ...made, name: given.name || undefined }) }
      },
    }),
    write.patch('logged-models/:model_id', 'Say how the upload of a logged model ended', {
      fields: { model_id: need(text()), status: need(oneOf(MODEL_STATES)) },
      handle: async (given, who) => ({ model: await finalizeLoggedModel(room, who, given.model_id, given.status) }),
    }),
    write.delete('logged-models/:model_id', 'Delete a logged model (to the bin)', {
      fields: { model_id: need(text()) },
      handle: (given, who) => done(deleteLoggedModel(room, who, given.model_id)),
    }),
    write.post('logged-models/:model_id/params', 'Log params of a logged model', {
      fields: { model_id: need(text()), params: list(tagFields) },
      handle: (given, who) => done(logModelParams(room, who, given.model_id, tagsOf(given.params))),
    }),
    write.patch('logged-models/:model_id/tags', 'Set tags of a logged model', {
      fields: { model_id: need(text()), tags: list(tagFields) },
      handle: (given, who) => done(setModelTags(room, who, given.model_id, tagsOf(given.tags))),
    }),
    write.delete('logged-models/:model_id/tags/:tag_key', 'Remove a tag of a logged model', {
      fields: { model_id: need(text()), tag_key: need(text()) },
      handle: (given, who) => done(deleteModelTag(room, who, given.model_id, given.tag_key)),
    }),
  ]
}
