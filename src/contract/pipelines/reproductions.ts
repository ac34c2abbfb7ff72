/** Which models could be made again: those that an alias names a version of, and what of them has rotted. */
import { z } from 'zod'
import { may } from '../access.ts'
import { done, id, listOf, time } from '../fields.ts'
import { modelName, PRODUCTION } from '../registry.ts'
import { route } from '../route.ts'

const ROT_KINDS = ['lineage', 'code', 'environment', 'source', 'secret', 'output'] as const

/** Something without which a run cannot be made again as it was, or not be compared with what it gave. */
const Rot = z.object({
  kind: z
    .enum(ROT_KINDS)
    .describe(
      'lineage: no run is known that could be repeated; code: of the project; environment: its lock; source: what was read, as it was read; secret: one that a step asks for; output: what there is to compare with',
    ),
  /** In words: what is gone or changed. */
  what: z.string(),
})
export type Rot = z.output<typeof Rot>

const Reproducible = z.object({
  model: z.string(),
  version: z.string(),
  /** The pipeline run that made it; null where none did. */
  run: id.nullable(),
  /** The grade of its last reproduction; null before the first. */
  grade: z.string().nullable(),
  verdict: z.enum(['ready', 'rot']),
  rot: z.array(Rot),
  /** What the last round of the schedule did with the model; null where none has looked at it. */
  last: z
    .object({
      version: z.string(),
      state: z.enum(['waiting', 'running', 'graded', 'skipped']),
      /** Why it was skipped, or what the grade was given for. */
      detail: z.string(),
      run: id.nullable(),
      grade: z.string().nullable(),
      grade_before: z.string().nullable(),
      /** True where the grade is worse than the one before. */
      fallen: z.boolean(),
      /** When it ended; when the round began where it has not. */
      at: time,
    })
    .nullable(),
})
export type Reproducible = z.output<typeof Reproducible>

const aliasName = z.string().min(1).max(255)

/** When all models of an alias are made again. */
const Times = z.strictObject({
  cron: z.string().min(9, 'five fields such as "0 4 * * 0"').max(200),
  timezone: z.string().min(1).max(100).default('UTC').describe('IANA name'),
  alias: aliasName.default(PRODUCTION),
})
const ReproductionSchedule = Times.extend({ next_at: time.nullable(), last_at: time.nullable() })
export type ReproductionSchedule = z.output<typeof ReproductionSchedule>
const Kept = z.object({ schedule: ReproductionSchedule.nullable() })
/** It is one of the whole server, for its runs are of all projects. */
const MANAGE = may('manage', 'pipelines')

export const reproductionsApi = {
  listReproducible: route({
    method: 'GET',
    path: '/v1/reproductions',
    summary:
      'Of each model that has the alias, by name: whether its version could be made again, and what has rotted; nothing is run',
    access: may('read', 'pipelines'),
    query: z.object({
      alias: aliasName.default(PRODUCTION),
      page_token: modelName.optional(),
      /** Each may have thousands of files to look for. */
      limit: z.coerce.number().int().min(1).max(100).default(20),
    }),
    reply: listOf(Reproducible),
    errors: ['invalid_field'],
  }),
  getSchedule: route({
    method: 'GET',
    path: '/v1/reproductions/schedule',
    summary: 'When all models of an alias are made again; null where nobody has said',
    access: may('read', 'pipelines'),
    reply: Kept,
  }),
  setSchedule: route({
    method: 'PUT',
    path: '/v1/reproductions/schedule',
    summary: 'Have all models of an alias made again by a cron, one after the other and behind all other runs',
    access: MANAGE,
    body: Times,
    reply: Kept,
    errors: ['invalid_field'],
  }),
  removeSchedule: route({
    method: 'DELETE',
    path: '/v1/reproductions/schedule',
    summary: 'Have nothing made again by itself any more; a round that has begun goes on to its end',
    access: MANAGE,
    reply: done,
    errors: ['not_found'],
  }),
}
