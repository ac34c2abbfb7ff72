/** The section `partitions` of a pipeline: what it may say. */
import { z } from 'zod'

export const PERIODS = ['hour', 'day', 'week', 'month'] as const
export type Period = (typeof PERIODS)[number]

/** Most partitions of a pipeline: ten years of hours. */
export const MOST_PARTITIONS = 100_000
const MOST_VALUES = 10_000

const START = 'a day as YYYY-MM-DD, for example 2026-01-01'
const value = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/,
    'letters, digits, "_", "." and "-", at most 64, beginning with a letter or digit',
  )

/** The section; that it has either `by` and `start` or `values` is checked with the rest of the file. */
export const Partitions = z.strictObject({
  by: z.enum(PERIODS).optional().describe('a partition is one hour, day, week (from Monday) or month of the time zone'),
  start: z
    .string()
    .regex(/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/, START)
    .refine((day) => new Date(`${day}T00:00:00Z`).toISOString().startsWith(day), START)
    .optional()
    .describe('the first partition is the one with this day in it, or its first hour'),
  timezone: z.string().max(100).optional().describe('of the clock by which they begin and end, IANA; default UTC'),
  values: z
    .array(value)
    .min(1)
    .max(MOST_VALUES)
    .optional()
    .describe('a fixed list of partitions, for example [eu, us], in place of by and start'),
})
export type Partitions = z.output<typeof Partitions>
