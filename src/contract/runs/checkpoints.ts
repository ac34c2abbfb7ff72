/** What a step says of its checkpoints, as python/slipway/checkpoints writes it, and what is shown of them. */
import { z } from 'zod'

/** As RFC 3339 in UTC. */
const time = z.string()

const whole = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
/** Seconds since 1970. */
const seconds = z.number().min(0).max(1e11)
/** What the code calls its step, such as an epoch; null where it says nothing. */
const step = whole.nullable()

/** The word of a step on its checkpoints so far. */
export const CheckpointState = z.object({
  /** The newest: its bytes, and the seconds that it took. */
  last: z.object({ number: whole, step, at: seconds, size: whole, seconds: z.number().min(0).max(1e9) }).nullable(),
  /** How many this attempt has made. */
  made: whole,
  /** The one from which it went on. */
  resumed: z.object({ number: whole, step, at: seconds }).nullable(),
  /** How many it found damaged. */
  damaged: whole,
  /** Why the last try failed; null once one has gone well again. */
  failed: z.object({ at: seconds, message: z.string().max(2000) }).nullable(),
})
export type CheckpointState = z.output<typeof CheckpointState>

/** What is shown of the checkpoints of an attempt. */
export const AttemptCheckpoints = z.object({
  last: z
    .object({ number: whole, step, made_at: time, size: whole, took_ms: z.number() })
    .nullable()
    .describe('the newest that it has made'),
  made: whole.describe('how many it has made'),
  resumed: z.object({ number: whole, step, made_at: time }).nullable().describe('the one from which it went on'),
  damaged: whole.describe('how many it found damaged and did not use'),
  failed: z.string().nullable().describe('why the last try to keep one failed'),
})

/** What is shown of the checkpoints of a step over all of its attempts. */
export const StepCheckpoints = z.object({
  resumed: whole.describe('how many attempts went on from a checkpoint'),
  lost_ms: z.number().describe('work of ended attempts after their last checkpoint, which was done again or is gone'),
})
