/** What tables and charts of many runs read: keys, groups, curves, comparisons, saved searches. */
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import type { Reply } from '../../../src/contract/route.ts'
import type { runTableApi } from '../../../src/contract/tracking/run-table.ts'
import type { searchesApi } from '../../../src/contract/tracking/searches.ts'
import type { trackingApi } from '../../../src/contract/tracking.ts'
import { call } from '../api.ts'
import { get } from '../get.ts'
import { differing } from './comparison.ts'

export type RunGroup = Reply<typeof runTableApi.groups>['items'][number]
export type RunCurve = Reply<typeof runTableApi.curves>['items'][number]
export type SavedView = Reply<typeof searchesApi.list>['items'][number]
type Comparison = Reply<typeof trackingApi.compareRuns>

/** Runs that one comparison of the API takes. */
const COMPARED_AT_ONCE = 50

export const runKeys = (experiment: string) => ({
  ...get<typeof runTableApi.keys>(['run-keys', experiment], '/v1/runs/keys', {
    query: experiment === '' ? {} : { experiment_id: experiment },
  }),
  staleTime: 60_000,
})

export const savedViews = {
  ...get<typeof searchesApi.list>(['runs', 'views'], '/v1/searches', { query: { entity: 'runs', limit: 500 } }),
  staleTime: 60_000,
}

export interface GroupsQuery {
  readonly by: string
  readonly filter: string
  readonly experiment: string
  readonly metrics: readonly string[]
  readonly stage?: 'deleted' | undefined
}

export const runGroups = (ask: GroupsQuery) => ({
  ...get<typeof runTableApi.groups>(['runs', 'groups', ask], '/v1/runs/groups', {
    query: {
      by: ask.by,
      metrics: [...ask.metrics],
      ...(ask.filter !== '' && { filter: ask.filter }),
      ...(ask.experiment !== '' && { experiment_id: ask.experiment }),
      ...(ask.stage !== undefined && { view: ask.stage }),
    },
  }),
  placeholderData: keepPreviousData,
})

/** A part of the steps, both ends included; absent = all. */
export interface Steps {
  readonly from: number
  readonly to: number
}

export const runCurves = (ids: readonly string[], key: string, points: number, steps?: Steps) => ({
  ...get<typeof runTableApi.curves>(
    ['runs', 'curves', ids, key, points, steps?.from ?? '', steps?.to ?? ''],
    '/v1/runs/curves',
    {
      query: {
        ids: [...ids],
        key,
        max_points: points,
        ...(steps && { from_step: Math.floor(steps.from), to_step: Math.ceil(steps.to) }),
      },
    },
  ),
  placeholderData: keepPreviousData,
})

export const comparison = (ids: readonly string[]) =>
  queryOptions({
    queryKey: ['runs', 'compare', ids],
    queryFn: async ({ signal }): Promise<Comparison> => {
      const parts = Array.from({ length: Math.ceil(ids.length / COMPARED_AT_ONCE) }, (_, i) =>
        call<typeof trackingApi.compareRuns>('GET', '/v1/runs/compare', {
          signal,
          query: { ids: ids.slice(i * COMPARED_AT_ONCE, (i + 1) * COMPARED_AT_ONCE) },
        }),
      )
      const runs = (await Promise.all(parts)).flatMap((part) => part.runs)
      return { runs, differing: differing(runs) }
    },
  })
