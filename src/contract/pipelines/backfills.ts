/** Routes of backfills: a run of a pipeline for each partition of a range, as one thing that can be followed, cancelled and retried. */
import { z } from 'zod'
import { may } from '../access.ts'
import { byId, id, listOf, name, page, time } from '../fields.ts'
import { route } from '../route.ts'
import { MOST_PRIORITY } from '../values/priority-range.ts'

export const BACKFILL_STATES = ['running', 'cancelling', 'succeeded', 'failed', 'cancelled'] as const
/** `cancelling` waits for runs that were asked to end; the last three are final until it is retried. */
export type BackfillState = (typeof BACKFILL_STATES)[number]

export const PARTITION_STATES = ['waiting', 'running', 'succeeded', 'failed', 'cancelled'] as const
/** `waiting` has no run yet. */
export type PartitionState = (typeof PARTITION_STATES)[number]

export const BACKFILL_CHOICES = ['all', 'missing', 'failed'] as const
/** `missing`: partitions of which no run has succeeded; `failed`: those whose newest run failed or was cancelled. */
export type BackfillChoice = (typeof BACKFILL_CHOICES)[number]

/** Most partitions of a backfill, and most at once. */
export const MOST_BACKFILLED = 10_000
export const MOST_AT_ONCE = 256

/** The key of a partition, or a part of time such as 2026-03 where partitions are by time. */
const place = z.string().min(1).max(64)

export const BackfillPlan = z.object({
  from: place.nullable(),
  to: place.nullable(),
  only: z.enum(BACKFILL_CHOICES),
  at_once: z.number().int(),
  rate_per_minute: z.number().int().nullable(),
  priority: z.number().int(),
  force: z.boolean(),
  set: z.record(z.string(), z.unknown()),
})
export type BackfillPlan = Readonly<z.output<typeof BackfillPlan>>

export const Backfill = z.object({
  id,
  project: z.string(),
  pipeline_version: id,
  state: z.enum(BACKFILL_STATES),
  /** Why it ended so, in one sentence; empty while it goes on. */
  reason: z.string(),
  /** Why it cannot be moved on now, in one sentence; it is tried again. Null while nothing keeps it. */
  trouble: z.string().nullable(),
  plan: BackfillPlan,
  /** Its partitions in each state. */
  counts: z.record(z.enum(PARTITION_STATES), z.number().int()),
  created_at: time,
  created_by: z.string(),
  finished_at: time.nullable(),
})

export const BackfilledPartition = z.object({
  /** From 0, in the order in which they run. */
  number: z.number().int(),
  partition: z.string(),
  state: z.enum(PARTITION_STATES),
  /** Null until it is made. */
  run: id.nullable(),
  /** Why it failed, in one sentence; empty otherwise. */
  message: z.string(),
  begun_at: time.nullable(),
  finished_at: time.nullable(),
})

const read = may('read', 'pipelines')
const write = may('write', 'pipelines')

export const backfillsApi = {
  createBackfill: route({
    method: 'POST',
    path: '/v1/backfills',
    summary: 'Run a pipeline for each partition of a range; each gets one run, whatever dies in between',
    numerals: true,
    access: write,
    status: 201,
    body: z.object({
      /** A version's id; or give `project` to run its newest version. */
      pipeline_version: id.optional(),
      project: name.optional(),
      from: place.optional().describe('the first partition; default the first of the pipeline'),
      to: place.optional().describe('the last partition, itself included; default the newest that has ended'),
      only: z.enum(BACKFILL_CHOICES).default('all'),
      at_once: z.number().int().min(1).max(MOST_AT_ONCE).default(4).describe('runs under way at the same time'),
      rate_per_minute: z.number().int().min(1).max(6000).optional().describe('runs that begin in a minute at most'),
      priority: z
        .number()
        .int()
        .min(-MOST_PRIORITY)
        .max(0)
        .default(-MOST_PRIORITY)
        .describe('where its steps stand in line; below 0 they come after those of other runs'),
      /** Take no cached result. */
      force: z.boolean().default(false),
      /** Param of the pipeline → value, for each of its runs. */
      set: z.record(z.string(), z.unknown()).default({}),
    }),
    reply: Backfill,
    errors: ['invalid_field', 'not_found', 'unprocessable', 'conflict'],
  }),
  listBackfills: route({
    method: 'GET',
    path: '/v1/backfills',
    summary: 'List backfills, newest first',
    numerals: true,
    access: read,
    query: page.extend({ project: name.optional() }),
    reply: listOf(Backfill),
  }),
  getBackfill: route({
    method: 'GET',
    path: '/v1/backfills/:id',
    summary: 'Read a backfill with the number of its partitions in each state',
    numerals: true,
    access: read,
    params: byId,
    reply: Backfill,
    errors: ['not_found'],
  }),
  listBackfillPartitions: route({
    method: 'GET',
    path: '/v1/backfills/:id/partitions',
    summary: 'List the partitions of a backfill in their order, each with its state and run',
    access: read,
    params: byId,
    query: page.extend({ state: z.enum(PARTITION_STATES).optional() }),
    reply: listOf(BackfilledPartition),
    errors: ['not_found', 'invalid_field'],
  }),
  cancelBackfill: route({
    method: 'POST',
    path: '/v1/backfills/:id/cancel',
    summary: 'Cancel a backfill: no run begins any more, and those under way are cancelled',
    numerals: true,
    access: write,
    params: byId,
    reply: Backfill,
    errors: ['not_found'],
  }),
  retryBackfill: route({
    method: 'POST',
    path: '/v1/backfills/:id/retry',
    summary:
      'Run the partitions of an ended backfill again that failed or were cancelled; of their runs what succeeded is taken over',
    numerals: true,
    access: write,
    params: byId,
    reply: Backfill,
    errors: ['not_found', 'conflict'],
  }),
}
