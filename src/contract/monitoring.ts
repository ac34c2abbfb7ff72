/** Routes of monitoring: labels, profiles, checks, performance, incidents and reactions. */
import { z } from 'zod'
import { INCIDENT_KINDS } from './monitors/incident-kinds.ts'
import { Watched } from './endpoint-view.ts'
import { CheckLimit, UntimelyRows } from './monitors/untimely.ts'
import { may } from './access.ts'
import { allOf, byId, byName, id, listOf, page, time } from './fields.ts'
import { NAMED_ADDRESS } from './secrets/addresses.ts'
import { SEVERITIES } from './monitors/severities.ts'
import { route } from './route.ts'

/** A length of time: a whole number of minutes, hours, days or weeks. */
export const DELAY = /^(\d{1,4})([mhdw])$/

/** A saved search of runs and how many runs it may find. */
export const WatchedSearch = z.strictObject({
  search: z.string().min(1).max(256).describe('id or name of a saved search of runs'),
  more_than: z.number().int().min(0).max(1000).default(0).describe('an incident is opened when it finds more runs'),
})
export type WatchedSearch = z.output<typeof WatchedSearch>

/** Address of a webhook: it is a secret, is shown without its path, and may lie in the server's environment. */
const Address = z
  .union(
    [z.url({ protocol: /^https?$/ }), z.string().regex(NAMED_ADDRESS)],
    'an http or https URL, or "$SLIPWAY_WEBHOOK_NAME", a variable of the server',
  )
  .describe('a URL, shown as its server alone; or "$SLIPWAY_WEBHOOK_NAME", a variable of the server that holds it')

/** What a monitor is asked to do, as the project file writes it. */
export const MonitorSettings = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe('false: nobody watches the endpoint, and everything that shows it says so'),
  labels: z
    .strictObject({
      join: z.literal('prediction_id').default('prediction_id'),
      delay: z.string().regex(DELAY, 'a length of time, for example "2d", "12h", "90m" or "1w"').default('2d'),
    })
    .prefault({}),
  slices: z.array(z.string()).max(10).default([]),
  false_alerts: z
    .string()
    .regex(/^0*[1-9]\d* per (day|week|month)$/, 'a rate of at least 1, for example "1 per month"')
    .default('1 per month'),
  reactions: z
    .strictObject({
      drift: z.array(z.enum(['incident', 'retrain', 'rollback', 'halt'])).default(['incident']),
      quality: z.array(z.enum(['incident', 'retrain', 'rollback', 'halt'])).default(['incident']),
    })
    .prefault({}),
  derived: z
    .array(z.string())
    .default([])
    .describe('features made from labels: they follow the target, are shown and never page'),
  same_unit: z.array(z.array(z.string())).default([]).describe('groups of features that one feed delivers'),
  reference: z
    .string()
    .optional()
    .describe(
      'STEP.OUTPUT with the rows that live traffic is compared with, for example prepare.train; a CSV with the inputs and event_time',
    ),
  retrain: z
    .record(z.string(), z.record(z.string(), z.json()))
    .default({})
    .describe(
      'step → param → value for a retraining that a reaction starts; "{until}" is the day of the incident, "{until-30d}" a day before it, "{bad_rows}" the ids of the rows marked bad',
    ),
  webhook: Address.optional().describe('told of incidents that wake somebody: those of medium and of high severity'),
  webhooks: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/, 'small letters, digits, "-" and "_", at most 32'),
        url: Address,
        from: z.enum(SEVERITIES).default('medium').describe('the mildest severity that it is told of'),
      }),
    )
    .max(5)
    .refine(
      (all) => new Set(['webhook', ...all.map(({ name }) => name)]).size === all.length + 1,
      'a name of its own for each; "webhook" is taken by the key of that name',
    )
    .optional()
    .describe('further webhooks, each with the severity from which on it is told'),
  attribution: z
    .strictObject({
      floor: z
        .number()
        .min(0)
        .max(1)
        .default(0.1)
        .describe('share of all contributions that must have gone to other inputs, whatever chance allows'),
      pages: z
        .boolean()
        .default(false)
        .describe('whether a change of attributions alone wakes somebody and is reacted to'),
    })
    .prefault({})
    .describe('the check of what the inputs add to the scores; it needs explained rows (the limit explain_share)'),
  searches: z
    .array(WatchedSearch)
    .max(10)
    .default([])
    .describe('saved searches of the project’s runs that are watched: one that finds more than it may is an incident'),
})
export type MonitorSettings = z.output<typeof MonitorSettings>

/** One check of one feature in one window. */
export const CheckResult = z.object({
  feature: z.string(),
  check: z.enum([
    'mean',
    'step',
    'psi',
    'nulls',
    'unknown_category',
    'range',
    'frozen',
    'swap',
    'non_zero_scale',
    'nulls_fell',
    'freshness',
    'attribution',
  ]),
  window_end: time,
  window_hours: z.number().int().optional().describe('hours of the window: 6, or 24 or 168 where rows are few'),
  value: z.number().nullable(),
  limit: z.number().nullable(),
  n: z.number().int(),
  n_min: z.number().int(),
  state: z.enum(['ok', 'alert', 'not_enough_data']),
  pages: z.boolean(),
  baseline: z.string(),
})
export type CheckResult = z.output<typeof CheckResult>

/** What the inputs added to the scores of the last day, against the first days of the version. */
export const AttributionCheck = z.object({
  version: z.string(),
  check: CheckResult.describe(
    'value: half of the sum of absolute differences of the shares, 0 to 1; n: explained rows',
  ),
  baseline_rows: z.number().int(),
  ndcg: z
    .number()
    .nullable()
    .describe('1 while the inputs that mattered are still ranked first, less the more the ranking changed'),
  inputs: z
    .array(z.object({ name: z.string(), share: z.number(), baseline_share: z.number() }))
    .describe('those whose share of all contributions moved most, first; twenty at most'),
})
export type AttributionCheck = z.output<typeof AttributionCheck>

/** A suspected cause with what speaks for it, best first. */
export const Cause = z.object({
  rank: z.number().int(),
  kind: z.enum([
    'unit_change',
    'null_flood',
    'frozen_feature',
    'swap',
    'new_category',
    'deploy',
    'pipeline_run',
    'feed_lost',
    'shift',
    'attribution_shift',
    'quality_fall',
    'records_lost',
    'unanswered',
    'unwatched',
    'runs_found',
    'webhook_failing',
  ]),
  title: z.string().describe('one sentence, for example "unit changed °F → °C, temp and dewp"'),
  score: z.number().min(0).max(1),
  features: z.array(z.string()),
  evidence: z.record(z.string(), z.unknown()),
  severity: z
    .enum(SEVERITIES)
    .nullable()
    .describe('the worst that this cause was; null = something that happened then and may be why'),
  began_event_time: time.nullable().describe('when its data began to differ'),
  seen_event_time: time.nullable().describe('end of the last window that showed it'),
  ended_event_time: time.nullable().describe('null = it goes on'),
})
export type Cause = z.output<typeof Cause>

export const TimelineEntry = z.object({
  at: time,
  event_time: time.nullable(),
  kind: z.string(),
  text: z.string(),
  href: z.string().nullable(),
})

export const Incident = z.object({
  id,
  endpoint: z.string(),
  title: z.string().describe('of the worst cause that is open; once all have ended, of the worst'),
  kind: z.enum(INCIDENT_KINDS),
  severity: z.enum(SEVERITIES).describe('that of the worst cause that is open; once all have ended, of the worst'),
  state: z.enum(['open', 'acknowledged', 'resolved']),
  opened_at: time,
  opened_event_time: time,
  began_event_time: time.describe('change point: when the data began to differ'),
  resolved_at: time.nullable(),
  resolved_event_time: time.nullable(),
  pages: z.boolean().describe('false = told, wakes nobody'),
  times_paged: z
    .number()
    .int()
    .describe('how often somebody was woken: by the opening, and by each cause that raised the severity'),
  causes: z.array(Cause),
  checks: z.array(CheckResult),
  affected: z.object({ rows: z.number().int(), share: z.number(), marked_bad: z.number().int() }),
  timeline: z.array(TimelineEntry),
  actions: z.array(z.object({ action: z.string(), preview: z.string(), allowed: z.boolean() })),
})
export type Incident = z.output<typeof Incident>

/** A quality metric over labelled predictions of a window or slice; provisional until its labels are due and cover it. */
export const Performance = z.object({
  from: time,
  to: time,
  version: z.string().nullable(),
  slice: z.string().nullable(),
  value: z.string().nullable(),
  metric: z.enum(['roc_auc', 'log_loss', 'brier', 'accuracy', 'base_rate', 'mean_score']),
  estimate: z.number().nullable(),
  interval: z.tuple([z.number(), z.number()]).nullable(),
  n: z.number().int(),
  labelled: z.number().int(),
  coverage: z.number(),
  provisional: z.boolean(),
})
export type Performance = z.output<typeof Performance>

/** A webhook of a monitor and how it does. */
export const NoticeRoute = z.object({
  name: z.string(),
  to: z.string().describe('its server; the rest of the address is not shown'),
  from: z.enum(SEVERITIES),
  state: z
    .enum(['unused', 'ok', 'retrying', 'failing'])
    .describe('failing = three attempts in a row failed, or a message was given up and none was taken since'),
  waiting: z.number().int(),
  dead: z.number().int().describe('messages that were given up'),
  waiting_since: time.nullable(),
  delivered_at: time.nullable(),
  last_error: z.string().nullable(),
})
export type NoticeRoute = z.output<typeof NoticeRoute>

/** A message about an incident to a webhook. */
export const Notice = z.object({
  id: z.string().describe('sent as the header Idempotency-Key: a receiver drops a copy by it'),
  route: z.string(),
  incident_id: id,
  status: z.enum(['firing', 'resolved']),
  at: time,
  state: z.enum(['waiting', 'delivered', 'dead']),
  attempts: z.number().int(),
  next_at: time.nullable(),
  ended_at: time.nullable(),
  last_status: z.number().int().nullable(),
  last_error: z.string().nullable(),
  body: z.record(z.string(), z.unknown()).describe('without the absolute links, which are put in when it is sent'),
})
export type Notice = z.output<typeof Notice>

const READ = may('read', 'monitors')

export const monitoringApi = {
  putLabels: route({
    method: 'POST',
    path: '/v1/endpoints/:name/labels',
    summary: 'Deliver labels by prediction id, all or none; late ones open their windows again',
    access: may('label', 'endpoints'),
    params: byName,
    limit: 16 * 1024 * 1024,
    body: z.strictObject({
      labels: z
        .array(
          z.strictObject({
            prediction_id: z.string().min(1).max(256),
            label: z
              .union([z.number(), z.string(), z.boolean()])
              .describe('a finite number, true or false, or the name of a class of at most 256 characters'),
            at: time.optional().describe('when it became known; now without it, and never in the future'),
          }),
        )
        .min(1)
        .max(50_000),
    }),
    reply: z.object({
      accepted: z.number().int(),
      duplicates: z.number().int(),
      conflicts: z.number().int(),
      orphans: z
        .number()
        .int()
        .describe('labels whose prediction is not known yet; they are kept and joined when it comes'),
      flagged: z
        .array(
          z.object({
            row: z.number().int().describe('place in the delivery, from 0'),
            prediction_id: z.string(),
            reason: z.string(),
          }),
        )
        .describe('labels that were taken and look wrong, each with the reason; the first hundred'),
    }),
    errors: ['not_found', 'invalid_field'],
  }),
  putMonitor: route({
    method: 'PUT',
    path: '/v1/endpoints/:name/monitor',
    summary: 'Set what is monitored and how it reacts',
    access: may('write', 'monitors'),
    params: byName,
    body: MonitorSettings,
    reply: MonitorSettings,
    errors: ['not_found', 'bad_request', 'conflict'],
  }),
  getMonitor: route({
    method: 'GET',
    path: '/v1/endpoints/:name/monitor',
    summary: 'The settings, limits and state of an endpoint’s monitor',
    access: READ,
    params: byName,
    reply: z.object({
      settings: MonitorSettings,
      watched: Watched,
      last_run_at: time.nullable().describe('wall time at which an hour was judged last'),
      evaluated_until: time.nullable().describe('end of the newest hour of event time that was judged'),
      looked_until: time.nullable().describe('the same of hours that were looked at, though they had too few rows'),
      again_from: time
        .nullable()
        .describe('from here on hours are about to be judged again, because rows came late; null when none is'),
      times: UntimelyRows,
      limits: z.array(CheckLimit).describe('those of the length of windows that judged last come first'),
      calibration: z
        .object({
          allowed_per_month: z.number(),
          expected_per_month: z
            .number()
            .nullable()
            .describe('cross-validated on the clean past; null when that is too short'),
          return_days: z.number().describe('each limit alone is passed about once in so many days'),
        })
        .optional()
        .describe('how the limits of the length that judged last follow from false_alerts; absent until it is learned'),
      importance: z.record(z.string(), z.number()),
      attribution: AttributionCheck.optional().describe(
        'absent until explained rows of the stable version were judged',
      ),
      webhooks: z.array(NoticeRoute),
    }),
    errors: ['not_found'],
  }),
  heatmap: route({
    method: 'GET',
    path: '/v1/endpoints/:name/monitor/heatmap',
    summary: 'Features × time: the effect of each check, null where there is not enough data',
    access: READ,
    params: byName,
    query: z.object({
      from: time.optional(),
      to: time.optional(),
      bucket_hours: z.coerce.number().int().min(1).max(168).default(6),
    }),
    reply: z.object({
      buckets: z.array(time),
      features: z.array(
        z.object({
          feature: z.string(),
          importance: z.number(),
          effect: z.array(z.number().nullable()),
          alert: z.array(z.boolean()),
        }),
      ),
    }),
    errors: ['not_found'],
  }),
  feature: route({
    method: 'GET',
    path: '/v1/endpoints/:name/monitor/features/:feature',
    summary: 'One feature now and at baseline: distribution, nulls, new categories, checks',
    access: READ,
    params: byName.extend({ feature: z.string().min(1).max(250) }),
    query: z.object({ from: time.optional(), to: time.optional() }),
    reply: z.object({
      feature: z.string(),
      kind: z.enum(['numeric', 'categorical']),
      bins: z.array(z.object({ label: z.string(), baseline: z.number(), window: z.number() })),
      baseline: z.record(z.string(), z.number().nullable()),
      window: z.record(z.string(), z.number().nullable()),
      new_values: z.array(z.object({ value: z.string(), count: z.number().int() })),
      checks: z.array(CheckResult),
    }),
    errors: ['not_found'],
  }),
  performance: route({
    method: 'GET',
    path: '/v1/endpoints/:name/performance',
    summary: 'Quality by window, version and slice, with intervals and label coverage',
    access: READ,
    params: byName,
    query: z.object({
      from: time.optional(),
      to: time.optional(),
      bucket: z.enum(['day', 'week', 'month', 'all']).default('week'),
      slice: z.string().optional(),
      version: z.string().optional(),
    }),
    reply: allOf(Performance),
    errors: ['not_found'],
  }),
  listIncidents: route({
    method: 'GET',
    path: '/v1/incidents',
    summary: 'Incidents, open ones first',
    access: may('read', 'incidents'),
    query: page.extend({
      endpoint: z.string().optional(),
      state: z.enum(['open', 'acknowledged', 'resolved']).optional(),
    }),
    reply: listOf(Incident),
  }),
  getIncident: route({
    method: 'GET',
    path: '/v1/incidents/:id',
    summary: 'An incident: cause, evidence, timeline, actions',
    access: may('read', 'incidents'),
    params: byId,
    reply: Incident,
    errors: ['not_found'],
  }),
  actOnIncident: route({
    method: 'POST',
    path: '/v1/incidents/:id/actions',
    summary: 'Acknowledge, resolve, mark rows bad, retrain or roll back',
    access: may('write', 'incidents'),
    params: byId,
    body: z.strictObject({
      action: z.enum(['acknowledge', 'resolve', 'mark_bad', 'retrain', 'rollback', 'false_alarm']),
      reason: z.string().max(1000).default(''),
    }),
    reply: Incident,
    errors: ['not_found', 'conflict'],
  }),
  listNotices: route({
    method: 'GET',
    path: '/v1/endpoints/:name/messages',
    summary: 'Messages about incidents to the webhooks, newest first; `state=dead` shows what was given up',
    access: READ,
    params: byName,
    query: z.object({
      state: z.enum(['waiting', 'delivered', 'dead']).optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
    }),
    reply: allOf(Notice),
    errors: ['not_found'],
  }),
  resendNotice: route({
    method: 'POST',
    path: '/v1/endpoints/:name/messages/:id/resend',
    summary: 'Send a message again, under its id',
    access: may('write', 'monitors'),
    params: byName.extend({ id: z.string().min(1).max(300) }),
    body: z.strictObject({}),
    reply: Notice,
    errors: ['not_found', 'conflict'],
  }),
  badRows: route({
    method: 'GET',
    path: '/v1/endpoints/:name/bad-rows',
    summary: 'Event-time ranges and prediction ids that were marked bad: training leaves them out',
    access: READ,
    params: byName,
    reply: z.object({
      ranges: z.array(
        z.object({ incident_id: z.string(), from: time, to: time.nullable(), features: z.array(z.string()) }),
      ),
      prediction_ids: z.array(z.string()),
    }),
    errors: ['not_found'],
  }),
  metrics: route({
    method: 'GET',
    path: '/metrics',
    summary: 'Figures of monitors and pipelines as Prometheus reads them',
    access: may('read', 'server'),
    reply: 'text',
  }),
}
