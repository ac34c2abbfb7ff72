/** Routes of what takes a while: a table of entities is joined with its features, a view is materialised for reading online. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, id, name, time } from '../fields.ts'
import { route } from '../route.ts'
import { digest } from '../values/digest.ts'
import { FEATURE_STATUSES } from './online.ts'

export const FEATURE_JOB_KINDS = ['join', 'materialise'] as const
export type FeatureJobKind = (typeof FEATURE_JOB_KINDS)[number]

export const FEATURE_JOB_STATES = ['waiting', 'running', 'done', 'failed', 'canceled'] as const
export type FeatureJobState = (typeof FEATURE_JOB_STATES)[number]

/** A declared source as a job read it: what it gave is kept by its content. */
export const JobSource = z.object({
  name: z.string(),
  place: z.string(),
  digest,
  /** Null where they were not counted. */
  rows: z.number().int().nullable(),
  read_at: time,
})
export type JobSource = z.output<typeof JobSource>

export const JoinOutcome = z.object({
  rows: z.number().int(),
  /** Of each column of the service, how many values are of which status. */
  columns: z.array(
    z.object({ name: z.string(), statuses: z.partialRecord(z.enum(FEATURE_STATUSES), z.number().int()) }),
  ),
  data_set: z.object({ name: z.string(), version: z.number().int(), digest }),
})
export type JoinOutcome = z.output<typeof JoinOutcome>

export const MaterialiseOutcome = z.object({
  /** Entities that have a row now. */
  rows: z.number().int(),
  tiles: z.number().int(),
  /** Rows of the source whose key is null, which no entity has. */
  without_key: z.number().int(),
  /** Rows of the source that happen, or become known, after `until`. */
  later: z.number().int(),
  until: time,
})
export type MaterialiseOutcome = z.output<typeof MaterialiseOutcome>

export const FeatureJob = z.object({
  id,
  project: z.string(),
  kind: z.enum(FEATURE_JOB_KINDS),
  /** Of a join the service, else the view. */
  name: z.string(),
  version: z.number().int(),
  state: z.enum(FEATURE_JOB_STATES),
  /** Why it failed, with what to do, or why it waits to be tried again; else empty. */
  reason: z.string(),
  created_at: time,
  created_by: z.string(),
  started_at: time.nullable(),
  ended_at: time.nullable(),
  sources: z.array(JobSource),
  /** The view versions that it read. */
  views: z.array(z.object({ name: z.string(), version: z.number().int() })),
  join: JoinOutcome.nullable(),
  materialised: MaterialiseOutcome.nullable(),
})
export type FeatureJob = z.output<typeof FeatureJob>

const read = may('read', 'artifacts')
const write = may('write', 'artifacts')
const version = z.number().int().min(1)
const ofProject = z.object({ project: name.optional().describe('default: the project of the token, else `default`') })

export const featureJobsApi = {
  joinFeatures: route({
    method: 'POST',
    path: '/v1/features/joins',
    summary:
      'Join a table of entities with the features of a service as they were known at the time of each row; the result is a version of a data set',
    access: write,
    status: 202,
    body: z.object({
      project: name.optional(),
      service: name,
      version: version.optional(),
      /** Exactly one of both: an uploaded tree of files (POST /v1/data-trees), or a version of a data set, NAME@VERSION or NAME. */
      tree: digest.optional(),
      data_set: z.string().max(200).optional(),
      time: z
        .string()
        .min(1)
        .max(200)
        .default('event_timestamp')
        .describe('the column of the moment that each row asks for'),
      /** Rows that became known after the moment count too, as Feast has it by default. */
      include_late_data: z.boolean().default(false),
      into: name.describe('the data set that gets the result'),
    }),
    reply: FeatureJob,
    errors: ['not_found', 'invalid_field', 'unprocessable', 'conflict'],
  }),
  materialiseFeatures: route({
    method: 'POST',
    path: '/v1/features/views/:name/materialise',
    summary:
      'Materialise a view: its source is read into a new set of the online store, which answers in place of the old one when it is whole',
    access: write,
    status: 202,
    params: z.object({ name }),
    body: z.object({
      project: name.optional(),
      version: version.optional(),
      until: time.optional().describe('rows that happened, or became known, later are left out; default: now'),
    }),
    reply: FeatureJob,
    errors: ['not_found', 'invalid_field', 'unprocessable', 'conflict'],
  }),
  listFeatureJobs: route({
    method: 'GET',
    path: '/v1/feature-jobs',
    summary: 'Read joins and materialisations of a project, newest first',
    access: read,
    query: ofProject.extend({
      kind: z.enum(FEATURE_JOB_KINDS).optional(),
      name: name.optional().describe('of the service or view'),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
    }),
    reply: allOf(FeatureJob),
  }),
  getFeatureJob: route({
    method: 'GET',
    path: '/v1/feature-jobs/:id',
    summary: 'Read a join or a materialisation',
    access: read,
    params: z.object({ id }),
    reply: FeatureJob,
    errors: ['not_found'],
  }),
  cancelFeatureJob: route({
    method: 'POST',
    path: '/v1/feature-jobs/:id/cancel',
    summary: 'Cancel a join or a materialisation; what answers stays as it is',
    access: write,
    params: z.object({ id }),
    body: z.object({}),
    reply: FeatureJob,
    errors: ['not_found', 'conflict'],
  }),
}
