/** Routes of the price book of language models: what a token costs, by whose word, and what the operator says instead. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, id, time } from '../fields.ts'
import { route } from '../route.ts'
import { dollars, dollarsOut, perMillion } from './dollars.ts'

/** Who says a price, in the order in which they are asked. */
export const PRICE_SOURCES = ['operator', 'genai-prices', 'litellm'] as const
export type PriceSource = (typeof PRICE_SOURCES)[number]

const perMillionOut = z.string().describe('dollars a million tokens, a decimal')

const tokens = {
  input: perMillionOut,
  output: perMillionOut,
  cache_read: perMillionOut.nullable().describe('null = as `input`'),
  cache_write: perMillionOut.nullable().describe('null = as `input`'),
}

const tiers = z
  .array(z.object({ above: z.number().int(), ...tokens }))
  .describe('prices of calls with more input tokens')

export const LlmPrice = z.object({
  id: z.string().describe('names the row of the price book'),
  source: z.enum(PRICE_SOURCES),
  ...tokens,
  request: dollarsOut.describe('dollars a request'),
  tiers,
  not_charged: z.array(z.string()).describe('what the book prices besides, and no call is charged with'),
})
export type LlmPrice = z.output<typeof LlmPrice>

export const PricedModel = z.object({
  provider: z.string(),
  model: z.string(),
  status: z.enum(['known', 'unknown']),
  price: LlmPrice.nullable().describe('what calls are charged with now; null = unknown, which is never 0'),
  max_output: z.number().int().nullable(),
  others: z.array(LlmPrice).describe('what other sources say'),
  conflict: z.boolean().describe('true where they say another price for a token'),
  endpoints: z.array(z.string()).describe('where it is in use'),
})
export type PricedModel = z.output<typeof PricedModel>

const of = {
  provider: z.string().min(1).max(128).describe('as models are defined with: openai, anthropic, …'),
  model: z.string().min(1).max(255).describe('name at the provider, exactly'),
}

export const NewPrice = z.strictObject({
  ...of,
  provider: of.provider.describe(
    'a vendor, as models are defined with: openai, anthropic, …; or the name of a provider, whose vendor is meant then',
  ),
  input: perMillion,
  output: perMillion,
  cache_read: perMillion.nullable().optional().describe('default: as `input`'),
  cache_write: perMillion.nullable().optional().describe('default: as `input`'),
  request: dollars.optional().describe('dollars a request, default 0'),
  max_output: z
    .number()
    .int()
    .min(1)
    .nullable()
    .optional()
    .describe('most output tokens of a call that sets no limit; null = not known; default: as in the row before'),
  from: time.optional().describe('default: now'),
  note: z.string().max(500).default(''),
})
export type NewPrice = z.output<typeof NewPrice>

export const KeptPrice = z.object({
  id,
  source: z.enum(PRICE_SOURCES),
  ...of,
  ...tokens,
  request: dollarsOut,
  tiers,
  max_output: z.number().int().nullable(),
  from: time,
  note: z.string(),
  created_at: time,
  created_by: z.string(),
})
export type KeptPrice = z.output<typeof KeptPrice>

export const llmPricesApi = {
  listLlmPrices: route({
    method: 'GET',
    path: '/v1/llm/prices',
    summary: 'What each model in use costs, by whose word, and who says otherwise',
    access: may('read', 'cost'),
    reply: allOf(PricedModel),
  }),
  listKeptLlmPrices: route({
    method: 'GET',
    path: '/v1/llm/prices/kept',
    summary: 'Prices that the operator set or imported, newest first; none is ever changed',
    access: may('read', 'cost'),
    query: z.object({ provider: of.provider.optional(), model: of.model.optional() }),
    reply: allOf(KeptPrice),
  }),
  setLlmPrice: route({
    method: 'PUT',
    path: '/v1/llm/prices',
    summary: 'Set a price that holds from a time on, above all other sources',
    access: may('manage', 'cost'),
    body: NewPrice,
    reply: KeptPrice,
    errors: ['invalid_field', 'conflict'],
  }),
  importLlmPrices: route({
    method: 'POST',
    path: '/v1/llm/prices/import',
    summary: 'Take a map of prices in the form of LiteLLM, for models whose price nobody else says',
    access: may('manage', 'cost'),
    limit: 32 * 1024 * 1024,
    body: z.strictObject({ prices: z.record(z.string(), z.unknown()) }),
    reply: z.object({
      added: z.number().int(),
      same: z.number().int().describe('kept as they were'),
      skipped: z.array(z.object({ model: z.string(), why: z.string() })).describe('at most 100 of them'),
      skipped_count: z.number().int(),
    }),
    errors: ['invalid_field'],
  }),
}
