/** A message about an incident, in the shape that receivers of Alertmanager's version 4 read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newIncident } from './rows.ts'
import type { IncidentDetail } from './rows.ts'
import { alertmanagerMessage, withLinks } from './message.ts'

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
  const annotations = { summary: 'a moved', state: 'open', causes: 'a moved; b moved', pages: '1' }
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

test('causes that ended are told apart from those that go on, and new lines of the timeline are the news', () => {
  const course = { severity: 'high', began: 0, opened: 0, seen: 0, ended: null, clear: 0, paged: null } as const
  const causes = [
    { ...cause('a moved'), course },
    { ...cause('b moved'), course: { ...course, ended: 5 } },
    { ...cause('a deploy'), kind: 'deploy' as const },
  ]
  const row = { ...incident, detail: { ...incident.detail, causes } }
  const news = [{ at: '1970-01-01T00:00:07.000Z', event_time: null, kind: 'cause over', text: 'b moved', href: null }]
  const message = alertmanagerMessage(row, false, news)
  const { causes: open, over, news: told } = message['commonAnnotations'] as Record<string, string>
  assert.deepEqual([open, over, told], ['a moved; a deploy', 'b moved', 'cause over: b moved'])
  const [alert] = message['alerts'] as Record<string, unknown>[]
  assert.deepEqual([alert?.['status'], alert?.['endsAt']], ['resolved', '1970-01-01T00:00:07.000Z'])
})

test('links are absolute, on the address under which people reach the pages', () => {
  const body = JSON.stringify(alertmanagerMessage(incident))
  for (const base of ['https://slipway.example.org', 'https://slipway.example.org/', 'https://example.org/slipway']) {
    const sent = JSON.parse(withLinks(body, base)) as { externalURL: string; alerts: { generatorURL: string }[] }
    const root = base.replace(/\/$/, '')
    assert.deepEqual([sent.externalURL, sent.alerts[0]?.generatorURL], [root, `${root}/incidents/inc_1`])
  }
})
