/** Builds the routing table from the rows, and brings it to every gateway. */
import { problem } from '../../contract/errors.ts'
import type { Reader } from '../../store/db.ts'
import { pushTable, warmTable } from './admin-client.ts'
import type { LoadFailure } from '../../gateway/loader.ts'
import type { EndpointLimits } from '../context/limits.ts'
import { readLimits } from '../context/limits.ts'
import type { EndpointRow, EndpointVersion, VariantRow, WantedVariant } from '../context/rows.ts'
import { endpointRows, variantsOf, versionsOf } from '../context/rows.ts'
import { currentEpoch } from '../context/epoch.ts'
import type { GatewayFile } from '../../gateway/run-files.ts'
import type { BreakerRoute, EndpointRoute, RoutingTable, TokenRoute, VariantRoute } from '../../gateway/table/table.ts'
import type { LimitsRoute } from '../../scoring/rows/fields.ts'
import { BREAKER } from '../../gateway/table/table.ts'

export interface RoutingDeps {
  readonly db: Reader
  readonly open: boolean
  readonly tokens: () => Promise<readonly TokenRoute[]>
}

/** The table as the rows say it now. `instead` replaces the variants of one endpoint, to try a change before it is written. */
export async function buildTable(
  deps: RoutingDeps,
  instead?: { readonly endpoint: string; readonly variants: readonly WantedVariant[] },
): Promise<RoutingTable> {
  const rows = await endpointRows(deps.db)
  const endpoints: EndpointRoute[] = []
  for (const row of rows) {
    const known = await variantsOf(deps.db, row.name)
    const wanted =
      instead?.endpoint === row.name
        ? instead.variants.map((variant) => ({
            ...variant,
            endpoint: row.name,
            since: 0,
            tripped: null,
            breaker: null,
          }))
        : known
    endpoints.push(await endpointRoute(deps, row, wanted))
  }
  const [epoch, tokens] = [await currentEpoch(deps.db), await deps.tokens()]
  return { format: 'slipway.routing/1', epoch, open: deps.open, endpoints, tokens }
}

async function endpointRoute(
  deps: RoutingDeps,
  row: EndpointRow,
  variants: readonly VariantRow[],
): Promise<EndpointRoute> {
  const versions = await versionsOf(deps.db, row.name)
  const previous = row.previous_version === null ? undefined : versions.get(row.previous_version)
  return {
    name: row.name,
    project: row.project,
    model: row.model,
    salt: row.salt,
    threshold: row.threshold,
    breaker: BREAKER,
    limits: routeLimits(await readLimits(deps.db, row.name)),
    variants: variants.flatMap((variant) => variantRoute(variant, versions.get(variant.version))),
    standby: previous === undefined ? [] : standbyRoute(previous),
  }
}

/** Bounds as the table has them: absent ones stay absent. */
function routeLimits(limits: EndpointLimits): LimitsRoute {
  return JSON.parse(JSON.stringify(limits)) as LimitsRoute
}

function variantRoute(variant: VariantRow, version: EndpointVersion | undefined): VariantRoute[] {
  if (version === undefined) return []
  const { role, weight, since } = variant
  const rule = variant.breaker === null ? {} : { breaker: JSON.parse(variant.breaker) as BreakerRoute }
  return [{ role, version: version.version, weight, since, ...rule, inputs: version.inputs, backend: version.backend }]
}

function standbyRoute(version: EndpointVersion): VariantRoute[] {
  const { inputs, backend } = version
  return [{ role: 'stable', version: version.version, weight: 0, since: 0, inputs, backend }]
}

/**
 * Loads a table's models on every gateway without swapping. What does not load anywhere it was tried is returned. Throws
 * `unavailable` when no gateway answers, as in the moment after one was killed.
 */
export async function warmAll(gateways: readonly GatewayFile[], table: RoutingTable): Promise<LoadFailure[]> {
  const results = await Promise.allSettled(gateways.map(({ socket }) => warmTable(socket, table)))
  const replies = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  if (replies.length === 0 && results[0]?.status === 'rejected') {
    const detail = `none answers: ${(results[0].reason as Error).message}`
    throw problem('unavailable', { what: 'the gateways', detail, retry_after: 1 }, results[0].reason)
  }
  return replies.flatMap((reply) => reply.failed)
}

/** What became of a push. */
export interface Pushed {
  /** Gateways that answer with the table now. */
  readonly reached: readonly GatewayFile[]
  readonly failed: readonly LoadFailure[]
}

/** Pushes a table to every gateway. One that is down gets it when it is up again. */
export async function pushAll(gateways: readonly GatewayFile[], table: RoutingTable): Promise<Pushed> {
  const results = await Promise.allSettled(gateways.map(({ socket }) => pushTable(socket, table)))
  const reached: GatewayFile[] = []
  const failed: LoadFailure[] = []
  results.forEach((result, i) => {
    if (result.status !== 'fulfilled') return
    failed.push(...result.value.failed)
    if (result.value.epoch >= table.epoch) reached.push(gateways[i] as GatewayFile)
  })
  return { reached, failed }
}
