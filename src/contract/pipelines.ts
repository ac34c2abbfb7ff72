/** Routes of pipelines: trees of files, pipeline versions, runs with their steps and attempts, logs, explanations, proofs. */
import { z } from 'zod'
import { may } from './access.ts'
import { id, itemNumber, listOf, name, page, time } from './fields.ts'
import { digest } from './values/digest.ts'
import { CodeSource, commit } from './values/code-source.ts'
import { On } from './values/drivers.ts'
import { AttemptCheckpoints, StepCheckpoints } from './runs/checkpoints.ts'
import { Priority } from './values/priority.ts'
import { route } from './route.ts'
import { LIMITS, StepQueue, TimeLimit } from './runs/places.ts'
import { Read } from './runs/reads.ts'
import { PinnedSource } from './runs/sources.ts'
import { Reproduction } from './runs/reproduction.ts'
import { DeclaredParam } from './values/declared.ts'

export const RUN_STATES = ['waiting', 'preparing', 'running', 'succeeded', 'failed', 'cancelled'] as const
/** `preparing` locks and builds the environment; the last three are final. */
export type RunState = (typeof RUN_STATES)[number]

export const STEP_STATES = [
  'waiting',
  'ready',
  'running',
  'succeeded',
  'cached',
  'skipped',
  'failed',
  'cancelled',
] as const
/** `skipped` means that a step before it did not succeed, or that a condition does not hold; `cached` that an earlier result was taken. */
export type StepState = (typeof STEP_STATES)[number]

export const ATTEMPT_STATES = ['submitting', 'running', 'succeeded', 'failed', 'cancelled', 'lost'] as const
/** `lost` means that neither the process nor its exit file was found. */
export type AttemptState = (typeof ATTEMPT_STATES)[number]

export const FAILURES = [
  'user',
  'environment',
  'out_of_memory',
  'timeout',
  'infrastructure',
  'preempted',
  'no_place',
] as const
/** Why an attempt failed, each with its own retry budget; `no_place` ends a step that waited too long for one. */
export type Failure = (typeof FAILURES)[number]

/** How far the use of an attempt was measured. */
export const MEASURED = ['whole', 'partly', 'not'] as const
export type Measured = (typeof MEASURED)[number]

export const TRIGGERS = ['manual', 'schedule', 'reaction', 'reproduce', 'merge', 'search', 'backfill', 'event'] as const
export type Trigger = (typeof TRIGGERS)[number]

/** A merge to the main branch, as git says of the commit that is checked out. */
export const Merge = z.strictObject({ commit, merged_at: time.describe('when it was committed; in the last 30 days') })
export type Merge = z.output<typeof Merge>

/** A file or folder kept by content. */
export const Tree = z.object({ digest, size: z.number().int(), files: z.number().int() })

export const Failed = z.object({
  class: z.enum(FAILURES),
  message: z.string(),
  /** The text of the exception's stack, secrets redacted; null where the code raised none. */
  traceback: z.string().nullable(),
})

export const Attempt = z.object({
  id,
  number: z.number().int(),
  state: z.enum(ATTEMPT_STATES),
  failure: Failed.nullable(),
  /** The tracking run that this attempt logged to. */
  tracking_run_id: z.string().nullable(),
  queued_at: time,
  started_at: time.nullable(),
  finished_at: time.nullable(),
  /** True while no heartbeat came for 30 s although the process exists. */
  silent: z.boolean(),
  /** What its cluster could not be asked or told, in one sentence; absent where there is nothing to say. */
  trouble: z.string().optional(),
  cpu_seconds: z.number().nullable(),
  max_rss_bytes: z.number().nullable(),
  /** `partly`: the end was not seen, so it used more than is told; `not`: nothing is known. */
  measured: z.enum(MEASURED),
  wall_ms: z.number().nullable(),
  log_bytes: z.number().int(),
  /** Where it runs. */
  driver: On.optional(),
  /** How long it waited for its place; absent where that was not written down. */
  waited_ms: z.number().optional(),
  /** Its first sign of life; absent before that. */
  begun_at: time.optional(),
  /** Absent where it kept no checkpoint and went on from none. */
  checkpoints: AttemptCheckpoints.optional(),
  /** True where it might run on a machine that can be taken away; absent where it might not. */
  spot: z.literal(true).optional(),
})

/** One component of the cache key that differs from that of an earlier execution. */
export const Change = z.object({
  component: z.string(),
  /** For example `params.max_iter` or `code flights/train.py`. */
  what: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
})

export const Cache = z.object({
  key: z.string(),
  hit: z.boolean(),
  /** One sentence: why the step ran, or whose result it took. */
  reason: z.string(),
  changes: z.array(Change),
  /** The run whose result was taken. */
  from_run: z.string().nullable(),
})

export const Step = z.object({
  name: z.string(),
  state: z.enum(STEP_STATES),
  /** What runs: `module:function`, or the argv as one text. */
  entry: z.string(),
  needs: z.array(z.string()),
  /** Why it was skipped; absent where it was not. */
  skipped: z.string().optional(),
  /** Its condition, what that came to and by which values, null while it is open; absent where it has none. */
  when: z.object({ condition: z.string(), holds: z.boolean().nullable(), detail: z.string().nullable() }).optional(),
  cache: Cache.nullable(),
  outputs: z.record(z.string(), Tree),
  metrics: z.record(z.string(), z.number()),
  /** What it read that its key does not hold; null where nobody watched. */
  reads: z.array(Read).nullable(),
  params: z.record(z.string(), z.unknown()),
  failure: Failed.nullable(),
  tracking_run_id: z.string().nullable(),
  started_at: time.nullable(),
  finished_at: time.nullable(),
  /** From ready to the end; null until then. */
  duration_ms: z.number().nullable(),
  /** When the next attempt is due, after a failure that is retried. */
  retry_at: time.nullable(),
  /** Since when it may begin, and waits for a place; absent where it does not. */
  due_at: time.optional(),
  /** The step with the same key that runs now, and whose result this one will take. */
  waits_for: z.object({ run: id, step: z.string() }).nullable(),
  /** Why it waits for a place, in one sentence; absent where it does not. */
  waits: z.string().optional(),
  /** Its limits of time while it has not ended; absent where it has none. */
  limits: z.partialRecord(z.enum(LIMITS), TimeLimit).optional(),
  attempts: z.array(Attempt),
  /** Absent where it keeps none. */
  checkpoints: StepCheckpoints.optional(),
  /** Of a step with `for_each` that has begun: how many items it has, how they stand (states without any are absent), and how many must succeed. */
  items: z
    .object({
      count: z.number().int(),
      states: z.partialRecord(z.enum(STEP_STATES), z.number().int()),
      needed: z.number().int(),
    })
    .optional(),
})

/** What the registry said to the model that a run made. */
export const Registered = z.object({
  model: z.string(),
  version: z.string(),
  verdict: z.enum(['accepted', 'refused']),
  detail: z.string(),
})

const notGranted = z.array(z.string()).optional().describe('what of the project file was not taken over')

export const PipelineVersion = z.object({
  id,
  project: z.string(),
  /** Hash of the project file's meaning and of the tree of code. */
  digest,
  tree: digest,
  created_at: time,
  created_by: z.string(),
  steps: z.array(z.object({ name: z.string(), entry: z.string(), needs: z.array(z.string()) })),
  /** Params that a run may set for the whole pipeline; absent where the project file declares none. */
  params: z.array(DeclaredParam.extend({ name: z.string() })).optional(),
  model: z.string().nullable(),
  endpoint: z.string().nullable(),
  /** What a reader of the code should know, for example imports that could not be resolved. */
  warnings: z.array(z.string()),
  not_granted: notGranted,
})

export const PipelineRun = z.object({
  id,
  project: z.string(),
  pipeline_version: z.string(),
  state: z.enum(RUN_STATES),
  /** `refused`: every step succeeded and a gate did not let the model through. */
  outcome: z.enum(['succeeded', 'failed', 'refused', 'cancelled']).nullable(),
  /** What the run is doing or why it ended so, in one sentence. */
  message: z.string(),
  trigger: z.enum(TRIGGERS),
  created_at: time,
  created_by: z.string(),
  started_at: time.nullable(),
  finished_at: time.nullable(),
  duration_ms: z.number().nullable(),
  experiment_id: z.string().nullable(),
  environment: z.string().nullable(),
  params: z.record(z.string(), z.record(z.string(), z.unknown())),
  /** The value of each param of the pipeline; absent where the project file declares none. */
  set: z.record(z.string(), z.unknown()).optional(),
  /** Its partition, the backfill that it belongs to, and in one sentence what a trigger started it for; each absent where there is none. */
  partition: z.string().optional(),
  backfill: id.optional(),
  cause: z.string().optional(),
  /** What declared sources gave it; absent where the project file declares none, empty until they are read. */
  sources: z.array(PinnedSource).optional(),
  steps: z.array(Step),
  /** The chain of steps that decided the duration. */
  critical_path: z.array(z.string()),
  critical_path_ms: z.number(),
  cpu_seconds: z.number(),
  registered: Registered.nullable(),
  reproduction: Reproduction.nullable(),
  /** The run that repeats this one for tasks of a foreign scheduler; absent where none does. */
  repeated_as: id.optional(),
  /** The merge to the main branch that it was started for. */
  merge: Merge.nullable(),
  priority: z.number().int(),
  /** How long it may take in all, and what is left of that; absent where the project file has no limit, or it has ended. */
  limit: TimeLimit.optional(),
  not_granted: notGranted,
})

/** A run in a list: without its steps' details. */
export const PipelineRunRow = PipelineRun.pick({
  id: true,
  project: true,
  pipeline_version: true,
  state: true,
  outcome: true,
  message: true,
  trigger: true,
  created_at: true,
  created_by: true,
  started_at: true,
  finished_at: true,
  duration_ms: true,
  partition: true,
  registered: true,
}).extend({ steps: z.record(z.string(), z.enum(STEP_STATES)) })

const read = may('read', 'pipelines')
const write = may('write', 'pipelines')
const runParams = z.object({ id })
const stepParams = z.object({ id, step: name })
const attemptOf = z.object({
  attempt: z.coerce.number().int().min(1).optional(),
  item: itemNumber,
})

const newest = z.enum(['true']).optional().describe('only the newest run of each project')

export const pipelinesApi = {
  stepQueue: route({
    method: 'GET',
    path: '/v1/step-queue',
    summary:
      'How steps stand in line: places taken and free, steps that run and wait, attempts that failed in the last day',
    access: may('read', 'pipelines'),
    reply: StepQueue,
  }),

  uploadTree: route({
    method: 'POST',
    path: '/v1/trees',
    summary: "Upload a project's files as an uncompressed tar stream; the reply names them by content",
    access: write,
    body: 'stream',
    reply: Tree,
    errors: ['bad_request', 'payload_too_large', 'storage_full'],
  }),
  createPipelineVersion: route({
    method: 'POST',
    path: '/v1/pipelines',
    summary: 'Make a pipeline version from a project file and a tree of code; the same content gives the same version',
    access: write,
    limit: 4 * 1024 * 1024,
    body: z.object({
      /** The text of slipway.yaml. */
      text: z.string().min(1).max(1_000_000),
      tree: digest,
      /** The name of the project file, for messages. */
      file: z.string().max(1024).default('slipway.yaml'),
      source: CodeSource.optional(),
    }),
    reply: PipelineVersion,
    errors: ['invalid_field', 'unprocessable', 'not_found'],
  }),
  listPipelineVersions: route({
    method: 'GET',
    path: '/v1/pipelines',
    summary: 'List pipeline versions, newest first',
    access: read,
    query: page.extend({ project: name.optional() }),
    reply: listOf(PipelineVersion),
  }),
  getPipelineVersion: route({
    method: 'GET',
    path: '/v1/pipelines/:id',
    summary: 'Read a pipeline version with its project file',
    numerals: true,
    access: read,
    params: runParams,
    reply: PipelineVersion.extend({ text: z.string(), spec: z.unknown() }),
    errors: ['not_found'],
  }),
  createPipelineRun: route({
    method: 'POST',
    path: '/v1/pipeline-runs',
    summary: 'Start a run of a pipeline version',
    numerals: true,
    access: write,
    limit: 4 * 1024 * 1024,
    status: 201,
    body: z.object({
      /** A version's id; or give `project` to run its newest version. */
      pipeline_version: id.optional(),
      project: name.optional(),
      /** Step name → param → value; only params that the project file declares. */
      params: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
      /** Param of the pipeline → value; only those that the project file declares in `pipeline.params`. */
      set: z.record(z.string(), z.unknown()).default({}),
      /** Do not take cached results for this step and the steps after it. */
      from: name.optional(),
      /** Take no cached result at all. */
      force: z.boolean().default(false),
      /** Run the steps, but do not register the model even if the project file names one. */
      register: z.boolean().default(true),
      /** A step that reads what its key does not hold fails, as with `reads: strict` in the project file. */
      strict: z.boolean().default(false),
      /** Take the accepted model version to its endpoint. */
      deploy: z.boolean().default(false),
      on: On.optional(),
      once: z
        .string()
        .min(1)
        .max(512)
        .optional()
        .describe(
          'the name of this run at the caller, as a scheduler has one; asked for again with it, the run of the project that it made is answered, and other params are refused',
        ),
      priority: Priority.optional(),
      /** The partition that the run is of, of those of `pipeline.partitions`; default the newest that has ended. */
      partition: z.string().min(1).max(64).optional(),
      trigger: z.enum(['manual', 'reaction', 'merge']).default('manual'),
      /** With the trigger `merge`: the commit and its time, from which the time to the promotion is measured. */
      merge: Merge.optional(),
    }),
    reply: PipelineRun,
    errors: ['invalid_field', 'not_found', 'conflict'],
  }),
  listPipelineRuns: route({
    method: 'GET',
    path: '/v1/pipeline-runs',
    summary: 'List pipeline runs, newest first',
    access: read,
    query: page.extend({ project: name.optional(), state: z.enum(RUN_STATES).optional(), newest }),
    reply: listOf(PipelineRunRow),
  }),
  getPipelineRun: route({
    method: 'GET',
    path: '/v1/pipeline-runs/:id',
    summary: 'Read a pipeline run with its steps and attempts',
    numerals: true,
    access: read,
    params: runParams,
    reply: PipelineRun,
    errors: ['not_found'],
  }),
  watchPipelineRun: route({
    method: 'GET',
    path: '/v1/pipeline-runs/:id/events',
    summary: 'Follow a run: each event "run" carries it whole; the stream ends with it',
    access: read,
    params: runParams,
    reply: 'events',
    errors: ['not_found'],
  }),
  cancelPipelineRun: route({
    method: 'POST',
    path: '/v1/pipeline-runs/:id/cancel',
    summary: 'Ask a run to end; its steps get a moment to stop, then are killed',
    numerals: true,
    access: write,
    params: runParams,
    reply: PipelineRun,
    errors: ['not_found'],
  }),
  retryPipelineRun: route({
    method: 'POST',
    path: '/v1/pipeline-runs/:id/retry',
    summary:
      'Start a new run of the same version and params; what succeeded in one that failed is taken over, only the rest runs',
    numerals: true,
    access: write,
    params: runParams,
    query: z.object({ from_start: z.enum(['true']).optional().describe('steps do not go on from their checkpoints') }),
    status: 201,
    reply: PipelineRun,
    errors: ['not_found', 'conflict'],
  }),
  explainStep: route({
    method: 'GET',
    path: '/v1/pipeline-runs/:id/steps/:step/explain',
    summary: 'Why a step ran or was taken from the cache, component by component',
    access: read,
    params: stepParams,
    reply: Cache.extend({
      step: z.string(),
      /** Every component of the key: name → digest or value as text. */
      components: z.record(z.string(), z.string()),
      /** The files whose content is part of the key. */
      files: z.array(z.string()),
      /** The rules by which files of the project are left out, in gitignore's grammar; steps do not get those files. */
      left_out: z.array(z.string()),
      /** The run that it is compared with: of the newest, the one whose key is nearest. */
      compared_with: z.string().nullable(),
      /** What it read that its key does not hold; null where nobody watched. */
      reads: z.array(Read).nullable(),
      warnings: z.array(z.string()),
    }),
    errors: ['not_found', 'conflict'],
  }),
  followLogs: route({
    method: 'GET',
    path: '/v1/pipeline-runs/:id/steps/:step/logs',
    summary: 'Follow a step\'s log; event "log" has {attempt, offset, text}; Last-Event-ID "attempt:offset" resumes',
    access: read,
    params: stepParams,
    query: attemptOf.extend({
      from: z
        .string()
        .regex(/^\d{1,9}:\d{1,15}$/, 'an attempt and a byte, as 1:0')
        .optional()
        .describe('where to begin, as Last-Event-ID says it, for what cannot send that'),
    }),
    reply: 'events',
    errors: ['not_found'],
  }),
  readLogs: route({
    method: 'GET',
    path: '/v1/pipeline-runs/:id/steps/:step/logs/text',
    summary: "Read a step's log so far as text, of one attempt (default the last)",
    access: read,
    params: stepParams,
    query: attemptOf,
    reply: 'text',
    errors: ['not_found'],
  }),
  listOutputFiles: route({
    method: 'GET',
    path: '/v1/pipeline-runs/:id/steps/:step/outputs/:output',
    summary: 'List the files of an output; an output that is one file has the path ""',
    access: read,
    params: stepParams.extend({ output: name }),
    reply: Tree.extend({ items: z.array(z.object({ path: z.string(), size: z.number().int(), digest })) }),
    errors: ['not_found'],
  }),
  readOutputFile: route({
    method: 'GET',
    path: '/v1/pipeline-runs/:id/steps/:step/outputs/:output/file',
    summary: 'Download a file of an output',
    access: read,
    params: stepParams.extend({ output: name }),
    query: z.object({ path: z.string().max(4096).default('') }),
    reply: 'stream',
    errors: ['not_found'],
  }),
  reproducePipelineRun: route({
    method: 'POST',
    path: '/v1/pipeline-runs/:id/reproduce',
    summary: 'Run a finished run again from raw data in a clean workspace, and grade how equal the result is',
    numerals: true,
    access: write,
    params: runParams,
    body: z.object({
      /** Largest relative difference at which two metrics count as equal. */
      tolerance: z.number().min(0).max(1).default(1e-9),
      /** Only check that everything needed is still there. */
      dry_run: z.boolean().default(false),
    }),
    reply: z.object({ run: PipelineRun.nullable(), reproduction: Reproduction }),
    errors: ['not_found', 'conflict'],
  }),
}
