/** What the pages of traces read. */
import { infiniteQueryOptions, keepPreviousData } from '@tanstack/react-query'
import type { Reply } from '../../../src/contract/route.ts'
import type { tracesApi } from '../../../src/contract/traces.ts'
import { call } from '../api.ts'
import { get } from '../get.ts'

export type TraceInfo = Reply<typeof tracesApi.listTraces>['items'][number]
export type Trace = Reply<typeof tracesApi.getTrace>
export type Span = Trace['tree'][number]
export type Assessment = TraceInfo['assessments'][number]

const PAGE = 100

export interface TracesQuery {
  readonly filter: string
  readonly experiment: string
}

export const traces = (ask: TracesQuery) =>
  infiniteQueryOptions({
    queryKey: ['runs', 'traces', ask],
    initialPageParam: '',
    queryFn: ({ signal, pageParam }) =>
      call<typeof tracesApi.listTraces>('GET', '/v1/traces', {
        signal,
        query: {
          limit: PAGE,
          ...(pageParam !== '' && { page_token: pageParam }),
          ...(ask.filter !== '' && { filter: ask.filter }),
          ...(ask.experiment !== '' && { experiment_id: [ask.experiment] }),
        },
      }),
    getNextPageParam: (last) => last.next_page_token,
    placeholderData: keepPreviousData,
  })

export const trace = (id: string) =>
  get<typeof tracesApi.getTrace>(['runs', 'trace', id], '/v1/traces/:id', { params: { id } })
