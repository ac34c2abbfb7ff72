/** Every page's address; pages are loaded when they are first opened. */
import type { QueryClient } from '@tanstack/react-query'
import type { RouteComponent } from '@tanstack/react-router'
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router'
import { HomePage } from './pages/home.tsx'
import { Missing, PageFailure } from './parts/page/placeholders.tsx'
import { Frame } from './parts/frame/frame.tsx'
import * as address from './data/address.ts'

const root = createRootRouteWithContext<{ queries: QueryClient }>()({
  component: Frame,
  notFoundComponent: Missing,
})

const under = () => root

/** Below the root, its page loaded when it is first opened. */
const shown = <M extends Record<K, RouteComponent>, K extends string>(load: () => Promise<M>, page: K) => ({
  getParentRoute: under,
  component: lazyRouteComponent(load, page),
})

const pages = [
  createRoute({ getParentRoute: under, path: '/', component: HomePage }),
  createRoute({
    path: '/login',
    validateSearch: address.loginSearch,
    ...shown(() => import('./pages/login.tsx'), 'LoginPage'),
  }),
  createRoute({
    path: '/runs',
    validateSearch: address.runsSearch,
    ...shown(() => import('./pages/runs/runs.tsx'), 'RunsPage'),
  }),
  createRoute({
    path: '/runs/compare',
    validateSearch: address.compareSearch,
    ...shown(() => import('./pages/runs/compare.tsx'), 'ComparePage'),
  }),
  createRoute({
    path: '/runs/$id',
    validateSearch: address.runSearch,
    ...shown(() => import('./pages/runs/run.tsx'), 'RunPage'),
  }),
  createRoute({
    path: '/experiments',
    validateSearch: address.experimentsSearch,
    ...shown(() => import('./pages/runs/experiments.tsx'), 'ExperimentsPage'),
  }),
  createRoute({
    path: '/traces',
    validateSearch: address.tracesSearch,
    ...shown(() => import('./pages/llm/traces.tsx'), 'TracesPage'),
  }),
  createRoute({
    path: '/traces/$id',
    validateSearch: address.traceSearch,
    ...shown(() => import('./pages/llm/trace.tsx'), 'TracePage'),
  }),
  createRoute({
    path: '/llm',
    validateSearch: address.llmSearch,
    ...shown(() => import('./pages/llm/overview.tsx'), 'OverviewPage'),
  }),
  createRoute({ path: '/llm/calls/$id', ...shown(() => import('./pages/llm/llm-call.tsx'), 'LlmCallPage') }),
  createRoute({ path: '/llm/keys', ...shown(() => import('./pages/llm/llm-keys.tsx'), 'LlmKeysPage') }),
  createRoute({ path: '/llm/providers', ...shown(() => import('./pages/llm/llm-providers.tsx'), 'LlmProvidersPage') }),
  createRoute({ path: '/llm/playground', ...shown(() => import('./pages/llm/playground.tsx'), 'PlaygroundPage') }),
  createRoute({ path: '/models', ...shown(() => import('./pages/models/models.tsx'), 'ModelsPage') }),
  createRoute({ path: '/models/$name', ...shown(() => import('./pages/models/model.tsx'), 'ModelPage') }),
  createRoute({
    path: '/models/$name/versions/$version',
    ...shown(() => import('./pages/models/version.tsx'), 'VersionPage'),
  }),
  createRoute({ path: '/prompts', ...shown(() => import('./pages/llm/prompts.tsx'), 'PromptsPage') }),
  createRoute({
    path: '/prompts/$name',
    validateSearch: address.promptSearch,
    ...shown(() => import('./pages/llm/prompt.tsx'), 'PromptPage'),
  }),
  createRoute({ path: '/datasets', ...shown(() => import('./pages/llm/datasets.tsx'), 'DatasetsPage') }),
  createRoute({ path: '/datasets/$id', ...shown(() => import('./pages/llm/dataset.tsx'), 'DatasetPage') }),
  createRoute({ path: '/endpoints', ...shown(() => import('./pages/endpoints/endpoints.tsx'), 'EndpointsPage') }),
  createRoute({
    path: '/endpoints/$name',
    validateSearch: address.endpointSearch,
    ...shown(() => import('./pages/endpoints/endpoint.tsx'), 'EndpointPage'),
  }),
  createRoute({ path: '/monitoring', ...shown(() => import('./pages/monitoring/monitors.tsx'), 'MonitorsPage') }),
  createRoute({
    path: '/monitoring/$name',
    validateSearch: address.monitoringSearch,
    ...shown(() => import('./pages/monitoring/monitoring.tsx'), 'MonitoringPage'),
  }),
  createRoute({
    path: '/incidents',
    validateSearch: address.stateSearch,
    ...shown(() => import('./pages/monitoring/incidents.tsx'), 'IncidentsPage'),
  }),
  createRoute({ path: '/incidents/$id', ...shown(() => import('./pages/monitoring/incident.tsx'), 'IncidentPage') }),
  createRoute({ path: '/pipelines', ...shown(() => import('./pages/pipelines/pipelines.tsx'), 'PipelinesPage') }),
  createRoute({
    path: '/pipelines/$id/report',
    validateSearch: address.reportSearch,
    ...shown(() => import('./pages/pipelines/report.tsx'), 'ReportPage'),
  }),
  createRoute({
    path: '/pipelines/$id',
    validateSearch: address.stepSearch,
    ...shown(() => import('./pages/pipelines/pipeline-run.tsx'), 'PipelineRunPage'),
  }),
  createRoute({ path: '/queue', ...shown(() => import('./pages/queue/queue.tsx'), 'QueuePage') }),
  createRoute({ path: '/pools', ...shown(() => import('./pages/queue/pools.tsx'), 'PoolsPage') }),
  createRoute({ path: '/clusters', ...shown(() => import('./pages/queue/clusters.tsx'), 'ClustersPage') }),
  createRoute({ path: '/data', ...shown(() => import('./pages/data/data-sets.tsx'), 'DataSetsPage') }),
  createRoute({
    path: '/data/$name',
    validateSearch: address.dataSetSearch,
    ...shown(() => import('./pages/data/data-set.tsx'), 'DataSetPage'),
  }),
  createRoute({
    path: '/features',
    validateSearch: address.featuresSearch,
    ...shown(() => import('./pages/features/features.tsx'), 'FeaturesPage'),
  }),
  createRoute({
    path: '/features/look-up',
    validateSearch: address.lookUpSearch,
    ...shown(() => import('./pages/features/look-up.tsx'), 'LookUpPage'),
  }),
  createRoute({
    path: '/features/views/$name',
    validateSearch: address.featureSearch,
    ...shown(() => import('./pages/features/feature-view.tsx'), 'FeatureViewPage'),
  }),
  createRoute({
    path: '/features/services/$name',
    validateSearch: address.featureSearch,
    ...shown(() => import('./pages/features/feature-service.tsx'), 'FeatureServicePage'),
  }),
  createRoute({
    path: '/partitions',
    ...shown(() => import('./pages/pipelines/partitioned.tsx'), 'PartitionedPage'),
  }),
  createRoute({
    path: '/partitions/$project',
    ...shown(() => import('./pages/pipelines/partitions.tsx'), 'PartitionsPage'),
  }),
  createRoute({ path: '/triggers', ...shown(() => import('./pages/pipelines/triggers.tsx'), 'TriggersPage') }),
  createRoute({
    path: '/triggers/$project/$name',
    ...shown(() => import('./pages/pipelines/trigger.tsx'), 'TriggerPage'),
  }),
  createRoute({ path: '/backfills/$id', ...shown(() => import('./pages/pipelines/backfill.tsx'), 'BackfillPage') }),
  createRoute({
    path: '/reproductions',
    ...shown(() => import('./pages/pipelines/reproductions.tsx'), 'ReproductionsPage'),
  }),
  createRoute({ path: '/studies', ...shown(() => import('./pages/pipelines/studies.tsx'), 'StudiesPage') }),
  createRoute({ path: '/studies/$id', ...shown(() => import('./pages/pipelines/study.tsx'), 'StudyPage') }),
  createRoute({
    path: '/cost',
    validateSearch: address.costSearch,
    ...shown(() => import('./pages/cost.tsx'), 'CostPage'),
  }),
  createRoute({ path: '/settings', ...shown(() => import('./pages/settings.tsx'), 'SettingsPage') }),
] as const

/** Makes the router of the pages. */
export function makeRouter(queries: QueryClient) {
  return createRouter({
    routeTree: root.addChildren(pages),
    context: { queries },
    defaultPreload: 'intent',
    defaultErrorComponent: PageFailure,
    scrollRestoration: true,
  })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>
  }
}
