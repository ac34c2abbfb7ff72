/** Joins the rollout room with serving and the registry. */
import { SYSTEM } from '../auth/tokens.ts'
import type { Reader } from '../store/db.ts'
import { aliasVersion, moveAlias } from '../registry/aliases.ts'
import { markDeployment, wantedDeployments } from '../registry/deployments.ts'
import type { Registry } from '../registry/room.ts'
import type { ServingRoom } from '../serving/room.ts'
import type { EndpointRow } from '../serving/rows.ts'
import type { RolloutDeps } from './room.ts'

export type Connected = Pick<
  RolloutDeps,
  'target' | 'ensureEndpoint' | 'prepare' | 'setVariants' | 'publish' | 'promote' | 'asked' | 'mark' | 'inputNames'
>

/** The alias that a promotion moves. */
const PRODUCTION = 'production'

export function connectRollout(serving: ServingRoom, registry: Registry): Connected {
  const { db } = registry
  return {
    async target(name) {
      const row = await db.get<EndpointRow>('SELECT * FROM endpoints WHERE name = ?', [name])
      if (row === undefined) return undefined
      const stable = (await serving.variants(name)).find((one) => one.role === 'stable')
      return { name, model: row.model, stable: stable?.version ?? null }
    },
    async ensureEndpoint({ endpoint, project, model, monitor }) {
      const known = await db.get<EndpointRow>('SELECT * FROM endpoints WHERE name = ?', [endpoint])
      if (known?.monitor === JSON.stringify(monitor)) return
      await serving.put(SYSTEM, endpoint, { project, model, monitor })
    },
    prepare: (endpoint, version) => serving.prepare(endpoint, [{ role: 'stable', version, weight: 0 }]),
    setVariants: (t, endpoint, variants) => serving.writeVariants(t, endpoint, variants),
    publish: () => serving.refresh(),
    async promote(who, { model, version }, reason) {
      // done by an earlier try that was killed before it could say so
      if ((await aliasVersion(db, model, PRODUCTION)) === version) return
      await moveAlias(registry, who, { model, alias: PRODUCTION, version, reason })
    },
    asked: () => wantedDeployments(db),
    mark: (t, asked, rollout) => markDeployment(t, asked, rollout),
    inputNames: (reader, endpoint, version) => inputNames(reader, endpoint, version),
  }
}

/** Names of a version's inputs in the order of the logged rows; none for a version that the endpoint never had. */
export async function inputNames(reader: Reader, endpoint: string, version: string): Promise<readonly string[]> {
  const row = await reader.get<{ inputs: string }>(
    'SELECT inputs FROM endpoint_versions WHERE endpoint = ? AND version = ?',
    [endpoint, version],
  )
  return row === undefined ? [] : (JSON.parse(row.inputs) as { name: string }[]).map((input) => input.name)
}

/** The slices that an endpoint's monitor names. */
export async function monitorSlices(reader: Reader, endpoint: string): Promise<readonly string[]> {
  const row = await reader.get<{ monitor: string }>('SELECT monitor FROM endpoints WHERE name = ?', [endpoint])
  const { slices } = JSON.parse(row?.monitor ?? '{}') as { slices?: unknown }
  return Array.isArray(slices) ? slices.filter((one): one is string => typeof one === 'string') : []
}
