/** Routes of monitoring. */
import { ifFound } from '../contract/absence/absent.ts'
import { endpointViewApi } from '../contract/endpoint-view.ts'
import type { Principal } from '../contract/access.ts'
import { HOUR_MS } from '../contract/ids.ts'
import { toTime } from '../contract/fields.ts'
import { monitoringApi } from '../contract/monitoring.ts'
import { mount, Raw } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import { actOnIncident } from './acts.ts'
import { badIds, badRanges, incidentRows, requireIncident, viewIncident } from './incidents/rows.ts'
import type { IncidentRow } from './incidents/rows.ts'
import { putLabels } from './labels/labels.ts'
import type { Monitoring } from './monitoring.ts'
import { performance } from './checks/performance.ts'
import { listNotices, resend } from './channels/sending.ts'
import { prometheusText } from './channels/prometheus.ts'
import { heatmap, shownSettings, viewFeature, viewMonitor } from './read.ts'
import { eventNow, labelDelay, monitorOf, requireEndpoint, settingsOf } from './context/context.ts'
import type { MonitoringDeps } from './context/context.ts'
import { requireSearches } from './rounds/watched-searches.ts'
import { allWatched } from './watched/facts.ts'

export function monitoringRoutes(monitoring: Monitoring): Mounted[] {
  const { deps } = monitoring
  return [...endpointRoutes(monitoring), ...incidentRoutes(deps), metricsRoute(deps)]
}

function endpointRoutes({ deps, lookAround }: Pick<Monitoring, 'deps' | 'lookAround'>): Mounted[] {
  const { db } = deps
  return [
    mount(monitoringApi.putLabels, async ({ who, params, body }) => {
      await requireEndpoint(db, params.name, who)
      return putLabels(deps, params.name, body.labels)
    }),
    mount(monitoringApi.putMonitor, async ({ who, params, body }) => {
      const { project } = await requireEndpoint(db, params.name, who)
      await requireSearches(deps, project, body.searches)
      await deps.saveSettings(who, params.name, body)
      // who sets a watch wants to see what it finds
      lookAround()
      return shownSettings(settingsOf(await requireEndpoint(db, params.name)))
    }),
    mount(endpointViewApi.listWatched, async ({ who }) => ({ items: await allWatched(deps, who.project) })),
    mount(monitoringApi.getMonitor, async ({ who, params }) => {
      await requireEndpoint(db, params.name, who)
      return viewMonitor(deps, params.name)
    }),
    mount(monitoringApi.heatmap, async ({ who, params, query }) => {
      await requireEndpoint(db, params.name, who)
      return heatmap(deps, params.name, { ...span(query), bucket_hours: query.bucket_hours })
    }),
    mount(monitoringApi.feature, async ({ who, params, query }) => {
      await requireEndpoint(db, params.name, who)
      return viewFeature(deps, params.name, { ...span(query), feature: params.feature })
    }),
    mount(monitoringApi.performance, async ({ who, params, query }) => {
      const settings = settingsOf(await requireEndpoint(db, params.name, who))
      const { bucket, slice, version } = query
      const now = eventNow(await monitorOf(db, params.name), deps.clock())
      const asked = {
        endpoint: params.name,
        bucket,
        // by the hour, so that an answer of before still serves
        due: Math.floor((now - labelDelay(settings)) / HOUR_MS) * HOUR_MS,
        ...span(query),
        ...(slice !== undefined && { slice }),
        ...(version !== undefined && { version }),
      }
      return { items: await performance(db, asked, (of) => deps.inputNames(db, params.name, of)) }
    }),
    mount(monitoringApi.listNotices, async ({ who, params, query }) => {
      await requireEndpoint(db, params.name, who)
      return { items: await listNotices(deps, params.name, query) }
    }),
    mount(monitoringApi.resendNotice, async ({ who, params }) => {
      await requireEndpoint(db, params.name, who)
      return resend(deps, who, { endpoint: params.name, id: params.id })
    }),
    mount(monitoringApi.badRows, async ({ who, params }) => {
      await requireEndpoint(db, params.name, who)
      const ranges = await badRanges(db, params.name)
      return {
        ranges: ranges.map(({ incident_id, from, to, features }) => ({
          incident_id,
          from: toTime(from),
          to: toTime(to),
          features: [...features],
        })),
        prediction_ids: await badIds(db, params.name),
      }
    }),
  ]
}

function incidentRoutes(deps: MonitoringDeps): Mounted[] {
  const { db } = deps
  return [
    mount(monitoringApi.listIncidents, async ({ who, query }) => {
      const rows: IncidentRow[] = []
      for (const row of await incidentRows(db, query)) if (await mayRead(deps, who, row)) rows.push(row)
      const start = query.page_token === undefined ? 0 : Math.max(0, Number(query.page_token) || 0)
      const page = rows.slice(start, start + query.limit)
      const items = []
      for (const row of page) items.push(await viewIncident(db, row))
      const next = start + page.length
      return next < rows.length ? { items, next_page_token: String(next) } : { items }
    }),
    mount(monitoringApi.getIncident, async ({ who, params }) => {
      const row = await requireIncident(db, params.id)
      await requireEndpoint(db, row.endpoint, who)
      return viewIncident(db, row)
    }),
    mount(monitoringApi.actOnIncident, ({ who, params, body }) =>
      actOnIncident(deps, who, { id: params.id, action: body.action, reason: body.reason }),
    ),
  ]
}

function metricsRoute(deps: MonitoringDeps): Mounted {
  return mount(monitoringApi.metrics, async ({ who }) => {
    const type = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }
    return new Raw(200, type, await prometheusText(deps, who.project))
  })
}

async function mayRead(deps: MonitoringDeps, who: Principal, row: IncidentRow): Promise<boolean> {
  return (await ifFound(requireEndpoint(deps.db, row.endpoint, who))) !== undefined
}

function span(query: { from?: string | undefined; to?: string | undefined }): { from?: number; to?: number } {
  return {
    ...(query.from !== undefined && { from: Date.parse(query.from) }),
    ...(query.to !== undefined && { to: Date.parse(query.to) }),
  }
}
