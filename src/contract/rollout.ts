/** Routes of rollouts: shadow, canary steps, gates, verdicts, promotion and rollback. */
import { z } from 'zod'
import { id, listOf, name, page, time } from './fields.ts'
import { route } from './route.ts'

/** The plan of a rollout, as the project file writes it. Zero measurements are never success; no data means wait. */
export const Plan = z.strictObject({
  shadow: z
    .strictObject({ requests: z.number().int().min(0).max(1_000_000), labels: z.number().int().min(0).default(0) })
    .default({ requests: 1000, labels: 0 })
    .describe(
      'rows that are answered by both variants, and how many of them must have labels, before the canary starts',
    ),
  canary: z
    .array(z.number().int().min(1).max(10_000))
    .max(20)
    .default([500, 2500, 5000])
    .describe('weights in hundredths of a per cent, rising'),
  each: z.strictObject({ min_requests: z.number().int().min(1).max(1_000_000) }).default({ min_requests: 500 }),
  gates: z
    .strictObject({
      error_rate: z.strictObject({ at_most: z.number().gt(0).lt(1) }).optional(),
      latency: z.strictObject({ p99_ratio_at_most: z.number().gt(1) }).optional(),
      score_shift: z.strictObject({ mean_abs_at_most: z.number().gt(0) }).optional(),
      decision_flips: z.strictObject({ at_most: z.number().gt(0).lt(1), threshold: z.number() }).optional(),
      quality: z
        .strictObject({
          loss: z.enum(['brier', 'squared', 'zero_one']).default('brier'),
          tolerance: z.number().min(0).default(0.01),
          range: z
            .tuple([z.number(), z.number()])
            .optional()
            .describe(
              'least and greatest loss of a row; losses beyond count as these (absent = 0 to 1; needed by squared)',
            ),
        })
        .refine(({ loss, range }) => loss !== 'squared' || range !== undefined, {
          path: ['range'],
          message: 'needed by loss: squared, for example [0, 400] where predictions are off by 20 at most',
        })
        .refine(({ range, tolerance }) => range === undefined || range[1] - range[0] > tolerance, {
          path: ['range'],
          message: 'the greatest loss must be above the least by more than the tolerance',
        })
        .optional(),
    })
    .default({}),
  slices: z.array(z.string()).max(10).default([]),
  alpha: z
    .number()
    .gt(0)
    .lt(0.5)
    .default(0.01)
    .describe('chance of rejecting a candidate that is not worse, over the whole plan'),
  max_wait_hours: z
    .number()
    .gt(0)
    .default(168)
    .describe('event hours of a step without a decision after which the rollout pauses for a person'),
  on_failure: z.enum(['rollback', 'pause']).default('rollback'),
})
export type Plan = z.output<typeof Plan>

/** One sequential test at one look: its evidence against its boundary. */
export const GateState = z.object({
  gate: z.string(),
  slice: z.string().nullable(),
  status: z.enum(['passing', 'failing', 'waiting']),
  evidence: z.number().describe('the e-value; the gate fails when it reaches the boundary'),
  boundary: z.number(),
  n: z.number().int(),
  n_min: z.number().int(),
  candidate: z.number().nullable(),
  stable: z.number().nullable(),
  interval: z.tuple([z.number(), z.number()]).nullable(),
  reason: z.string(),
})
export type GateState = z.output<typeof GateState>

export const RolloutVerdict = z.object({
  id,
  rollout_id: id,
  at: time,
  event_time: time.nullable(),
  step: z.string(),
  decision: z.enum(['advance', 'promote', 'rollback', 'pause', 'wait']),
  reason: z.string(),
  gates: z.array(GateState),
})
export type RolloutVerdict = z.output<typeof RolloutVerdict>

export const Rollout = z.object({
  id,
  endpoint: z.string(),
  model: z.string(),
  version: z.string(),
  stable_version: z.string().nullable(),
  state: z.enum(['starting', 'shadow', 'canary', 'promoted', 'rolled_back', 'paused', 'aborted']),
  step: z.string(),
  weight: z.number().int(),
  plan: Plan,
  created_at: time,
  created_by: z.string(),
  finished_at: time.nullable(),
  reason: z.string(),
  gates: z.array(GateState),
  failed_requests: z.number().int().describe('requests that the candidate failed; callers were answered by stable'),
  verdicts: z.array(RolloutVerdict),
})
export type Rollout = z.output<typeof Rollout>

/** A row of recorded traffic as a simulation reads it. */
export const RecordedRow = z.object({
  at: z.number().describe('event time, ms'),
  stable: z.number().nullable(),
  candidate: z.number().nullable().describe('score of the shadow that was asked for'),
  failed: z.boolean().describe('the shadow failed on it'),
  stable_us: z.number(),
  candidate_us: z.number(),
  label: z.number().nullable(),
  slices: z.array(z.string()),
})

const READ = { verb: 'read', resource: 'rollouts' } as const
const DEPLOY = { verb: 'deploy', resource: 'rollouts' } as const

export const rolloutApi = {
  start: route({
    method: 'POST',
    path: '/v1/endpoints/:name/rollouts',
    summary: 'Start a rollout of a version on an endpoint; the first version of an endpoint is promoted at once',
    access: DEPLOY,
    params: z.object({ name }),
    body: z.strictObject({ version: z.string(), plan: Plan.optional() }),
    reply: Rollout,
    errors: ['not_found', 'conflict', 'gate_refused'],
  }),
  list: route({
    method: 'GET',
    path: '/v1/rollouts',
    summary: 'List rollouts, newest first',
    access: READ,
    query: page.extend({ endpoint: z.string().optional() }),
    reply: listOf(Rollout),
  }),
  get: route({
    method: 'GET',
    path: '/v1/rollouts/:id',
    summary: 'A rollout with its gates and verdicts',
    access: READ,
    params: z.object({ id }),
    reply: Rollout,
    errors: ['not_found'],
  }),
  curve: route({
    method: 'GET',
    path: '/v1/rollouts/:id/curve',
    summary: 'The evidence of each gate as it grew, against its boundary',
    access: READ,
    params: z.object({ id }),
    reply: z.object({
      series: z.array(
        z.object({
          gate: z.string(),
          slice: z.string().nullable(),
          boundary: z.number(),
          points: z.array(z.object({ n: z.number().int(), evidence: z.number() })),
        }),
      ),
    }),
    errors: ['not_found'],
  }),
  act: route({
    method: 'POST',
    path: '/v1/rollouts/:id/actions',
    summary: 'Abort, resume or promote a rollout by hand; promotion still needs the registry gates',
    access: DEPLOY,
    params: z.object({ id }),
    body: z.strictObject({ action: z.enum(['abort', 'resume', 'promote']), reason: z.string().min(1).max(1000) }),
    reply: Rollout,
    errors: ['not_found', 'conflict', 'gate_refused'],
  }),
  replay: route({
    method: 'POST',
    path: '/v1/rollouts/:id/verdicts/:verdict/replay',
    summary: 'Judge the stored inputs of a verdict again and say whether the decision is the same',
    access: READ,
    params: z.object({ id, verdict: id }),
    reply: z.object({ same: z.boolean(), stored: RolloutVerdict, replayed: RolloutVerdict }),
    errors: ['not_found'],
  }),
  recorded: route({
    method: 'GET',
    path: '/v1/endpoints/:name/recorded',
    summary: 'Recorded traffic without its inputs, for the simulation of a plan: scores, latencies, labels, slices',
    access: { verb: 'read_predictions', resource: 'endpoints' },
    params: z.object({ name }),
    query: z.object({
      limit: z.coerce.number().int().min(1).max(20_000).default(5000),
      version: z.string().max(64).optional().describe('a shadow whose answers are the candidate'),
      slices: z.string().max(1000).optional().describe('input columns, with commas; absent = those of the monitor'),
    }),
    reply: z.object({ rows: z.array(RecordedRow) }),
    errors: ['not_found'],
  }),
}
