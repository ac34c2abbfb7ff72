/** Places of steps, and limits of time, as runs and the queue tell them. */
import { z } from 'zod'

/** Of a step: its wait for a place, its start, its run, and its silence. */
export const LIMITS = ['queued', 'starting', 'running', 'silent'] as const

/** A limit of time in ms, and what is left of it. */
export const TimeLimit = z.object({
  limit_ms: z.number(),
  left_ms: z.number().nullable().describe('null while it does not run, and where only its driver knows'),
})

/** What of one resource is taken, and how much of it there is; more may be taken than there is where less was given to steps since. */
const Share = z.object({ taken: z.number().int(), total: z.number().int() })

/** How steps stand in line: places are those of the whole server, steps those of the projects that the caller sees. */
export const StepQueue = z.object({
  cpus: Share,
  memory_bytes: Share,
  running: z.number().int(),
  /** Ready, and waiting for a place. */
  waiting: z.number().int(),
  /** How long the oldest of those that wait has waited; null when none does. */
  oldest_wait_ms: z.number().nullable(),
  /** Attempts that failed or were lost in the last 24 hours. */
  failed_last_day: z.number().int(),
  /** Why steps start slower than they could, in words; null where they do not. */
  slow_starts: z.string().nullable(),
  /** Clusters that the server hands steps to, and whether each answers and takes them. */
  clusters: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
})
