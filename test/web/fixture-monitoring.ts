/** Recorded replies of monitoring and cost for the browser tests, shaped by the contract. */
import type { endpointViewApi } from '../../src/contract/endpoint-view.ts'
import type { costApi } from '../../src/contract/cost.ts'
import type { monitoringApi } from '../../src/contract/monitoring.ts'
import type { Reply } from '../../src/contract/route.ts'
import { NAME } from './fixture-serving.ts'
import { before, noise } from './fixture-tracking.ts'

type Incident = Reply<typeof monitoringApi.getIncident>
type Severity = Incident['severity']
type Check = Incident['checks'][number]
type Performance = Reply<typeof monitoringApi.performance>['items'][number]

const DAY = 86_400_000
const START = Date.parse('2013-07-08T00:00:00Z')
const DAYS = 70
const CHANGED = 58
const FEATURES: readonly (readonly [string, number])[] = [
  ['dep_hour', 0.31],
  ['carrier', 0.14],
  ['temp', 0.11],
  ['dewp', 0.1],
  ['inbound_late_1h', 0.09],
  ['wind_speed', 0.06],
  ['precip', 0.05],
  ['distance', 0.02],
  ['visib', 0.02],
  ['origin', 0.01],
]

function check(given: Partial<Check> & { feature: string }): Check {
  return {
    check: 'mean',
    window_end: '2013-09-04T09:00:00.000Z',
    value: 0.2,
    limit: 6,
    n: 142,
    n_min: 50,
    state: 'ok',
    pages: true,
    baseline: 'January to June, the same hours',
    ...given,
  }
}

export function incidents(now: number): Incident[] {
  const base = {
    endpoint: NAME,
    pages: true,
    times_paged: 1,
    resolved_at: null,
    resolved_event_time: null,
    opened_event_time: '2013-09-04T09:00:00.000Z',
    began_event_time: '2013-09-04T06:00:00.000Z',
  }
  return [
    {
      ...base,
      id: 'inc_1',
      title: 'Temperature and dew point arrive in °C instead of °F',
      kind: 'drift',
      severity: 'high',
      state: 'open',
      opened_at: before(now, 14 * 60_000),
      causes: [
        {
          rank: 1,
          kind: 'unit_change',
          title: 'unit changed °F → °C, temp and dewp',
          score: 0.97,
          features: ['temp', 'dewp'],
          evidence: { slope: 0.5556, offset: -17.78, expected: '(°F − 32) · 5/9', misfit: 0.0031, rows: 142 },
          ...course('high'),
        },
        {
          rank: 2,
          kind: 'pipeline_run',
          title: 'the weather feed was rebuilt 40 min before the change',
          score: 0.35,
          features: [],
          evidence: { run: 'run_01k2a7c', finished: '2013-09-04T05:20:00.000Z' },
          severity: null,
          began_event_time: null,
          seen_event_time: null,
          ended_event_time: null,
        },
        {
          rank: 3,
          kind: 'shift',
          title: 'a cold front',
          score: 0.04,
          features: ['temp'],
          evidence: { same_hours_last_year: 'none known' },
          ...course('low', '2013-09-04T14:00:00.000Z'),
        },
      ],
      checks: [
        check({ feature: 'temp', value: -28.4, state: 'alert' }),
        check({ feature: 'dewp', value: -25.1, state: 'alert' }),
        check({ feature: 'temp', check: 'psi', value: 3.9, limit: 0.25, state: 'alert' }),
        check({ feature: 'precip', check: 'non_zero_scale', value: null, n: 12, state: 'not_enough_data' }),
      ],
      affected: { rows: 4182, share: 0.083, marked_bad: 0 },
      timeline: [
        {
          at: before(now, 90 * 60_000),
          event_time: '2013-09-04T05:20:00.000Z',
          kind: 'pipeline_run',
          text: 'flight-delay run 2a7c succeeded',
          href: '/pipelines/run_01k2a7c',
        },
        {
          at: before(now, 60 * 60_000),
          event_time: '2013-09-04T06:00:00.000Z',
          kind: 'change_point',
          text: 'temp and dewp began to differ',
          href: null,
        },
        {
          at: before(now, 14 * 60_000),
          event_time: '2013-09-04T09:00:00.000Z',
          kind: 'opened',
          text: 'incident opened, webhook told',
          href: null,
        },
      ],
      actions: [
        { action: 'acknowledge', preview: 'The incident stays open; it pages nobody again.', allowed: true },
        { action: 'mark_bad', preview: '4,182 rows from 2013-09-04 06:00 on are left out of training.', allowed: true },
        { action: 'rollback', preview: 'Version 1 gets 100 % within 1 s; version 2 stays loaded.', allowed: true },
        {
          action: 'retrain',
          preview: 'A run of flight-delay starts with data to date, without the rows marked bad.',
          allowed: true,
        },
        { action: 'false_alarm', preview: 'The incident closes and the limits of its checks rise.', allowed: true },
      ],
    },
    {
      ...base,
      id: 'inc_2',
      title: 'Weather was missing for nine hours on 22 August',
      kind: 'drift',
      severity: 'low',
      state: 'resolved',
      pages: false,
      times_paged: 0,
      opened_at: before(now, 5 * 3_600_000),
      resolved_at: before(now, 3 * 3_600_000),
      resolved_event_time: '2013-08-22T18:00:00.000Z',
      causes: [
        {
          rank: 1,
          kind: 'null_flood',
          title: 'temp, dewp and wind_speed were null',
          score: 0.9,
          features: ['temp'],
          evidence: { share: 0.94 },
          ...course('low', '2013-08-22T18:00:00.000Z'),
        },
      ],
      checks: [check({ feature: 'temp', check: 'nulls', value: 0.94, limit: 0.05, state: 'alert', pages: false })],
      affected: { rows: 212, share: 0.004, marked_bad: 212 },
      timeline: [],
      actions: [],
    },
    watchedSearch(now),
  ]
}

type Webhook = Reply<typeof monitoringApi.getMonitor>['webhooks'][number]
const START_AT = '2013-09-04T09:00:00.000Z'

function route(given: Pick<Webhook, 'name' | 'to' | 'from'> & Partial<Webhook>): Webhook {
  return { state: 'ok', waiting: 0, dead: 0, waiting_since: null, delivered_at: null, last_error: null, ...given }
}

/** A message that was given up. */
export function givenUp(now: number): Reply<typeof monitoringApi.listNotices>['items'] {
  return [
    {
      id: 'ntc_2_chat_3',
      route: 'chat',
      incident_id: 'inc_2',
      status: 'firing',
      at: before(now, 26 * 3_600_000),
      state: 'dead',
      attempts: 33,
      next_at: null,
      ended_at: before(now, 2 * 3_600_000),
      last_status: 503,
      last_error: 'it answered with status 503',
      body: {},
    },
  ]
}

/** The course of a cause that began in the morning. */
function course(severity: Severity, ended_event_time: string | null = null) {
  const [began_event_time, seen_event_time] = ['2013-09-04T06:00:00.000Z', '2013-09-04T09:00:00.000Z']
  return { severity, began_event_time, seen_event_time, ended_event_time }
}

/** A saved search that found more runs than it may. */
function watchedSearch(now: number): Incident {
  const names = ['dusty-otter-7', 'plain-finch-8']
  const runs = names.map((name, i) => ({
    id: `000${1 - i}9c1f4be27a60b3d85c14`,
    name,
    started_at: now - (i + 1) * 3_600_000,
  }))
  const title = '2 runs found by "failed at night": dusty-otter-7, plain-finch-8'
  return {
    id: 'inc_3',
    endpoint: NAME,
    title,
    kind: 'search',
    severity: 'medium',
    state: 'acknowledged',
    pages: true,
    times_paged: 1,
    opened_at: before(now, 3_600_000),
    opened_event_time: before(now, 3_600_000),
    began_event_time: before(now, 3_600_000),
    resolved_at: null,
    resolved_event_time: null,
    causes: [
      {
        rank: 1,
        kind: 'runs_found',
        title,
        score: 1,
        features: [],
        evidence: { search: 'failed at night', more_than: 0, runs, href: `/runs/${runs[0]?.id}` },
        ...course('medium'),
      },
    ],
    checks: [],
    affected: { rows: 0, share: 0, marked_bad: 0 },
    timeline: [
      {
        at: before(now, 3_600_000),
        event_time: before(now, 3_600_000),
        kind: 'run',
        text: 'run dusty-otter-7',
        href: `/runs/${runs[0]?.id}`,
      },
    ],
    actions: [
      { action: 'resolve', preview: 'The incident closes until a run is found that it does not name.', allowed: true },
      { action: 'mark_bad', preview: 'it is about runs and has no rows', allowed: false },
    ],
  }
}

export function heatmap(): Reply<typeof monitoringApi.heatmap> {
  return {
    buckets: Array.from({ length: DAYS }, (_, i) => new Date(START + i * DAY).toISOString()),
    features: FEATURES.map(([feature, importance], place) => {
      const changed = feature === 'temp' || feature === 'dewp'
      const effect = Array.from({ length: DAYS }, (_, i) =>
        i < 2 || (feature === 'precip' && i % 9 === 3)
          ? null
          : changed && i >= CHANGED
            ? 4 + noise(i) * 2
            : noise(i * 7 + place) * 0.7,
      )
      return { feature, importance, effect, alert: effect.map((value) => value !== null && value > 3) }
    }),
  }
}

export function feature(name: string): Reply<typeof monitoringApi.feature> {
  return {
    feature: name,
    kind: 'numeric',
    bins: Array.from({ length: 14 }, (_, i) => ({
      label: String(-10 + i * 8),
      baseline: Math.round(900 * Math.exp(-(((i - 9) / 2.2) ** 2))),
      window: Math.round(140 * Math.exp(-(((i - 4) / 1.3) ** 2))),
    })),
    baseline: { mean: 67.2, sd: 14.1, null_share: 0.004, n: 164_120 },
    window: { mean: 21.3, sd: 5.2, null_share: 0.002, n: 142 },
    new_values: [],
    checks: [
      check({ feature: name, value: -28.4, state: 'alert' }),
      check({ feature: name, check: 'nulls', value: 0.002, limit: 0.05 }),
    ],
  }
}

function quality(metric: Performance['metric'], week: number): Performance {
  const fallen = week >= 8
  const value = metric === 'roc_auc' ? (fallen ? 0.735 : 0.765) : metric === 'brier' ? (fallen ? 0.163 : 0.15) : 0.24
  const estimate = week === 9 ? null : value + (noise(week) - 0.5) * 0.01
  return {
    from: new Date(START + week * 7 * DAY).toISOString(),
    to: new Date(START + (week + 1) * 7 * DAY).toISOString(),
    version: null,
    slice: null,
    value: null,
    metric,
    estimate,
    interval: estimate === null ? null : [estimate - 0.009, estimate + 0.009],
    n: 5600,
    labelled: week === 9 ? 0 : week === 8 ? 2100 : 5600,
    coverage: week === 9 ? 0 : week === 8 ? 0.375 : 1,
    provisional: week >= 8,
  }
}

export function performance(slice: string | null): Reply<typeof monitoringApi.performance> {
  if (slice === null) {
    return {
      items: (['roc_auc', 'brier', 'base_rate'] as const).flatMap((metric) =>
        Array.from({ length: 10 }, (_, week) => quality(metric, week)),
      ),
    }
  }
  return {
    items: ['UA', 'B6', 'EV', 'DL', 'HA'].map((value, i) => ({
      ...quality('roc_auc', i),
      slice,
      value,
      ...(value === 'HA' && { estimate: null, interval: null, labelled: 31, n: 31 }),
    })),
  }
}

/** One endpoint that is watched, and one that nobody can watch. */
export function states(now: number): Reply<typeof endpointViewApi.listWatched> {
  return {
    items: [
      { endpoint: 'flight-delay', watched: monitor(now).watched },
      {
        endpoint: 'iris',
        watched: {
          state: 'unwatched',
          reason: 'no_reference',
          detail: 'version 1 has no table of training rows to compare with',
          since: before(now, 5 * 3_600_000),
          remedy: 'name a step’s output with the training rows in the project file (monitor: reference: STEP.OUTPUT)',
        },
      },
    ],
  }
}

export function monitor(now: number): Reply<typeof monitoringApi.getMonitor> {
  return {
    webhooks: [
      route({ name: 'webhook', to: 'https://alerts.example.org/***', from: 'medium', delivered_at: START_AT }),
      route({
        name: 'chat',
        to: 'https://chat.example.org/***',
        from: 'low',
        state: 'failing',
        waiting: 2,
        dead: 1,
        waiting_since: START_AT,
        last_error: 'it answered with status 503',
      }),
    ],
    settings: {
      enabled: true,
      labels: { join: 'prediction_id', delay: '2d' },
      slices: ['carrier'],
      false_alerts: '1 per month',
      reactions: { drift: ['incident'], quality: ['incident', 'retrain'] },
      retrain: {},
      derived: [],
      same_unit: [['temp', 'dewp']],
      webhook: 'https://alerts.example.org/***',
      webhooks: [{ name: 'chat', url: 'https://chat.example.org/***', from: 'low' }],
      attribution: { floor: 0.1, pages: false },
      searches: [{ search: 'nightly', more_than: 2 }],
    },
    watched: { state: 'watched', reason: null, detail: 'its hours are judged', since: null, remedy: null },
    last_run_at: before(now, 30_000),
    evaluated_until: '2013-09-15T23:00:00.000Z',
    looked_until: '2013-09-15T23:00:00.000Z',
    again_from: null,
    times: { late: 0, too_late: 0, ahead: 0 },
    limits: [{ feature: 'temp', check: 'mean', window_hours: 6, limit: 6, largest_clean: 4.1 }],
    importance: Object.fromEntries(FEATURES),
    attribution: {
      version: '3',
      check: {
        feature: 'all inputs',
        check: 'attribution',
        window_end: '2013-09-15T23:00:00.000Z',
        value: 0.214,
        limit: 0.1,
        n: 412,
        n_min: 200,
        state: 'alert',
        pages: false,
        baseline: 'the first days of version 3 with explained rows',
      },
      baseline_rows: 2911,
      ndcg: 0.912,
      inputs: [
        { name: 'temp', share: 0.31, baseline_share: 0.1 },
        { name: 'dep_delay', share: 0.2, baseline_share: 0.41 },
      ],
    },
  }
}

export function cost(now: number): Reply<typeof costApi.report> {
  const items = Array.from({ length: 7 }, (_, i) => {
    const day = before(now, (6 - i) * DAY).slice(0, 10)
    return {
      key: day,
      label: day,
      micro_dollars: Math.round(180_000 + noise(i) * 400_000),
      cpu_seconds: 4000 + noise(i) * 9000,
      memory_gib_seconds: 9000,
      storage_gib_months: 0.02,
      predictions: Math.round(noise(i) * 400_000),
      micro_dollars_per_1k: i === 0 ? null : 41,
      llm_calls: 0,
      unpriced_calls: 0,
      input_tokens: 0,
      output_tokens: 0,
      micro_dollars_per_1m_tokens: null,
      entries: 96,
      unmeasured: 0,
    }
  })
  return { items, total_micro_dollars: items.reduce((sum, item) => sum + item.micro_dollars, 0) }
}

export function rates(now: number): Reply<typeof costApi.rates> {
  return {
    items: [
      { resource: 'cpu', unit: 'vCPU hour', micro_dollars: 40_000, from: before(now, 30 * DAY), note: 'list price' },
      { resource: 'memory', unit: 'GiB hour', micro_dollars: 4500, from: before(now, 30 * DAY), note: '' },
      {
        resource: 'storage',
        unit: 'GiB month of 30 days',
        micro_dollars: 23_000,
        from: before(now, 30 * DAY),
        note: '',
      },
    ],
  }
}
