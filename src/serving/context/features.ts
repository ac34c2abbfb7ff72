/** The feature services of an endpoint: set, read, and built into the routing table. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { EndpointFeatures } from '../../contract/serving.ts'
import { findVersion } from '../../features/definitions/catalogue.ts'
import { requireViews } from '../../features/definitions/require.ts'
import { definitionsOf, planRead } from '../../features/serve/plan.ts'
import type { FeaturesRoute } from '../../gateway/table/table.ts'
import type { Reader } from '../../store/db.ts'
import type { ServingContext } from './context.ts'
import { raiseEpoch } from './epoch.ts'
import { requireEndpoint } from './rows.ts'

/** A version of a service, as a caller names it; without a version the newest. */
export interface WantedFeatures {
  /** Null: none. */
  readonly service: string | null
  readonly version?: number | undefined
  /** The version of the model; absent: all that have none of their own. */
  readonly model_version?: string | undefined
}

interface Row {
  readonly model_version: string
  readonly service: string
  readonly version: number
}

/** The row of those that have none of their own. */
const ALL = ''

export async function readFeatures(reader: Reader, endpoint: string): Promise<EndpointFeatures> {
  const rows = await featureRows(reader, endpoint)
  const plain = rows.map(({ model_version, service, version }) => [model_version, { service, version }] as const)
  return {
    all: plain.find(([of]) => of === ALL)?.[1] ?? null,
    model_versions: Object.fromEntries(plain.filter(([of]) => of !== ALL)),
  }
}

function featureRows(reader: Reader, endpoint: string): Promise<Row[]> {
  const sql = 'SELECT model_version, service, version FROM endpoint_features WHERE endpoint = ? ORDER BY model_version'
  return reader.all<Row>(sql, [endpoint])
}

/** Sets one and raises the epoch. Throws `not_found` for an endpoint or a service that there is not, `unprocessable` for one that cannot be read. */
export async function writeFeatures(
  deps: Omit<ServingContext, 'ids'>,
  who: Principal,
  endpoint: string,
  wanted: WantedFeatures,
): Promise<EndpointFeatures> {
  const { model_version = ALL } = wanted
  return deps.db.tx(async (t) => {
    await t.lock('serving')
    const { project } = await requireEndpoint(t, endpoint)
    await t.run('DELETE FROM endpoint_features WHERE endpoint = ? AND model_version = ?', [endpoint, model_version])
    const set = wanted.service === null ? undefined : await requireService(t, project, wanted)
    if (set !== undefined)
      await t.run(
        'INSERT INTO endpoint_features (endpoint, model_version, service, version, updated_at) VALUES (?,?,?,?,?)',
        [endpoint, model_version, set.service, set.version, deps.clock()],
      )
    await raiseEpoch(t)
    const detail = {
      action: 'features',
      service: set?.service ?? null,
      version: set?.version ?? null,
      ...(model_version !== ALL && { model_version }),
    }
    await deps.audit.record(t, who, { verb: 'write', resource: 'endpoints', id: endpoint, detail })
    return readFeatures(t, endpoint)
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

/** The services of an endpoint with all that a gateway needs of them, by version of the model. */
export async function featuresRoutes(
  reader: Reader,
  { name, project }: { readonly name: string; readonly project: string },
): Promise<(model_version: string) => { readonly features?: FeaturesRoute }> {
  const routes = new Map<string, FeaturesRoute>()
  for (const row of await featureRows(reader, name)) {
    const found = await findFeatures(reader, project, row)
    if (found !== undefined) routes.set(row.model_version, found)
  }
  return (version) => {
    const features = routes.get(version) ?? routes.get(ALL)
    return features === undefined ? {} : { features }
  }
}

async function findFeatures(
  reader: Reader,
  project: string,
  { service, version }: { readonly service: string; readonly version?: number | undefined },
): Promise<FeaturesRoute | undefined> {
  const found = await findVersion(reader, { project, kind: 'service', name: service, version })
  if (found === undefined) return undefined
  const { definition } = found
  const views = definitionsOf(await requireViews({ db: reader }, project, definition))
  return { service, version: found.version, definition, views }
}
