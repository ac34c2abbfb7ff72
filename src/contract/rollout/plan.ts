/** The plan of a rollout: which steps, which gates, who must agree, when nothing may change. Data, as the project file and the API write it. */
import { z } from 'zod'
import { stepsOf } from './steps.ts'

/** Smallest limit of a gate: evidence against less is no number any more. */
const LEAST = 1e-6

/** What a version may fail more than stable where a plan says nothing. */
export const VERSUS_STABLE = { ratio_at_most: 1.5, above: 0.005 }

/** Hundredths of a per cent of the routing keys. */
const Weight = z.number().int().min(1).max(10_000)

/** A number of the business that is posted per prediction or per version. */
const Metric = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, 'small letters, digits and _, for example conversion'),
    better: z.enum(['higher', 'lower']).default('higher'),
    range: z
      .tuple([z.number(), z.number()])
      .default([0, 1])
      .describe('least and greatest value; values beyond count as these'),
    tolerance: z.number().min(0).default(0).describe('how much worse than stable is allowed, in units of the value'),
    min_values: z
      .number()
      .int()
      .min(1)
      .max(1_000_000)
      .default(100)
      .describe('values of each side before a step may end'),
  })
  .refine(({ range, tolerance }) => range[1] - range[0] > tolerance, {
    path: ['range'],
    message: 'a greatest value above the least by more than the tolerance',
  })
export type PlanMetric = z.output<typeof Metric>

/** The plan of a rollout, as the project file writes it. Zero measurements are never success; no data means wait. */
export const PlanFields = z.strictObject({
  mode: z
    .enum(['canary', 'blue_green', 'ab'])
    .optional()
    .describe(
      'canary: rising shares; blue_green: one step with all the traffic, the old version ready; ab: two fixed shares until the metric decides (absent = canary)',
    ),
  shadow: z
    .strictObject({ requests: z.number().int().min(0).max(1_000_000), labels: z.number().int().min(0).default(0) })
    .default({ requests: 1000, labels: 0 })
    .describe(
      'rows that are answered by both variants, and how many of them must have labels, before the canary starts',
    ),
  canary: z
    .array(z.number().int().min(1).max(10_000))
    .max(20)
    .default([500, 2500, 5000])
    .describe('weights in hundredths of a per cent, rising'),
  each: z.strictObject({ min_requests: z.number().int().min(1).max(1_000_000) }).default({ min_requests: 500 }),
  gates: z
    .strictObject({
      error_rate: z.strictObject({ at_most: z.number().min(LEAST).lt(1) }).optional(),
      error_rate_vs_stable: z
        .union([
          z.literal(false),
          z.strictObject({
            ratio_at_most: z
              .number()
              .min(1)
              .max(100)
              .default(VERSUS_STABLE.ratio_at_most)
              .describe('how many times as often, in odds'),
            above: z
              .number()
              .min(LEAST)
              .lt(1)
              .default(VERSUS_STABLE.above)
              .describe('a rate up to which it is no fault'),
          }),
        ])
        .default(VERSUS_STABLE)
        .optional()
        .describe('fails more often than stable does in the same minutes; false = not judged'),
      latency: z.strictObject({ p99_ratio_at_most: z.number().gt(1) }).optional(),
      score_shift: z.strictObject({ mean_abs_at_most: z.number().min(LEAST) }).optional(),
      decision_flips: z.strictObject({ at_most: z.number().min(LEAST).lt(1), threshold: z.number() }).optional(),
      quality: z
        .strictObject({
          loss: z.enum(['brier', 'squared', 'zero_one']).default('brier'),
          tolerance: z.number().min(0).default(0.01),
          range: z
            .tuple([z.number(), z.number()])
            .optional()
            .describe(
              'least and greatest loss of a row; losses beyond count as these (absent = 0 to 1; needed by squared)',
            ),
        })
        .refine(({ loss, range }) => loss !== 'squared' || range !== undefined, {
          path: ['range'],
          message:
            'the least and the greatest loss, which loss: squared needs, for example [0, 400] where predictions are off by 20 at most',
        })
        .refine(({ range, tolerance }) => range === undefined || range[1] - range[0] > tolerance, {
          path: ['range'],
          message: 'a greatest loss above the least by more than the tolerance',
        })
        .optional(),
    })
    .prefault({}),
  slices: z.array(z.string()).max(10).default([]),
  alpha: z
    .number()
    .gt(0)
    .lt(0.5)
    .default(0.05)
    .describe('chance of rejecting a candidate that is not worse, over the whole plan'),
  max_wait_hours: z
    .number()
    .gt(0)
    .default(168)
    .describe('event hours of a step without a decision after which the rollout pauses for a person'),
  on_failure: z.enum(['rollback', 'pause']).default('rollback'),
  challengers: z
    .number()
    .int()
    .min(2)
    .max(8)
    .optional()
    .describe('versions that may be in shadow at once; the best of those whose gates hold goes on (absent = 1)'),
  metrics: z.array(Metric).max(5).optional().describe('numbers of the business that are gates, posted over HTTP'),
  ab: z
    .strictObject({
      share: Weight.default(5000).describe('of the users that get the new version, in hundredths of a per cent'),
      metric: z.string().describe('the metric of the plan that decides'),
      alpha: z.number().gt(0).lt(0.5).default(0.05).describe('chance that equal versions are told apart'),
      max_values: z
        .number()
        .int()
        .min(10)
        .max(10_000_000)
        .default(100_000)
        .describe('comparisons after which stable stays because no difference was shown'),
    })
    .optional(),
  approvals: z
    .array(
      z.strictObject({
        before: z.union([z.literal('promote'), Weight]).describe('the step that waits: a share of canary, or promote'),
        role: z.enum(['maintainer', 'admin']).default('maintainer').describe('least role of the person who approves'),
      }),
    )
    .max(21)
    .optional(),
  freeze: z
    .array(
      z.strictObject({
        cron: z.string().min(9, 'five fields such as "0 4 * * *"').max(200).describe('when a window begins'),
        timezone: z.string().max(100).default('UTC'),
        hours: z.number().gt(0).max(744).describe('how long it lasts'),
        reason: z.string().max(200).default(''),
      }),
    )
    .max(20)
    .optional()
    .describe('times in which no step begins and nothing is promoted; a rollback always may'),
  hold: z
    .strictObject({ labels: z.number().int().min(1), hours: z.number().gt(0) })
    .optional()
    .describe('the last step waits for so many labels, at most so many hours'),
  watch: z
    .strictObject({ labels: z.number().int().min(1), hours: z.number().gt(0) })
    .optional()
    .describe(
      'after its promotion a version is compared with the former one on labels that come late, and goes back when it is worse; ends with so many labels or hours',
    ),
})

export const Plan = PlanFields.superRefine((plan, ctx) => {
  for (const { path, message } of contradictions(plan)) ctx.addIssue({ code: 'custom', path: [...path], message })
})
export type Plan = z.output<typeof Plan>

interface Contradiction {
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** What of a plan does not fit together. */
function contradictions(plan: z.output<typeof PlanFields>): Contradiction[] {
  const found: Contradiction[] = []
  if ((plan.mode === 'ab') !== (plan.ab !== undefined))
    found.push({ path: ['mode'], message: 'mode: ab and ab: {metric: NAME} together, or neither' })
  const metrics = (plan.metrics ?? []).map((metric) => metric.name)
  if (new Set(metrics).size < metrics.length) found.push({ path: ['metrics'], message: 'each metric once' })
  if (plan.ab !== undefined && !metrics.includes(plan.ab.metric))
    found.push({ path: ['ab', 'metric'], message: `one of the plan's metrics (${metrics.join(', ') || 'none'})` })
  const steps = stepsOf(plan)
  for (const [i, { before }] of (plan.approvals ?? []).entries())
    if (before !== 'promote' && !steps.includes(before))
      found.push({ path: ['approvals', i, 'before'], message: 'a share of the plan, or promote' })
  return found
}
