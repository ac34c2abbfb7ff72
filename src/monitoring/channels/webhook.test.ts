/** A message about an incident, in the shape that receivers of Alertmanager's version 4 read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newIncident } from '../incidents/rows.ts'
import type { IncidentDetail } from '../incidents/rows.ts'
import { alertmanagerMessage } from './webhook.ts'

const cause = (title: string): IncidentDetail['causes'][number] => ({
  rank: 1,
  kind: 'shift',
  title,
  score: 1,
  features: [],
  evidence: {},
})
const incident = {
  ...newIncident({
    id: 'inc_1',
    endpoint: 'delays',
    kind: 'drift',
    severity: 'high',
    opened_at: 5000,
    opened_event: 4000,
    until: 2,
    causes: [cause('a moved'), cause('b moved')],
  }),
  title: 'a moved',
}

test('a firing alert has no end; its labels and words are common to the message', () => {
  const labels = { alertname: 'slipway_drift', endpoint: 'delays', severity: 'high', incident: 'inc_1' }
  const annotations = { summary: 'a moved', causes: 'a moved; b moved' }
  assert.deepEqual(alertmanagerMessage(incident), {
    version: '4',
    groupKey: '{}:{incident="inc_1"}',
    truncatedAlerts: 0,
    status: 'firing',
    receiver: 'slipway',
    groupLabels: { incident: 'inc_1' },
    commonLabels: labels,
    commonAnnotations: annotations,
    externalURL: '',
    alerts: [
      {
        status: 'firing',
        labels,
        annotations,
        startsAt: '1970-01-01T00:00:05.000Z',
        endsAt: '0001-01-01T00:00:00Z',
        generatorURL: '/incidents/inc_1',
        fingerprint: 'inc_1',
      },
    ],
  })
})

test('one that is acknowledged still fires; one that is resolved says when', () => {
  assert.equal(alertmanagerMessage({ ...incident, state: 'acknowledged' })['status'], 'firing')
  const over = alertmanagerMessage({ ...incident, state: 'resolved', resolved_at: 9000 })
  const [alert] = over['alerts'] as Record<string, unknown>[]
  assert.deepEqual(
    [over['status'], alert?.['status'], alert?.['endsAt']],
    ['resolved', 'resolved', '1970-01-01T00:00:09.000Z'],
  )
})
