/** Fields that many routes share: names, times, pages. */
import { z } from 'zod'

/** A name of a thing that a person chose: letters, digits, `_`, `.`, `-`; begins with a letter or digit; at most 128 characters. */
export const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/,
    'letters, digits, "_", "." and "-", at most 128, beginning with a letter or digit',
  )

/** An opaque id that the server made. */
export const id = z.string().min(1).max(128)

/** A time as RFC 3339 in UTC, for example 2026-05-03T10:00:00.000Z. */
export const time = z
  .string()
  .datetime({ offset: true, message: 'a time as RFC 3339, for example 2026-05-03T10:00:00Z' })

/** Parameters of an address that names a thing by its id, or by its name. */
export const byId = z.object({ id })
export const byName = z.object({ name })

/** Query of a list: keyset pages. */
export const page = z.object({
  page_token: z.string().max(2048).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
})

/** Query of what belongs to a step, or to one of its items: which item. */
export const itemNumber = z.coerce
  .number()
  .int()
  .min(0)
  .optional()
  .describe('of a step with for_each, the number of the item, from 0')

/** The reply of a list: the items and the token of the next page, absent on the last. */
export function listOf<S extends z.ZodType>(item: S) {
  return z.object({ items: z.array(item), next_page_token: z.string().optional() })
}

/** The reply of a list that is always answered whole. */
export function allOf<S extends z.ZodType>(item: S) {
  return z.object({ items: z.array(item) })
}

/** The reply of a call that says no more than that it was done. */
export const done = z.object({})

/** A query that may repeat its key, or give one value with commas: `most` texts. */
export const words = (most: number) =>
  z
    .union([z.string(), z.array(z.string())])
    .transform((given) =>
      [given]
        .flat()
        .flatMap((one) => one.split(','))
        .filter((one) => one !== ''),
    )
    .pipe(z.array(z.string().max(512)).max(most))

/** Integer micro-dollars. */
export const microDollars = z.number().int()

/** Milliseconds since 1970 as an RFC 3339 text. */
export function toTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** stable answers; canary answers a share of the keys; shadow scores the same rows after the reply and answers nobody. */
export const VARIANT_ROLES = ['stable', 'canary', 'shadow'] as const
