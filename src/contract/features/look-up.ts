/** Route of the look-up: features of entities as they were at moments in the past, from the sources of the views. */
import { z } from 'zod'
import { may } from '../access.ts'
import { name, time } from '../fields.ts'
import { route } from '../route.ts'
import { digest } from '../values/digest.ts'
import { FEATURE_STATUSES, FeatureRow, MOST_READ } from './online.ts'

/** Those of reading online, and `no_history`: the rows of the view are only pushed, so that nobody knows what was seen. */
export const LOOK_UP_STATUSES = [...FEATURE_STATUSES, 'no_history'] as const
export type LookUpStatus = (typeof LOOK_UP_STATUSES)[number]

/** A row of a source: when it happened, and when it became known. */
export const RowTimes = z.object({ at: z.string(), known_at: z.string() })
export type RowTimes = z.output<typeof RowTimes>

export const LookedUpRow = FeatureRow.omit({ missing: true, events: true }).extend({
  /** The moment that was asked for. */
  at: z.string(),
  missing: z.record(z.string(), z.enum(LOOK_UP_STATUSES)),
  /** View of the service → the row that is seen, and how old it is at the moment, ms; a view that sees none is absent. */
  events: z.record(z.string(), RowTimes.extend({ age_ms: z.number() })),
  /** View of the service → the row that is seen next, later than the moment; absent where the source has none. */
  next: z.record(z.string(), RowTimes),
})
export type LookedUpRow = z.output<typeof LookedUpRow>

/** A view as it was read. */
export const LookedUpView = z.object({
  name: z.string(),
  view: z.string(),
  version: z.number().int(),
  /** False where rows are only pushed: no history of them is kept, and each of its features is `no_history`. */
  history: z.boolean(),
  /** True where rows are pushed as well; those have no history and are not among what is looked up. */
  pushed: z.boolean(),
  /** The snapshots that were read; `unchanged`: kept from an earlier reading, and the same still when it was asked. */
  sources: z.array(
    z.object({
      name: z.string(),
      place: z.string(),
      digest,
      rows: z.number().int().nullable(),
      read_at: time,
      unchanged: z.boolean(),
    }),
  ),
})
export type LookedUpView = z.output<typeof LookedUpView>

const moment = z.string().min(1).max(64)

export const lookUpApi = {
  lookUpFeatures: route({
    method: 'POST',
    path: '/v1/features:look-up',
    summary:
      'Read features of entities as they were known at moments in the past, from the sources of the views; one look-up runs at a time, and two minutes at most',
    access: may('read', 'artifacts'),
    limit: 4 * 1024 * 1024,
    numerals: true,
    body: z.object({
      project: name.optional(),
      service: name,
      version: z.number().int().min(1).optional(),
      /** Each with its join keys, and the fields that on-demand features take from a request. */
      entities: z.array(z.record(z.string(), z.unknown())).min(1).max(MOST_READ),
      at: moment.optional().describe('the moment of all entities, as RFC 3339; or `times` instead'),
      times: z.array(moment).min(1).max(MOST_READ).optional().describe('a moment of each entity, in their order'),
    }),
    reply: z.object({
      service: z.object({ name: z.string(), version: z.number().int() }),
      views: z.array(LookedUpView),
      rows: z.array(LookedUpRow),
    }),
    errors: ['not_found', 'invalid_field', 'unprocessable', 'too_costly', 'too_many_requests', 'unavailable'],
  }),
}
