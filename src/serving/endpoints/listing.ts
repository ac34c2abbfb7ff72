/** Endpoints as they are shown: rows, variants, live figures of the gateways. */
import type { z } from 'zod'
import { toTime } from '../../contract/fields.ts'
import { maskedMonitor } from '../../http/masked.ts'
import type { Endpoint } from '../../contract/serving.ts'
import type { Db } from '../../store/db.ts'
import { currentEpoch } from '../context/epoch.ts'
import type { EndpointRow } from '../context/rows.ts'
import { endpointRows, requireEndpoint, variantsOf, versionsOf } from '../context/rows.ts'
import type { Override } from '../context/rows.ts'
import type { GatewayStats } from '../fleet/admin-client.ts'
import { faultOf } from '../fleet/faults.ts'
import type { Unanswered } from '../fleet/faults.ts'
import type { Places } from '../fleet/places.ts'
import { deploymentOf } from './deployments.ts'
import { figuresOf } from '../records/figures.ts'

export type EndpointView = z.output<typeof Endpoint>

export interface ListingDeps {
  readonly db: Db
  /** Live figures of every gateway that answers. */
  readonly figures: () => Promise<readonly GatewayStats[]>
  readonly places: Places
  /** Base URL of predictions. */
  readonly gatewayUrl: () => string
}

/** Every endpoint of a project, or of all, by name. */
export async function listEndpoints(deps: ListingDeps, project?: string): Promise<EndpointView[]> {
  const rows =
    project === undefined
      ? await endpointRows(deps.db)
      : await deps.db.all<EndpointRow>('SELECT * FROM endpoints WHERE project = ? ORDER BY name', [project])
  return Promise.all(rows.map((row) => endpointView(deps, row)))
}

/** One endpoint with live figures. Throws `not_found`. */
export async function getEndpoint(deps: ListingDeps, name: string): Promise<EndpointView> {
  return endpointView(deps, await requireEndpoint(deps.db, name))
}

/** The variants of every endpoint that do not answer on this server, each with the reason. */
export async function unansweredVariants({
  db,
  figures,
  places,
}: Omit<ListingDeps, 'gatewayUrl'>): Promise<Unanswered[]> {
  const gateways = await figures()
  const found: Unanswered[] = []
  for (const { name, model } of await endpointRows(db)) {
    for (const { version } of await variantsOf(db, name)) {
      const reason = faultOf({ gateways, places }, { endpoint: name, model, version })
      if (reason !== null) found.push({ endpoint: name, version, reason })
    }
  }
  return found
}

async function endpointView({ db, figures, places, gatewayUrl }: ListingDeps, row: EndpointRow): Promise<EndpointView> {
  const variants = await variantsOf(db, row.name)
  const stable = variants.find((one) => one.role === 'stable')?.version
  const [deployment, versions, epoch, gateways] = await Promise.all([
    deploymentOf(db, row.name, stable),
    versionsOf(db, row.name),
    currentEpoch(db),
    figures(),
  ])
  const canary = variants.find((one) => one.role === 'canary')
  const inputs = versions.get(variants[0]?.version ?? '')?.inputs ?? []
  return {
    name: row.name,
    project: row.project,
    model: row.model,
    epoch,
    inputs: inputs.map(({ name, kind, required }) => ({ name, kind, required })),
    variants: variants.map((one) => ({
      role: one.role,
      version: one.version,
      weight: one.role === 'stable' ? 10_000 - (canary?.weight ?? 0) : one.weight,
      backend: versions.get(one.version)?.scored_by ?? 'python',
      backend_reason: versions.get(one.version)?.reason ?? null,
      since: toTime(one.since),
      tripped: one.tripped,
      override: shownOverride(versions.get(one.version)?.overridden ?? null),
      fault: faultOf({ gateways, places }, { ...one, model: row.model }),
      stats: figuresOf(gateways, one) ?? null,
    })),
    previous_version: row.previous_version,
    deployment,
    threshold: row.threshold,
    monitor: maskedMonitor(JSON.parse(row.monitor) as Record<string, unknown>),
    url: `${gatewayUrl()}/v1/endpoints/${row.name}:predict`,
    created_at: toTime(row.created_at),
    updated_at: toTime(row.updated_at),
  }
}

/** An override as it is shown. */
export function shownOverride(override: Override | null): EndpointView['variants'][number]['override'] {
  if (override === null) return null
  const { by, role, at, reason, refusal } = override
  return { by, role, at: toTime(at), reason, refusal }
}
