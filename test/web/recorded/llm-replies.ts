/** Recorded replies about language models. */
import { llmCallsApi } from '../../../src/contract/llm-calls.ts'
import { llmBudgetsApi } from '../../../src/contract/llm/budgets.ts'
import { llmHealthApi } from '../../../src/contract/llm/health.ts'
import { llmKeysApi } from '../../../src/contract/llm/keys.ts'
import { llmPricesApi } from '../../../src/contract/llm/prices.ts'
import { llmProvidersApi } from '../../../src/contract/llm/providers.ts'
import { llmStateApi } from '../../../src/contract/llm/state.ts'
import { on } from './reply.ts'
import type { Recorded } from './reply.ts'
import * as llm from './llm.ts'
import { health } from './llm-health.ts'
import { state } from './llm-state.ts'

/** Of a server whose programs call language models; `empty` is one on which nothing has happened. */
export function recordedLlm(now: number, empty: boolean): Recorded[] {
  const some = <T>(items: T[]): { items: T[] } => ({ items: empty ? [] : items })
  const [key] = llm.keys(now)
  const [budget] = llm.budgets(now)
  const [endpoint] = llm.endpoints(now)
  return [
    on(llmCallsApi.llmOverview, ({ query }) => llm.overview(now, query.get('by') ?? 'endpoint', empty)),
    on(llmCallsApi.listLlmCalls, ({ query }) => some(listed(now, query))),
    on(llmCallsApi.getLlmCall, ({ params }) => llm.calls(now).find(({ id }) => id === params['id'])),
    on(llmKeysApi.listLlmKeys, () => some(llm.keys(now))),
    on(llmKeysApi.createLlmKey, () => key && { token: 'slw_made_now', key }),
    on(llmKeysApi.removeLlmKey, () => ({})),
    on(llmBudgetsApi.listLlmBudgets, () => some(llm.budgets(now))),
    on(llmBudgetsApi.createLlmBudget, () => budget),
    on(llmBudgetsApi.changeLlmBudget, () => budget),
    on(llmBudgetsApi.removeLlmBudget, () => ({})),
    on(llmProvidersApi.listLlmProviders, () => some(llm.providers(now))),
    on(llmProvidersApi.createLlmProvider, () => llm.providers(now)[0]),
    on(llmProvidersApi.removeLlmProvider, () => ({})),
    on(llmHealthApi.llmProvidersHealth, () => health(now, empty)),
    on(llmStateApi.llmState, () => state(now)),
    on(llmProvidersApi.listLlmEndpoints, () => some(llm.endpoints(now))),
    on(llmProvidersApi.createLlmEndpoint, () => endpoint),
    on(llmProvidersApi.removeLlmEndpoint, () => ({})),
    on(llmProvidersApi.changeLlmEndpoint, () => endpoint),
    on(llmPricesApi.listLlmPrices, () => some(llm.prices())),
  ]
}

function listed(now: number, query: URLSearchParams): ReturnType<typeof llm.calls> {
  const [endpoint, key, outcome] = ['endpoint', 'key', 'outcome'].map((name) => query.get(name))
  return llm
    .calls(now)
    .filter(
      (one) =>
        (endpoint === null || one.endpoint === endpoint) &&
        (key === null || one.key === key) &&
        (outcome === null || one.outcome === outcome),
    )
}
