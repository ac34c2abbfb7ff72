/** Routes of tracking: experiments, runs, their comparison and the history of metrics. */
import { z } from 'zod'
import { may } from './access.ts'
import { byId, id, listOf, time, words } from './fields.ts'
import { route } from './route.ts'

const RUNS = may('read', 'runs')

const page = {
  page_token: z.string().max(8192).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
}

/** A number, or how JSON must say what is none. */
export const MetricValue = z.union([z.number(), z.literal('NaN')])

export const Experiment = z.object({
  id,
  name: z.string(),
  project: z.string(),
  stage: z.enum(['active', 'deleted']),
  artifact_location: z.string(),
  created_at: time,
  updated_at: time,
  tags: z.record(z.string(), z.string()),
})

/** `status` is MLflow's. `alive_at` is the last sign of life, to within 5 s. `lost` is true for a run that fell silent and was taken for failed. */
export const RunInfo = z.object({
  id,
  name: z.string(),
  experiment_id: id,
  user: z.string(),
  status: z.enum(['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']),
  stage: z.enum(['active', 'deleted']),
  started_at: time,
  ended_at: time.nullable(),
  alive_at: time,
  lost: z.boolean().optional(),
  artifact_uri: z.string(),
})

/** A run in a table: its info and the asked columns alone. */
export const RunRow = RunInfo.extend({
  metrics: z.record(z.string(), MetricValue),
  params: z.record(z.string(), z.string()),
  tags: z.record(z.string(), z.string()),
})

export const LatestMetric = z.object({ key: z.string(), value: MetricValue, step: z.number().int(), at: time })

export const Run = RunInfo.extend({
  metrics: z.array(LatestMetric),
  params: z.record(z.string(), z.string()),
  tags: z.record(z.string(), z.string()),
  datasets: z.array(
    z.object({
      name: z.string(),
      digest: z.string(),
      source_type: z.string(),
      source: z.string(),
      context: z.string().nullable(),
      tags: z.record(z.string(), z.string()),
    }),
  ),
  models_read: z.array(z.string()),
  models_made: z.array(z.object({ model_id: z.string(), step: z.number().int() })),
  artifacts: z.array(z.object({ path: z.string(), digest: z.string(), size: z.number().int() })),
})

/** Points left after downsampling; each bucket keeps its first, least, greatest and last. */
export const MetricHistory = z.object({
  key: z.string(),
  total: z.number().int(),
  points: z.array(z.object({ step: z.number().int(), at: time, value: MetricValue })),
})

export const trackingApi = {
  listExperiments: route({
    method: 'GET',
    path: '/v1/experiments',
    summary: 'List experiments',
    access: RUNS,
    query: z.object({
      ...page,
      filter: z.string().max(20_000).optional(),
      view: z.enum(['active', 'deleted', 'all']).default('active'),
    }),
    reply: listOf(Experiment),
    errors: ['bad_request'],
  }),
  listRuns: route({
    method: 'GET',
    path: '/v1/runs',
    summary: 'Search runs; MLflow’s filter grammar with OR, NOT and parentheses',
    access: RUNS,
    query: z.object({
      ...page,
      experiment_id: words(100).optional(),
      filter: z.string().max(20_000).optional(),
      order_by: words(8).optional(),
      view: z.enum(['active', 'deleted', 'all']).default('active'),
      metrics: words(200).optional(),
      params: words(200).optional(),
      tags: words(200).optional(),
    }),
    reply: listOf(RunRow),
    errors: ['bad_request'],
  }),
  getRun: route({
    method: 'GET',
    path: '/v1/runs/:id',
    summary: 'A run with everything that was logged',
    access: RUNS,
    params: byId,
    reply: Run,
    errors: ['not_found'],
  }),
  getRunMetrics: route({
    method: 'GET',
    path: '/v1/runs/:id/metrics',
    summary: 'The history of a metric, downsampled so that extremes stay',
    access: RUNS,
    params: byId,
    query: z.object({
      key: z.string().min(1).max(250),
      max_points: z.coerce.number().int().min(4).max(10_000).default(500),
    }),
    reply: MetricHistory,
    errors: ['not_found'],
  }),
  compareRuns: route({
    method: 'GET',
    path: '/v1/runs/compare',
    summary: 'Up to 50 runs side by side, with what differs',
    access: RUNS,
    query: z.object({ ids: words(50) }),
    reply: z.object({
      runs: z.array(RunRow),
      differing: z.object({ params: z.array(z.string()), metrics: z.array(z.string()), tags: z.array(z.string()) }),
    }),
    errors: ['not_found'],
  }),
}
