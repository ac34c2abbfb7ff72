/** Reads records of calls from their JSON: what the gateway wrote, held to sizes that every database takes. */
import { z } from 'zod'
import { ifJson } from '../../contract/absence/absent.ts'
import { DIALECTS, PROVIDER_KINDS } from '../../gateway/table/llm.ts'
import type { LlmCallRecord } from '../../gateway/llm/records/record.ts'
import { nestsDeeper } from './nesting.ts'

/** Longest text that is searched for, in characters; an index of PostgreSQL takes no row of more than 2,700 bytes. */
const LONGEST = 256
const LONGEST_ERROR = 4000
/** Longest list of names that is kept. */
const MOST_NAMES = 1000

/** End of the year 9999, ms. */
const LAST_MOMENT = 253_402_300_799_999
/** Ten thousand dollars, in nanodollars: a call that says more is damaged. Of an hour's sum every digit is kept. */
const DEAREST = 1e13
const LONGEST_US = 1e15
/** What a provider tells is cut to this. */
const MOST_TOKENS = 1e9

const id = z
  .string()
  .min(1)
  .max(128)
  .refine((given) => given.isWellFormed())
// half a character comes out of a database as another text than went in
const cut = (most: number) => z.string().transform((given) => given.slice(0, most).toWellFormed())
const text = cut(LONGEST)
const names = z.array(text).max(MOST_NAMES)
const whole = (most: number) => z.number().min(0).max(most).transform(Math.round)
const us = whole(LONGEST_US)
const tokens = z.number().transform((given) => Math.round(Math.min(MOST_TOKENS, Math.max(0, given))))
const dollars = whole(DEAREST)

const Attempt = z.object({
  model: text,
  status: z.number().int().nullable(),
  us,
  error: cut(LONGEST_ERROR).optional(),
})

const Usage = z.object({ input: tokens, output: tokens, cache_read: tokens, cache_write: tokens, reasoning: tokens })

const Record = z.object({
  t: z.literal('l'),
  id,
  started: whole(LAST_MOMENT),
  us,
  first_us: us.nullable(),
  own_us: us,
  project: z
    .string()
    .min(1)
    .max(LONGEST)
    .refine((given) => given.isWellFormed()),
  endpoint: text,
  dialect: z.enum(DIALECTS),
  stream: z.boolean(),
  key: text.nullable(),
  user: text.nullable(),
  team: text.nullable(),
  tags: names,
  provider: text.nullable(),
  kind: z.enum(PROVIDER_KINDS).nullable(),
  model: text.nullable(),
  status: z.number().int().min(0).max(999),
  outcome: z.enum(['ok', 'refused', 'failed', 'aborted', 'cut', 'lost']),
  error: Attempt.shape.error,
  attempts: z.array(Attempt).max(MOST_NAMES),
  usage: Usage.nullable(),
  raw_usage: z.unknown(),
  cost_status: z.enum(['priced', 'estimated', 'unknown_price', 'none', 'reserved']),
  cost: dollars.nullable(),
  price: text.nullable(),
  reserved: dollars,
  budgets: names,
  lost: z.array(z.string().max(LONGEST_ERROR)).max(MOST_NAMES),
  experiment: text.nullable(),
  traceparent: text.nullable(),
  finish: text.nullable(),
  digest: z.object({ request: text, answer: text.nullable() }),
  content: z.object({ request: z.string(), answer: z.string() }).optional(),
})

/** Deepest nesting of a record: what a provider told as usage is kept as it came. */
const DEEPEST = 64

/**
 * A list of the one record of a payload; undefined for bytes that are no record of a call, or one that nests deeper than `DEEPEST`. Texts
 * are cut, and lose NUL, which no database keeps.
 */
export function parseCall(payload: Buffer): readonly LlmCallRecord[] | undefined {
  const given = payload.toString('utf8')
  if (nestsDeeper(given, DEEPEST)) return undefined
  const parsed = ifJson(given)
  const read = Record.safeParse(given.includes('\\u0000') ? withoutNul(parsed) : parsed)
  return read.success ? [read.data as LlmCallRecord] : undefined
}

function withoutNul(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('\0', '')
  if (Array.isArray(value)) return value.map(withoutNul)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key.replaceAll('\0', ''), withoutNul(one)]))
}
