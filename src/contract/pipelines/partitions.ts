/** Routes of partitions: which there are, and how the steps of the newest run of each stand. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, id, name, time } from '../fields.ts'
import { RUN_STATES, STEP_STATES } from '../pipelines.ts'
import { route } from '../route.ts'
import { PERIODS } from './partitions-section.ts'

export const MATRIX_STATES = ['missing', ...RUN_STATES] as const
/** Of the newest run of a partition; `missing` has none. */
export type MatrixState = (typeof MATRIX_STATES)[number]

const counts = z.partialRecord(z.enum(MATRIX_STATES), z.number().int())
const stepCounts = z.record(z.string(), z.partialRecord(z.enum(STEP_STATES), z.number().int()))

/** Partitions that are shown as one: those of a month, a day or a year, or a hundred of a list. */
export const PartitionGroup = z.object({
  /** For example 2026-03, or of a list `1 to 100`. */
  name: z.string(),
  /** Its first and last partition. */
  from: z.string(),
  to: z.string(),
  partitions: z.number().int(),
  states: counts,
  /** Step → state → partitions whose newest run has the step in that state. */
  steps: stepCounts,
})

export const PartitionRow = z.object({
  key: z.string(),
  /** Null in a list. */
  start: time.nullable(),
  end: time.nullable(),
  state: z.enum(MATRIX_STATES),
  /** The newest run; null where there is none. */
  run: id.nullable(),
  steps: z.record(z.string(), z.enum(STEP_STATES)),
})

/** How a pipeline is divided. */
export const Partitioned = z.object({
  project: z.string(),
  pipeline_version: id,
  /** Null of a list. */
  by: z.enum(PERIODS).nullable(),
  timezone: z.string().nullable(),
  partitions: z.number().int(),
  states: counts,
})

const read = may('read', 'pipelines')
const place = z.string().min(1).max(64).optional()

export const partitionsApi = {
  listPartitioned: route({
    method: 'GET',
    path: '/v1/partitioned-pipelines',
    summary: 'List the pipelines whose newest version has partitions, each with how many stand how',
    access: read,
    reply: allOf(Partitioned),
  }),
  getPartitionMatrix: route({
    method: 'GET',
    path: '/v1/partitioned-pipelines/:project',
    summary: 'Read how the partitions of a pipeline and their steps stand, folded into groups, the newest first',
    access: read,
    params: z.object({ project: name }),
    reply: Partitioned.extend({
      /** Steps of the newest version, in their order. */
      steps: z.array(z.string()),
      groups: z.array(PartitionGroup),
    }),
    errors: ['not_found', 'unprocessable'],
  }),
  listPartitions: route({
    method: 'GET',
    path: '/v1/partitioned-pipelines/:project/partitions',
    summary: 'List partitions of a range, at most 1,000, each with the states of the steps of its newest run',
    access: read,
    params: z.object({ project: name }),
    query: z.object({ from: place, to: place }),
    reply: allOf(PartitionRow),
    errors: ['not_found', 'unprocessable', 'invalid_field'],
  }),
}
