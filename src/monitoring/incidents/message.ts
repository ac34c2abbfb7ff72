/** A message about an incident, in the shape of Alertmanager's webhook, version 4. */
import { toTime } from '../../contract/fields.ts'
import { isOpen } from './course.ts'
import type { IncidentRow, TimelineItem } from './rows.ts'

/**
 * A message of one alert. `firing`: whether the incident goes on for this receiver; `news`: the lines of the timeline that it was
 * not told of yet. Links are put in when it is sent.
 */
export function alertmanagerMessage(
  incident: IncidentRow,
  firing: boolean = incident.state !== 'resolved',
  news: readonly TimelineItem[] = [],
): Record<string, unknown> {
  const status = firing ? 'firing' : 'resolved'
  const labels = {
    alertname: `slipway_${incident.kind}`,
    endpoint: incident.endpoint,
    severity: incident.severity,
    incident: incident.id,
  }
  const { causes } = incident.detail
  const followed = causes.some((cause) => cause.course !== undefined)
  const annotations = {
    summary: incident.title,
    state: incident.state,
    causes: causes
      .filter((cause) => !followed || cause.course === undefined || isOpen(cause))
      .map((cause) => cause.title)
      .join('; '),
    ...(followed && { over: causes.flatMap((one) => (one.course?.ended == null ? [] : [one.title])).join('; ') }),
    ...(news.length > 0 && { news: news.map(({ kind, text }) => `${kind}: ${text}`).join('\n') }),
    pages: String(incident.pages),
  }
  const alert = {
    status,
    labels,
    annotations,
    startsAt: toTime(incident.opened_at),
    endsAt: firing ? '0001-01-01T00:00:00Z' : endOf(incident, news),
    generatorURL: `/incidents/${incident.id}`,
    fingerprint: incident.id,
  }
  return {
    version: '4',
    groupKey: `{}:{incident="${incident.id}"}`,
    truncatedAlerts: 0,
    status,
    receiver: 'slipway',
    groupLabels: { incident: incident.id },
    commonLabels: labels,
    commonAnnotations: annotations,
    externalURL: '',
    alerts: [alert],
  }
}

/** When an incident stopped for a receiver: it was resolved, or is no longer as severe as the receiver asks for. */
function endOf({ resolved_at, opened_at }: IncidentRow, news: readonly TimelineItem[]): string {
  return resolved_at === null ? (news.at(-1)?.at ?? toTime(opened_at)) : toTime(resolved_at)
}

/** The text of a message with absolute links, on the address under which people reach the pages. */
export function withLinks(body: string, base: string): string {
  const message = JSON.parse(body) as { alerts: { generatorURL: string }[] }
  const root = base.replace(/\/+$/, '')
  const alerts = message.alerts.map((alert) => ({ ...alert, generatorURL: root + alert.generatorURL }))
  return JSON.stringify({ ...message, externalURL: root, alerts })
}
