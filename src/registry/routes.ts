/** Routes of the registry's own API; MLflow's wire stands beside it. */
import { registryApi } from '../contract/registry.ts'
import { mount } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import { aliasHistory, modelsAt, moveAlias } from './aliases.ts'
import { lineage } from './lineage.ts'
import type { LineageSource } from './lineage.ts'
import { getModel, getVersion, listModels, listVersions, visibleModel } from './read.ts'
import type { Registry } from './room.ts'
import { replayVerdict, requireVerdict } from './verdicts.ts'

export function registryRoutes(room: Registry, sources: readonly LineageSource[]): Mounted[] {
  return [
    mount(registryApi.listModels, ({ who, query }) => listModels(room, who, query)),
    mount(registryApi.getModel, ({ who, params }) => getModel(room, who, params.name)),
    mount(registryApi.listVersions, ({ who, params, query }) => listVersions(room, who, params.name, query)),
    mount(registryApi.getVersion, ({ who, params }) => getVersion(room, who, params.name, params.version)),
    mount(registryApi.lineage, async ({ who, params }) => {
      await visibleModel(room.db, who, params.name)
      return lineage(room, sources, params.name, params.version)
    }),
    mount(registryApi.moveAlias, async ({ who, params, body }) => {
      await visibleModel(room.db, who, params.name)
      return moveAlias(room, who, { model: params.name, alias: params.alias, ...body })
    }),
    mount(registryApi.aliasHistory, async ({ who, params }) => {
      await visibleModel(room.db, who, params.name)
      return { items: await aliasHistory(room, params.name) }
    }),
    mount(registryApi.modelsAt, async ({ who, query }) => ({
      items: await modelsAt(room.db, who, Date.parse(query.time)),
    })),
    mount(registryApi.replayVerdict, async ({ who, params }) => {
      const { model } = await requireVerdict(room.db, params.id)
      if (who.project !== null) await visibleModel(room.db, who, model)
      return replayVerdict(room, params.id)
    }),
  ]
}
