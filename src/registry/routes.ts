/** Routes of the registry's own API; MLflow's wire stands beside it. */
import { problem } from '../contract/errors.ts'
import { imagesApi } from '../contract/images/images.ts'
import { attestationsApi } from '../contract/pipelines/attestations.ts'
import { registryApi } from '../contract/registry.ts'
import { mount } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import { aliasHistory, modelsAt, moveAlias } from './aliases/aliases.ts'
import { deleteEnvironment, listEnvironments, putEnvironment } from './environments/environments.ts'
import { standingFaults } from './environments/faults.ts'
import { promoteImage, standings } from './environments/promotions.ts'
import { approve, withdraw } from './gates/approvals.ts'
import { sendFile } from './versions/download.ts'
import { lineage } from './versions/lineage.ts'
import type { LineageSource } from './versions/lineage.ts'
import { getModel, getVersion, listModels, listVersions, visibleModel } from './versions/read.ts'
import { setGates } from './gates/asked.ts'
import { readPolicy, writePolicy } from './gates/policy.ts'
import { requireVersion } from './context/context.ts'
import type { Registry } from './context/context.ts'
import { listAttestations } from './signing/attestations.ts'
import { filesOf, keepSignature, readBundleOf } from './signing/signatures.ts'
import { listImages, recordImage } from './images/images.ts'
import { replayVerdict, requireVerdict } from './gates/verdicts.ts'

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
    mount(registryApi.approve, async ({ who, params, body }) => {
      await visibleModel(room.db, who, params.name)
      await approve(room, who, { model: params.name, version: params.version }, body.comment)
      return getVersion(room, who, params.name, params.version)
    }),
    mount(registryApi.withdrawApproval, async ({ who, params }) => {
      await visibleModel(room.db, who, params.name)
      await withdraw(room, who, { model: params.name, version: params.version })
      return getVersion(room, who, params.name, params.version)
    }),
    mount(registryApi.getPolicy, async ({ who, params }) => {
      await visibleModel(room.db, who, params.name)
      return readPolicy(room.db, params.name)
    }),
    mount(registryApi.putPolicy, async ({ who, params, body }) => {
      await visibleModel(room.db, who, params.name)
      return writePolicy(room, who, params.name, body)
    }),
    mount(registryApi.putGates, async ({ who, params, body }) => {
      await visibleModel(room.db, who, params.name)
      await setGates(room, who, params.name, body)
      return readPolicy(room.db, params.name)
    }),
    mount(registryApi.versionFiles, async ({ who, params }) => {
      await visibleModel(room.db, who, params.name)
      return { items: await filesOf(room, await requireVersion(room.db, params.name, params.version)) }
    }),
    mount(registryApi.versionFile, async ({ who, params, query }) => {
      await visibleModel(room.db, who, params.name)
      const sent = await sendFile(room, await requireVersion(room.db, params.name, params.version), query.path)
      if (sent === undefined) throw problem('not_found', { what: 'file', id: query.path })
      return sent
    }),
    mount(registryApi.getSignature, async ({ who, params }) => {
      await visibleModel(room.db, who, params.name)
      return readBundleOf(room.db, params.name, params.version)
    }),
    mount(registryApi.putSignature, async ({ who, params, body }) => {
      await visibleModel(room.db, who, params.name)
      return keepSignature(room, who, { model: params.name, version: params.version }, body)
    }),
    mount(attestationsApi.listAttestations, async ({ who, params, query }) => {
      await visibleModel(room.db, who, params.name)
      return listAttestations(room, params, query)
    }),
    ...imageRoutes(room),
    mount(registryApi.replayVerdict, async ({ who, params }) => {
      const { model } = await requireVerdict(room.db, params.id)
      if (who.project !== null) await visibleModel(room.db, who, model)
      return replayVerdict(room, params.id)
    }),
  ]
}

function imageRoutes(room: Registry): Mounted[] {
  return [
    mount(imagesApi.recordImage, async ({ who, params, body }) => {
      await visibleModel(room.db, who, params.name)
      return recordImage(room, who, { ...body, model: params.name, digest: params.digest })
    }),
    mount(imagesApi.listImages, async ({ who, params }) => {
      await visibleModel(room.db, who, params.name)
      return { items: await listImages(room, params.name) }
    }),
    mount(imagesApi.listEnvironments, async ({ who }) => ({
      items: await listEnvironments(room.db),
      faults: await standingFaults(room.db, who),
    })),
    mount(imagesApi.putEnvironment, ({ who, params, body }) => putEnvironment(room, who, params.name, body)),
    mount(imagesApi.deleteEnvironment, async ({ who, params }) => {
      await deleteEnvironment(room, who, params.name)
      return {}
    }),
    mount(imagesApi.standings, async ({ who, params }) => {
      await visibleModel(room.db, who, params.name)
      return standings(room, params.name)
    }),
    mount(imagesApi.promoteImage, async ({ who, params, body }) => {
      await visibleModel(room.db, who, params.name)
      return promoteImage(room, who, { ...body, model: params.name })
    }),
  ]
}
