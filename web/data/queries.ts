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
import type { studiesApi } from '../../src/contract/pipelines/studies.ts'
import type { registryApi } from '../../src/contract/registry.ts'
import type { rolloutApi } from '../../src/contract/rollout.ts'
import type { Reply } from '../../src/contract/route.ts'
import type { servingApi } from '../../src/contract/serving.ts'
import type { storageApi, systemApi } from '../../src/contract/system.ts'
import type { trackingApi } from '../../src/contract/tracking.ts'
import { call } from './api.ts'
import { get } from './get.ts'

export type Endpoint = Reply<typeof servingApi.getEndpoint>
export type Deployment = Reply<typeof servingApi.listDeployments>['items'][number]
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
export type Run = Reply<typeof trackingApi.getRun>
export type RunRow = Reply<typeof trackingApi.listRuns>['items'][number]
export type PipelineRun = Reply<typeof pipelinesApi.getPipelineRun>
export type PipelineRow = Reply<typeof pipelinesApi.listPipelineRuns>['items'][number]
export type PipelineParam = NonNullable<Reply<typeof pipelinesApi.getPipelineVersion>['params']>[number]
export type Study = Reply<typeof studiesApi.getStudy>
export type StudyRow = Reply<typeof studiesApi.listStudies>['items'][number]
export type Step = PipelineRun['steps'][number]
export type Feature = Reply<typeof monitoringApi.feature>
export type Performance = Reply<typeof monitoringApi.performance>['items'][number]
export type CostBy = 'run' | 'endpoint' | 'project' | 'day'

export const me = { ...get<typeof authApi.whoami>(['auth', 'me'], '/v1/me'), staleTime: 60_000 }
export const server = { ...get<typeof systemApi.info>(['server'], '/v1/server'), staleTime: 60_000 }
export const storage = { ...get<typeof storageApi.state>(['server', 'storage'], '/v1/storage'), staleTime: 60_000 }
export const tokens = get<typeof authApi.listTokens>(['tokens'], '/v1/tokens')
export const machineTrusts = get<typeof machinesApi.listTrusts>(['machine-trusts'], '/v1/machine-trusts')
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

export const experiments = get<typeof trackingApi.listExperiments>(['runs', 'experiments'], '/v1/experiments', {
  query: { limit: 1000 },
})

export const experimentsOf = (stage: 'deleted' | undefined) =>
  get<typeof trackingApi.listExperiments>(['runs', 'experiments', stage ?? 'active'], '/v1/experiments', {
    query: { limit: 1000, view: stage ?? 'active' },
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
  get<typeof trackingApi.getRun>(['runs', 'one', id], '/v1/runs/:id', { params: { id } })
export const models = get<typeof registryApi.listModels>(['models', 'list'], '/v1/models', { query: { limit: 1000 } })
export const model = (name: string) =>
  get<typeof registryApi.getModel>(['models', 'one', name], '/v1/models/:name', { params: { name } })
export const versions = (name: string) =>
  get<typeof registryApi.listVersions>(['models', 'versions', name], '/v1/models/:name/versions', {
    params: { name },
    query: { limit: 200 },
  })
export const version = (name: string, number: string) =>
  get<typeof registryApi.getVersion>(['models', 'version', name, number], '/v1/models/:name/versions/:version', {
    params: { name, version: number },
  })
export const lineage = (name: string, number: string) =>
  get<typeof registryApi.lineage>(['models', 'lineage', name, number], '/v1/models/:name/versions/:version/lineage', {
    params: { name, version: number },
  })
export const policy = (name: string) =>
  get<typeof registryApi.getPolicy>(['models', 'policy', name], '/v1/models/:name/policy', { params: { name } })
export const moves = (name: string) =>
  get<typeof registryApi.aliasHistory>(['models', 'history', name], '/v1/models/:name/history', { params: { name } })

export const standings = (name: string) =>
  get<typeof imagesApi.standings>(['models', 'environments', name], '/v1/models/:name/environments', {
    params: { name },
  })

export const environments = get<typeof imagesApi.listEnvironments>(['models', 'all environments'], '/v1/environments')

export const endpoints = {
  ...get<typeof servingApi.listEndpoints>(['endpoints', 'list'], '/v1/endpoints'),
  refetchInterval: 10_000,
}
export const deployments = (name: string) =>
  get<typeof servingApi.listDeployments>(['endpoints', 'deployments', name], '/v1/endpoints/:name/deployments', {
    params: { name },
    query: { limit: 20 },
  })
export const endpoint = (name: string) =>
  get<typeof servingApi.getEndpoint>(['endpoints', 'one', name], '/v1/endpoints/:name', { params: { name } })
export const predictions = (name: string) =>
  get<typeof servingApi.listPredictions>(['predictions', name], '/v1/endpoints/:name/predictions', {
    params: { name },
    query: { limit: 20 },
  })

/** Up to the newest prediction. */
export const latency = (name: string, seconds: number) => ({
  ...get<typeof endpointViewApi.latency>(['predictions', name, 'latency', seconds], '/v1/endpoints/:name/latency', {
    params: { name },
    query: { span_s: seconds, windows: 120 },
  }),
  placeholderData: keepPreviousData,
})

export const rollouts = (endpoint?: string) =>
  get<typeof rolloutApi.list>(['rollouts', 'list', endpoint ?? ''], '/v1/rollouts', {
    query: { limit: 20, ...(endpoint !== undefined && { endpoint }) },
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
export const freezes = {
  ...get<typeof rolloutApi.freezes>(['rollouts', 'freezes'], '/v1/freezes'),
  refetchInterval: 60_000,
}
export const rollout = (id: string) =>
  get<typeof rolloutApi.get>(['rollouts', 'one', id], '/v1/rollouts/:id', { params: { id } })
export const curve = (id: string) =>
  get<typeof rolloutApi.curve>(['rollouts', 'curve', id], '/v1/rollouts/:id/curve', { params: { id } })

export const incidents = (endpoint?: string) =>
  get<typeof monitoringApi.listIncidents>(['incidents', 'list', endpoint ?? ''], '/v1/incidents', {
    query: { limit: 100, ...(endpoint !== undefined && { endpoint }) },
  })
export const incident = (id: string) =>
  get<typeof monitoringApi.getIncident>(['incidents', 'one', id], '/v1/incidents/:id', { params: { id } })
/** Whether each endpoint is watched, by its name. */
export const watched = get<typeof endpointViewApi.listWatched>(['monitors', 'watched'], '/v1/monitors')

export const monitor = (name: string) =>
  get<typeof monitoringApi.getMonitor>(['monitors', 'settings', name], '/v1/endpoints/:name/monitor', {
    params: { name },
  })

/** Messages about incidents that were given up, the newest first. */
export const deadNotices = (name: string) =>
  get<typeof monitoringApi.listNotices>(['monitors', 'dead', name], '/v1/endpoints/:name/messages', {
    params: { name },
    query: { state: 'dead', limit: 20 },
  })

/** A part of event time; an absent end is open. */
export interface Range {
  readonly from?: string
  readonly to?: string
}

export const heatmap = (name: string, range: Range, hours: number) =>
  get<typeof monitoringApi.heatmap>(
    ['monitors', 'heatmap', name, range, hours],
    '/v1/endpoints/:name/monitor/heatmap',
    { params: { name }, query: { ...range, bucket_hours: hours } },
  )
export const feature = (name: string, chosen: string, range: Range) =>
  get<typeof monitoringApi.feature>(
    ['monitors', 'feature', name, chosen, range],
    '/v1/endpoints/:name/monitor/features/:feature',
    { params: { name, feature: chosen }, query: { ...range } },
  )
export const performance = (name: string, range: Range, bucket: 'day' | 'week' | 'month' | 'all', slice = '') =>
  get<typeof monitoringApi.performance>(
    ['monitors', 'performance', name, range, bucket, slice],
    '/v1/endpoints/:name/performance',
    { params: { name }, query: { ...range, bucket, ...(slice !== '' && { slice }) } },
  )

export const pipelineRuns = (project = '') =>
  get<typeof pipelinesApi.listPipelineRuns>(['pipelines', 'list', project], '/v1/pipeline-runs', {
    query: { limit: 100, ...(project !== '' && { project }) },
  })
/** The newest run of each project. */
export const newestPipelineRuns = get<typeof pipelinesApi.listPipelineRuns>(
  ['pipelines', 'newest'],
  '/v1/pipeline-runs',
  { query: { limit: 100, newest: 'true' } },
)
export const stepQueue = {
  ...get<typeof pipelinesApi.stepQueue>(['pipelines', 'queue'], '/v1/step-queue'),
  refetchInterval: 15_000,
}
export const mergeTimes = (of: { readonly model?: string; readonly version?: string } = {}) =>
  // of rollouts, since it changes with them
  get<typeof mergesApi.times>(['rollouts', 'merges', of.model ?? '', of.version ?? ''], '/v1/merge-times', {
    query: of,
  })
export const pipelineRun = (id: string) =>
  get<typeof pipelinesApi.getPipelineRun>(['pipelines', 'one', id], '/v1/pipeline-runs/:id', { params: { id } })
export const studies = get<typeof studiesApi.listStudies>(['pipelines', 'studies'], '/v1/studies')
export const study = (id: string) =>
  get<typeof studiesApi.getStudy>(['pipelines', 'study', id], '/v1/studies/:id', { params: { id } })
export const pipelineVersion = (id: string) => ({
  ...get<typeof pipelinesApi.getPipelineVersion>(['pipelines', 'version', id], '/v1/pipelines/:id', { params: { id } }),
  staleTime: Infinity,
})
/** `base` is the merge base; without one the report has production alone beside it. */
export const changeReport = (run: string, base: string | undefined) =>
  get<typeof ciApi.changeReport>(['pipelines', 'report', run, base ?? ''], '/v1/change-reports/:run', {
    params: { run },
    query: base === undefined ? {} : { base },
  })
export const explanation = (id: string, step: string) =>
  get<typeof pipelinesApi.explainStep>(
    ['pipelines', 'explain', id, step],
    '/v1/pipeline-runs/:id/steps/:step/explain',
    { params: { id, step } },
  )

export const cost = (by: CostBy, from?: string) =>
  get<typeof costApi.report>(['cost', by, from ?? ''], '/v1/cost', {
    query: { by, ...(from !== undefined && { from }) },
  })
export const rates = get<typeof costApi.rates>(['cost', 'rates'], '/v1/cost/rates')
/** The newest runs, for the search, and for Home to know whether there are any. */
export const recentRuns = get<typeof trackingApi.listRuns>(['runs', 'recent'], '/v1/runs', {
  query: { limit: 100, order_by: ['attributes.start_time DESC'] },
})

/** Runs that failed, those that ended last first. */
export const failedRuns = get<typeof trackingApi.listRuns>(['runs', 'failed'], '/v1/runs', {
  query: { limit: 100, filter: "attributes.status = 'FAILED'", order_by: ['attributes.end_time DESC'] },
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
