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

/** Query of a list: keyset pages. */
export const page = z.object({
  page_token: z.string().max(2048).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
})

/** The reply of a list: the items and the token of the next page, absent on the last. */
export function listOf<S extends z.ZodType>(item: S) {
  return z.object({ items: z.array(item), next_page_token: z.string().optional() })
}

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
