/** Routes of serving on the control process. */
import type { Principal } from '../contract/access.ts'
import { servingApi } from '../contract/serving.ts'
import { events } from '../http/events.ts'
import type { ServerEvent } from '../http/events.ts'
import { mount } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import type { Window } from './records/attributions.ts'
import type { PredictionQuery } from './records/predictions.ts'
import type { EndpointView, ServingRoom } from './room.ts'
import { inProject, seenEndpoint } from './endpoints/visible.ts'

export function servingRoutes(room: ServingRoom): Mounted[] {
  const seen = (who: Principal, name: string): Promise<EndpointView> => seenEndpoint(room, who, name)
  return [
    mount(servingApi.makeReady, ({ who, params }) => room.scoring(who, params.name, params.version)),
    mount(servingApi.listEndpoints, async ({ who, query }) => ({
      items: await room.list(who.project ?? query.project),
    })),
    mount(servingApi.getEndpoint, ({ who, params }) => seen(who, params.name)),
    mount(servingApi.putEndpoint, ({ who, params, body }) => {
      inProject(who, body.project, params.name)
      return room.put(who, params.name, body)
    }),
    mount(servingApi.deleteEndpoint, async ({ who, params }) => {
      await seen(who, params.name)
      await room.remove(who, params.name)
      return {}
    }),
    mount(servingApi.deploy, async ({ who, params, body }) => {
      await seen(who, params.name)
      return room.deploy(who, params.name, body)
    }),
    mount(servingApi.rollbackEndpoint, async ({ who, params, body }) => {
      await seen(who, params.name)
      return room.rollback(who, params.name, body.reason ?? '')
    }),
    mount(servingApi.getLimits, async ({ who, params }) => {
      await seen(who, params.name)
      return room.limits(params.name)
    }),
    mount(servingApi.putLimits, async ({ who, params, body }) => {
      await seen(who, params.name)
      return room.setLimits(who, params.name, body)
    }),
    mount(servingApi.listPredictions, async ({ who, params, query }) => {
      await seen(who, params.name)
      return room.predictions(queryOf(params.name, query))
    }),
    mount(servingApi.getPrediction, async ({ who, params }) => {
      await seen(who, params.name)
      return room.prediction(params.name, params.id)
    }),
    mount(servingApi.getAttributions, async ({ who, params, query }) => {
      await seen(who, params.name)
      const { from, until, version, baseline_from: before, baseline_until: end } = query
      const baseline = before === undefined || end === undefined ? undefined : windowOf(before, end)
      return room.attributions({ endpoint: params.name, version, window: windowOf(from, until), baseline })
    }),
    mount(servingApi.endpointEvents, async ({ who, params, signal }) => {
      await seen(who, params.name)
      return events(follow(room, params.name, signal), signal)
    }),
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

/** Least time between two events of one stream, ms. */
const PACE_MS = 1000

function nothing(): void {
  // nobody waits yet
}

/** The endpoint as it is now, and again whenever it changed or answered, at most once a second. */
async function* follow(room: ServingRoom, name: string, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  let dirty = true
  let wake = nothing
  const stop = room.listen((changed) => {
    if (changed !== name) return
    dirty = true
    wake()
  })
  signal.addEventListener('abort', () => wake(), { once: true })
  try {
    let before: EndpointView | undefined
    while (!signal.aborted) {
      if (dirty) {
        dirty = false
        const endpoint = await room.endpoint(name)
        for (const event of breakerEvents(before, endpoint)) yield event
        yield { event: 'endpoint', data: endpoint }
        before = endpoint
        await pause(PACE_MS, signal)
      } else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    stop()
  }
}

function breakerEvents(before: EndpointView | undefined, now: EndpointView): ServerEvent[] {
  return now.variants.flatMap((variant) => {
    const known = before?.variants.find((one) => one.version === variant.version && one.role === variant.role)
    if (variant.tripped === null || before === undefined || known?.tripped === variant.tripped) return []
    const data = { endpoint: now.name, version: variant.version, reason: variant.tripped, at: now.updated_at }
    return [{ event: 'breaker', data }]
  })
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}
