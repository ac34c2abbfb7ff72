/** Routes of serving on the control process. */
import type { Principal } from '../contract/access.ts'
import { endpointViewApi } from '../contract/endpoint-view.ts'
import type { Clock } from '../contract/ids.ts'
import { servingApi } from '../contract/serving.ts'
import { events } from '../http/events.ts'
import { mount } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import type { Db } from '../store/db.ts'
import type { EndpointChanges } from './endpoints/changes.ts'
import type { Endpoints } from './endpoints/endpoints.ts'
import { followEndpoint } from './endpoints/event-stream.ts'
import type { EndpointView } from './endpoints/listing.ts'
import { tryEndpoint } from './endpoints/trial.ts'
import type { TrialDeps } from './endpoints/trial.ts'
import { inProject, visibleEndpoint } from './endpoints/visible.ts'
import { readAttributions } from './records/attributions.ts'
import type { Window } from './records/attributions.ts'
import { latencyOf } from './records/latency.ts'
import { getPrediction, listPredictions } from './records/predictions.ts'
import type { PredictionQuery } from './records/predictions.ts'

export interface ServingRoutesDeps {
  readonly db: Db
  readonly clock: Clock
  readonly endpoints: Endpoints
  readonly changes: Pick<EndpointChanges, 'listen'>
  readonly trial: TrialDeps
}

export function servingRoutes(deps: ServingRoutesDeps): Mounted[] {
  return [...endpointRoutes(deps), ...recordRoutes(deps), ...pageRoutes(deps)]
}

type Visible = (who: Principal, name: string) => Promise<EndpointView>

function visibleTo({ endpoints }: ServingRoutesDeps): Visible {
  return (who, name) => visibleEndpoint(endpoints, who, name)
}

function endpointRoutes(deps: ServingRoutesDeps): Mounted[] {
  const { endpoints } = deps
  const visible = visibleTo(deps)
  return [
    mount(servingApi.makeReady, ({ who, params }) => endpoints.scoring(who, params.name, params.version)),
    mount(servingApi.listEndpoints, async ({ who, query }) => ({
      items: await endpoints.list(who.project ?? query.project),
    })),
    mount(servingApi.getEndpoint, ({ who, params }) => visible(who, params.name)),
    mount(servingApi.putEndpoint, ({ who, params, body }) => {
      inProject(who, body.project, params.name)
      return endpoints.put(who, params.name, body)
    }),
    mount(servingApi.deleteEndpoint, async ({ who, params }) => {
      await visible(who, params.name)
      await endpoints.remove(who, params.name)
      return {}
    }),
    mount(servingApi.deploy, async ({ who, params, body }) => {
      await visible(who, params.name)
      return endpoints.deploy(who, params.name, body)
    }),
    mount(servingApi.rollbackEndpoint, async ({ who, params, body }) => {
      await visible(who, params.name)
      return endpoints.rollback(who, params.name, body.reason ?? '')
    }),
    mount(servingApi.listDeployments, async ({ who, params, query }) => {
      await visible(who, params.name)
      return endpoints.deployments(params.name, query)
    }),
    mount(servingApi.getLimits, async ({ who, params }) => {
      await visible(who, params.name)
      return endpoints.limits(params.name)
    }),
    mount(servingApi.putLimits, async ({ who, params, body }) => {
      await visible(who, params.name)
      return endpoints.setLimits(who, params.name, body)
    }),
    mount(servingApi.getEndpointFeatures, async ({ who, params }) => {
      await visible(who, params.name)
      return endpoints.features(params.name)
    }),
    mount(servingApi.putEndpointFeatures, async ({ who, params, body }) => {
      await visible(who, params.name)
      return endpoints.setFeatures(who, params.name, body)
    }),
  ]
}

function recordRoutes(deps: ServingRoutesDeps): Mounted[] {
  const { db } = deps
  const visible = visibleTo(deps)
  return [
    mount(servingApi.listPredictions, async ({ who, params, query }) => {
      await visible(who, params.name)
      return listPredictions(db, queryOf(params.name, query))
    }),
    mount(servingApi.getPrediction, async ({ who, params }) => {
      await visible(who, params.name)
      return getPrediction(db, params.name, params.id)
    }),
    mount(servingApi.getAttributions, async ({ who, params, query }) => {
      await visible(who, params.name)
      const { from, until, version, baseline_from: before, baseline_until: end } = query
      const baseline = before === undefined || end === undefined ? undefined : windowOf(before, end)
      return readAttributions(db, { endpoint: params.name, version, window: windowOf(from, until), baseline })
    }),
  ]
}

function pageRoutes(deps: ServingRoutesDeps): Mounted[] {
  const { db, clock, endpoints, changes, trial } = deps
  const visible = visibleTo(deps)
  return [
    mount(servingApi.endpointEvents, async ({ who, params, signal }) => {
      await visible(who, params.name)
      const follow = { listen: changes.listen, endpoint: (name: string) => endpoints.endpoint(name) }
      return events(followEndpoint(follow, params.name, signal), signal)
    }),
    mount(endpointViewApi.latency, async ({ who, params, query }) => {
      await visible(who, params.name)
      return latencyOf(db, clock(), {
        endpoint: params.name,
        windows: query.windows,
        span_s: query.span_s,
        ...(query.from !== undefined && { from: Date.parse(query.from) }),
        ...(query.until !== undefined && { until: Date.parse(query.until) }),
      })
    }),
    mount(endpointViewApi.tryIt, async ({ who, params, body }) =>
      tryEndpoint(trial, await visible(who, params.name), body),
    ),
  ]
}

function windowOf(from: string, until: string): Window {
  return { from: Date.parse(from), until: Date.parse(until) }
}

interface ListQuery {
  readonly limit: number
  readonly page_token?: string | undefined
  readonly from?: string | undefined
  readonly until?: string | undefined
  readonly version?: string | undefined
  readonly role?: PredictionQuery['role'] | undefined
  readonly failed?: 'true' | 'false' | undefined
  readonly explained?: 'true' | undefined
}

function queryOf(endpoint: string, query: ListQuery): PredictionQuery {
  const { limit, page_token, from, until, version, role, failed, explained } = query
  return {
    endpoint,
    limit,
    ...(page_token !== undefined && { page_token }),
    ...(from !== undefined && { from: Date.parse(from) }),
    ...(until !== undefined && { until: Date.parse(until) }),
    ...(version !== undefined && { version }),
    ...(role !== undefined && { role }),
    ...(failed !== undefined && { failed: failed === 'true' }),
    ...(explained !== undefined && { explained: true }),
  }
}
