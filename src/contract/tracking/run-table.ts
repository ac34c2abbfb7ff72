/** Routes of tables and charts of many runs: which keys there are, groups with their figures, curves of many runs at once. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, id, time } from '../fields.ts'
import { route } from '../route.ts'
import { MetricValue } from '../tracking.ts'

const RUNS = may('read', 'runs')

/** Keys told of one kind, at most. */
export const MOST_KEYS = 1000
/** Runs whose curves are read at once, at most. */
export const MOST_CURVES = 100

const key = z.string().min(1).max(250)

/** A query that may repeat its key, or give one value with commas, which neither ids nor keys hold. */
const words = (least: number, most: number) =>
  z
    .union([z.string(), z.array(z.string())])
    .transform((given) => [given].flat().flatMap((one) => one.split(',').filter((part) => part !== '')))
    .pipe(z.array(key).min(least).max(most))

export const GROUP_BY = /^(?:params|tags)\..{1,250}$|^attributes\.(?:status|user_id|experiment_id)$/s

export const RunGroup = z.object({
  value: z.string().nullable().describe('what the runs of the group share; null = they have none'),
  runs: z.number().int(),
  newest_at: time,
  metrics: z
    .record(
      z.string(),
      z.object({ runs: z.number().int(), mean: z.number().nullable(), least: z.number(), greatest: z.number() }),
    )
    .describe('of the last values, NaN left out; a metric that no run of the group has is absent'),
})

/** A curve as columns of equal length. `times` are ms since 1970. */
export const RunCurve = z.object({
  id,
  total: z.number().int().describe('points in the asked range before thinning'),
  steps: z.array(z.number().int()),
  times: z.array(z.number().int()),
  values: z.array(MetricValue),
})

export const runTableApi = {
  keys: route({
    method: 'GET',
    path: '/v1/runs/keys',
    summary: 'Names of metrics, params and tags that runs have, for completion and columns',
    access: RUNS,
    query: z.object({ experiment_id: id.optional() }),
    reply: z.object({
      metrics: z.array(z.string()),
      params: z.array(z.string()),
      tags: z.array(z.string()),
      newest: z
        .object({ metrics: z.array(z.string()), params: z.array(z.string()) })
        .describe('those of the newest run: the columns that a table begins with'),
    }),
  }),
  groups: route({
    method: 'GET',
    path: '/v1/runs/groups',
    summary: 'Runs grouped by a param, a tag or an attribute, with the spread of chosen metrics; largest groups first',
    access: RUNS,
    query: z.object({
      by: z
        .string()
        .regex(GROUP_BY, 'params.KEY, tags.KEY, attributes.status, attributes.user_id or attributes.experiment_id'),
      filter: z.string().max(20_000).optional(),
      experiment_id: id.optional(),
      view: z.enum(['active', 'deleted', 'all']).default('active'),
      metrics: words(0, 8).optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(200),
    }),
    reply: z.object({ items: z.array(RunGroup), more: z.boolean().describe('true when there are further groups') }),
    errors: ['bad_request', 'invalid_field'],
  }),
  curves: route({
    method: 'GET',
    path: '/v1/runs/curves',
    summary: 'One metric of many runs over steps, thinned so that extremes stay; a range of steps gives more detail',
    access: RUNS,
    query: z.object({
      ids: words(1, MOST_CURVES),
      key,
      from_step: z.coerce.number().int().optional(),
      to_step: z.coerce.number().int().optional(),
      max_points: z.coerce.number().int().min(4).max(10_000).default(500).describe('of each run'),
    }),
    reply: allOf(RunCurve),
    errors: ['not_found', 'invalid_field'],
  }),
}
