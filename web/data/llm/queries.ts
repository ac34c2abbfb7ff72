/** What the pages of language models read. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import type { llmCallsApi, LlmBy } from '../../../src/contract/llm-calls.ts'
import type { llmBudgetsApi } from '../../../src/contract/llm/budgets.ts'
import type { llmHealthApi } from '../../../src/contract/llm/health.ts'
import type { llmKeysApi } from '../../../src/contract/llm/keys.ts'
import type { llmPricesApi } from '../../../src/contract/llm/prices.ts'
import type { llmProvidersApi } from '../../../src/contract/llm/providers.ts'
import type { llmStateApi } from '../../../src/contract/llm/state.ts'
import type { Reply } from '../../../src/contract/route.ts'
import type { LlmRange, LlmSearch } from '../address.ts'
import { call } from '../api.ts'
import { get } from '../get.ts'
import { rangeSince } from './ranges.ts'

export type LlmOverview = Reply<typeof llmCallsApi.llmOverview>
export type LlmFigures = LlmOverview['total']
export type LlmGroupRow = LlmOverview['groups'][number]
export type LlmCall = Reply<typeof llmCallsApi.listLlmCalls>['items'][number]
export type LlmCallDetail = Reply<typeof llmCallsApi.getLlmCall>
export type LlmOutcome = LlmCall['outcome']
export type LlmHealth = Reply<typeof llmHealthApi.llmProvidersHealth>
export type LlmKey = Reply<typeof llmKeysApi.listLlmKeys>['items'][number]
export type LlmBudget = Reply<typeof llmBudgetsApi.listLlmBudgets>['items'][number]
export type LlmProvider = Reply<typeof llmProvidersApi.listLlmProviders>['items'][number]
export type LlmEndpoint = Reply<typeof llmProvidersApi.listLlmEndpoints>['items'][number]
export type PricedModel = Reply<typeof llmPricesApi.listLlmPrices>['items'][number]

/** Calls are told by no change of the stream: they come by the thousand. */
const FRESH_MS = 30_000
const PAGE = 25

/** A range up to now, or a part of time. */
export interface LlmTimes {
  readonly range: LlmRange
  readonly since: string | undefined
  readonly until: string | undefined
}

/** The times that an address asks for; by default the last day. */
export function timesOf({ range = '24h', since, until }: LlmSearch): LlmTimes {
  return { range, since, until }
}

/** A range slides: its beginning is computed each time it is asked for. */
function asked({ range, since, until }: LlmTimes): { readonly since: string; readonly until?: string } {
  if (since !== undefined && until !== undefined) return { since, until }
  return { since: rangeSince(range, Date.now()) }
}

export const llmOverview = (by: LlmBy, times: LlmTimes) =>
  queryOptions({
    queryKey: ['llm', 'overview', by, times],
    queryFn: ({ signal }) =>
      call<typeof llmCallsApi.llmOverview>('GET', '/v1/llm/overview', { signal, query: { by, ...asked(times) } }),
    refetchInterval: FRESH_MS,
    placeholderData: keepPreviousData,
  })

/** Which calls are listed. */
export interface LlmCallsQuery {
  readonly times: LlmTimes
  readonly project: string | undefined
  readonly endpoint: string | undefined
  readonly key: string | undefined
  readonly outcome: LlmOutcome | undefined
}

export const llmCalls = ({ times, project, endpoint, key, outcome }: LlmCallsQuery) =>
  infiniteQueryOptions({
    queryKey: ['llm', 'calls', times, project ?? '', endpoint ?? '', key ?? '', outcome ?? ''],
    initialPageParam: '',
    queryFn: ({ signal, pageParam }) =>
      call<typeof llmCallsApi.listLlmCalls>('GET', '/v1/llm/calls', {
        signal,
        query: {
          limit: PAGE,
          ...asked(times),
          ...(pageParam !== '' && { page_token: pageParam }),
          ...(project !== undefined && { project }),
          ...(endpoint !== undefined && { endpoint }),
          ...(key !== undefined && { key }),
          ...(outcome !== undefined && { outcome }),
        },
      }),
    getNextPageParam: (last) => last.next_page_token,
    placeholderData: keepPreviousData,
    refetchInterval: FRESH_MS,
  })

export const llmCall = (id: string) =>
  get<typeof llmCallsApi.getLlmCall>(['llm', 'call', id], '/v1/llm/calls/:id', { params: { id } })
export const llmKeys = get<typeof llmKeysApi.listLlmKeys>(['llm', 'keys'], '/v1/llm/keys')
/** What is spent goes on while a page stands open. */
export const llmBudgets = {
  ...get<typeof llmBudgetsApi.listLlmBudgets>(['llm', 'budgets'], '/v1/llm/budgets'),
  refetchInterval: FRESH_MS,
}
export const llmProviders = get<typeof llmProvidersApi.listLlmProviders>(['llm', 'providers'], '/v1/llm/providers')
/** As calls, it goes on while a page stands open. */
export const llmHealth = {
  ...get<typeof llmHealthApi.llmProvidersHealth>(['llm', 'health'], '/v1/llm/providers/health'),
  refetchInterval: FRESH_MS,
}
/** What fails there is told by no change of the stream. */
export const llmState = {
  ...get<typeof llmStateApi.llmState>(['llm', 'state'], '/v1/llm/state'),
  refetchInterval: FRESH_MS,
}
export const llmEndpoints = get<typeof llmProvidersApi.listLlmEndpoints>(['llm', 'endpoints'], '/v1/llm/endpoints')
export const llmPrices = get<typeof llmPricesApi.listLlmPrices>(['llm', 'prices'], '/v1/llm/prices')
