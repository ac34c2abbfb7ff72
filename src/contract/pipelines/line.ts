/** The line of steps that wait for a place, and where a run stands in it. */
import { z } from 'zod'
import { may } from '../access.ts'
import { byId, id, time } from '../fields.ts'
import { PipelineRun } from '../pipelines.ts'
import { route } from '../route.ts'
import { DRIVERS } from '../values/drivers.ts'
import { Priority } from '../values/priority.ts'

/** What is in the way of a step. */
export const WAITS = ['gone', 'full', 'quota', 'places', 'turn', 'begins'] as const

export const WaitingStep = z.object({
  /** Its place in the line of all projects, from 1. */
  place: z.number().int(),
  project: z.string(),
  run: id,
  step: z.string(),
  priority: z.number().int(),
  pool: z.string().nullable(),
  waited_ms: z.number(),
  /**
   * `gone`: its pool is not there; `full`: its pool has no place; `quota`: its project has as many places of the pool as it may; `places`:
   * the machine has no room; `turn`: others come first; `begins`: nothing is in its way.
   */
  wait: z.enum(WAITS),
  /** The same in a sentence. */
  why: z.string(),
})
export type WaitingStep = z.output<typeof WaitingStep>

/** A step, or an item, that holds places. */
const RunningStep = z.object({
  project: z.string(),
  run: id,
  step: z.string(),
  /** Number of the attempt. */
  attempt: z.number().int(),
  /** `starting` until its first sign of life: its environment is built, or a machine has yet to take it up. */
  state: z.enum(['starting', 'running']),
  driver: z.enum(DRIVERS),
  pool: z.string().nullable(),
  priority: z.number().int(),
  /** What it takes of the machine of the server: nothing where it runs elsewhere. */
  cpus: z.number().int(),
  memory_bytes: z.number().int(),
  /** Since when it holds its places. */
  since: time,
})
export type RunningStep = z.output<typeof RunningStep>

const most = z.object({ limit: z.coerce.number().int().min(1).max(500).default(100) })

export const lineApi = {
  waitingSteps: route({
    method: 'GET',
    path: '/v1/waiting-steps',
    summary: 'List the steps that wait for a place, the next one first, each with what is in its way',
    access: may('read', 'pipelines'),
    query: most,
    reply: z.object({
      items: z.array(WaitingStep),
      /** Those further behind, which are not listed. */
      left_out: z.number().int(),
    }),
  }),
  runningSteps: route({
    method: 'GET',
    path: '/v1/running-steps',
    summary: 'List the steps that hold places, those that have them longest first, with what each takes',
    access: may('read', 'pipelines'),
    query: most,
    reply: z.object({
      items: z.array(RunningStep),
      /** Those that began later, which are not listed. */
      left_out: z.number().int(),
    }),
  }),
  setRunPriority: route({
    method: 'POST',
    path: '/v1/pipeline-runs/:id/priority',
    summary: 'Move a run that has not ended in the line; above 0 a maintainer has to ask',
    numerals: true,
    access: may('write', 'pipelines'),
    params: byId,
    body: z.object({ priority: Priority }),
    reply: PipelineRun,
    errors: ['not_found', 'conflict', 'forbidden'],
  }),
}
