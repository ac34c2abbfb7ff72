/** What a materialisation tells of the values of a view. */
import { z } from 'zod'
import { time } from '../fields.ts'
import { VALUE_TYPES } from './section.ts'

const rows = z.number().int()

/** Of the values of one feature, over the entities that have a live row. */
export const FeatureStatistics = z.object({
  name: z.string(),
  type: z.enum(VALUE_TYPES),
  nulls: rows,
  /** Different values, approximately: by a small HyperLogLog, at times a quarter off. */
  distinct: rows,
  /** Of the finite numbers; whole numbers beyond 2^53 are rounded. Null where there is none, and for other types. */
  numbers: z
    .object({
      min: z.number(),
      max: z.number(),
      /** Null where numbers are beyond 1e150; std is that of a sample, null of one value. */
      mean: z.number().nullable(),
      std: z.number().nullable(),
      /** At a quarter, a half and three quarters, approximately: by a t-digest. */
      quartiles: z.array(z.number()),
    })
    .nullable(),
  /** Values of a float that are NaN or infinite. */
  not_finite: rows,
  /** Of a bool: the share of true among the values, 0 to 1. */
  true_share: z.number().nullable(),
  /** Of a text: the values of most entities, each cut at 60 characters. Null for other types, and where there are more than 100,000 different ones. */
  frequent: z.array(z.object({ value: z.string(), is_cut: z.boolean(), rows })).nullable(),
  /** Of a time. */
  first: z.string().nullable(),
  last: z.string().nullable(),
})
export type FeatureStatistics = z.output<typeof FeatureStatistics>

/** Of a version of a view, as its newest materialisation found it. */
export const ViewStatistics = z.object({
  job: z.string(),
  /** The moment of which they are. */
  until: time,
  /** When they were computed. */
  at: time,
  /** Entities with a live row: the statistics are over these. */
  live: rows,
  /** Entities whose row has expired at that moment. */
  expired: rows,
  /** Of columns of the rows; those of windows are not computed. */
  features: z.array(FeatureStatistics),
})
export type ViewStatistics = z.output<typeof ViewStatistics>
