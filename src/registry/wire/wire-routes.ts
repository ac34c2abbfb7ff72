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
import { rpc, rpcRoutes } from '../../mlflow/rpc.ts'
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

const READ = { verb: 'read', resource: 'models' } as const
const WRITE = { verb: 'write', resource: 'models' } as const

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
    rpc({
      method: 'POST',
      path: 'registered-models/create',
      summary: 'Make a registered model',
      access: WRITE,
      fields: { name: name(), tags: list(tagFields), description: text() },
      handle: async (given, who) =>
        oneModel(room, await createModel(room, who, { ...given, tags: tagsOf(given.tags) })),
    }),
    rpc({
      method: 'GET',
      path: 'registered-models/get',
      summary: 'Get a registered model',
      access: READ,
      fields: { name: name() },
      handle: async (given, who) => oneModel(room, await wireModel(room.db, who, given.name)),
    }),
    rpc({
      method: 'PATCH',
      path: 'registered-models/update',
      summary: 'Describe a registered model',
      access: WRITE,
      fields: { name: name(), description: text() },
      handle: async (given, who) => oneModel(room, await describeModel(room, who, given.name, given.description)),
    }),
    rpc({
      method: 'POST',
      path: 'registered-models/rename',
      summary: 'Rename a registered model with its versions',
      access: WRITE,
      fields: { name: name(), new_name: need(text()) },
      handle: async (given, who) => oneModel(room, await renameModel(room, who, given.name, given.new_name)),
    }),
    rpc({
      method: 'DELETE',
      path: 'registered-models/delete',
      summary: 'Delete a registered model with its versions',
      access: WRITE,
      fields: { name: name() },
      handle: (given, who) => done(deleteModel(room, who, given.name)),
    }),
    rpc({
      method: 'GET',
      path: 'registered-models/search',
      summary: 'Search registered models',
      access: READ,
      fields: search,
      handle: (given, who) =>
        searchModels(room, who, { ...given, max_results: pageSize(given.max_results, 100, 1000) }),
    }),
    rpc({
      method: ['POST', 'GET'],
      path: 'registered-models/get-latest-versions',
      summary: 'The newest version of each stage',
      access: READ,
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
    rpc({
      method: 'POST',
      path: 'registered-models/set-tag',
      summary: 'Set a tag of a registered model',
      access: WRITE,
      fields: { name: name(), key: need(text()), value: text() },
      handle: (given, who) => done(setModelTag(room, who, given.name, { key: given.key, value: given.value ?? '' })),
    }),
    rpc({
      method: 'DELETE',
      path: 'registered-models/delete-tag',
      summary: 'Remove a tag of a registered model',
      access: WRITE,
      fields: { name: name(), key: need(text()) },
      handle: (given, who) => done(deleteModelTag(room, who, given.name, given.key)),
    }),
  ]
}

/** Who may not promote may still move the aliases that answer nobody. */
function aliasCalls(room: Registry): Rpc[] {
  return [
    rpc({
      method: 'POST',
      path: 'registered-models/alias',
      summary: 'Point an alias to a version; its gates must hold',
      access: WRITE,
      fields: { name: name(), alias: need(text()), version: version() },
      handle: async (given, who) => {
        checkNewAlias(given.alias)
        const row = await wireVersion(room.db, who, given.name, given.version)
        requirePromote(who, given.alias)
        await inWords(moveAlias(room, who, { model: row.model, alias: given.alias, version: row.version }))
        return {}
      },
    }),
    rpc({
      method: 'DELETE',
      path: 'registered-models/alias',
      summary: 'Take an alias away',
      access: WRITE,
      fields: { name: name(), alias: need(text()) },
      handle: async (given, who) => {
        checkAlias(given.alias)
        await wireModel(room.db, who, given.name)
        requirePromote(who, given.alias)
        await removeAlias(room, who, { model: given.name, alias: given.alias })
        return {}
      },
    }),
    rpc({
      method: 'GET',
      path: 'registered-models/alias',
      summary: 'The version that an alias names',
      access: READ,
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
    rpc({
      method: 'POST',
      path: 'model-versions/create',
      summary: 'Make a version of a registered model',
      access: WRITE,
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
    rpc({
      method: 'GET',
      path: 'model-versions/get',
      summary: 'Get a version',
      access: READ,
      fields: { name: name(), version: version() },
      handle: async (given, who) => oneVersion(room, await wireVersion(room.db, who, given.name, given.version)),
    }),
    rpc({
      method: 'PATCH',
      path: 'model-versions/update',
      summary: 'Describe a version',
      access: WRITE,
      fields: { name: name(), version: version(), description: text() },
      handle: async (given, who) => oneVersion(room, await describeVersion(room, who, given, given.description)),
    }),
    rpc({
      method: 'POST',
      path: 'model-versions/transition-stage',
      summary: 'Move a version to a stage; the gates must hold for Production',
      access: WRITE,
      fields: { name: name(), version: version(), stage: need(text()), archive_existing_versions: bool() },
      handle: async (given, who) => {
        const asked = { ...given, archive: given.archive_existing_versions ?? false }
        return oneVersion(room, await inWords(transitionStage(room, who, asked)))
      },
    }),
    rpc({
      method: 'DELETE',
      path: 'model-versions/delete',
      summary: 'Delete a version; its number is not given again',
      access: WRITE,
      fields: { name: name(), version: version() },
      handle: (given, who) => done(deleteVersion(room, who, given.name, given.version)),
    }),
    rpc({
      method: 'GET',
      path: 'model-versions/search',
      summary: 'Search versions',
      access: READ,
      fields: search,
      handle: (given, who) =>
        searchVersions(room, who, { ...given, max_results: pageSize(given.max_results, 10_000, 200_000) }),
    }),
  ]
}

function versionTagCalls(room: Registry): Rpc[] {
  return [
    rpc({
      method: 'POST',
      path: 'model-versions/set-tag',
      summary: 'Set a tag of a version',
      access: WRITE,
      fields: { name: name(), version: version(), key: need(text()), value: text() },
      handle: (given, who) => done(setVersionTag(room, who, { ...given, value: given.value ?? '' })),
    }),
    rpc({
      method: 'DELETE',
      path: 'model-versions/delete-tag',
      summary: 'Remove a tag of a version',
      access: WRITE,
      fields: { name: name(), version: version(), key: need(text()) },
      handle: (given, who) => done(deleteVersionTag(room, who, given)),
    }),
  ]
}
