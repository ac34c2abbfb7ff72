/** A DAG of another scheduler as it was read: its tasks with their order, and what has no meaning here, by line. */
import { z } from 'zod'
import { ITEM_TYPES, PARAM_TYPES } from '../../../contract/values/params.ts'

const Left = z.object({ line: z.number().int(), what: z.string() })

const ForeignTask = z.object({
  id: z.string(),
  line: z.number().int(),
  /** What it was there: an operator, or a component. */
  kind: z.string(),
  /** As it was written. */
  source: z.string(),
  needs: z.array(z.string()),
  retries: z.number().int().nullable(),
  timeout_s: z.number().nullable(),
  /** Argument → the output of another task that it gets; output names; argument → value, or the name of a param of the DAG. */
  inputs: z.record(z.string(), z.object({ task: z.string(), output: z.string() })).default({}),
  outputs: z.array(z.string()).default([]),
  values: z.record(z.string(), z.unknown()).default({}),
  takes: z.record(z.string(), z.string()).default({}),
})
export type ForeignTask = z.output<typeof ForeignTask>

const ForeignDag = z.object({
  name: z.string(),
  line: z.number().int(),
  cron: z.string().nullable(),
  timezone: z.string(),
  timeout_s: z.number().nullable(),
  params: z.array(
    z.object({
      name: z.string(),
      type: z.enum(PARAM_TYPES),
      default: z.unknown().optional(),
      min: z.number().optional(),
      max: z.number().optional(),
      choices: z.array(z.unknown()).optional(),
      of: z.enum(ITEM_TYPES).optional(),
      help: z.string().optional(),
    }),
  ),
  tasks: z.array(ForeignTask),
  left: z.array(Left),
})
export type ForeignDag = z.output<typeof ForeignDag>

/** What python/slipway/dags/command.py prints. */
export const ForeignFile = z.union([
  z.object({ fault: z.string() }),
  z.object({ dags: z.array(ForeignDag), left: z.array(Left) }),
])
export type ForeignFile = z.output<typeof ForeignFile>
