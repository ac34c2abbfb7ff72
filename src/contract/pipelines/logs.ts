/** The log of an attempt read at any place: a part from a byte on, cut at whole lines. */
import { z } from 'zod'
import { may } from '../access.ts'
import { id, itemNumber, name } from '../fields.ts'
import { route } from '../route.ts'

/** Bytes of a part at most, and where nothing is said. */
const MOST_BYTES = 1024 * 1024
const PART_BYTES = 128 * 1024

const LogPart = z.object({
  /** Number of the attempt; 0 while there is none. */
  attempt: z.number().int(),
  /** How many attempts there are. */
  attempts: z.number().int(),
  /** The text is that of the bytes from one place to before the other; it begins with a whole line, and ends with one unless the log does not. */
  from: z.number().int(),
  to: z.number().int(),
  /** Bytes of the log so far. */
  size: z.number().int(),
  text: z.string(),
  /** True while the attempt goes on. */
  running: z.boolean(),
})
export type LogPart = z.output<typeof LogPart>

export const logsApi = {
  readLogPart: route({
    method: 'GET',
    path: '/v1/pipeline-runs/:id/steps/:step/logs/part',
    summary: 'Read a part of the log of an attempt (default the last), from any byte on, in whole lines',
    access: may('read', 'pipelines'),
    params: z.object({ id, step: name }),
    query: z.object({
      attempt: z.coerce.number().int().min(1).optional(),
      item: itemNumber,
      from: z.coerce
        .number()
        .int()
        .min(-MOST_BYTES)
        .max(Number.MAX_SAFE_INTEGER)
        .default(-PART_BYTES)
        .describe('the byte at or after which it begins; below 0 so many before the end'),
      most: z.coerce.number().int().min(1024).max(MOST_BYTES).default(PART_BYTES).describe('bytes at most'),
    }),
    reply: LogPart,
    errors: ['not_found'],
  }),
}
