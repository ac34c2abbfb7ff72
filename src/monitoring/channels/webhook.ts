/** Tells incidents to a webhook in the shape of Alertmanager's version 4, durably: through a job that is tried again. */
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import { enqueue } from '../../jobs/queue.ts'
import type { Worker } from '../../jobs/worker.ts'
import { requireIncident } from '../incidents/rows.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import { requireEndpoint, settingsOf } from '../context/context.ts'
import type { MonitoringDeps } from '../context/context.ts'

const KIND = 'monitoring.webhook'

/** Asks for a message about an incident as it will be then; messages that wait are one. */
export async function tellIncident(deps: MonitoringDeps, id: string): Promise<void> {
  const incident = await requireIncident(deps.db, id)
  const { webhook } = settingsOf(await requireEndpoint(deps.db, incident.endpoint))
  if (webhook !== undefined) await deps.db.tx((t) => enqueue(t, { kind: KIND, key: id, payload: { id } }))
}

/** Registers who sends the messages. */
export function handleWebhooks(deps: MonitoringDeps, worker: Worker): void {
  worker.register(KIND, async (job) => {
    const incident = await requireIncident(deps.db, (job.payload as { id: string }).id)
    const { webhook } = settingsOf(await requireEndpoint(deps.db, incident.endpoint))
    if (webhook === undefined) return
    const reply = await deps.send({
      method: 'POST',
      url: webhook,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alertmanagerMessage(incident)),
    })
    if (reply.status >= 300)
      throw problem('upstream_failed', { what: 'webhook', detail: `it answered with status ${reply.status}` })
  })
}

/** A message of one alert, as Alertmanager's webhook receiver gets it. */
export function alertmanagerMessage(incident: IncidentRow): Record<string, unknown> {
  const status = incident.state === 'resolved' ? 'resolved' : 'firing'
  const labels = {
    alertname: `slipway_${incident.kind}`,
    endpoint: incident.endpoint,
    severity: incident.severity,
    incident: incident.id,
  }
  const annotations = {
    summary: incident.title,
    causes: incident.detail.causes.map((cause) => cause.title).join('; '),
  }
  const alert = {
    status,
    labels,
    annotations,
    startsAt: toTime(incident.opened_at),
    endsAt: incident.resolved_at === null ? '0001-01-01T00:00:00Z' : toTime(incident.resolved_at),
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
