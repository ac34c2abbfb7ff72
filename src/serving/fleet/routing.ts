/** Builds the routing table from the rows and from what lies on this machine, and brings it to every gateway. */
import { problem } from '../../contract/errors.ts'
import type { Reader } from '../../store/db.ts'
import { pushTable, warmTable } from './admin-client.ts'
import type { LoadFailure } from '../../gateway/loader.ts'
import type { EndpointLimits } from '../context/limits.ts'
import { featuresRoutes } from '../context/features.ts'
import { readLimits } from '../context/limits.ts'
import type { EndpointRow, VariantRow, WantedVariant } from '../context/rows.ts'
import { endpointRows, variantsOf } from '../context/rows.ts'
import { currentEpoch } from '../context/epoch.ts'
import type { ModelVersion, Places } from './places.ts'
import type { LlmRoute } from '../../gateway/table/llm.ts'
import type { GatewayFile } from '../../gateway/run-files.ts'
import type { BreakerRoute, EndpointRoute, RoutingTable, TokenRoute, VariantRoute } from '../../gateway/table/table.ts'
import type { LimitsRoute } from '../../scoring/rows/fields.ts'
import { BREAKER } from '../../gateway/table/table.ts'

export interface RoutingDeps {
  readonly db: Reader
  readonly open: boolean
  readonly tokens: () => Promise<readonly TokenRoute[]>
  readonly places: Pick<Places, 'here' | 'bring'>
  /** Port: what gateways need of language models; without it the table says nothing of them. */
  readonly llm?: () => Promise<LlmRoute | undefined>
}

export interface TableOptions {
  /** Replaces the variants of one endpoint, to try a change before it is written. */
  readonly instead?: { readonly endpoint: string; readonly variants: readonly WantedVariant[] }
  /** The table before this one: an endpoint keeps its variants of there while one that it wants is not laid out here. */
  readonly held?: RoutingTable | undefined
  /** Longest wait for a version to be laid out, from its beginning, ms. */
  readonly patienceMs?: number
}

export interface BuiltTable {
  readonly table: RoutingTable
  /** Variants that are not laid out here, and so not in the table. */
  readonly missing: readonly (ModelVersion & { readonly endpoint: string })[]
}

/** A publish waits this long for a version that is laid out for the first time: a native one takes some ms, an environment minutes. */
const PATIENCE_MS = 2000

/** The table as the rows say it now, for the gateways of this server. */
export async function buildTable(deps: RoutingDeps, options: TableOptions = {}): Promise<BuiltTable> {
  const { instead, held, patienceMs = PATIENCE_MS } = options
  const wishes = await Promise.all(
    (await endpointRows(deps.db)).map(async (row) => ({
      row,
      variants: instead?.endpoint === row.name ? instead.variants.map(asRow(row)) : await variantsOf(deps.db, row.name),
    })),
  )
  await deps.places.bring(
    wishes.flatMap(({ row, variants }) => versionsIn(row, variants)),
    patienceMs,
  )
  const before = new Map(held?.endpoints.map((one) => [one.name, one]))
  const endpoints: EndpointRoute[] = []
  const missing: (ModelVersion & { endpoint: string })[] = []
  for (const { row, variants } of wishes) {
    const lacks = variants.filter(({ version }) => deps.places.here({ model: row.model, version }) === undefined)
    missing.push(...lacks.map(({ version }) => ({ endpoint: row.name, model: row.model, version })))
    const route = await endpointRoute(deps, row, variants)
    const former = lacks.length > 0 ? before.get(row.name) : undefined
    endpoints.push(former === undefined ? route : { ...route, variants: former.variants, standby: former.standby })
  }
  const [epoch, tokens] = [await currentEpoch(deps.db), await deps.tokens()]
  // to try a change of an endpoint, models are loaded and nothing else
  const llm = instead === undefined ? await deps.llm?.() : undefined
  const table: RoutingTable = { format: 'slipway.routing/1', epoch, open: deps.open, endpoints, tokens }
  return { table: llm === undefined ? table : { ...table, llm }, missing }
}

/** A variant that was not written yet, as a row. */
function asRow({ name }: EndpointRow): (variant: WantedVariant) => VariantRow {
  return (variant) => ({ ...variant, endpoint: name, since: 0, tripped: null, breaker: null })
}

/** The versions that a gateway loads for an endpoint. */
function versionsIn({ model, previous_version }: EndpointRow, variants: readonly VariantRow[]): ModelVersion[] {
  const versions = new Set(variants.map(({ version }) => version))
  if (previous_version !== null) versions.add(previous_version)
  return [...versions].map((version) => ({ model, version }))
}

async function endpointRoute(
  deps: RoutingDeps,
  row: EndpointRow,
  variants: readonly VariantRow[],
): Promise<EndpointRoute> {
  const { name, project, model, salt, threshold, previous_version } = row
  const featuresOf = await featuresRoutes(deps.db, row)
  const withFeatures = (variant: VariantRoute): VariantRoute => ({ ...variant, ...featuresOf(variant.version) })
  return {
    name,
    project,
    model,
    salt,
    threshold,
    breaker: BREAKER,
    limits: routeLimits(await readLimits(deps.db, name)),
    variants: variants.flatMap((variant) => variantRoute(deps, model, variant)).map(withFeatures),
    standby: (previous_version === null ? [] : standbyRoute(deps, { model, version: previous_version })).map(
      withFeatures,
    ),
  }
}

/** Bounds as the table has them: absent ones stay absent. */
function routeLimits(limits: EndpointLimits): LimitsRoute {
  return JSON.parse(JSON.stringify(limits)) as LimitsRoute
}

function variantRoute({ places }: RoutingDeps, model: string, variant: VariantRow): VariantRoute[] {
  const { role, version, weight, since } = variant
  const place = places.here({ model, version })
  if (place === undefined) return []
  const rule = variant.breaker === null ? {} : { breaker: JSON.parse(variant.breaker) as BreakerRoute }
  return [{ role, version, weight, since, ...rule, inputs: place.inputs, backend: place.backend }]
}

function standbyRoute({ places }: RoutingDeps, of: ModelVersion): VariantRoute[] {
  const place = places.here(of)
  if (place === undefined) return []
  return [{ role: 'stable', version: of.version, weight: 0, since: 0, inputs: place.inputs, backend: place.backend }]
}

/**
 * Loads a table's models on every gateway without swapping. What does not load anywhere it was tried is returned. Throws
 * `unavailable` when no gateway answers, as in the moment after one was killed.
 */
export async function warmAll(gateways: readonly GatewayFile[], table: RoutingTable): Promise<LoadFailure[]> {
  const results = await Promise.allSettled(gateways.map((gateway) => warmTable(gateway, table)))
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
  const results = await Promise.allSettled(gateways.map((gateway) => pushTable(gateway, table)))
  const reached: GatewayFile[] = []
  const failed: LoadFailure[] = []
  results.forEach((result, i) => {
    if (result.status !== 'fulfilled') return
    failed.push(...result.value.failed)
    if (result.value.epoch >= table.epoch) reached.push(gateways[i] as GatewayFile)
  })
  return { reached, failed }
}
