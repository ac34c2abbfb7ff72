/** What the pages read, each with its key; the first word of a key is the room, by which live changes refresh it. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import type { mergesApi } from '../../src/contract/changes/merges.ts'
import type { ciApi } from '../../src/contract/changes/report.ts'
import type { authApi } from '../../src/contract/auth.ts'
import type { costApi } from '../../src/contract/cost.ts'
import type { endpointViewApi } from '../../src/contract/endpoint-view.ts'
import type { machinesApi } from '../../src/contract/identity/machines.ts'
import type { imagesApi } from '../../src/contract/images/images.ts'
import type { monitoringApi } from '../../src/contract/monitoring.ts'
import type { pipelinesApi } from '../../src/contract/pipelines.ts'
import type { registryApi } from '../../src/contract/registry.ts'
import type { rolloutApi } from '../../src/contract/rollout.ts'
import type { Reply } from '../../src/contract/route.ts'
import type { servingApi } from '../../src/contract/serving.ts'
import type { storageApi, systemApi } from '../../src/contract/system.ts'
import type { trackingApi } from '../../src/contract/tracking.ts'
import { call } from './api.ts'

export type Endpoint = Reply<typeof servingApi.getEndpoint>
export type Latency = Reply<typeof endpointViewApi.latency>
export type Variant = Endpoint['variants'][number]
export type Prediction = Reply<typeof servingApi.getPrediction>
export type Rollout = Reply<typeof rolloutApi.get>
export type Curve = Reply<typeof rolloutApi.curve>
export type Frozen = Reply<typeof rolloutApi.freezes>['items'][number]
export type Watched = Reply<typeof monitoringApi.getMonitor>['watched']
export type Incident = Reply<typeof monitoringApi.getIncident>
export type MergeTime = Reply<typeof mergesApi.times>['items'][number]
export type Version = Reply<typeof registryApi.listVersions>['items'][number]
/** A version with what its gates say of it now. */
export type KnownVersion = Reply<typeof registryApi.getVersion>
export type Move = Reply<typeof registryApi.aliasHistory>['items'][number]
export type Standing = Reply<typeof imagesApi.standings>['items'][number]
export type ImagePromotion = Reply<typeof imagesApi.standings>['history'][number]
export type StandingFault = Reply<typeof imagesApi.listEnvironments>['faults'][number]
export type Run = Reply<typeof trackingApi.getRun>
export type RunRow = Reply<typeof trackingApi.listRuns>['items'][number]
export type PipelineRun = Reply<typeof pipelinesApi.getPipelineRun>
export type PipelineRow = Reply<typeof pipelinesApi.listPipelineRuns>['items'][number]
export type Step = PipelineRun['steps'][number]
export type Feature = Reply<typeof monitoringApi.feature>
export type Performance = Reply<typeof monitoringApi.performance>['items'][number]
export type CostBy = 'run' | 'endpoint' | 'project' | 'day'

export const me = queryOptions({
  queryKey: ['auth', 'me'],
  queryFn: ({ signal }) => call<typeof authApi.whoami>('GET', '/v1/me', { signal }),
  staleTime: 60_000,
})
export const server = queryOptions({
  queryKey: ['server'],
  queryFn: ({ signal }) => call<typeof systemApi.info>('GET', '/v1/server', { signal }),
  staleTime: 60_000,
})
export const storage = queryOptions({
  queryKey: ['server', 'storage'],
  queryFn: ({ signal }) => call<typeof storageApi.state>('GET', '/v1/storage', { signal }),
  staleTime: 60_000,
})
export const tokens = queryOptions({
  queryKey: ['tokens'],
  queryFn: ({ signal }) => call<typeof authApi.listTokens>('GET', '/v1/tokens', { signal }),
})
export const machineTrusts = queryOptions({
  queryKey: ['machine-trusts'],
  queryFn: ({ signal }) => call<typeof machinesApi.listTrusts>('GET', '/v1/machine-trusts', { signal }),
})
export const audit = infiniteQueryOptions({
  queryKey: ['audit'],
  initialPageParam: '',
  queryFn: ({ signal, pageParam }) =>
    call<typeof authApi.listAudit>('GET', '/v1/audit', {
      signal,
      query: { limit: 50, ...(pageParam !== '' && { page_token: pageParam }) },
    }),
  getNextPageParam: (last) => last.next_page_token,
})

export const experiments = queryOptions({
  queryKey: ['runs', 'experiments'],
  queryFn: ({ signal }) =>
    call<typeof trackingApi.listExperiments>('GET', '/v1/experiments', { signal, query: { limit: 1000 } }),
})

export const experimentsOf = (stage: 'deleted' | undefined) =>
  queryOptions({
    queryKey: ['runs', 'experiments', stage ?? 'active'],
    queryFn: ({ signal }) =>
      call<typeof trackingApi.listExperiments>('GET', '/v1/experiments', {
        signal,
        query: { limit: 1000, view: stage ?? 'active' },
      }),
  })

/** What of the runs is asked for; columns are `metrics.KEY`, `params.KEY` or `tags.KEY`. */
export interface RunsQuery {
  readonly filter: string
  readonly order: string
  readonly experiment: string
  readonly columns: readonly string[]
  /** Absent = those that are not deleted. */
  readonly stage?: 'deleted' | undefined
}

export const runs = (ask: RunsQuery) =>
  infiniteQueryOptions({
    queryKey: ['runs', 'list', ask],
    initialPageParam: '',
    queryFn: ({ signal, pageParam }) => pageOfRuns(ask, PAGE, pageParam, signal),
    getNextPageParam: (last) => last.next_page_token,
    placeholderData: keepPreviousData,
  })

/** The first runs of a search alone. */
export const firstRuns = (ask: RunsQuery, limit: number) =>
  queryOptions({
    queryKey: ['runs', 'first', ask, limit],
    queryFn: ({ signal }) => pageOfRuns(ask, limit, '', signal),
  })

const PAGE = 100

/** One page of a search. */
export function pageOfRuns(ask: RunsQuery, limit: number, token: string, signal?: AbortSignal) {
  return call<typeof trackingApi.listRuns>('GET', '/v1/runs', {
    ...(signal && { signal }),
    query: {
      limit,
      ...(token !== '' && { page_token: token }),
      ...(ask.filter !== '' && { filter: ask.filter }),
      ...(ask.order !== '' && { order_by: [ask.order] }),
      ...(ask.experiment !== '' && { experiment_id: [ask.experiment] }),
      ...(ask.stage !== undefined && { view: ask.stage }),
      metrics: keysOf(ask.columns, 'metrics.'),
      params: keysOf(ask.columns, 'params.'),
      tags: keysOf(ask.columns, 'tags.'),
    },
  })
}

function keysOf(columns: readonly string[], prefix: string): string[] {
  return columns.filter((column) => column.startsWith(prefix)).map((column) => column.slice(prefix.length))
}

export const run = (id: string) =>
  queryOptions({
    queryKey: ['runs', 'one', id],
    queryFn: ({ signal }) => call<typeof trackingApi.getRun>('GET', '/v1/runs/:id', { signal, params: { id } }),
  })
export const models = queryOptions({
  queryKey: ['models', 'list'],
  queryFn: ({ signal }) => call<typeof registryApi.listModels>('GET', '/v1/models', { signal, query: { limit: 1000 } }),
})
export const model = (name: string) =>
  queryOptions({
    queryKey: ['models', 'one', name],
    queryFn: ({ signal }) => call<typeof registryApi.getModel>('GET', '/v1/models/:name', { signal, params: { name } }),
  })
export const versions = (name: string) =>
  queryOptions({
    queryKey: ['models', 'versions', name],
    queryFn: ({ signal }) =>
      call<typeof registryApi.listVersions>('GET', '/v1/models/:name/versions', {
        signal,
        params: { name },
        query: { limit: 200 },
      }),
  })
export const version = (name: string, number: string) =>
  queryOptions({
    queryKey: ['models', 'version', name, number],
    queryFn: ({ signal }) =>
      call<typeof registryApi.getVersion>('GET', '/v1/models/:name/versions/:version', {
        signal,
        params: { name, version: number },
      }),
  })
export const lineage = (name: string, number: string) =>
  queryOptions({
    queryKey: ['models', 'lineage', name, number],
    queryFn: ({ signal }) =>
      call<typeof registryApi.lineage>('GET', '/v1/models/:name/versions/:version/lineage', {
        signal,
        params: { name, version: number },
      }),
  })
export const policy = (name: string) =>
  queryOptions({
    queryKey: ['models', 'policy', name],
    queryFn: ({ signal }) =>
      call<typeof registryApi.getPolicy>('GET', '/v1/models/:name/policy', { params: { name }, signal }),
  })
export const moves = (name: string) =>
  queryOptions({
    queryKey: ['models', 'history', name],
    queryFn: ({ signal }) =>
      call<typeof registryApi.aliasHistory>('GET', '/v1/models/:name/history', { signal, params: { name } }),
  })

export const standings = (name: string) =>
  queryOptions({
    queryKey: ['models', 'environments', name],
    queryFn: ({ signal }) =>
      call<typeof imagesApi.standings>('GET', '/v1/models/:name/environments', { signal, params: { name } }),
  })

export const environments = queryOptions({
  queryKey: ['models', 'all environments'],
  queryFn: ({ signal }) => call<typeof imagesApi.listEnvironments>('GET', '/v1/environments', { signal }),
})

export const endpoints = queryOptions({
  queryKey: ['endpoints', 'list'],
  queryFn: ({ signal }) => call<typeof servingApi.listEndpoints>('GET', '/v1/endpoints', { signal }),
  refetchInterval: 10_000,
})
export const endpoint = (name: string) =>
  queryOptions({
    queryKey: ['endpoints', 'one', name],
    queryFn: ({ signal }) =>
      call<typeof servingApi.getEndpoint>('GET', '/v1/endpoints/:name', { signal, params: { name } }),
  })
export const predictions = (name: string) =>
  queryOptions({
    queryKey: ['predictions', name],
    queryFn: ({ signal }) =>
      call<typeof servingApi.listPredictions>('GET', '/v1/endpoints/:name/predictions', {
        signal,
        params: { name },
        query: { limit: 20 },
      }),
  })

/** Up to the newest prediction. */
export const latency = (name: string, seconds: number) =>
  queryOptions({
    queryKey: ['predictions', name, 'latency', seconds],
    queryFn: ({ signal }) =>
      call<typeof endpointViewApi.latency>('GET', '/v1/endpoints/:name/latency', {
        signal,
        params: { name },
        query: { span_s: seconds, windows: 120 },
      }),
    placeholderData: keepPreviousData,
  })

export const rollouts = (endpoint?: string) =>
  queryOptions({
    queryKey: ['rollouts', 'list', endpoint ?? ''],
    queryFn: ({ signal }) =>
      call<typeof rolloutApi.list>('GET', '/v1/rollouts', {
        signal,
        query: { limit: 20, ...(endpoint !== undefined && { endpoint }) },
      }),
  })
/** Every rollout that has not ended, however many newer ones have. */
export const openRollouts = queryOptions({
  queryKey: ['rollouts', 'under way'],
  queryFn: async ({ signal }) => {
    const items: Rollout[] = []
    for (let token: string | undefined = ''; token !== undefined;) {
      const query = { limit: 200, under_way: 'true', ...(token !== '' && { page_token: token }) } as const
      const page: Reply<typeof rolloutApi.list> = await call<typeof rolloutApi.list>('GET', '/v1/rollouts', {
        signal,
        query,
      })
      items.push(...page.items)
      token = page.next_page_token
    }
    return { items }
  },
})
export const freezes = queryOptions({
  queryKey: ['rollouts', 'freezes'],
  queryFn: ({ signal }) => call<typeof rolloutApi.freezes>('GET', '/v1/freezes', { signal }),
  refetchInterval: 60_000,
})
export const rollout = (id: string) =>
  queryOptions({
    queryKey: ['rollouts', 'one', id],
    queryFn: ({ signal }) => call<typeof rolloutApi.get>('GET', '/v1/rollouts/:id', { signal, params: { id } }),
  })
export const curve = (id: string) =>
  queryOptions({
    queryKey: ['rollouts', 'curve', id],
    queryFn: ({ signal }) => call<typeof rolloutApi.curve>('GET', '/v1/rollouts/:id/curve', { signal, params: { id } }),
  })

export const incidents = (endpoint?: string) =>
  queryOptions({
    queryKey: ['incidents', 'list', endpoint ?? ''],
    queryFn: ({ signal }) =>
      call<typeof monitoringApi.listIncidents>('GET', '/v1/incidents', {
        signal,
        query: { limit: 100, ...(endpoint !== undefined && { endpoint }) },
      }),
  })
export const incident = (id: string) =>
  queryOptions({
    queryKey: ['incidents', 'one', id],
    queryFn: ({ signal }) =>
      call<typeof monitoringApi.getIncident>('GET', '/v1/incidents/:id', { signal, params: { id } }),
  })
/** Whether each endpoint is watched, by its name. */
export const watched = queryOptions({
  queryKey: ['monitors', 'watched'],
  queryFn: ({ signal }) => call<typeof endpointViewApi.listWatched>('GET', '/v1/monitors', { signal }),
})

export const monitor = (name: string) =>
  queryOptions({
    queryKey: ['monitors', 'settings', name],
    queryFn: ({ signal }) =>
      call<typeof monitoringApi.getMonitor>('GET', '/v1/endpoints/:name/monitor', { signal, params: { name } }),
  })

/** Messages about incidents that were given up, the newest first. */
export const deadNotices = (name: string) =>
  queryOptions({
    queryKey: ['monitors', 'dead', name],
    queryFn: ({ signal }) =>
      call<typeof monitoringApi.listNotices>('GET', '/v1/endpoints/:name/messages', {
        signal,
        params: { name },
        query: { state: 'dead', limit: 20 },
      }),
  })

/** A part of event time; an absent end is open. */
export interface Range {
  readonly from?: string
  readonly to?: string
}

export const heatmap = (name: string, range: Range, hours: number) =>
  queryOptions({
    queryKey: ['monitors', 'heatmap', name, range, hours],
    queryFn: ({ signal }) =>
      call<typeof monitoringApi.heatmap>('GET', '/v1/endpoints/:name/monitor/heatmap', {
        signal,
        params: { name },
        query: { ...range, bucket_hours: hours },
      }),
  })
export const feature = (name: string, chosen: string, range: Range) =>
  queryOptions({
    queryKey: ['monitors', 'feature', name, chosen, range],
    queryFn: ({ signal }) =>
      call<typeof monitoringApi.feature>('GET', '/v1/endpoints/:name/monitor/features/:feature', {
        signal,
        params: { name, feature: chosen },
        query: { ...range },
      }),
  })
export const performance = (name: string, range: Range, bucket: 'day' | 'week' | 'month' | 'all', slice = '') =>
  queryOptions({
    queryKey: ['monitors', 'performance', name, range, bucket, slice],
    queryFn: ({ signal }) =>
      call<typeof monitoringApi.performance>('GET', '/v1/endpoints/:name/performance', {
        signal,
        params: { name },
        query: { ...range, bucket, ...(slice !== '' && { slice }) },
      }),
  })

export const pipelineRuns = (project = '') =>
  queryOptions({
    queryKey: ['pipelines', 'list', project],
    queryFn: ({ signal }) =>
      call<typeof pipelinesApi.listPipelineRuns>('GET', '/v1/pipeline-runs', {
        signal,
        query: { limit: 100, ...(project !== '' && { project }) },
      }),
  })
/** The newest run of each project. */
export const newestPipelineRuns = queryOptions({
  queryKey: ['pipelines', 'newest'],
  queryFn: ({ signal }) =>
    call<typeof pipelinesApi.listPipelineRuns>('GET', '/v1/pipeline-runs', {
      signal,
      query: { limit: 100, newest: 'true' },
    }),
})
export const stepQueue = queryOptions({
  queryKey: ['pipelines', 'queue'],
  queryFn: ({ signal }) => call<typeof pipelinesApi.stepQueue>('GET', '/v1/step-queue', { signal }),
  refetchInterval: 15_000,
})
export const mergeTimes = (of: { readonly model?: string; readonly version?: string } = {}) =>
  queryOptions({
    // of rollouts, since it changes with them
    queryKey: ['rollouts', 'merges', of.model ?? '', of.version ?? ''],
    queryFn: ({ signal }) => call<typeof mergesApi.times>('GET', '/v1/merge-times', { signal, query: of }),
  })
export const pipelineRun = (id: string) =>
  queryOptions({
    queryKey: ['pipelines', 'one', id],
    queryFn: ({ signal }) =>
      call<typeof pipelinesApi.getPipelineRun>('GET', '/v1/pipeline-runs/:id', { signal, params: { id } }),
  })
/** `base` is the merge base; without one the report has production alone beside it. */
export const changeReport = (run: string, base: string | undefined) =>
  queryOptions({
    queryKey: ['pipelines', 'report', run, base ?? ''],
    queryFn: ({ signal }) =>
      call<typeof ciApi.changeReport>('GET', '/v1/change-reports/:run', {
        signal,
        params: { run },
        query: base === undefined ? {} : { base },
      }),
  })
export const explanation = (id: string, step: string) =>
  queryOptions({
    queryKey: ['pipelines', 'explain', id, step],
    queryFn: ({ signal }) =>
      call<typeof pipelinesApi.explainStep>('GET', '/v1/pipeline-runs/:id/steps/:step/explain', {
        signal,
        params: { id, step },
      }),
  })

export const cost = (by: CostBy, from?: string) =>
  queryOptions({
    queryKey: ['cost', by, from ?? ''],
    queryFn: ({ signal }) =>
      call<typeof costApi.report>('GET', '/v1/cost', { signal, query: { by, ...(from !== undefined && { from }) } }),
  })
export const rates = queryOptions({
  queryKey: ['cost', 'rates'],
  queryFn: ({ signal }) => call<typeof costApi.rates>('GET', '/v1/cost/rates', { signal }),
})
/** The newest runs, for the search, and for Home to know whether there are any. */
export const recentRuns = queryOptions({
  queryKey: ['runs', 'recent'],
  queryFn: ({ signal }) =>
    call<typeof trackingApi.listRuns>('GET', '/v1/runs', {
      signal,
      query: { limit: 100, order_by: ['attributes.start_time DESC'] },
    }),
})

/** Runs that failed, those that ended last first. */
export const failedRuns = queryOptions({
  queryKey: ['runs', 'failed'],
  queryFn: ({ signal }) =>
    call<typeof trackingApi.listRuns>('GET', '/v1/runs', {
      signal,
      query: { limit: 100, filter: "attributes.status = 'FAILED'", order_by: ['attributes.end_time DESC'] },
    }),
})

const CALLED = 20
const RUN_ID = /^[0-9a-f]{24,32}$/

/** Runs of any age whose name holds a text, or whose id it is. */
export const runsCalled = (text: string) => {
  const quoted = text.replaceAll("'", '').replaceAll('%', '')
  const filter = RUN_ID.test(text) ? `attributes.run_id = '${text}'` : `attributes.run_name ILIKE '%${quoted}%'`
  return queryOptions({
    queryKey: ['run-names', filter],
    queryFn: ({ signal }) =>
      pageOfRuns({ filter, order: 'attributes.start_time DESC', experiment: '', columns: [] }, CALLED, '', signal),
    staleTime: 30_000,
  })
}
