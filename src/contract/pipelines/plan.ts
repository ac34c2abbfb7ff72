/** What a run would do if it began now, without running anything. */
import { z } from 'zod'
import { may } from '../access.ts'
import { name } from '../fields.ts'
import { digest } from '../values/digest.ts'
import { Change } from '../pipelines.ts'
import { route } from '../route.ts'

/** What a run would do if it began now. */
export const RunPlan = z.object({
  project: z.string(),
  /** The value of each param of the pipeline; absent where the project file declares none. */
  set: z.record(z.string(), z.unknown()).optional(),
  steps: z.array(
    z.object({
      name: z.string(),
      needs: z.array(z.string()),
      /** `skipped`: a condition does not hold; `unknown`: it is decided at run time, when what it hangs on is there. */
      decision: z.enum(['cached', 'run', 'skipped', 'unknown']),
      /** One sentence. */
      reason: z.string(),
      changes: z.array(Change),
      /** The run whose result would be taken. */
      from_run: z.string().nullable(),
      /** How long the last attempts that succeeded took, the middle of five; null where none did. */
      estimate_ms: z.number().nullable(),
    }),
  ),
  /** Of the longest chain of steps that run or may run; null where a step of these has never succeeded. */
  estimate_ms: z.number().nullable(),
  /** What a reader of the code should know. */
  warnings: z.array(z.string()),
})

export const planApi = {
  planPipelineRun: route({
    method: 'POST',
    path: '/v1/pipeline-plans',
    summary:
      'Say what a run would do, and keep nothing of it: which steps come from the cache, which run and why, and how long',
    numerals: true,
    access: may('write', 'pipelines'),
    limit: 4 * 1024 * 1024,
    body: z.object({
      /** The text of slipway.yaml. */
      text: z.string().min(1).max(1_000_000),
      tree: digest,
      /** The name of the project file, for messages. */
      file: z.string().max(1024).default('slipway.yaml'),
      params: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
      set: z.record(z.string(), z.unknown()).default({}),
      from: name.optional(),
      force: z.boolean().default(false),
      strict: z.boolean().default(false),
      partition: z.string().min(1).max(64).optional(),
    }),
    reply: RunPlan,
    errors: ['not_found', 'invalid_field', 'unprocessable', 'unavailable'],
  }),
}
