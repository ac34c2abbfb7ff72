/** Reads records of calls from their JSON: what the gateway wrote, held to sizes that every database takes. */
import { z } from 'zod'
import { ifJson } from '../../contract/absence/absent.ts'
import { DIALECTS, PROVIDER_KINDS } from '../../gateway/table/llm.ts'
import type { LlmCallRecord } from '../../gateway/llm/records/record.ts'
import { nestsDeeper } from './nesting.ts'

/** Longest text that is searched for, in characters; an index of PostgreSQL takes no row of more than 2,700 bytes. */
const LONGEST = 256
const LONGEST_ERROR = 4000
/** Longest list that is kept. */
const MOST_LISTED = 1000

/** End of the year 9999, ms. */
const LAST_MOMENT = 253_402_300_799_999
/** Ten thousand dollars, in nanodollars: more than a call can cost. Of an hour's sum every digit is kept. */
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
/** The first ones of a list. */
const listOf = <T extends z.ZodType>(of: T) =>
  z
    .array(z.unknown())
    .transform((given) => given.slice(0, MOST_LISTED))
    .pipe(z.array(of))
const upTo = (most: number) => z.number().transform((given) => Math.round(Math.min(most, Math.max(0, given))))
const us = upTo(LONGEST_US)
const tokens = upTo(MOST_TOKENS)
const dollars = upTo(DEAREST)
const whole = z.number().transform((given) => Math.round(given))

const Attempt = z.object({
  model: text,
  status: whole.nullable(),
  us,
  error: cut(LONGEST_ERROR).optional(),
})

const Guard = z.object({
  name: text,
  on: z.enum(['request', 'answer']),
  action: z.enum(['block', 'redact', 'flag', 'failed']),
  found: z.number().int().min(1),
  detail: cut(LONGEST_ERROR).optional(),
})

const Usage = z.object({ input: tokens, output: tokens, cache_read: tokens, cache_write: tokens, reasoning: tokens })

/** Without these nobody could say who is to be charged with what, and when. */
const NEEDED = {
  t: z.literal('l'),
  id,
  started: z.number().min(0).max(LAST_MOMENT).transform(Math.round),
  project: z
    .string()
    .min(1)
    .max(LONGEST)
    .refine((given) => given.isWellFormed()),
  cost_status: z.enum(['priced', 'estimated', 'unknown_price', 'none', 'reserved']),
  cost: z.number().min(0).pipe(dollars).nullable(),
}

/** All else of a record, each with what stands in its place where it cannot be read. */
const TOLD = {
  us: [us, 0],
  first_us: [us.nullable(), null],
  own_us: [us, 0],
  endpoint: [text, ''],
  dialect: [z.enum(DIALECTS), 'chat'],
  stream: [z.boolean(), false],
  key: [text.nullable(), null],
  user: [text.nullable(), null],
  team: [text.nullable(), null],
  tags: [listOf(text), []],
  provider: [text.nullable(), null],
  kind: [z.enum(PROVIDER_KINDS).nullable(), null],
  model: [text.nullable(), null],
  status: [z.number().int().min(0).max(999), 0],
  outcome: [z.enum(['ok', 'refused', 'failed', 'aborted', 'cut', 'lost']), 'failed'],
  error: [Attempt.shape.error, undefined],
  attempts: [listOf(Attempt), []],
  usage: [Usage.nullable(), null],
  raw_usage: [z.unknown(), null],
  price: [text.nullable(), null],
  reserved: [dollars, 0],
  budgets: [listOf(text), []],
  // those of gateways that knew none of the three have none
  cache: [z.enum(['hit', 'miss']).nullable().default(null), null],
  saved: [dollars.default(0), 0],
  guards: [listOf(Guard).default([]), []],
  lost: [listOf(cut(LONGEST_ERROR)), []],
  experiment: [text.nullable(), null],
  traceparent: [text.nullable(), null],
  finish: [text.nullable(), null],
  digest: [z.object({ request: text, answer: text.nullable() }), { request: '', answer: null }],
  content: [z.object({ request: z.string(), answer: z.string() }).optional(), undefined],
} as const
type Told = keyof typeof TOLD

const Record = z.object({
  ...NEEDED,
  ...(Object.fromEntries(Object.entries(TOLD).map(([name, [schema]]) => [name, schema])) as {
    [Name in Told]: (typeof TOLD)[Name][0]
  }),
})

/** Deepest nesting of a record: what a provider told as usage is kept as it came. */
const DEEPEST = 64
const TOO_DEEP = `left out: it nests deeper than ${DEEPEST - 1}`

/**
 * A list of the one record of a payload; undefined for bytes that are none, or that do not say whom to charge with what. Texts and lists
 * are cut, numbers are held to what can be, and texts lose NUL, which no database keeps. What else cannot be read is left out, and named in
 * `error`: a call is charged for whatever else is wrong with its record.
 */
export function parseCall(payload: Buffer): readonly LlmCallRecord[] | undefined {
  const given = payload.toString('utf8')
  const parsed = ifJson(given)
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined
  const flat = nestsDeeper(given, DEEPEST) ? shallow(parsed) : parsed
  const clean = (given.includes('\\u0000') ? withoutNul(flat) : flat) as Readonly<Record<string, unknown>>
  const read = readRecord(clean)
  return read === undefined ? undefined : [read]
}

function readRecord(given: Readonly<Record<string, unknown>>): LlmCallRecord | undefined {
  const first = Record.safeParse(given)
  const unread = first.success ? [] : [...new Set(first.error.issues.map(({ path }) => String(path[0])))].filter(isTold)
  const blank = Object.fromEntries(unread.map((name) => [name, TOLD[name][1]]))
  const read = first.success ? first : Record.safeParse({ ...given, ...blank })
  if (!read.success) return undefined
  const { cost } = given
  const faults = [
    ...(unread.length > 0 ? [`not readable in the log: ${unread.join(', ')}`] : []),
    ...(typeof cost === 'number' && cost > DEAREST ? [`logged with ${cost} nanodollars, charged with ${DEAREST}`] : []),
  ]
  const call = read.data as LlmCallRecord
  if (faults.length === 0) return call
  return { ...call, error: [...(call.error === undefined ? [] : [call.error]), ...faults].join('; ') }
}

function isTold(name: string): name is Told {
  return Object.hasOwn(TOLD, name)
}

/** A record without what nests too deep. */
function shallow(record: object): object {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, isDeep(value, DEEPEST - 1) ? TOO_DEEP : (value as unknown)]),
  )
}

function isDeep(value: unknown, most: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return most === 0 || Object.values(value).some((one) => isDeep(one, most - 1))
}

function withoutNul(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('\0', '')
  if (Array.isArray(value)) return value.map(withoutNul)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key.replaceAll('\0', ''), withoutNul(one)]))
}
