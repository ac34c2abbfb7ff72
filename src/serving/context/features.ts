/** The feature service of an endpoint: set, read, and built into the routing table. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { EndpointFeatures } from '../../contract/serving.ts'
import { findVersion } from '../../features/definitions/catalogue.ts'
import { planRead } from '../../features/serve/plan.ts'
import { viewsOf } from '../../features/serve/plans.ts'
import type { FeaturesRoute } from '../../gateway/table/table.ts'
import type { Reader } from '../../store/db.ts'
import type { ServingContext } from './context.ts'
import { raiseEpoch } from './epoch.ts'
import { requireEndpoint } from './rows.ts'

/** A version of a service, as a caller names it; without a version the newest. */
export interface WantedFeatures {
  readonly service: string | null
  readonly version?: number | undefined
}

export async function readFeatures(reader: Reader, endpoint: string): Promise<EndpointFeatures> {
  const sql = 'SELECT service, version FROM endpoint_features WHERE endpoint = ?'
  return (await reader.get<EndpointFeatures>(sql, [endpoint])) ?? { service: null, version: null }
}

/** Sets it and raises the epoch. Throws `not_found` for an endpoint or a service that there is not, `unprocessable` for one that cannot be read. */
export async function writeFeatures(
  deps: Omit<ServingContext, 'ids'>,
  who: Principal,
  endpoint: string,
  wanted: WantedFeatures,
): Promise<EndpointFeatures> {
  return deps.db.tx(async (t) => {
    await t.lock('serving')
    const { project } = await requireEndpoint(t, endpoint)
    await t.run('DELETE FROM endpoint_features WHERE endpoint = ?', [endpoint])
    const set = wanted.service === null ? { service: null, version: null } : await requireService(t, project, wanted)
    if (set.service !== null)
      await t.run('INSERT INTO endpoint_features (endpoint, service, version, updated_at) VALUES (?,?,?,?)', [
        endpoint,
        set.service,
        set.version,
        deps.clock(),
      ])
    await raiseEpoch(t)
    const detail = { action: 'features', ...set }
    await deps.audit.record(t, who, { verb: 'write', resource: 'endpoints', id: endpoint, detail })
    return set
  })
}

async function requireService(reader: Reader, project: string, { service, version }: WantedFeatures) {
  const found = await findFeatures(reader, project, { service: service ?? '', version })
  if (found === undefined)
    throw problem('not_found', {
      what: 'feature service',
      id: version === undefined ? service : `${service}@${version}`,
    })
  planRead(project, found.definition, found.views)
  return { service: found.service, version: found.version }
}

/** The service of an endpoint with all that a gateway needs of it; undefined where it has none, or where its project has lost it. */
export async function featuresRoute(
  reader: Reader,
  { name, project }: { readonly name: string; readonly project: string },
): Promise<FeaturesRoute | undefined> {
  const { service, version } = await readFeatures(reader, name)
  return service === null || version === null ? undefined : findFeatures(reader, project, { service, version })
}

async function findFeatures(
  reader: Reader,
  project: string,
  { service, version }: { readonly service: string; readonly version?: number | undefined },
): Promise<FeaturesRoute | undefined> {
  const found = await findVersion(reader, { project, kind: 'service', name: service, version })
  if (found === undefined) return undefined
  const { definition } = found
  return { service, version: found.version, definition, views: await viewsOf(reader, project, definition) }
}
