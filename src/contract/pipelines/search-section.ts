/** The section `search` of a project file: what it may say. */
import { z } from 'zod'
import { DIRECTIONS, METHODS, MOST_AT_ONCE, MOST_TRIALS, StopRule } from './studies.ts'

/** The step and the name of a metric. */
export const METRIC = /^steps\.([A-Za-z0-9][A-Za-z0-9_-]{0,63})\.metrics\.(.+)$/
const metric = z.string().max(400).regex(METRIC, 'steps.STEP.metrics.NAME, for example steps.evaluate.metrics.auc')
const direction = z.enum(DIRECTIONS)

/** What a search draws a param from; what is not said is as `pipeline.params` has it. */
const SearchedParam = z.strictObject({
  min: z.number().optional().describe('of an int or a float; not below that of pipeline.params'),
  max: z.number().optional().describe('of an int or a float; not above that of pipeline.params'),
  log: z.boolean().default(false).describe('draw evenly on the logarithm; min has to be above 0'),
  points: z.number().int().min(1).max(1000).optional().describe('of a grid: how many values between min and max'),
  choices: z.array(z.unknown()).min(1).max(100).optional().describe('only these values'),
})

const Stop = z
  .strictObject({
    rule: z.enum(['median', 'asha', 'hyperband']).describe('median, asha (successive halving) or hyperband'),
    metric: metric.optional().describe('what is looked at while a trial runs; the objective if not given'),
    direction: direction.optional().describe('of that metric; as that of the objective if not given'),
    first: z.number().int().min(0).optional().describe('the first step of the metric at which a trial may be stopped'),
    others: z.number().int().min(1).max(1000).optional().describe('median: trials that must have come so far'),
    factor: z.number().min(2).max(100).optional().describe('asha, hyperband: how much fewer trials each rung has'),
    most: z.number().int().min(1).optional().describe('hyperband: the last step of a whole trial'),
  })
  .superRefine((given, ctx) => {
    const rule = StopRule.safeParse(ruleOf(given))
    for (const issue of rule.error?.issues ?? []) ctx.addIssue({ ...issue, input: given } as never)
  })

/** The section: whether it goes with the rest of the file is not said here. */
export const Search = z.strictObject({
  objective: metric.describe('the metric to be made best: steps.STEP.metrics.NAME'),
  direction: direction.describe('maximize or minimize'),
  params: z
    .record(z.string(), SearchedParam)
    .refine((params) => Object.keys(params).length > 0, 'at least one param')
    .describe('params of pipeline.params that are searched over'),
  method: z.enum(METHODS).default('gp').describe('gp and tpe (Bayesian), random, grid'),
  trials: z.number().int().min(1).max(MOST_TRIALS).default(60).describe('runs at most'),
  at_once: z.number().int().min(1).max(MOST_AT_ONCE).default(4).describe('runs under way at the same time'),
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 31)
    .default(0),
  time: z
    .union([z.string(), z.number()], { error: 'a duration, for example 90s, 10m, 2h or 1d' })
    .optional()
    .describe('after this time no trial begins, and those under way are cancelled'),
  failures: z.number().int().min(1).max(1000).default(5).describe('trials that fail in a row and end the search'),
  stop: Stop.optional().describe('when a trial is stopped before its end'),
  constraints: z
    .array(z.string().min(1).max(1000))
    .max(20)
    .default([])
    .describe('conditions on params that each trial meets, for example "params.low < params.high"'),
  holdout: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('params of pipeline.params with which the winner is evaluated once more'),
})
export type Search = z.output<typeof Search>

/** The rule of a stop, without what it looks at. */
export function ruleOf({ rule, first, others, factor, most }: z.output<typeof Stop>): unknown {
  const given = { first, others, factor, most }
  return { rule, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) }
}
