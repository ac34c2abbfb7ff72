/** The drivers of a server: its own machine, the clusters that it knows, and the tasks of foreign schedulers, and how each is. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, time } from '../fields.ts'
import { route } from '../route.ts'
import { DRIVERS } from '../values/drivers.ts'

/** What is known of a cluster by asking it; it is asked when somebody looks, every ten seconds at most. */
const DriverHealth = z.object({
  /** Whether it answers and takes steps. */
  ok: z.boolean(),
  /** The same in words: where jobs go, which right is missing, why it does not answer. */
  detail: z.string(),
  /** As the cluster names its version; null where it has not said one. */
  version: z.string().nullable(),
  /** When that was found; null before the first answer. */
  looked_at: time.nullable(),
  /** When all was well last; null where it never was since the start of this server process. */
  answered_at: time.nullable(),
  /** The newest trouble since then. */
  failed: z.object({ at: time, detail: z.string() }).nullable(),
})

const DriverState = z.object({
  name: z.enum(DRIVERS),
  /** False of a cluster that the configuration names no longer and that still has attempts: they are heard to their end. */
  configured: z.boolean(),
  /** Null where nobody can be asked: of the machine of the server, and of tasks that come by themselves. */
  health: DriverHealth.nullable(),
  /** Attempts of the projects that the caller sees: without a sign of life so far, and with one. */
  starting: z.number().int(),
  running: z.number().int(),
  /** Since when the oldest of those that start does so; null where none does. */
  starting_since: time.nullable(),
  /** What it could not be asked or told of such an attempt, in one sentence; null where there is nothing to say. */
  trouble: z.string().nullable(),
  /** Why steps start slower there than they could, in words; null where they do not. */
  slow_starts: z.string().nullable(),
})
export type DriverState = z.output<typeof DriverState>

export const driversApi = {
  listDrivers: route({
    method: 'GET',
    path: '/v1/drivers',
    summary: 'List where steps may run, whether each cluster answers, and how many attempts start and run there',
    access: may('read', 'pipelines'),
    reply: allOf(DriverState),
  }),
}
