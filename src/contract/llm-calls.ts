/** Routes of calls of language models: the log of calls, and what they come to. */
import { z } from 'zod'
import { may } from './access.ts'
import { byId, id, listOf, name, page, time } from './fields.ts'
import { route } from './route.ts'

/** How a call ended. */
export const LLM_OUTCOMES = ['ok', 'refused', 'failed', 'aborted', 'cut', 'lost'] as const

/** What calls are summed by. */
export const LlmBy = z.enum(['endpoint', 'model', 'key', 'team', 'user'])
export type LlmBy = z.output<typeof LlmBy>

const nanodollars = z.number().int()
const tokens = z.number().int().nullable()

/** What a guardrail did. `failed`: it could not look, and its setting let the call pass. */
const LlmGuardAction = z.enum(['block', 'redact', 'flag', 'failed'])

/** One call, without request and answer. */
export const LlmCall = z.object({
  id,
  project: z.string(),
  endpoint: z.string().describe('the name that the client put into `model`'),
  key: z.string().nullable().describe('id of the token; null = a call without one'),
  user: z.string().nullable(),
  team: z.string().nullable(),
  tags: z.array(z.string()),
  provider: z.string().nullable().describe('who answered, or was asked last; null = nobody was'),
  model: z.string().nullable().describe('name of the model at the provider'),
  dialect: z.string(),
  stream: z.boolean(),
  started: time,
  us: z.number().int().describe('length, µs'),
  first_us: z
    .number()
    .int()
    .nullable()
    .describe('from the beginning to the first byte of the answer, µs; null = none came'),
  own_us: z.number().int().describe('time of it before the provider was asked, µs'),
  status: z.number().int().describe('HTTP status that the client got; 499 = it had left'),
  outcome: z.enum(LLM_OUTCOMES),
  error: z.string().nullable(),
  tokens: z.object({
    input: tokens.describe('all input, that of the cache too; null = not known, as below'),
    output: tokens,
    cache_read: tokens,
    cache_write: tokens,
    reasoning: tokens,
  }),
  cost_status: z
    .enum(['priced', 'estimated', 'unknown_price', 'none', 'reserved'])
    .describe(
      'estimated: the provider told no usage; none: nothing was sent; reserved: a lost call, charged with its reserve',
    ),
  cost_nanodollars: nanodollars.nullable().describe('null = the price is not known'),
  price: z.string().nullable().describe('row of the price book'),
  cache: z
    .enum(['hit', 'miss'])
    .nullable()
    .describe('hit: answered from the cache of the endpoint; null = it has none, or the call did without it'),
  saved_nanodollars: nanodollars.describe('what the answer from the cache had cost when it was made; 0 without a hit'),
  guards: z
    .array(
      z.object({
        name: z.string(),
        on: z.enum(['request', 'answer']),
        action: LlmGuardAction,
        found: z.number().int().describe('places that it found'),
        detail: z.string().optional(),
      }),
    )
    .describe('what guardrails found'),
  trace: z.string().nullable().describe('id of the trace that shows it'),
})
export type LlmCall = z.output<typeof LlmCall>

/** One call with all that is kept of it. */
export const LlmCallDetail = LlmCall.extend({
  reserved_nanodollars: nanodollars,
  budgets: z.array(z.string()).describe('budgets that it was charged to'),
  attempts: z.array(
    z.object({
      model: z.string().describe('id of the definition'),
      status: z.number().int().nullable().describe('null = no answer'),
      us: z.number().int(),
      error: z.string().optional(),
    }),
  ),
  raw_usage: z.unknown().describe('usage as the provider told it'),
  lost: z.array(z.string()).describe('fields that a translation dropped or approximated, as JSON paths'),
  finish: z.string().nullable(),
  traceparent: z.string().nullable().describe('as the client sent it'),
  digest: z.object({ request: z.string(), answer: z.string().nullable() }).describe('SHA-256'),
  content: z
    .object({ request: z.string(), answer: z.string() })
    .nullable()
    .describe('up to 64 KiB of each; null where only digests are kept'),
})
export type LlmCallDetail = z.output<typeof LlmCallDetail>

/** Microseconds that so many in a hundred calls did not exceed (nearest rank); null without calls. */
const Quantiles = z.object({ p50: z.number().nullable(), p95: z.number().nullable(), p99: z.number().nullable() })

/** What some calls come to. */
export const LlmFigures = z.object({
  requests: z.number().int(),
  outcomes: z.record(z.enum(LLM_OUTCOMES), z.number().int()).describe('calls by how they ended; sums up to `requests`'),
  input_tokens: z.number().int(),
  output_tokens: z.number().int(),
  cache_read_tokens: z.number().int(),
  cost_nanodollars: nanodollars.describe('of calls whose price is known'),
  unpriced: z.number().int().describe('calls that were sent and whose price is not known'),
  first_us: Quantiles.describe('to the first byte, of calls that were sent and answered'),
  total_us: Quantiles.describe('of calls that were answered whole'),
})
export type LlmFigures = z.output<typeof LlmFigures>

const LlmGroup = LlmFigures.extend({
  key: z.string().nullable().describe('null = calls that name none'),
  project: z.string().nullable().describe('of an endpoint, whose name another project may have too; else null'),
})

export const LlmOverview = z.object({
  since: time,
  until: time,
  by: LlmBy.describe('what the groups are of'),
  total: LlmFigures,
  cache: z.object({
    hits: z.number().int().describe('calls that were answered from the cache of their endpoint'),
    misses: z.number().int().describe('calls that were looked for there'),
    saved_usd: z.number().describe('what the answers from the cache had cost when they were made, dollars'),
  }),
  guards: z
    .object({
      block: z.number().int(),
      redact: z.number().int(),
      flag: z.number().int(),
      failed: z.number().int().describe('could not look, and let the call pass'),
    })
    .describe('calls in which a guardrail did so'),
  guardrails: z
    .array(z.object({ name: z.string(), action: LlmGuardAction, calls: z.number().int() }))
    .describe('the same by the name of the guardrail; most calls first'),
  guards_cut: z
    .boolean()
    .describe('true = guardrails found more different things than are read; counted are the most frequent ones'),
  groups: z.array(LlmGroup).describe('most requests first'),
  more_groups: z.number().int().describe('groups that are not listed, for they are too many; they are in `total`'),
  step_ms: z.number().int(),
  series: z.array(LlmFigures.extend({ at: time })).describe('one for each step, those without calls too'),
  measured: z.number().int().describe('calls that the percentiles are taken from: the newest of the range'),
  cut: z
    .boolean()
    .describe('true = the range has more calls than percentiles are taken from; counts and sums are whole'),
})
export type LlmOverview = z.output<typeof LlmOverview>

const READ = may('read', 'cost')

const range = {
  since: time.optional().describe('calls that began at or after this time'),
  until: time.optional().describe('calls that began before this time'),
}

export const llmCallsApi = {
  listLlmCalls: route({
    method: 'GET',
    path: '/v1/llm/calls',
    summary: 'Calls of language models, newest first',
    access: READ,
    query: page.extend({
      project: name.optional(),
      endpoint: z.string().max(256).optional(),
      key: z.string().max(256).optional().describe('id of a token'),
      outcome: z.enum(LLM_OUTCOMES).optional(),
      cache: z.enum(['hit', 'miss']).optional(),
      guarded: z.enum(['true']).optional().describe('only calls in which a guardrail found something'),
      ...range,
    }),
    reply: listOf(LlmCall),
    errors: ['invalid_field'],
  }),
  getLlmCall: route({
    method: 'GET',
    path: '/v1/llm/calls/:id',
    summary: 'A call with its attempts, usage, budgets and, where kept, request and answer',
    access: READ,
    params: byId,
    reply: LlmCallDetail,
    errors: ['not_found'],
  }),
  llmOverview: route({
    method: 'GET',
    path: '/v1/llm/overview',
    summary: 'Requests, errors, latency, tokens and cost of language models, by endpoint, model, key, team or user',
    access: READ,
    query: z.object({
      by: LlmBy.default('endpoint'),
      since: range.since.describe('default: a day before `until`'),
      until: range.until.describe('default: now'),
    }),
    reply: LlmOverview,
    errors: ['invalid_field'],
  }),
}
