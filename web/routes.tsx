/** Every page's address; pages are loaded when they are first opened. */
import type { QueryClient } from '@tanstack/react-query'
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

const pages = [
  createRoute({ getParentRoute: under, path: '/', component: HomePage }),
  createRoute({
    getParentRoute: under,
    path: '/login',
    validateSearch: address.loginSearch,
    component: lazyRouteComponent(() => import('./pages/login.tsx'), 'LoginPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/runs',
    validateSearch: address.runsSearch,
    component: lazyRouteComponent(() => import('./pages/runs/runs.tsx'), 'RunsPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/runs/compare',
    validateSearch: address.compareSearch,
    component: lazyRouteComponent(() => import('./pages/runs/compare.tsx'), 'ComparePage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/runs/$id',
    validateSearch: address.runSearch,
    component: lazyRouteComponent(() => import('./pages/runs/run.tsx'), 'RunPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/experiments',
    validateSearch: address.experimentsSearch,
    component: lazyRouteComponent(() => import('./pages/runs/experiments.tsx'), 'ExperimentsPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/traces',
    validateSearch: address.tracesSearch,
    component: lazyRouteComponent(() => import('./pages/llm/traces.tsx'), 'TracesPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/traces/$id',
    validateSearch: address.traceSearch,
    component: lazyRouteComponent(() => import('./pages/llm/trace.tsx'), 'TracePage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/models',
    component: lazyRouteComponent(() => import('./pages/models/models.tsx'), 'ModelsPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/models/$name',
    component: lazyRouteComponent(() => import('./pages/models/model.tsx'), 'ModelPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/models/$name/versions/$version',
    component: lazyRouteComponent(() => import('./pages/models/version.tsx'), 'VersionPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/prompts',
    component: lazyRouteComponent(() => import('./pages/llm/prompts.tsx'), 'PromptsPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/prompts/$name',
    validateSearch: address.promptSearch,
    component: lazyRouteComponent(() => import('./pages/llm/prompt.tsx'), 'PromptPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/datasets',
    component: lazyRouteComponent(() => import('./pages/llm/datasets.tsx'), 'DatasetsPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/datasets/$id',
    component: lazyRouteComponent(() => import('./pages/llm/dataset.tsx'), 'DatasetPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/endpoints',
    component: lazyRouteComponent(() => import('./pages/endpoints/endpoints.tsx'), 'EndpointsPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/endpoints/$name',
    validateSearch: address.endpointSearch,
    component: lazyRouteComponent(() => import('./pages/endpoints/endpoint.tsx'), 'EndpointPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/monitoring',
    component: lazyRouteComponent(() => import('./pages/monitoring/monitors.tsx'), 'MonitorsPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/monitoring/$name',
    validateSearch: address.monitoringSearch,
    component: lazyRouteComponent(() => import('./pages/monitoring/monitoring.tsx'), 'MonitoringPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/incidents',
    validateSearch: address.stateSearch,
    component: lazyRouteComponent(() => import('./pages/monitoring/incidents.tsx'), 'IncidentsPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/incidents/$id',
    component: lazyRouteComponent(() => import('./pages/monitoring/incident.tsx'), 'IncidentPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/pipelines',
    component: lazyRouteComponent(() => import('./pages/pipelines/pipelines.tsx'), 'PipelinesPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/pipelines/$id/report',
    validateSearch: address.reportSearch,
    component: lazyRouteComponent(() => import('./pages/pipelines/report.tsx'), 'ReportPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/pipelines/$id',
    validateSearch: address.stepSearch,
    component: lazyRouteComponent(() => import('./pages/pipelines/pipeline-run.tsx'), 'PipelineRunPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/cost',
    validateSearch: address.costSearch,
    component: lazyRouteComponent(() => import('./pages/cost.tsx'), 'CostPage'),
  }),
  createRoute({
    getParentRoute: under,
    path: '/settings',
    component: lazyRouteComponent(() => import('./pages/settings.tsx'), 'SettingsPage'),
  }),
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
