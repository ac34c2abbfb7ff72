/** Routes of retention: rules about runs that may go, what a rule would remove, and the collection of blobs. */
import { z } from 'zod'
import { may } from '../access.ts'
import { byId, done, id, listOf, name, page, time } from '../fields.ts'
import { route } from '../route.ts'

const READ = may('read', 'runs')
const MANAGE = may('manage', 'runs')
const SERVER = may('manage', 'server')

/** What a rule says; see docs/guides/retention.md. */
export const RuleText = z.strictObject({
  name,
  project: name.default('default'),
  experiment_id: id.nullable().default(null),
  stage: z.enum(['active', 'deleted']),
  older_than_days: z.number().min(0).max(36_500),
  filter: z.string().max(20_000).default(''),
  keep_best: z.number().int().min(0).max(100_000).default(0),
  keep_order: z.string().min(1).max(512).nullable().default(null),
  enabled: z.boolean().default(true),
})

export const RetentionRule = RuleText.extend({ id, owner: z.string(), created_at: time })

const Amount = z.object({ blobs: z.number().int(), bytes: z.number().int() })

export const Removal = z.object({
  rule: z.string(),
  stage: z.enum(['active', 'deleted']),
  total: z.number().int(),
  runs: z.array(z.object({ id, name: z.string(), experiment_id: id })),
  kept: z.array(z.object({ reason: z.string(), runs: z.number().int() })),
  freed: Amount,
})

export const Collection = z.object({ dry_run: z.boolean(), stored: Amount, deleted: Amount, waiting: Amount })

/** Parts of what a run comes from, and whether they differ; see docs/guides/runs.md. */
export const RunDiff = z.object({
  parts: z.array(
    z.object({
      part: z.string(),
      state: z.enum(['same', 'changed', 'unknown']),
      changes: z.array(z.object({ key: z.string(), left: z.string().nullable(), right: z.string().nullable() })),
    }),
  ),
})

/** A time that a run fell silent. */
export const RunLoss = z.object({
  lost_at: time,
  silent_since: time,
  reason: z.string(),
  log: z.string(),
  resumed_at: time.nullable(),
})

export const retentionApi = {
  list: route({
    method: 'GET',
    path: '/v1/retention',
    summary: 'List the rules of retention by name',
    access: READ,
    query: page,
    reply: listOf(RetentionRule),
  }),
  create: route({
    method: 'POST',
    path: '/v1/retention',
    summary: 'Make a rule of retention',
    access: MANAGE,
    body: RuleText,
    reply: RetentionRule,
    status: 201,
    errors: ['bad_request', 'not_found', 'already_exists'],
  }),
  remove: route({
    method: 'DELETE',
    path: '/v1/retention/:id',
    summary: 'Forget a rule of retention, by id or by name',
    access: MANAGE,
    params: byId,
    reply: done,
    errors: ['not_found', 'conflict'],
  }),
  preview: route({
    method: 'GET',
    path: '/v1/retention/:id/preview',
    summary: 'What a rule would remove now, what it spares and why, and the bytes that become free',
    access: READ,
    params: byId,
    reply: Removal,
    errors: ['not_found', 'conflict', 'bad_request'],
  }),
  apply: route({
    method: 'POST',
    path: '/v1/retention/:id/apply',
    summary: 'Apply a rule now',
    access: MANAGE,
    params: byId,
    reply: Removal,
    errors: ['not_found', 'conflict', 'bad_request'],
  }),
  diff: route({
    method: 'GET',
    path: '/v1/runs/:id/diff/:other',
    summary: 'What changed between two runs: code, patch, environment, data, params, seed, machine, metrics',
    access: READ,
    params: z.object({ id, other: id }),
    reply: RunDiff,
    errors: ['not_found'],
  }),
  losses: route({
    method: 'GET',
    path: '/v1/runs/:id/losses',
    summary: 'Each time that a run fell silent, and when it wrote again',
    access: READ,
    params: byId,
    reply: listOf(RunLoss),
    errors: ['not_found'],
  }),
  collect: route({
    method: 'POST',
    path: '/v1/collection',
    summary: 'Delete blobs that nothing reaches, or only say which would go',
    access: SERVER,
    body: z.strictObject({ dry_run: z.boolean().default(false) }),
    reply: Collection,
  }),
}
