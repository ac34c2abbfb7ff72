/** What gateways get of language models: the settings of all projects as one plain value. */
import type { LlmEndpointRoute, LlmRoute, ModelRoute, ProviderRoute } from '../../gateway/table/llm.ts'
import { raw } from '../../store/sql/sql.ts'
import type { Llm } from '../context/context.ts'
import { budgetRoutes } from '../keys/budgets.ts'
import { keyRoutes } from '../keys/keys.ts'
import { optionsOf } from '../settings/options.ts'
import { resolveSettings } from './resolution.ts'
import type { ResolvedEndpoint, ResolvedModel, ResolvedProvider } from './resolution.ts'

/**
 * The route as the rows say it now; equal rows give equal values, to the letter. Providers whose address is not known, models without one,
 * endpoints without models and those whose options are not understood are left out: the lists of the settings say why.
 */
export async function llmRoute(
  room: Pick<Llm, 'db' | 'open' | 'clock' | 'spentOf' | 'egressAllow'>,
): Promise<LlmRoute> {
  const { providers, endpoints } = await resolveSettings(room, raw('1 = 1'))
  return {
    providers: providers.flatMap(providerRoute),
    endpoints: endpoints.flatMap(endpointRoute),
    keys: await keyRoutes(room.db),
    budgets: await budgetRoutes(room),
    allow: room.egressAllow ?? [],
  }
}

function providerRoute({ row, address, hasKey, settings }: ResolvedProvider): ProviderRoute[] {
  if (address.fault !== null) return []
  const { kind, base_url } = address
  return [{ id: row.secret_id, name: row.secret_name, kind, base_url, sealed: hasKey ? row.sealed : null, settings }]
}

function endpointRoute({ row, models, attempts, fault }: ResolvedEndpoint): LlmEndpointRoute[] {
  const options = optionsOf(row)
  if (fault !== null || options === undefined) return []
  return [
    {
      name: row.name,
      project: row.project,
      models: models.flatMap(modelRoute),
      attempts,
      ...options,
      experiment: row.usage_tracking === 0 ? null : row.experiment_id,
    },
  ]
}

function modelRoute({ definition, provider, weight, fallback, prices, fault }: ResolvedModel): ModelRoute[] {
  if (fault !== null || provider === null) return []
  return [
    {
      id: definition.model_definition_id,
      provider: provider.row.secret_id,
      model: definition.model_name,
      weight,
      fallback,
      price: prices.effective?.price ?? null,
      max_output: prices.max_output,
    },
  ]
}
