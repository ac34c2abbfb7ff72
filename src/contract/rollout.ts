/** Routes of rollouts: shadow, canary steps, gates, verdicts, promotion and rollback. */
import { z } from 'zod'
import { may } from './access.ts'
import { allOf, byId, byName, id, listOf, page, time } from './fields.ts'
import { Plan } from './rollout/plan.ts'
import { replayOf, rules } from './replay.ts'
import { route } from './route.ts'

/** One sequential test at one look: its evidence against its boundary. */
export const GateState = z.object({
  gate: z.string(),
  metric: z
    .string()
    .optional()
    .describe('the metric of the plan that the gate compares; absent where it is another kind'),
  slice: z.string().nullable(),
  status: z
    .enum(['passing', 'failing', 'waiting', 'not_judged'])
    .describe('waiting: it holds the step up; not_judged: the plan does not name it, and it has had nothing to judge'),
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
  decision: z.enum(['advance', 'promote', 'keep', 'rollback', 'pause', 'wait', 'demote', 'confirm']),
  reason: z.string(),
  gates: z.array(GateState),
  rules,
})
export type RolloutVerdict = z.output<typeof RolloutVerdict>

export const Rollout = z.object({
  id,
  endpoint: z.string(),
  model: z.string(),
  version: z.string(),
  stable_version: z.string().nullable(),
  state: z
    .enum(['starting', 'shadow', 'canary', 'paused', 'promoted', 'watching', 'rolled_back', 'kept', 'aborted'])
    .describe('watching: promoted, and compared on late labels; kept: a comparison ended and stable stays'),
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
  awaits: z
    .object({ before: z.union([z.literal('promote'), z.number().int()]), role: z.enum(['maintainer', 'admin']) })
    .nullable()
    .describe('the approval that is missing and nothing else'),
  approvals: z.array(
    z.object({
      before: z.union([z.literal('promote'), z.number().int()]),
      by: z.string(),
      at: time,
      reason: z.string(),
    }),
  ),
  frozen: z.string().nullable().describe('why nothing may go forward now'),
  challengers: z.array(z.string()).describe('versions that are or were compared at once with this one'),
})
export type Rollout = z.output<typeof Rollout>

/** A freeze by hand. */
export const Freeze = z.object({ reason: z.string(), until: time.nullable(), at: time, by: z.string() })
export type Freeze = z.output<typeof Freeze>

/** An endpoint on which nothing may go forward now. */
export const Frozen = z.object({
  endpoint: z.string(),
  reason: z.string(),
  until: time.nullable().describe('null = until it is lifted'),
  by: z.string().nullable().describe('null = the calendar of the plan'),
})
export type Frozen = z.output<typeof Frozen>

/** A value of a metric, for a prediction or for a version. */
export const PostedValue = z.strictObject({
  metric: z.string().min(1).max(63),
  value: z.number(),
  prediction_id: z.string().min(1).max(200).optional(),
  version: z.string().max(64).optional(),
  id: z.string().min(1).max(200).optional().describe('of a value for a version: posted twice, it counts once'),
})
export type PostedValue = z.output<typeof PostedValue>

/** Who met which version. */
export const Exposure = z.object({
  prediction_id: z.string(),
  key: z.string().nullable(),
  arm: z.enum(['stable', 'candidate']),
  version: z.string().describe('that answered; stable answers for a candidate that failed'),
  at: time,
})
export type Exposure = z.output<typeof Exposure>

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

const READ = may('read', 'rollouts')
const DEPLOY = may('deploy', 'rollouts')

export const rolloutApi = {
  start: route({
    method: 'POST',
    path: '/v1/endpoints/:name/rollouts',
    summary: 'Start a rollout of a version on an endpoint; the first version of an endpoint is promoted at once',
    access: DEPLOY,
    params: byName,
    body: z.strictObject({ version: z.string(), plan: Plan.optional() }),
    reply: Rollout,
    errors: ['not_found', 'conflict', 'gate_refused'],
  }),
  list: route({
    method: 'GET',
    path: '/v1/rollouts',
    summary: 'List rollouts, newest first',
    access: READ,
    query: page.extend({
      endpoint: z.string().optional(),
      under_way: z.enum(['true']).optional().describe('only those that have not ended'),
    }),
    reply: listOf(Rollout),
  }),
  get: route({
    method: 'GET',
    path: '/v1/rollouts/:id',
    summary: 'A rollout with its gates and verdicts',
    access: READ,
    params: byId,
    reply: Rollout,
    errors: ['not_found'],
  }),
  curve: route({
    method: 'GET',
    path: '/v1/rollouts/:id/curve',
    summary: 'The evidence of each gate as it grew, against its boundary',
    access: READ,
    params: byId,
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
    summary: 'Abort, resume, approve or promote a rollout by hand; promotion still needs the registry gates',
    access: DEPLOY,
    params: byId,
    body: z.strictObject({
      action: z.enum(['abort', 'resume', 'promote', 'approve']),
      reason: z.string().min(1).max(1000),
      override_freeze: z.boolean().optional().describe('goes forward in a freeze; audited'),
    }),
    reply: Rollout,
    errors: ['not_found', 'conflict', 'forbidden', 'gate_refused'],
  }),
  replay: route({
    method: 'POST',
    path: '/v1/rollouts/:id/verdicts/:verdict/replay',
    summary: 'Judge the stored inputs of a verdict again and say whether the decision is the same',
    access: READ,
    params: z.object({ id, verdict: id }),
    reply: replayOf(RolloutVerdict),
    errors: ['not_found'],
  }),
  exposures: route({
    method: 'GET',
    path: '/v1/rollouts/:id/exposures',
    summary: 'Who met which version since callers met the candidate, oldest first: joins a prediction to its side',
    access: may('read_predictions', 'endpoints'),
    params: byId,
    query: page,
    reply: listOf(Exposure),
    errors: ['not_found'],
  }),
  metrics: route({
    method: 'POST',
    path: '/v1/endpoints/:name/metrics',
    summary: 'Values of metrics of the business for predictions or versions, for the rollout that is under way',
    access: may('label', 'endpoints'),
    params: byName,
    body: z.strictObject({ values: z.array(PostedValue).min(1).max(1000) }),
    reply: z.object({
      counted: z.number().int(),
      waiting: z.number().int().describe('for their prediction to be ingested; they count then'),
      repeated: z.number().int().describe('posted before, or not the first of its routing key'),
      ignored: z.number().int().describe('no rollout under way has such a metric, or its side is not compared'),
    }),
    errors: ['not_found', 'invalid_field'],
  }),
  freezes: route({
    method: 'GET',
    path: '/v1/freezes',
    summary: 'Endpoints that are frozen now, by hand or by the calendar of their plan',
    access: READ,
    reply: allOf(Frozen),
  }),
  getFreeze: route({
    method: 'GET',
    path: '/v1/endpoints/:name/freeze',
    summary: 'The freeze by hand of an endpoint',
    access: READ,
    params: byName,
    reply: z.object({ freeze: Freeze.nullable() }),
    errors: ['not_found'],
  }),
  freeze: route({
    method: 'PUT',
    path: '/v1/endpoints/:name/freeze',
    summary: 'Freeze an endpoint: no step begins and nothing is promoted; a rollback always may',
    access: DEPLOY,
    params: byName,
    body: z.strictObject({ reason: z.string().min(1).max(200), until: time.optional() }),
    reply: z.object({ freeze: Freeze.nullable() }),
    errors: ['not_found', 'invalid_field'],
  }),
  thaw: route({
    method: 'DELETE',
    path: '/v1/endpoints/:name/freeze',
    summary: 'Lift the freeze by hand of an endpoint',
    access: DEPLOY,
    params: byName,
    reply: z.object({ freeze: Freeze.nullable() }),
    errors: ['not_found'],
  }),
  recorded: route({
    method: 'GET',
    path: '/v1/endpoints/:name/recorded',
    summary: 'Recorded traffic without its inputs, for the simulation of a plan: scores, latencies, labels, slices',
    access: may('read_predictions', 'endpoints'),
    params: byName,
    query: z.object({
      limit: z.coerce.number().int().min(1).max(20_000).default(5000),
      version: z.string().max(64).optional().describe('a shadow whose answers are the candidate'),
      slices: z.string().max(1000).optional().describe('input columns, with commas; absent = those of the monitor'),
    }),
    reply: z.object({ rows: z.array(RecordedRow) }),
    errors: ['not_found'],
  }),
}
