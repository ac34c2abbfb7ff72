/** Routes of continuous integration: what a change did to the model, as one document from which every report is drawn. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, id, microDollars, time } from '../fields.ts'
import { STEP_STATES } from '../pipelines.ts'
import { commit } from '../values/code-source.ts'
import { GateResult } from '../registry.ts'
import { route } from '../route.ts'

/** `waiting`: nothing failed, and a gate waits for somebody; `error`: nothing is known of the model, for the run did not end as it should. */
const CHANGE_VERDICTS = ['passed', 'failed', 'waiting', 'error'] as const

/** What the candidate is held against: the version that the alias names, and the one that the merge base gave. */
export const BASELINES = ['production', 'merge_base'] as const
export type BaselineName = (typeof BASELINES)[number]

export const Baseline = z.object({
  version: z.string().nullable().describe('null where there is none'),
  run: z.string().nullable().describe('the pipeline run that made it'),
  commit: z.string().nullable(),
  note: z
    .string()
    .describe('why there is none; of one that is there what sets it apart, such as params of its own; else empty'),
})
export type Baseline = z.output<typeof Baseline>

/** Candidate minus baseline, in the units of the metric. */
export const MetricDelta = z.object({
  value: z.number().describe('of the baseline, on its own hold-out'),
  delta: z.number(),
  better: z.boolean().nullable().describe('null where the interval holds zero, or there is none'),
  interval: z.tuple([z.number(), z.number()]).nullable().describe('of 95 %, two-sided'),
  n: z.number().int().nullable(),
  method: z.string(),
})
export type MetricDelta = z.output<typeof MetricDelta>

export const ChangedMetric = z.object({
  metric: z.string(),
  value: z.number(),
  gated: z.boolean(),
  production: MetricDelta.nullable(),
  merge_base: MetricDelta.nullable(),
})
export type ChangedMetric = z.output<typeof ChangedMetric>

/** A slice on which the candidate is worse than a baseline on the same rows, after correction for looking at many. */
export const WorseSlice = z.object({
  baseline: z.enum(BASELINES),
  metric: z.string(),
  slice: z.string(),
  value: z.string(),
  n: z.number().int(),
  delta: z.number().describe('better = positive, so these are below zero'),
  interval: z.tuple([z.number(), z.number()]),
  harm: z.number().describe('the loss times the share of the rows: what it takes from the whole'),
})
export type WorseSlice = z.output<typeof WorseSlice>

export const DataChange = z.object({
  name: z.enum(['training', 'hold-out']),
  against: z.enum(BASELINES),
  same: z.boolean(),
  compared: z.boolean().describe('false: it is no table, or too large to be compared; digests alone are'),
  rows: z.object({ before: z.number().int(), after: z.number().int() }).nullable(),
  added: z.array(z.string()),
  removed: z.array(z.string()),
  retyped: z.array(z.object({ column: z.string(), before: z.string(), after: z.string() })),
  drift: z
    .array(
      z.object({
        column: z.string(),
        psi: z
          .number()
          .nullable()
          .describe('null where it says nothing: of times, of few rows, where the kind changed'),
        nulls_before: z.number(),
        nulls_after: z.number(),
      }),
    )
    .describe('population stability index of each column as `slipway data diff` tells it, largest first'),
})
export type DataChange = z.output<typeof DataChange>

export const PackageChange = z.object({
  name: z.string(),
  before: z.string().nullable().describe('null: it is new'),
  after: z.string().nullable().describe('null: it is gone'),
})
export type PackageChange = z.output<typeof PackageChange>

export const ReportedStep = z.object({
  name: z.string(),
  state: z.enum(STEP_STATES),
  why: z.string(),
  duration_ms: z.number().nullable(),
})

export const Calibration = z.object({
  brier: z.number(),
  ece: z.number().describe('expected calibration error of ten bins of equal width'),
  n: z.number().int(),
  mean_score: z.number(),
  base_rate: z.number(),
})
export type Calibration = z.output<typeof Calibration>

/** A figure of the candidate beside those of the baselines; null = not known. */
export const Beside = z.object({
  candidate: z.number().nullable(),
  production: z.number().nullable(),
  merge_base: z.number().nullable(),
})
export type Beside = z.output<typeof Beside>

export const ChangeReport = z.object({
  verdict: z.enum(CHANGE_VERDICTS),
  reason: z.string(),
  project: z.string(),
  run: z.object({
    id,
    commit: z.string().nullable(),
    clean: z.boolean().describe('false: the folder differed from the commit, or git said nothing'),
    created_at: time,
    state: z.string(),
  }),
  model: z.object({ name: z.string(), version: z.string() }).nullable(),
  baselines: z.object({ production: Baseline, merge_base: Baseline }),
  gates: z.array(GateResult),
  metrics: z.array(ChangedMetric),
  metrics_gone: z
    .array(z.object({ metric: z.string(), baseline: z.enum(BASELINES), value: z.number() }))
    .describe('metrics of a baseline that the candidate has not'),
  slices: z.array(WorseSlice),
  slices_note: z.string().describe('what slices were looked at, or why none were'),
  data: z.array(DataChange),
  packages: z.array(PackageChange),
  packages_note: z.string(),
  steps: z.array(ReportedStep),
  cost_micro_dollars: z
    .object({ candidate: microDollars.nullable(), merge_base: microDollars.nullable() })
    .describe('null where the meters have entered nothing yet'),
  duration_ms: Beside,
  cpu_seconds: Beside,
  size_bytes: Beside,
  latency_p95_ms: Beside.describe('in the gateways over the last minute, of versions that answer somewhere'),
  calibration: z.object({
    candidate: Calibration.nullable(),
    production: Calibration.nullable().describe('on the rows of the candidate'),
    merge_base: Calibration.nullable().describe('on the rows of the candidate'),
  }),
  reproduce: z.string().nullable().describe('the command that makes the model again from raw data'),
})
export type ChangeReport = z.output<typeof ChangeReport>

const READ = may('read', 'models')

export const ciApi = {
  changeReport: route({
    method: 'GET',
    path: '/v1/change-reports/:run',
    summary: 'What a change did to the model: its verdict, and all figures beside production and the merge base',
    access: READ,
    params: z.object({ run: id }),
    query: z.object({ base: commit.optional().describe('the merge base, a commit of which a run was made') }),
    reply: ChangeReport,
    errors: ['not_found', 'conflict'],
  }),
  runsOfCommit: route({
    method: 'GET',
    path: '/v1/change-reports',
    summary:
      'The ended runs of a project that were made of a commit: that of its merge, then those without params of their own, then others; newest first',
    access: READ,
    query: z.object({ project: z.string().min(1).max(128), commit }),
    reply: allOf(
      z.object({
        run: z.string(),
        created_at: time,
        outcome: z.string(),
        standing: z
          .number()
          .int()
          .describe('4 for a clean folder, 2 for the run of its merge, 1 for one by hand without params of its own'),
      }),
    ),
  }),
}
