/** What a pipeline run is told that was made to see whether another can be repeated. */
import { z } from 'zod'

/** How far a re-run from raw data gave the same. */
export const Reproduction = z.object({
  of_run: z.string(),
  /** A the same bytes; B metrics and results equal within the tolerance; C diverged, or cannot be told; D could not run; null while it runs. */
  grade: z.enum(['A', 'B', 'C', 'D']).nullable(),
  detail: z.string(),
  first_divergent_step: z.string().nullable(),
  missing: z.array(z.string()),
  tolerance: z.number(),
  /** The number of the rules by which it was graded; absent = 1. By 1 equal metrics were enough for a B, by 2 where nothing was predicted. */
  rules: z.number().int().optional(),
  /** The grade that earlier rules gave it. */
  regraded_from: z.enum(['A', 'B', 'C', 'D']).optional(),
  /** Why it could not be graded anew: the grade is still the one of earlier rules. It is tried again at each start. */
  not_regraded: z.string().optional(),
  /** What steps read from outside of the project that is not as it was, by step. */
  sources: z.array(z.object({ step: z.string(), source: z.string() })).optional(),
  steps: z.array(
    z.object({
      step: z.string(),
      /** Results that are not equal within the tolerance, and where they differ first. */
      differing: z.array(z.string()).optional(),
      outputs: z.enum(['identical', 'identical_apart_from_stamps', 'different', 'missing']),
      metrics: z.array(
        z.object({
          metric: z.string(),
          before: z.number().nullable(),
          after: z.number().nullable(),
          equal: z.boolean(),
        }),
      ),
    }),
  ),
})
