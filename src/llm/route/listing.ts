/** Providers, endpoints and prices in use, as they are listed: with their state, and what is wrong with them. */
import { visible } from '../../auth/visibility.ts'
import type { Principal } from '../../contract/access.ts'
import { toTime } from '../../contract/fields.ts'
import { LlmOptions } from '../../contract/llm/options.ts'
import type { PricedModel } from '../../contract/llm/prices.ts'
import type { LlmEndpoint, LlmProvider } from '../../contract/llm/providers.ts'
import type { Sql } from '../../store/db.ts'
import { all, raw, sql } from '../../store/sql/sql.ts'
import type { Llm } from '../context/context.ts'
import { differs, showPrice } from '../prices/effective.ts'
import { optionsOf, shownGuardrails, UNREAD_OPTIONS } from '../settings/options.ts'
import { resolveSettings } from './resolution.ts'
import type { ResolvedEndpoint, ResolvedModel, ResolvedProvider } from './resolution.ts'

/** Of which project the lists are to be; all that the caller sees without one. */
interface Of {
  readonly project?: string | undefined
}

/** The providers that the caller sees, oldest first. */
export async function listProviders(room: Llm, who: Principal, of: Of): Promise<LlmProvider[]> {
  return (await resolveSettings(room, seen(who, of))).providers.map(showProvider)
}

/** The endpoints that the caller sees, oldest first. */
export async function listEndpointStates(room: Llm, who: Principal, of: Of): Promise<LlmEndpoint[]> {
  return (await resolveSettings(room, seen(who, of))).endpoints.map((one) => showEndpoint(who, one))
}

/** Each model in use with its price, by provider and name. */
export async function listPrices(room: Llm, who: Principal): Promise<PricedModel[]> {
  const { endpoints } = await resolveSettings(room, seen(who, {}))
  const found = new Map<string, { one: ResolvedModel; endpoints: string[] }>()
  for (const { row, models } of endpoints) {
    for (const one of models) {
      const key = `${one.definition.provider}/${one.definition.model_name}`
      const held = found.get(key)
      if (held === undefined) found.set(key, { one, endpoints: [row.name] })
      else if (!held.endpoints.includes(row.name)) held.endpoints.push(row.name)
    }
  }
  return [...found.entries()]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { one, endpoints: names }]) => showPriced(one, names))
}

function seen(who: Principal, { project }: Of): Sql {
  return project === undefined
    ? visible(who, 'project')
    : all([visible(who, 'project'), sql`${raw('project')} = ${project}`])
}

function showProvider({ row, vendor, address, hasKey, settings }: ResolvedProvider): LlmProvider {
  return {
    id: row.secret_id,
    name: row.secret_name,
    project: row.project,
    provider: vendor,
    kind: address.kind,
    base_url: address.base_url,
    has_key: hasKey,
    settings: { ...settings },
    fault: address.fault,
    created_at: toTime(row.created_at),
    created_by: row.created_by,
  }
}

function showEndpoint(who: Principal, { row, models, attempts, fault }: ResolvedEndpoint): LlmEndpoint {
  const options = optionsOf(row)
  const { routing, cache, guardrails } = options ?? LlmOptions.parse({})
  return {
    id: row.endpoint_id,
    name: row.name,
    project: row.project,
    models: models.map(({ definition, provider, prices, ...one }) => ({
      definition: definition.model_definition_id,
      provider: provider?.row.secret_name ?? null,
      vendor: definition.provider,
      model: definition.model_name,
      weight: one.weight,
      fallback: one.fallback,
      price: prices.effective === null ? null : showPrice(prices.effective),
      fault: one.fault,
    })),
    attempts,
    routing,
    cache,
    guardrails: shownGuardrails(who, guardrails),
    experiment: row.usage_tracking === 0 ? null : row.experiment_id,
    fault: fault ?? (options === undefined ? UNREAD_OPTIONS : null),
    created_at: toTime(row.created_at),
    created_by: row.created_by,
  }
}

function showPriced({ definition, prices }: ResolvedModel, endpoints: string[]): PricedModel {
  const { effective, others, max_output } = prices
  return {
    provider: definition.provider,
    model: definition.model_name,
    status: effective === null ? 'unknown' : 'known',
    price: effective === null ? null : showPrice(effective),
    max_output,
    others: others.map(showPrice),
    conflict: effective !== null && others.some(({ price }) => differs(effective.price, price)),
    endpoints,
  }
}
