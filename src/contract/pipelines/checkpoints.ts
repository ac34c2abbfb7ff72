/** The checkpoints of a step, or of an item of it, that are kept: from the newest its next attempt goes on. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, id, itemNumber, name, time } from '../fields.ts'
import { route } from '../route.ts'

const KeptCheckpoint = z.object({
  number: z.number().int(),
  /** What the code calls its step, such as an epoch; null where it says nothing. */
  step: z.number().int().nullable(),
  /** Bytes. */
  size: z.number().int(),
  made_at: time,
  /** Number of the attempt that made it, and its run, which is another one where this one retries it; null where that is gone. */
  attempt: z.number().int().nullable(),
  run: id.nullable(),
})
export type KeptCheckpoint = z.output<typeof KeptCheckpoint>

export const checkpointsApi = {
  listCheckpoints: route({
    method: 'GET',
    path: '/v1/pipeline-runs/:id/steps/:step/checkpoints',
    summary: 'List the checkpoints of a step that are kept for its next attempt, the newest first',
    access: may('read', 'pipelines'),
    params: z.object({ id, step: name }),
    query: z.object({
      item: itemNumber,
    }),
    reply: allOf(KeptCheckpoint),
    errors: ['not_found'],
  }),
}
