/** Routes that the page of an endpoint needs beside the endpoint itself: its latency over time, whether it is watched, a prediction to try it. */
import { z } from 'zod'
import { may } from './access.ts'
import { allOf, byName, time, VARIANT_ROLES } from './fields.ts'
import { route } from './route.ts'

const column = z.array(z.number().nullable()).describe('ms inside the gateway, one a window; null without requests')

/** One version in one role; all lists have one entry a window. */
export const LatencySeries = z.object({
  role: z.enum(VARIANT_ROLES),
  version: z.string(),
  requests: z.array(z.number().int()),
  errors: z.array(z.number().int()).describe('replies with a status of 500 and above'),
  p50_ms: column,
  p95_ms: column,
  p99_ms: column,
})

export const Latency = z.object({
  from: time,
  until: time,
  window_s: z.number().describe('length of a window, seconds'),
  windows: z.array(time).describe('the beginning of each window'),
  series: z.array(LatencySeries),
})

/** Why the hours of an endpoint are not judged, or not yet. */
export const UNWATCHED = [
  'off',
  'no_version',
  'evaluator_silent',
  'evaluator_failing',
  'no_reference',
  'no_event_time',
  'reference_unfit',
  'learning',
  'limits_not_learned',
  'records_lost',
  'rows_late',
  'rows_ahead',
  'no_rows',
  'behind',
  'few_rows',
  'few_days',
] as const
export type Unwatched = (typeof UNWATCHED)[number]

/** Whether an endpoint is watched: waiting is a state that ends by itself, unwatched is none. */
export const Watched = z.object({
  state: z.enum(['watched', 'waiting', 'unwatched']),
  reason: z.enum(UNWATCHED).nullable().describe('null while it is watched'),
  detail: z.string().describe('one sentence'),
  since: time
    .nullable()
    .describe('when the reason set in; null while it is watched, and for up to a minute until it was noted'),
  remedy: z.string().nullable().describe('what a person can do; null where nothing is to be done'),
})
export type Watched = z.output<typeof Watched>

export const endpointViewApi = {
  listWatched: route({
    method: 'GET',
    path: '/v1/monitors',
    summary: 'Of every endpoint whether it is watched, since when it is not, why, and the remedy',
    access: may('read', 'monitors'),
    reply: allOf(z.object({ endpoint: z.string(), watched: Watched })),
  }),
  latency: route({
    method: 'GET',
    path: '/v1/endpoints/:name/latency',
    summary: 'Latency and errors of each variant over time, from the prediction log; quantiles to within 2 %',
    access: may('read', 'endpoints'),
    params: byName,
    query: z.object({
      from: time.optional().describe('default: `span_s` before `until`'),
      until: time.optional().describe('default: just after the newest prediction'),
      span_s: z.coerce.number().int().min(1).max(31_622_400).default(3600).describe('used where `from` is absent'),
      windows: z.coerce.number().int().min(1).max(500).default(120).describe('how many, at most'),
    }),
    reply: Latency,
    errors: ['not_found', 'invalid_field'],
  }),
  tryIt: route({
    method: 'POST',
    path: '/v1/endpoints/:name/try',
    summary:
      'Ask the endpoint for the prediction of one row as any caller would; it is logged and watched like every other',
    access: may('predict', 'endpoints'),
    params: byName,
    body: z.strictObject({ inputs: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])) }),
    reply: z.object({
      status: z.number().int().describe('what the gateway answered with'),
      took_ms: z.number(),
      reply: z.unknown().describe('the body of the answer'),
    }),
    errors: ['not_found', 'unavailable'],
  }),
}
