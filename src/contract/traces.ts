/** Routes of traces: a list with MLflow's filter grammar, and one trace with the tree of its spans. */
import { z } from 'zod'
import { may } from './access.ts'
import { byId, id, listOf, time, words } from './fields.ts'
import { route } from './route.ts'

const RUNS = may('read', 'runs')

/** `value` is any JSON. One that another overrides is not valid. */
export const Assessment = z.object({
  id,
  kind: z.enum(['feedback', 'expectation', 'issue']),
  name: z.string(),
  value: z.unknown(),
  source_type: z.string(),
  source_id: z.string(),
  span_id: z.string().nullable(),
  rationale: z.string().nullable(),
  error: z.unknown().nullable(),
  metadata: z.record(z.string(), z.string()),
  overrides: z.string().nullable(),
  valid: z.boolean(),
  created_at: time,
  updated_at: time,
})

export const TraceInfo = z.object({
  id,
  name: z.string().nullable(),
  experiment_id: id,
  state: z.enum(['STATE_UNSPECIFIED', 'OK', 'ERROR', 'IN_PROGRESS']),
  started_at: time,
  duration_ms: z.number().int().nullable(),
  client_request_id: z.string().nullable(),
  request_preview: z.string().nullable(),
  response_preview: z.string().nullable(),
  /** The run that made the trace. */
  run_id: z.string().nullable(),
  /** Sums over the spans; absent where none names tokens. */
  tokens: z.record(z.string(), z.number()).nullable(),
  spans: z.number().int(),
  tags: z.record(z.string(), z.string()),
  metadata: z.record(z.string(), z.string()),
  assessments: z.array(Assessment),
})

/** Times are microseconds after the first span's start; `start_ns` is the exact time, ns since 1970. */
export const Span = z.object({
  id: z.string(),
  parent_id: z.string().nullable(),
  /** 0 for a span without a parent among the trace's spans. */
  depth: z.number().int(),
  name: z.string(),
  type: z.string(),
  kind: z.enum(['unspecified', 'internal', 'server', 'client', 'producer', 'consumer']),
  scope: z.string(),
  status: z.enum(['UNSET', 'OK', 'ERROR']),
  status_message: z.string(),
  start_ns: z.string().regex(/^\d+$/),
  offset_us: z.number(),
  /** Null while the span has not ended. */
  duration_us: z.number().nullable(),
  attributes: z.record(z.string(), z.unknown()),
  events: z.array(z.object({ name: z.string(), offset_us: z.number(), attributes: z.record(z.string(), z.unknown()) })),
  links: z.array(
    z.object({ trace_id: z.string(), span_id: z.string(), attributes: z.record(z.string(), z.unknown()) }),
  ),
})

export const tracesApi = {
  listTraces: route({
    method: 'GET',
    path: '/v1/traces',
    summary: 'Search traces; MLflow’s filter grammar with OR, NOT and parentheses',
    access: RUNS,
    query: z.object({
      page_token: z.string().max(8192).optional(),
      limit: z.coerce.number().int().min(1).max(500).default(100),
      experiment_id: words(100).optional(),
      filter: z.string().max(20_000).optional(),
      order_by: words(8).optional(),
    }),
    reply: listOf(TraceInfo),
    errors: ['bad_request'],
  }),
  getTrace: route({
    method: 'GET',
    path: '/v1/traces/:id',
    summary: 'A trace with its spans, each below its parent, in the order of their start',
    access: RUNS,
    params: byId,
    reply: TraceInfo.extend({ tree: z.array(Span) }),
    errors: ['not_found'],
  }),
}
