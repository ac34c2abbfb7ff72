/** Routes of studies: searches over the params of a pipeline, each trial of which is a run of it. */
import { z } from 'zod'
import { may } from '../access.ts'
import { byId, id, listOf, name, page, time } from '../fields.ts'
import { RUN_STATES } from '../pipelines.ts'
import { route } from '../route.ts'

export const METHODS = ['gp', 'tpe', 'random', 'grid'] as const
/** `gp`: Bayesian with a Gaussian process; `tpe`: Bayesian with Parzen estimators; `random`: drawn evenly; `grid`: every combination. */
export type Method = (typeof METHODS)[number]

export const DIRECTIONS = ['maximize', 'minimize'] as const
export type Direction = (typeof DIRECTIONS)[number]

export const STUDY_STATES = ['running', 'stopping', 'evaluating', 'finished', 'stopped', 'failed'] as const
/** `stopping` waits for runs that were asked to end, `evaluating` for the run of the winner; the last three are final until it is resumed. */
export type StudyState = (typeof STUDY_STATES)[number]

export const TRIAL_STATES = ['waiting', 'running', 'succeeded', 'pruned', 'failed', 'cancelled'] as const
/** `waiting` has no run yet; `pruned` was stopped early by the stop rule, `cancelled` by people. */
export type TrialState = (typeof TRIAL_STATES)[number]

/** Most trials of a study, and most at once. */
export const MOST_TRIALS = 2000
export const MOST_AT_ONCE = 256

/** What a param may be. Bounds are included; `log` draws evenly on the logarithm, with `min` above 0. `points` is of a grid alone. */
export const Dimension = z.discriminatedUnion('kind', [
  z.object({
    kind: z.enum(['float', 'int']),
    min: z.number(),
    max: z.number(),
    log: z.boolean(),
    points: z.number().int().nullable(),
  }),
  z.object({ kind: z.literal('choice'), choices: z.array(z.unknown()) }),
])
export type Dimension = Readonly<z.output<typeof Dimension>>

const steps = z.number().int().min(0)
const factor = z.number().min(2).max(100)

/** `first` and `most` are steps of the metric; `factor` is how much fewer trials, and how much more steps, each rung has. */
export const StopRule = z.discriminatedUnion('rule', [
  z.strictObject({
    rule: z.literal('median').describe('stop what is behind the median of the others at the same step'),
    first: steps.default(1).describe('the first step at which a trial may be stopped'),
    others: z.number().int().min(1).max(1000).default(5).describe('trials that must have come so far'),
  }),
  z.strictObject({
    rule: z.literal('asha').describe('successive halving: at each rung the best of `factor` go on'),
    first: steps.min(1).default(1).describe('the first rung, as a step of the metric'),
    factor: factor.default(3).describe('how much fewer trials, and how much later, each rung is'),
  }),
  z.strictObject({
    rule: z.literal('hyperband').describe('successive halving in brackets that begin at different rungs'),
    first: steps.min(1).default(1).describe('the first rung of the earliest bracket'),
    factor: factor.default(3).describe('how much fewer trials, and how much later, each rung is'),
    most: steps.min(1).describe('the last step of a whole trial'),
  }),
])
export type StopRule = Readonly<z.output<typeof StopRule>>

/** A metric of a step: STEP and NAME of `steps.STEP.metrics.NAME`. */
const MetricOf = z.object({ step: z.string(), metric: z.string() })

/** What a study does: the section `search` of a project file with what was given at its start. */
export const SearchPlan = z.object({
  objective: MetricOf,
  direction: z.enum(DIRECTIONS),
  space: z.record(z.string(), Dimension),
  /** Conditions on params that each trial meets. */
  constraints: z.array(z.string()),
  method: z.enum(METHODS),
  trials: z.number().int(),
  at_once: z.number().int(),
  seed: z.number().int(),
  /** No trial begins later than this after the start; null where there is no end. */
  time_ms: z.number().nullable(),
  /** Trials that fail one after the other and end the study. */
  failures: z.number().int(),
  stop: z.object({ by: StopRule, metric: MetricOf, direction: z.enum(DIRECTIONS) }).nullable(),
  /** Params of the run that evaluates the winner, over its own; null where none was asked for. */
  holdout: z.record(z.string(), z.unknown()).nullable(),
})
export type SearchPlan = Readonly<z.output<typeof SearchPlan>>

export const Trial = z.object({
  /** From 0, in the order in which they began. */
  number: z.number().int(),
  state: z.enum(TRIAL_STATES),
  params: z.record(z.string(), z.unknown()),
  /** The objective; of a trial that was pruned what its metric was at last; null where it has told none. */
  value: z.number().nullable(),
  /** The step at which it was pruned. */
  pruned_at: z.number().int().nullable(),
  /** The pipeline run; null until it is made. */
  run: id.nullable(),
  /** Why it failed or was pruned, in one sentence; empty otherwise. */
  message: z.string(),
  created_at: time,
  finished_at: time.nullable(),
})

/** How likely the best would look as good by chance alone: the risk of having chosen one of many. */
export const Chance = z.object({
  trials: z.number().int(),
  mean: z.number(),
  sd: z.number(),
  /** How far the best lies from the mean, in standard deviations. */
  best_sds: z.number(),
  /** How far the best of so many equal trials is expected to lie (Blom 1958). */
  expected_sds: z.number(),
  /** The chance that the best of so many equal normal trials lies as far (Šidák 1967). */
  p: z.number(),
  detail: z.string(),
})

const counts = z.record(z.enum(TRIAL_STATES), z.number().int())

export const StudyRow = z.object({
  id,
  project: z.string(),
  pipeline_version: id,
  state: z.enum(STUDY_STATES),
  /** What it does, or why it ended, in one sentence. */
  reason: z.string(),
  /** Why it cannot be moved on now, in one sentence; it is tried again. Null while nothing keeps it. */
  trouble: z.string().nullable(),
  plan: SearchPlan,
  counts,
  best: Trial.pick({ number: true, value: true, params: true, run: true }).nullable(),
  created_at: time,
  created_by: z.string(),
  finished_at: time.nullable(),
})

export const Study = StudyRow.extend({
  trials: z.array(Trial),
  /** Share of the variance of the objective that each param explains by itself, largest first; null where too little is known. */
  importance: z.array(z.object({ param: z.string(), share: z.number() })).nullable(),
  chance: Chance.nullable(),
  /** The run of the best params, evaluated once more: on the hold-out where the project file names one. */
  winner: z
    .object({
      run: id,
      state: z.enum(RUN_STATES),
      /** Null where it left none. */
      value: z.number().nullable(),
      on_holdout: z.boolean(),
      /** What the registry said to its model. */
      verdict: z.string().nullable(),
    })
    .nullable(),
})

const read = may('read', 'pipelines')
const write = may('write', 'pipelines')
const trials = z.number().int().min(1).max(MOST_TRIALS)

export const studiesApi = {
  createStudy: route({
    method: 'POST',
    path: '/v1/studies',
    summary: 'Start a search over the params of a pipeline version, as its project file says under `search`',
    numerals: true,
    access: write,
    status: 201,
    body: z.object({
      /** A version's id; or give `project` to search with its newest version. */
      pipeline_version: id.optional(),
      project: name.optional(),
      /** In place of what the project file says. */
      method: z.enum(METHODS).optional(),
      trials: trials.optional(),
      at_once: z.number().int().min(1).max(MOST_AT_ONCE).optional(),
      seed: z
        .number()
        .int()
        .min(0)
        .max(2 ** 31)
        .optional(),
    }),
    reply: Study,
    errors: ['invalid_field', 'not_found', 'unprocessable'],
  }),
  listStudies: route({
    method: 'GET',
    path: '/v1/studies',
    summary: 'List studies, newest first',
    numerals: true,
    access: read,
    query: page.extend({ project: name.optional() }),
    reply: listOf(StudyRow),
  }),
  getStudy: route({
    method: 'GET',
    path: '/v1/studies/:id',
    summary: 'Read a study with its trials, what its params matter, and its winner',
    numerals: true,
    access: read,
    params: byId,
    reply: Study,
    errors: ['not_found'],
  }),
  stopStudy: route({
    method: 'POST',
    path: '/v1/studies/:id/stop',
    summary: 'Stop a study: no trial begins any more, and those under way are cancelled',
    numerals: true,
    access: write,
    params: byId,
    reply: Study,
    errors: ['not_found'],
  }),
  resumeStudy: route({
    method: 'POST',
    path: '/v1/studies/:id/resume',
    summary:
      'Go on with a study that has ended: trials that failed or were cancelled run again, then what is left, or more',
    numerals: true,
    access: write,
    params: byId,
    body: z.object({
      /** In place of the number of trials so far. */
      trials: trials.optional(),
    }),
    reply: Study,
    errors: ['not_found', 'conflict', 'invalid_field'],
  }),
}
