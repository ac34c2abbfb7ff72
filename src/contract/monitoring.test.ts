/** Schemas of monitoring at their edges: settings of a monitor, labels, queries and acts. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ABSENT, copies, defaults, edges } from './edges.cases.ts'
import { DELAY, MonitorSettings, monitoringApi } from './monitoring.ts'

const text = (size: number): string => 'x'.repeat(size)

/** The defaults as docs/guides/monitoring.md tells them. */
defaults(
  'a monitor',
  MonitorSettings,
  {},
  {
    enabled: true,
    labels: { join: 'prediction_id', delay: '2d' },
    slices: [],
    false_alerts: '1 per month',
    reactions: { drift: ['incident'], quality: ['incident'] },
    derived: [],
    same_unit: [],
    retrain: {},
    attribution: { floor: 0.1, pages: false },
    searches: [],
  },
)

const search = { search: 'slow runs' }
edges('a monitor', MonitorSettings, { labels: {}, reactions: {}, attribution: {}, searches: [search] }, [
  ['labels.join', ['prediction_id', ABSENT], ['key', null]],
  [
    'labels.delay',
    ['2d', '12h', '90m', '1w', '9999m', '0d', ABSENT],
    ['2', 'd', '2 d', '-1d', '1.5d', '10000m', '2D', '2y', 2, null],
  ],
  ['labels.late', [], [true]],
  ['slices', [[], copies(10, 'a')], [copies(11, 'a'), 'carrier', [5]]],
  [
    'false_alerts',
    ['1 per month', '3 per day', '12 per week'],
    ['0 per month', '00 per day', '1 per year', 'one per month', '1.5 per day', '1 a day', '', 1],
  ],
  ['reactions.drift', [[], ['incident', 'retrain', 'rollback', 'halt'], ABSENT], [['page'], 'incident', null]],
  ['reactions.quality', [[], ['halt'], ABSENT], [['mail'], null]],
  ['derived', [[], ['late_share']], ['late_share', [5]]],
  ['same_unit', [[], [['temp', 'dewp']]], [['temp'], 'temp']],
  ['reference', ['prepare.train', ABSENT], [5, null]],
  ['retrain', [{}, { train: { since: '{until-30d}', depth: 3, list: [1] } }], [{ train: 5 }, [], 'train']],
  [
    'webhook',
    ['https://example.org/hook', 'http://127.0.0.1:1/', '$SLIPWAY_WEBHOOK_ALERTS', ABSENT],
    ['example.org', '', 'not a url', '$HOME', '$SLIPWAY_WEBHOOK_', 'x $SLIPWAY_WEBHOOK_A', 'ftp://example.org/x', null],
  ],
  [
    'webhooks',
    [[], [{ name: 'chat', url: 'https://example.org/hook' }], ABSENT],
    [
      [{ name: 'webhook', url: 'https://example.org/hook' }],
      [{ name: 'Chat', url: 'https://example.org/hook' }],
      [{ name: 'chat', url: 'https://example.org/hook', from: 'grave' }],
      [
        { name: 'chat', url: 'https://example.org/hook' },
        { name: 'chat', url: 'https://example.org/other' },
      ],
      Array.from({ length: 6 }, (_, i) => ({ name: `n${i}`, url: 'https://example.org/hook' })),
    ],
  ],
  ['attribution.floor', [0, 1, ABSENT], [-0.1, 1.1, '0.1', null]],
  ['attribution.pages', [true, false, ABSENT], ['yes', null]],
  ['searches', [[], copies(10, search)], [copies(11, search), search]],
  ['searches.0.search', ['a', text(256)], ['', text(257), null, ABSENT]],
  ['searches.0.more_than', [0, 1000, ABSENT], [-1, 1001, 0.5, '1']],
  ['threshold', [], [0.5]],
])

describe('a delay', () => {
  for (const unit of ['m', 'h', 'd', 'w'])
    test(`is a number and ${unit}`, () => {
      for (const number of ['1', '90', '0012']) assert.deepEqual(DELAY.exec(number + unit)?.slice(1), [number, unit])
    })
})

const label = { prediction_id: 'p1', label: 1 }
edges('labels', monitoringApi.putLabels.body, { labels: [label] }, [
  ['labels', [copies(50_000, label)], [[], label, null, ABSENT]],
  ['labels.0.prediction_id', ['p', text(256)], ['', text(257), 5, null, ABSENT]],
  ['labels.0.label', [0, -1.5, '', 'late', true, false], [null, [1], {}, Number.NaN, ABSENT]],
  ['labels.0.at', ['2026-05-03T00:00:00Z', ABSENT], ['today', '2026-05-03', 1, null]],
  ['labels.0.score', [], [0.5]],
])

test('50,001 labels at once are refused', () => {
  assert.ok(!monitoringApi.putLabels.body.safeParse({ labels: copies(50_001, label) }).success)
})

test('50,000 labels of the longest ids fit into the largest body of their route', () => {
  const largest = JSON.stringify({ prediction_id: text(256), label: 0.123456789, at: '2026-05-03T00:00:00.000Z' })
  assert.ok(largest.length * 50_000 > 1024 * 1024, 'the usual limit would not do')
  assert.equal(monitoringApi.putLabels.limit, 16 * 1024 * 1024)
})

edges('the heat map', monitoringApi.heatmap.query, {}, [
  ['from', ['2026-05-03T00:00:00Z', ABSENT], ['', 'yesterday']],
  ['to', ['2026-05-03T00:00:00Z', ABSENT], ['', 'now']],
  ['bucket_hours', ['1', '168', 24, ABSENT], ['0', '169', '1.5', 'day']],
])
defaults('the heat map', monitoringApi.heatmap.query, {}, { bucket_hours: 6 })

edges('quality over time', monitoringApi.performance.query, {}, [
  ['bucket', ['day', 'week', 'month', 'all', ABSENT], ['hour', '', null]],
  ['from', ['2026-05-03T00:00:00Z', ABSENT], ['soon']],
])
defaults('quality over time', monitoringApi.performance.query, {}, { bucket: 'week' })

edges('a feature', monitoringApi.feature.params, { name: 'delay', feature: 'temp' }, [
  ['feature', ['a', 'temp °F', text(250)], ['', text(251), ABSENT]],
  ['name', ['a'], ['', 'a/b', ABSENT]],
])

edges('incidents', monitoringApi.listIncidents.query, {}, [
  ['state', ['open', 'acknowledged', 'resolved', ABSENT], ['closed', '', null]],
  ['limit', ['1', '1000', ABSENT], ['0', '1001']],
])

edges('an act on an incident', monitoringApi.actOnIncident.body, { action: 'resolve' }, [
  [
    'action',
    ['acknowledge', 'resolve', 'mark_bad', 'retrain', 'rollback', 'false_alarm'],
    ['delete', '', null, ABSENT],
  ],
  ['reason', ['', text(1000), ABSENT], [text(1001), 5, null]],
  ['rows', [], [[1]]],
])
