/** Items of a step of a run: read by page, and how their states are told. */
import { infiniteQueryOptions, keepPreviousData } from '@tanstack/react-query'
import type { itemsApi } from '../../../src/contract/pipelines/items.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { call } from '../api.ts'
import type { Step } from '../queries.ts'

export type Item = Reply<typeof itemsApi.listStepItems>['items'][number]
export type ItemState = Item['state']

/** Items of one page. */
const PAGE = 50

/** Items of a step by number, all or those in a state. */
export const stepItems = (id: string, step: string, state: ItemState | '') =>
  infiniteQueryOptions({
    queryKey: ['pipelines', 'items', id, step, state],
    initialPageParam: '',
    queryFn: ({ signal, pageParam }) =>
      call<typeof itemsApi.listStepItems>('GET', '/v1/pipeline-runs/:id/steps/:step/items', {
        signal,
        params: { id, step },
        query: { limit: PAGE, ...(state !== '' && { state }), ...(pageParam !== '' && { page_token: pageParam }) },
      }),
    getNextPageParam: (last) => last.next_page_token,
    placeholderData: keepPreviousData,
  })

/** The order in which states are told: what is over first. */
const ORDER: readonly ItemState[] = [
  'succeeded',
  'cached',
  'failed',
  'cancelled',
  'skipped',
  'running',
  'ready',
  'waiting',
]

type Items = NonNullable<Step['items']>

/** States that items are in, each with how many, in one order whatever comes and goes. */
export function statesOf({ states }: Items): { readonly state: ItemState; readonly n: number }[] {
  return ORDER.flatMap((state) => {
    const n = states[state] ?? 0
    return n === 0 ? [] : [{ state, n }]
  })
}

const OVER: ReadonlySet<ItemState> = new Set(['succeeded', 'cached', 'failed', 'cancelled', 'skipped'])

/** How many have ended. */
export function endedOf(items: Items): number {
  return statesOf(items).reduce((sum, { state, n }) => sum + (OVER.has(state) ? n : 0), 0)
}
