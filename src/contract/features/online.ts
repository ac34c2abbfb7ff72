/** Routes of the online store: rows are pushed into it, and features of entities are read as they are now. */
import { z } from 'zod'
import { may } from '../access.ts'
import { name } from '../fields.ts'
import { route } from '../route.ts'
import { featureReference, ON_EXPIRED } from './section.ts'

/** Why a value is there or is not; `slipway features` and the guide say what each means. */
export const FEATURE_STATUSES = [
  'present',
  'null_value',
  'not_found',
  'expired',
  'future_only',
  'late_suppressed',
] as const
export type FeatureStatus = (typeof FEATURE_STATUSES)[number]

/** Most rows of one call. */
export const MOST_PUSHED = 10_000
export const MOST_READ = 1000

const version = z.number().int().min(1)
const plainRow = z.record(z.string(), z.unknown())

/** One entity, or one combination of several, with what is known of it. */
export const FeatureRow = z.object({
  /** Column → value. A whole number beyond 2^53 keeps its digits; a time is RFC 3339 in UTC. */
  features: z.record(z.string(), z.unknown()),
  /** Columns that have no live value, each with the reason; with `on_expired: value` an expired one has its value all the same. */
  missing: z.record(z.string(), z.enum(FEATURE_STATUSES)),
  /** View of the service → when the row that is seen happened, and how old it is, ms; a view that sees none is absent. */
  events: z.record(z.string(), z.object({ at: z.string(), age_ms: z.number() })),
})
export type FeatureRow = z.output<typeof FeatureRow>

/** A view as it was read. */
export const ReadView = z.object({
  name: z.string(),
  view: z.string(),
  version,
  /** False where nothing of this version was ever materialised or pushed: then all of it is missing. */
  stored: z.boolean(),
  /** Until when its source was read; null where it was not. */
  horizon: z.string().nullable(),
})
export type ReadView = z.output<typeof ReadView>

/** What became of a push in one version of the view. */
export const PushedVersion = z.object({
  version,
  /** False where its rows do not fit this version, which an older service still reads; `reason` says why. */
  written: z.boolean(),
  reason: z.string().nullable(),
})
export type PushedVersion = z.output<typeof PushedVersion>

export const onlineApi = {
  readFeatures: route({
    method: 'POST',
    path: '/v1/features:read',
    summary:
      'Read features of entities as they are now, from the online store: those of a service, or some that are named',
    access: may('predict', 'endpoints'),
    limit: 4 * 1024 * 1024,
    numerals: true,
    body: z.object({
      project: name.optional(),
      /** A service, in its newest version or in that of `version`; or `features` instead. */
      service: name.optional(),
      version: version.optional(),
      features: z
        .array(featureReference)
        .min(1)
        .max(500)
        .optional()
        .describe('VIEW:FEATURE, VIEW or VIEW@VERSION:FEATURE'),
      /** Each with its join keys, and the fields that on-demand features take from a request. */
      entities: z.array(plainRow).min(1).max(MOST_READ),
      on_expired: z.enum(ON_EXPIRED).optional().describe('default: that of the service'),
    }),
    reply: z.object({
      service: z.object({ name: z.string(), version }).nullable(),
      views: z.array(ReadView),
      rows: z.array(FeatureRow),
    }),
    errors: ['not_found', 'invalid_field', 'unprocessable', 'unavailable'],
  }),
  pushFeatures: route({
    method: 'POST',
    path: '/v1/features/views/:name/rows',
    summary:
      'Push rows of a feature view: they are readable when this answers, and an older event never replaces a newer one',
    access: may('label', 'endpoints'),
    limit: 16 * 1024 * 1024,
    numerals: true,
    params: z.object({ name }),
    body: z.object({
      project: name.optional(),
      /** Default: the newest, and each that a service reads. */
      version: version.optional(),
      /** Columns as the view declares them: its keys, its event_time, its created_time (default: now), and each feature (null is a value). */
      rows: z.array(plainRow).min(1).max(MOST_PUSHED),
    }),
    reply: z.object({ rows: z.number().int(), versions: z.array(PushedVersion) }),
    errors: ['not_found', 'invalid_field', 'conflict', 'unprocessable', 'unavailable'],
  }),
}
