/** MLflow's calls about registered models and their versions, under `/api` and `/ajax-api`. */
import type { Principal } from '../../contract/access.ts'
import { Problem } from '../../contract/errors.ts'
import type { GateResult } from '../../contract/registry.ts'
import type { Mounted } from '../../http/mount.ts'
import { experimentCalls } from '../../tracking/calls/experiments.ts'
import { done, pageSize, tagFields, tagsOf } from '../../mlflow/fields.ts'
import { graphqlRoutes } from '../../tracking/graphql/mounts.ts'
import { historyCalls } from '../../tracking/calls/metrics.ts'
import { bool, int, list, need, text } from '../../mlflow/input.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { callsOf, rpcRoutes } from '../../mlflow/rpc.ts'
import { runCalls } from '../../tracking/calls/runs.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { mlflowProblem } from '../../mlflow/wire.ts'
import { moveAlias, removeAlias } from '../aliases/aliases.ts'
import { downloadRoutes } from '../versions/download.ts'
import {
  createModel,
  deleteModel,
  deleteModelTag,
  describeModel,
  renameModel,
  setModelTag,
} from '../versions/models.ts'
import { checkAlias, checkNewAlias, stageOf } from '../context/names.ts'
import { requirePromote } from '../aliases/promotion.ts'
import type { ModelRow, Registry, VersionRow } from '../context/context.ts'
import { searchModels, searchVersions } from './search.ts'
import {
  createVersion,
  deleteVersion,
  deleteVersionTag,
  describeVersion,
  setVersionTag,
  transitionStage,
} from '../versions/versions.ts'
import {
  latestVersions,
  showModels,
  showVersions,
  versionByAlias,
  wireModel,
  wireVersion,
} from '../versions/wire-read.ts'

const { read, write } = callsOf('models')

/** All of MLflow's registry. Versions are made of what the tracking room has. */
export function registryWireRoutes(room: Registry, tracking: Tracking): Mounted[] {
  const calls = [...modelCalls(room), ...modelTagCalls(room), ...aliasCalls(room)]
  const versions = versionCalls(room, tracking)
  const asked = [...experimentCalls(tracking), ...runCalls(tracking), ...historyCalls(tracking), ...versions]
  return [
    ...rpcRoutes([...calls, ...versions, ...versionTagCalls(room)]),
    ...downloadRoutes(room),
    ...graphqlRoutes(asked),
  ]
}

const name = () => need(text())
/** Clients of old send versions as numbers. */
const version = () => need(text({ number: true }))
const search = { filter: text(), max_results: int(), order_by: list(need(text())), page_token: text() }

async function oneModel(room: Registry, row: ModelRow): Promise<object> {
  return { registered_model: (await showModels(room.db, [row]))[0] }
}

async function oneVersion(room: Registry, row: VersionRow): Promise<object> {
  return { model_version: (await showVersions(room.db, [row]))[0] }
}

function modelCalls(room: Registry): Rpc[] {
  return [
    write.post('registered-models/create', 'Make a registered model', {
      fields: { name: name(), tags: list(tagFields), description: text() },
      handle: async (given, who) =>
        oneModel(room, await createModel(room, who, { ...given, tags: tagsOf(given.tags) })),
    }),
    read.get('registered-models/get', 'Get a registered model', {
      fields: { name: name() },
      handle: async (given, who) => oneModel(room, await wireModel(room.db, who, given.name)),
    }),
    write.patch('registered-models/update', 'Describe a registered model', {
      fields: { name: name(), description: text() },
      handle: async (given, who) => oneModel(room, await describeModel(room, who, given.name, given.description)),
    }),
    write.post('registered-models/rename', 'Rename a registered model with its versions', {
      fields: { name: name(), new_name: need(text()) },
      handle: async (given, who) => oneModel(room, await renameModel(room, who, given.name, given.new_name)),
    }),
    write.delete('registered-models/delete', 'Delete a registered model with its versions', {
      fields: { name: name() },
      handle: (given, who) => done(deleteModel(room, who, given.name)),
    }),
    read.get('registered-models/search', 'Search registered models', {
      fields: search,
      handle: (given, who) =>
        searchModels(room, who, { ...given, max_results: pageSize(given.max_results, 100, 1000) }),
    }),
    read.postOrGet('registered-models/get-latest-versions', 'The newest version of each stage', {
      fields: { name: name(), stages: list(need(text())) },
      handle: (given, who) => newestOfStages(room, who, given),
    }),
  ]
}

async function newestOfStages(
  room: Registry,
  who: Principal,
  asked: { readonly name: string; readonly stages: readonly string[] },
): Promise<object> {
  await wireModel(room.db, who, asked.name)
  const stages = asked.stages.length === 0 ? undefined : asked.stages.map(stageOf)
  const rows = await latestVersions(room.db, [asked.name], stages)
  return rows.length === 0 ? {} : { model_versions: await showVersions(room.db, rows) }
}

function modelTagCalls(room: Registry): Rpc[] {
  return [
    write.post('registered-models/set-tag', 'Set a tag of a registered model', {
      fields: { name: name(), key: need(text()), value: text() },
      handle: (given, who) => done(setModelTag(room, who, given.name, { key: given.key, value: given.value ?? '' })),
    }),
    write.delete('registered-models/delete-tag', 'Remove a tag of a registered model', {
      fields: { name: name(), key: need(text()) },
      handle: (given, who) => done(deleteModelTag(room, who, given.name, given.key)),
    }),
  ]
}

/** Who may not promote may still move the aliases that answer nobody. */
function aliasCalls(room: Registry): Rpc[] {
  return [
    write.post('registered-models/alias', 'Point an alias to a version; its gates must hold', {
      fields: { name: name(), alias: need(text()), version: version() },
      handle: async (given, who) => {
        checkNewAlias(given.alias)
        const row = await wireVersion(room.db, who, given.name, given.version)
        requirePromote(who, given.alias)
        await inWords(moveAlias(room, who, { model: row.model, alias: given.alias, version: row.version }))
        return {}
      },
    }),
    write.delete('registered-models/alias', 'Take an alias away', {
      fields: { name: name(), alias: need(text()) },
      handle: async (given, who) => {
        checkAlias(given.alias)
        await wireModel(room.db, who, given.name)
        requirePromote(who, given.alias)
        await removeAlias(room, who, { model: given.name, alias: given.alias })
        return {}
      },
    }),
    read.get('registered-models/alias', 'The version that an alias names', {
      fields: { name: name(), alias: need(text()) },
      handle: async (given, who) => oneVersion(room, await versionByAlias(room.db, who, given.name, given.alias)),
    }),
  ]
}

/** A refused gate as MLflow's client tells it: it must not be taken for a fault that passes. */
async function inWords<T>(promotion: Promise<T>): Promise<T> {
  try {
    return await promotion
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'gate_refused') throw error
    const gates = (error.data['gates'] as readonly GateResult[]).map((gate) => gate.name)
    throw mlflowProblem('PERMISSION_DENIED', `${error.message}. Gates that do not hold: ${gates.join(', ')}`)
  }
}

function versionCalls(room: Registry, tracking: Tracking): Rpc[] {
  return [
    write.post('model-versions/create', 'Make a version of a registered model', {
      fields: {
        name: name(),
        source: need(text()),
        run_id: text(),
        model_id: text(),
        run_link: text(),
        description: text(),
        tags: list(tagFields),
      },
      handle: async (given, who) =>
        oneVersion(room, await createVersion(room, tracking, who, { ...given, tags: tagsOf(given.tags) })),
    }),
    read.get('model-versions/get', 'Get a version', {
      fields: { name: name(), version: version() },
      handle: async (given, who) => oneVersion(room, await wireVersion(room.db, who, given.name, given.version)),
    }),
    write.patch('model-versions/update', 'Describe a version', {
      fields: { name: name(), version: version(), description: text() },
      handle: async (given, who) => oneVersion(room, await describeVersion(room, who, given, given.description)),
    }),
    write.post('model-versions/transition-stage', 'Move a version to a stage; the gates must hold for Production', {
      fields: { name: name(), version: version(), stage: need(text()), archive_existing_versions: bool() },
      handle: async (given, who) => {
        const asked = { ...given, archive: given.archive_existing_versions ?? false }
        return oneVersion(room, await inWords(transitionStage(room, who, asked)))
      },
    }),
    write.delete('model-versions/delete', 'Delete a version; its number is not given again', {
      fields: { name: name(), version: version() },
      handle: (given, who) => done(deleteVersion(room, who, given.name, given.version)),
    }),
    read.get('model-versions/search', 'Search versions', {
      fields: search,
      handle: (given, who) =>
        searchVersions(room, who, { ...given, max_results: pageSize(given.max_results, 10_000, 200_000) }),
    }),
  ]
}

function versionTagCalls(room: Registry): Rpc[] {
  return [
    write.post('model-versions/set-tag', 'Set a tag of a version', {
      fields: { name: name(), version: version(), key: need(text()), value: text() },
      handle: (given, who) => done(setVersionTag(room, who, { ...given, value: given.value ?? '' })),
    }),
    write.delete('model-versions/delete-tag', 'Remove a tag of a version', {
      fields: { name: name(), version: version(), key: need(text()) },
      handle: (given, who) => done(deleteVersionTag(room, who, given)),
    }),
  ]
}
